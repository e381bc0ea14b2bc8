"""How the bench talks to a recogniser's process: JSON lines over stdin and stdout, one answer to each request.

    {"op": "open", "language": "es"}         → {"name": "...", "rate": 16000}
    {"op": "hear", "path": "/tmp/a.wav"}     → {"text": "...", "cpu_s": 0.2, "peak_mb": 350, "shown": [...]}
    {"op": "streams", "path": "...", "count": 8}  → {"mb_per_stream": 1.2}      # or null: it has no streams

`rate` is the sample rate the worker wants its 16-bit mono WAV files in; 0 takes 8000 and 16000. `shown` is every text
that a listener would have seen, in order, none for a recogniser that works on whole files (see `Text`). An answer
{"error": "..."} says why a request failed; the worker lives on. What libraries print goes to stderr.

Only the standard library and numpy are used here: the workers of peers run in another virtual environment.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import wave
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]


class UnavailableError(Exception):
    """The recogniser cannot be opened here; the message says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text as it was shown. A later one with the same `utterance` replaces it.

    at: media second at which it could be seen, had the audio come in real time to a core of its own: steps begin when
        their audio is there and the one before has ended, and take the CPU time they were measured to take.
    stable_chars: length of the prefix that was promised to stay. t0, t1: of the speech, in seconds.
    words: word, start and end, when the recogniser knows them.
    """

    at: float
    utterance: int
    text: str
    stable_chars: int
    final: bool
    t0: float
    t1: float
    words: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    shown: tuple[Text, ...] = ()


class Engine(Protocol):
    """A loaded recogniser. `rate`: as in the protocol."""

    name: str
    rate: int

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        """The text of one recording, int16 [n]."""

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> object | None:
        """`count` streams that have all been fed `pcm`, kept alive by the object; None when it has no streams."""


class MediaClock:
    """The clock of `Text.at` for one stream."""

    def __init__(self) -> None:
        self.now = 0.0
        self._began = 0.0

    def begin(self, arrived: float) -> None:
        """A step begins on audio that was there at media second `arrived`."""
        self.now = max(self.now, arrived)
        self._began = time.process_time()

    def end(self) -> float:
        """The step ends; the media second."""
        self.now += time.process_time() - self._began
        return self.now


def serve(opener: Any) -> None:
    """Answer requests until stdin ends. `opener`: language → `Engine`; may raise `UnavailableError`.

    The process stays on one core, so that every system has the same and thread pools do not spin on others.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # native libraries print to the descriptor, not to sys.stdout
    engine: Engine | None = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["op"] == "open":
                engine = opener(request["language"])
                answer: dict[str, Any] = {"name": engine.name, "rate": engine.rate, "rss_mb": rss_mb()}
            elif engine is None:
                answer = {"error": "nothing is open"}
            elif request["op"] == "hear":
                answer = _hear(engine, Path(request["path"]))
            else:
                answer = {"mb_per_stream": _measure_streams(engine, Path(request["path"]), int(request["count"]))}
        except Exception as error:  # a request that fails must not end the run
            kind = "" if isinstance(error, UnavailableError) else f"{type(error).__name__}: "
            answer = {"error": f"{kind}{error}"}
        answers.write(json.dumps(answer, ensure_ascii=False) + "\n")
        answers.flush()


def _hear(engine: Engine, path: Path) -> dict[str, Any]:
    pcm, rate = _read(path)
    before = time.process_time()
    heard = engine.hear(pcm, rate)
    cpu = time.process_time() - before
    shown = [asdict(text) for text in heard.shown]
    return {"text": heard.text, "cpu_s": cpu, "rss_mb": rss_mb(), "peak_mb": peak_mb(), "shown": shown}


def _measure_streams(engine: Engine, path: Path, count: int) -> float | None:
    pcm, rate = _read(path)
    first = engine.hold_streams(pcm, rate, 1)
    before = rss_mb()
    more = engine.hold_streams(pcm, rate, count)
    if first is None or more is None:
        return None
    return (rss_mb() - before) / count


def _read(path: Path) -> tuple[Pcm, int]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16), file.getframerate()


def rss_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """Resident memory of this process at its peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
