"""A row of the table of calls, from a recogniser that hears what it is told to."""

from __future__ import annotations

import numpy as np
import pytest

from bench.asr_calls import measure_calls
from bench.legs import Leg
from models.asr.types import Transcript, Urgency, Word

RATE = 8000


class Knowing:
    """Says "uno dos" one second after the start of a leg, and again as a final half a second later."""

    name = "knowing"
    language = "es"

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> KnowingStream:
        return KnowingStream(sample_rate)

    def close(self) -> None:
        pass


class KnowingStream:
    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.fed = 0
        self.told = 0

    def feed(self, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        self.fed += pcm.size

    def skip(self, samples: int) -> None:
        raise AssertionError

    def finish(self) -> None:
        pass

    def urgency(self) -> Urgency:
        due = (1.0, 1.5)[self.told] if self.told < 2 else 1e9
        return Urgency.FINAL if self.fed >= due * self.sample_rate else Urgency.NONE

    def step(self) -> list[Transcript]:
        self.told += 1
        words = (Word("uno", 0.1, 0.45, 1.0), Word("dos", 0.5, 0.9, 1.0))
        return [Transcript(0, "Uno, dos", 8, self.told == 2, 0.1, 0.95, words, 1.0, "es")]

    @property
    def done(self) -> int:
        return 0


def legs(*, words: tuple[tuple[str, float], ...]) -> list[Leg]:
    flags = np.zeros(200, np.bool_)
    flags[10:90] = True
    return [Leg(np.zeros(2 * RATE, np.int16), RATE, flags, words) for _ in range(4)]


def test_a_row_has_the_latencies_of_all_legs() -> None:
    row = measure_calls(Knowing(), legs(words=(("uno", 0.4), ("dos", 0.9), ("tres", 1.2))), "es", "ulaw", "demo")
    assert row.calls == 2
    assert row.partial is not None
    assert row.final is not None
    # The steps here take next to no CPU time.
    assert row.partial["p50"] == pytest.approx((600 + 100) / 2, abs=20)
    assert row.final["p50"] == pytest.approx(600, abs=20)
    assert row.matched == pytest.approx(2 / 3)
    assert row.word_times == {"p50": 25, "p95": 50, "p99": 50}
    assert row.speech == pytest.approx(0.4)
    assert (row.revisions.shown, row.revisions.revised, row.revisions.stable) == (8, 0, 8)
    assert row.load < 0.1


def test_without_known_words_the_engines_own_are_the_clock() -> None:
    row = measure_calls(Knowing(), legs(words=()), "es", "ulaw", "manifest")
    assert row.word_times is None
    assert row.matched == 1.0
    assert row.partial is not None
    assert row.partial["p50"] == pytest.approx((550 + 100) / 2, abs=20)
