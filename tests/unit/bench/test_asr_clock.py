"""The simulated core: when audio is there, who is served, what a step costs, when a text is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.asr_clock import Waiting, finals_first, simulate
from models.asr.types import Transcript, Urgency

RATE = 1000
CHUNK = 0.02


class Clock:
    def __init__(self) -> None:
        self.cpu = 100.0

    def __call__(self) -> float:
        return self.cpu


class Scripted:
    """A stream that wants a step for every `every` seconds of audio, which takes `cost` seconds of CPU."""

    sample_rate = RATE

    def __init__(self, clock: Clock, every: float, cost: float, urgency: Urgency = Urgency.FINAL) -> None:
        self.clock, self.every, self.cost, self.kind = clock, every, cost, urgency
        self.fed: list[NDArray[np.int16]] = []
        self.taken = 0.0
        self.finished = False

    @property
    def heard(self) -> float:
        return sum(pcm.size for pcm in self.fed) / RATE

    def feed(self, pcm: NDArray[np.int16]) -> None:
        assert not self.finished
        self.fed.append(pcm)

    def skip(self, samples: int) -> None:
        raise AssertionError

    def finish(self) -> None:
        self.finished = True

    def urgency(self) -> Urgency:
        return self.kind if self.heard - self.taken >= self.every - 1e-9 else Urgency.NONE

    def step(self) -> list[Transcript]:
        self.clock.cpu += self.cost
        self.taken += self.every
        return [Transcript(0, f"{self.taken:.2f}", 0, False, 0.0, self.taken, (), 1.0, "en")]

    @property
    def done(self) -> int:
        return 0


def audio(seconds: float) -> NDArray[np.int16]:
    return np.arange(round(seconds * RATE)).astype(np.int16)


def test_a_text_is_seen_when_its_audio_is_there_and_its_step_has_ended() -> None:
    clock = Clock()
    run = simulate([Scripted(clock, 0.1, 0.03)], [audio(0.3)], timer=clock)
    assert [shown.at for shown in run.shown[0]] == pytest.approx([0.13, 0.23, 0.33])
    assert [shown.transcript.text for shown in run.shown[0]] == ["0.10", "0.20", "0.30"]
    assert run.busy == pytest.approx(0.09)
    assert run.load(0.3) == pytest.approx(0.3)
    assert run.steps == 3


def test_audio_queues_while_the_core_is_busy() -> None:
    clock = Clock()
    run = simulate([Scripted(clock, 0.1, 0.15)], [audio(0.4)], timer=clock)
    assert [shown.at for shown in run.shown[0]] == pytest.approx([0.25, 0.40, 0.55, 0.70])


def test_all_audio_arrives_in_order_and_the_stream_is_finished() -> None:
    clock = Clock()
    stream = Scripted(clock, 0.05, 0.07)
    pcm = audio(0.333)  # not a whole number of chunks
    simulate([stream], [pcm], timer=clock, chunk=CHUNK)
    assert np.array_equal(np.concatenate(stream.fed), pcm)
    assert max(piece.size for piece in stream.fed) == CHUNK * RATE
    assert stream.finished


def test_legs_share_one_core() -> None:
    clock = Clock()
    streams = [Scripted(clock, 0.2, 0.05) for _ in range(3)]
    run = simulate(streams, [audio(0.2)] * 3, timer=clock)
    assert [shown[0].at for shown in run.shown] == pytest.approx([0.25, 0.30, 0.35])
    assert run.behind == pytest.approx(0.10)


def test_finals_go_before_partials_and_the_longest_wait_first() -> None:
    waiting = [
        Waiting(0, Urgency.PARTIAL, 1.0),
        Waiting(1, Urgency.FINAL, 3.0),
        Waiting(2, Urgency.FINAL, 2.0),
    ]
    assert finals_first(waiting, 4.0) == 2
    assert finals_first(waiting[:2], 4.0) == 1
    clock = Clock()
    streams = [Scripted(clock, 0.1, 0.1, Urgency.PARTIAL), Scripted(clock, 0.1, 0.01)]
    run = simulate(streams, [audio(0.1)] * 2, timer=clock)
    assert run.shown[1][0].at < run.shown[0][0].at


def test_a_policy_may_let_partials_wait_for_more_audio() -> None:
    clock = Clock()
    stream = Scripted(clock, 0.1, 0.01, Urgency.PARTIAL)

    def patient(waiting: Sequence[Waiting], now: float) -> int | None:
        return waiting[0].leg if now >= 0.2 - 1e-9 else None

    run = simulate([stream], [audio(0.2)], policy=patient, timer=clock)
    assert [shown.at for shown in run.shown[0]] == pytest.approx([0.21, 0.22])
    with pytest.raises(ValueError, match="serves nobody"):
        simulate([Scripted(clock, 0.1, 0.01)], [audio(0.2)], policy=lambda waiting, now: None, timer=clock)


def test_a_faster_core_takes_less_of_the_time() -> None:
    clock = Clock()
    run = simulate([Scripted(clock, 0.1, 0.08)], [audio(0.1)], timer=clock, speed=2.0)
    assert run.shown[0][0].at == pytest.approx(0.14)


def test_streams_and_audio_must_pair_up() -> None:
    with pytest.raises(ValueError, match="1 streams and 2 pieces"):
        simulate([Scripted(Clock(), 1, 1)], [audio(1), audio(1)])
    assert simulate([], []).end == 0.0
