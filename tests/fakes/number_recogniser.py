"""A recogniser whose words are known: a number per half second of audio. It takes the time it is told to, and fails as
it is told to.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.asr.types import Stream, Transcript, Urgency

RATE = 8000
UTTERANCE = RATE // 2
CHUNK = RATE // 10


@dataclass
class Engine:
    """What a test's recogniser does.

    Each final takes ``final_s`` seconds, each partial ``partial_s``. ``mute`` streams, counted as they are opened, give
    no text; a ``broken`` engine raises. Where ``hangs_until`` is given and does not exist, it is made and a step at
    utterance 5 never comes back. ``utterance`` is how many samples people talk without a pause.
    """

    final_s: float = 0.0
    partial_s: float = 0.0
    mute: set[int] = field(default_factory=set)
    broken: bool = False
    opened: int = 0
    utterance: int = UTTERANCE
    hangs_until: Path | None = None


class NumberStream:
    sample_rate = RATE

    def __init__(self, start: int, engine: Engine) -> None:
        self._engine = engine
        self._number = engine.opened
        engine.opened += 1
        self._clock = self._done = self._partial = start

    def feed(self, pcm: NDArray[np.int16]) -> None:
        self._clock += len(pcm)

    def skip(self, samples: int) -> None:
        self._clock += samples

    def finish(self) -> None:
        pass

    @property
    def done(self) -> int:
        return self._done

    @property
    def unheard_since(self) -> float | None:
        return self._done / RATE if self._clock > self._done else None

    def urgency(self) -> Urgency:
        if self._engine.broken:
            raise RuntimeError("this engine is no good")
        if self._clock - self._done >= self._engine.utterance:
            return Urgency.FINAL
        return Urgency.PARTIAL if self._clock - max(self._partial, self._done) >= CHUNK else Urgency.NONE

    def step(self) -> list[Transcript]:
        number = self._done // UTTERANCE
        final = self._clock - self._done >= self._engine.utterance
        flag = self._engine.hangs_until
        if number == 5 and flag is not None and not flag.exists():
            flag.touch()
            time.sleep(3600)
        time.sleep(self._engine.final_s if final else self._engine.partial_s)
        self._partial = self._clock
        start = self._done
        if final:
            self._done += self._engine.utterance
        if self._number in self._engine.mute:
            return []
        text = str(number)
        return [
            Transcript(
                utterance=start, text=text, stable_chars=len(text) if final else 0, final=final, t0=start / RATE,
                t1=(self._done if final else self._clock) / RATE, words=(), confidence=1.0, language="es",
            )
        ]  # fmt: skip


class NumberRecogniser:
    name = "numbers"
    language = "es"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> Stream:
        return NumberStream(start_sample, self.engine)

    def close(self) -> None:
        pass
