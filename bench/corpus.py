"""Speech to measure on: a manifest of `path, language, text`, and what a telephone leaves of it."""

from __future__ import annotations

import wave
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import soxr

from assist.events import Language
from bench import g711
from bench.g711 import Pcm

WIDE: Final = 16000
_COLUMNS: Final = ["path", "language", "text"]
_LANGUAGES: Final = ("es", "en")


class CorpusError(Exception):
    """A manifest or one of its recordings cannot be used; the message names the line and what to do."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording: int16 [n] at `rate` Hz, and what is said in it."""

    name: str
    language: Language
    text: str
    pcm: Pcm
    rate: int

    @property
    def seconds(self) -> float:
        return self.pcm.size / self.rate


@dataclass(frozen=True, slots=True)
class Condition:
    """A transmission. codec: "" (as recorded), "ulaw" or "alaw" (8 kHz); loss: share of 20 ms packets that never come;
    burst: how many are lost in a row on average."""

    name: str
    codec: str = ""
    loss: float = 0.0
    burst: float = 1.0


CONDITIONS: Final = {
    c.name: c
    for c in (
        Condition("clean"),
        Condition("ulaw", "ulaw"),
        Condition("alaw", "alaw"),
        Condition("ulaw-loss1", "ulaw", 0.01),
        Condition("ulaw-loss5", "ulaw", 0.05),
        Condition("ulaw-burst5", "ulaw", 0.05, 3.0),
    )
}


def read_manifest(path: Path) -> list[Utterance]:
    """All utterances of a tab-separated manifest with a header line; paths are relative to its folder.

    Raises:
        CorpusError: the manifest or a recording cannot be read; names the line.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); give a tab-separated UTF-8 file") from error
    if not lines or lines[0].split("\t") != _COLUMNS:
        raise CorpusError(f"{path} line 1: the header must be {', '.join(_COLUMNS)}, separated by tabs")
    found = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        cells = line.split("\t")
        if len(cells) != len(_COLUMNS):
            raise CorpusError(f"{where}: {len(cells)} columns, want {', '.join(_COLUMNS)}, separated by tabs")
        name, language, text = (cell.strip() for cell in cells)
        if language not in _LANGUAGES:
            raise CorpusError(f"{where}: language {language!r}, want one of {', '.join(_LANGUAGES)}")
        if not text:
            raise CorpusError(f"{where}: no text; write what is said in {name}")
        try:
            pcm, rate = read_wav(path.parent / name)
        except CorpusError as error:
            raise CorpusError(f"{where}: {error}") from error
        found.append(Utterance(name, cast(Language, language), text, pcm, rate))
    if not found:
        raise CorpusError(f"{path}: no utterances below the header")
    return found


def read_wav(path: Path) -> tuple[Pcm, int]:
    """Samples int16 [n] and sample rate of a 16-bit mono WAV file.

    Raises:
        CorpusError: missing, not such a file, empty or cut short.
    """
    try:
        with wave.open(str(path)) as file:
            kind = (file.getnchannels(), file.getsampwidth() * 8)
            rate, frames = file.getframerate(), file.getnframes()
            data = file.readframes(frames)
    except FileNotFoundError as error:
        raise CorpusError(f"{path} is missing") from error
    except (OSError, EOFError, wave.Error) as error:
        raise CorpusError(f"{path} is no WAV file with PCM samples ({error or 'it ends in its header'})") from error
    if kind != (1, 16):
        raise CorpusError(f"{path} has {kind[0]} channel(s) of {kind[1]} bits; convert it to mono, 16 bits")
    if not frames or rate < g711.RATE:
        raise CorpusError(f"{path} has {frames} samples at {rate} Hz; want speech at {g711.RATE} Hz or more")
    if len(data) < 2 * frames:
        raise CorpusError(f"{path} is cut short: {len(data) // 2} of {frames} samples are there")
    return np.frombuffer(data, "<i2").astype(np.int16), rate


def write_wav(path: Path, pcm: Pcm, rate: int) -> None:
    """A 16-bit mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())


def resample(pcm: Pcm, rate: int, wanted: int) -> Pcm:
    """Int16 [n] at another rate."""
    if rate == wanted:
        return pcm
    out: Pcm = soxr.resample(pcm, rate, wanted)
    return out


def transmit(utterance: Utterance, condition: Condition) -> tuple[Pcm, int]:
    """What arrives, int16 [n], and its rate: 8000 Hz through a codec, else 16000 (or 8000 if recorded so).

    The same packets of an utterance are lost each time: the draw is seeded by its name.
    """
    if not condition.codec:
        rate = utterance.rate if utterance.rate == g711.RATE else WIDE
        return resample(utterance.pcm, utterance.rate, rate), rate
    narrow = resample(utterance.pcm, utterance.rate, g711.RATE)
    if condition.codec == "ulaw":
        heard = g711.from_ulaw(g711.to_ulaw(narrow))
    else:
        heard = g711.from_alaw(g711.to_alaw(narrow))
    if condition.loss:
        random = np.random.default_rng(zlib.crc32(f"{utterance.name} {condition.name}".encode()))
        packets = -(-heard.size // g711.PACKET)
        heard = g711.conceal(heard, g711.losses(packets, condition.loss, random, burst=condition.burst))
    return heard, g711.RATE
