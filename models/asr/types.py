"""The seam between the product and its speech recognisers.

The stream clock counts samples from the start of the call leg: sample n is at n / sample_rate seconds. A stream may
begin in the middle of it (`start_sample`), after another process has died; lost audio moves it on (`skip`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final text: seconds on the stream clock, confidence 0..1."""

    text: str
    t0: float
    t1: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is known about one utterance now. A later one with the same `utterance` replaces it whole.

    utterance: start sample of the utterance on the stream clock; its identity within the stream.
    text: the words; "" only in a final, and then it withdraws the partials shown before.
    stable_chars: length of the prefix of `text` that no later partial and no final changes; `len(text)` when final.
    t0, t1: seconds on the stream clock of the start and the end of speech (so far).
    words: of a final, `text` word by word; empty in partials.
    confidence: 0..1, the geometric mean of the token probabilities.
    language: "es" | "en".
    """

    utterance: int
    text: str
    stable_chars: int
    final: bool
    t0: float
    t1: float
    words: tuple[Word, ...]
    confidence: float
    language: str


class Urgency(IntEnum):
    """What `Stream.step` would do now. A scheduler serves the highest first and may let PARTIAL wait."""

    NONE = 0
    PARTIAL = 1
    FINAL = 2


class Stream(Protocol):
    """One leg of one call.

    `feed`, `skip` and `finish` may be called from another thread than the rest; `urgency`, `step`, `done` and
    `unheard_since` from one thread only. The queue of fed audio is not bounded here: the caller watches the lag and
    calls `skip` instead of `feed` when it must.
    """

    sample_rate: int
    pace: float
    """1, or more when the machine is busy: partials come so many times less often."""

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Hand over samples, int16 [n], mono, at `sample_rate`, any n. Only buffers; never blocks.

        Raises `BadAudio`.
        """

    def skip(self, samples: int) -> None:
        """`samples` of audio are lost: the clock moves on, an open utterance is closed."""

    def finish(self) -> None:
        """No more audio will come; what is open will become final in the next steps."""

    def urgency(self) -> Urgency:
        """What `step` would do now: NONE (nothing), PARTIAL (a text that may be skipped), FINAL (anything else)."""

    def step(self) -> list[Transcript]:
        """Do at most one unit of work: listen to what was fed, or decode once. Returns what changed, oldest first."""

    @property
    def done(self) -> int:
        """Every sample before this one is final text or judged no speech: replay may start here."""

    @property
    def unheard_since(self) -> float | None:
        """Since when somebody has been speaking and no decode has found words, be they shown or not:
        seconds on the stream clock; None while nobody speaks."""


class Recogniser(Protocol):
    """A loaded model, shared by the streams of a process. Streams of one recogniser are stepped from one thread."""

    name: str
    language: str

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> Stream:
        """A new leg at 8000 or 16000 Hz. Raises `BadAudio` for another rate."""

    def close(self) -> None:
        """Free the model. Streams must not be stepped afterwards."""
