"""Make the demo recordings and their references from the scripts.

    python -m bench.demo_audio es --out DIR --kokoro-js kokoro-js-1.2.1.tgz

writes `customer.wav`, `agent.wav` and `reference.json`. README.md says which packages that takes (model and voices
under Apache-2.0, the ONNX export under MIT) and how to install them apart from the product's own environment.

Every turn is spoken, brought to 8 kHz and the telephone band, trimmed to its energy, levelled, and laid on its
speaker's leg after the pause the script asks for. The comfort noise comes from a seeded generator.

Word times: Kokoro's durations (see `voice`). Where a phrase ends in silence, the last word ends and the next begins
where the energy does; the distance between the two ways at those onsets is printed, and is the error to expect.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from assist.demo import conversation
from assist.demo.conversation import LANGUAGES, SAMPLE_RATE, Turn, load_script
from assist.events import PARTIES, Language, Party
from bench.demo_audio.voice import MODEL_SHA256, Floats, Kokoro, Spoken, SpokenWord
from bench.demo_audio.voice import SAMPLE_RATE as VOICE_RATE

VOICES: dict[Language, dict[Party, str]] = {
    "es": {"agent": "ef_dora", "customer": "em_alex"},
    "en": {"agent": "af_heart", "customer": "am_michael"},
}
NOISE_SEED = 20261
NOISE_DBFS = -70.0
SPEECH_DBFS = -20.0
EDGE_DBFS = -42.0
FRAME = SAMPLE_RATE // 100
PAD = 8 * FRAME
TAIL_S = 0.8
SHORTEST_GAP_S = 0.06
FARTHEST_ONSET_S = 0.12


@dataclass(frozen=True, slots=True)
class Clip:
    """One turn at 8 kHz, its speech energy between two fading margins of `PAD`. Times count from its first sample."""

    samples: Floats
    words: tuple[SpokenWord, ...]
    misses_s: tuple[float, ...]  # after each pause: onset by the durations less onset by the energy


def prepare(spoken: Spoken) -> Clip:
    """Resample, band-limit, level and trim one turn, and settle its word times."""
    samples = telephone_band(soxr.resample(spoken.samples, VOICE_RATE, SAMPLE_RATE, quality="VHQ"))
    samples = level(samples)
    loud = np.flatnonzero(frame_dbfs(samples) > EDGE_DBFS)
    begin, end = int(loud[0]) * FRAME, int(loud[-1] + 1) * FRAME
    samples = np.pad(samples, PAD)[begin : end + 2 * PAD].copy()
    fade = np.linspace(0, 1, PAD, dtype=np.float32)
    samples[:PAD] *= fade
    samples[-PAD:] *= fade[::-1]
    offset = (PAD - begin) / SAMPLE_RATE
    words = [replace(word, t0=word.t0 + offset, t1=word.t1 + offset) for word in spoken.words]
    misses = [words[0].t0 - PAD / SAMPLE_RATE]
    words[0] = replace(words[0], t0=PAD / SAMPLE_RATE)
    words[-1] = replace(words[-1], t1=(len(samples) - PAD) / SAMPLE_RATE)
    quiet = frame_dbfs(samples) <= EDGE_DBFS
    for i, (word, after) in enumerate(itertools.pairwise(words)):
        if word.pause_after and (gap := gap_before(quiet, (word.t0 + word.t1) / 2, after.t0)):
            misses.append(after.t0 - gap[1])
            words[i], words[i + 1] = replace(word, t1=gap[0]), replace(after, t0=gap[1])
    return Clip(samples, tuple(words), tuple(misses))


def telephone_band(samples: Floats) -> Floats:
    """Keep 300 to 3400 Hz (raised-cosine edges of 100 and 200 Hz, zero phase, so nothing moves in time)."""
    size = len(samples) + SAMPLE_RATE // 4
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    low = np.clip((hertz - 200) / 100, 0, 1)
    high = np.clip((3600 - hertz) / 200, 0, 1)
    gain = (1 - np.cos(np.pi * low)) * (1 - np.cos(np.pi * high)) / 4
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)].astype(np.float32)


def level(samples: Floats) -> Floats:
    """Bring the speech (frames within 30 dB of the loudest) to `SPEECH_DBFS` RMS, peaks rounded off."""
    frames = frame_dbfs(samples)
    power = 10 ** (frames[frames > frames.max() - 30] / 10)
    samples = samples * 10 ** ((SPEECH_DBFS - 10 * np.log10(power.mean())) / 20)
    knee = 0.7
    over = np.abs(samples) > knee
    rounded = knee + (1 - knee) * np.tanh((np.abs(samples) - knee) / (1 - knee))
    return np.where(over, np.sign(samples) * rounded, samples).astype(np.float32)


def frame_dbfs(samples: Floats) -> npt.NDArray[np.float64]:
    """RMS of each 10 ms frame in dB below full scale; a last, shorter frame is left out."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    return np.asarray(10 * np.log10((frames**2).mean(1) + 1e-12))


def gap_before(quiet: npt.NDArray[np.bool_], start_s: float, onset_s: float) -> tuple[float, float] | None:
    """The longest silence after `start_s` that ends near the expected onset; None where the voice made no pause.

    Near, so that the closure of a stop inside either word is not taken for the pause between them.
    """
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8), prepend=0, append=0)) * FRAME / SAMPLE_RATE
    gaps = [
        (float(max(begin, start_s)), float(end))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if abs(end - onset_s) <= FARTHEST_ONSET_S and end - max(begin, start_s) >= SHORTEST_GAP_S
    ]
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def compose(turns: Sequence[Turn], clips: Sequence[Clip]) -> tuple[dict[Party, Floats], list[dict[str, object]]]:
    """Lay the clips on the two legs. A turn's pause counts from where the energy of the turn before ended."""
    placed: list[tuple[int, Turn, Clip]] = []
    spoken_until = 0
    for turn, clip in zip(turns, clips, strict=True):
        at = spoken_until + turn.pause_ms * SAMPLE_RATE // 1000 - PAD
        placed.append((at, turn, clip))
        spoken_until = at + len(clip.samples) - PAD
    size = spoken_until + int(TAIL_S * SAMPLE_RATE)
    noise = np.random.default_rng(NOISE_SEED)
    legs: dict[Party, Floats] = {
        party: (noise.standard_normal(size) * 10 ** (NOISE_DBFS / 20)).astype(np.float32) for party in PARTIES
    }
    reference: list[dict[str, object]] = []
    for at, turn, clip in placed:
        legs[turn.party][at : at + len(clip.samples)] += clip.samples
        start = at / SAMPLE_RATE
        reference.append(
            {
                "party": turn.party,
                "text": turn.text,
                "t0": round(start + clip.words[0].t0, 3),
                "t1": round(start + clip.words[-1].t1, 3),
                "words": [
                    {"w": word.text, "t0": round(start + word.t0, 3), "t1": round(start + word.t1, 3)}
                    for word in clip.words
                ],
            }
        )
    return legs, reference


def write_wav(path: Path, samples: Floats) -> None:
    """8 kHz, mono, 16-bit PCM."""
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm.tobytes())


def write_reference(path: Path, header: dict[str, object], utterances: Sequence[dict[str, object]]) -> None:
    """JSON with one word to a line, so that a change of one turn reads as such in a diff."""
    text = json.dumps({**header, "utterances": list(utterances)}, ensure_ascii=False, indent=1)
    one_line = re.sub(r"\{\s+(\"w\": [^{}]*?)\s+\}", lambda m: "{" + re.sub(r"\s+", " ", m[1]) + "}", text)
    path.write_text(one_line + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.demo_audio", description="Make the demo recordings.")
    parser.add_argument("language", choices=LANGUAGES)
    parser.add_argument("--out", type=Path, help="folder to write to (default: the language's, beside this file)")
    parser.add_argument("--kokoro-js", type=Path, default=Path("kokoro-js-1.2.1.tgz"), help="npm tarball of voices")
    options = parser.parse_args(arguments)
    language: Language = options.language
    out: Path = options.out or Path(conversation.__file__).parent / language
    out.mkdir(parents=True, exist_ok=True)

    script = load_script(language)
    kokoro = Kokoro(language, options.kokoro_js)
    voices = VOICES[language]
    clips = [prepare(kokoro.speak(turn.text, voices[turn.party], turn.speed)) for turn in script.turns]
    legs, utterances = compose(script.turns, clips)
    for party, samples in legs.items():
        write_wav(out / f"{party}.wav", samples)
    duration = len(legs["agent"]) / SAMPLE_RATE
    header: dict[str, object] = {
        "language": language,
        "duration": duration,
        "sample_rate": SAMPLE_RATE,
        "voices": voices,
        "model": {"name": "Kokoro-82M v1.0, int8 ONNX", "sha256": MODEL_SHA256},
    }
    write_reference(out / "reference.json", header, utterances)

    misses = 1000 * np.array([miss for clip in clips for miss in clip.misses_s])
    words = sum(len(clip.words) for clip in clips)
    print(f"{out}: {duration:.1f} s, {len(clips)} turns, {words} words")
    print(
        f"onsets after {len(misses)} pauses, durations against energy: mean {misses.mean():+.0f} ms, "
        f"median {np.median(np.abs(misses)):.0f} ms, p95 {np.percentile(np.abs(misses), 95):.0f} ms off"
    )


if __name__ == "__main__":
    main()
