"""The transcriber service on a real broker, with a recogniser whose words are known: a number per half second."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from assist.bus import Bus
from assist.events import Event, Heard, Party, TranscriptSettled
from assist.transcriber.service import TranscriberService
from assist.wire import AudioChunk, Beat, Claim
from models.asr.types import Transcript, Urgency
from tests.support import eventually, eventually_async, loud

RATE = 8000
UTTERANCE = RATE // 2
EPOCH = 1_000_000.0


class CountingStream:
    """Every half second of audio is an utterance whose text is its number; some can be made to fail."""

    sample_rate = RATE
    failing: ClassVar[set[int]] = set()
    stuck: ClassVar[set[int]] = set()
    slow_s: ClassVar[float] = 0.0
    unheard_since: float | None = None

    def __init__(self, start: int) -> None:
        self._clock = start
        self._done = start
        self._ended = False

    def feed(self, pcm: NDArray[np.int16]) -> None:
        self._clock += len(pcm)

    def skip(self, samples: int) -> None:
        self._clock += samples

    def finish(self) -> None:
        self._ended = True

    @property
    def done(self) -> int:
        return self._done

    def urgency(self) -> Urgency:
        return Urgency.FINAL if self._clock - self._done >= UTTERANCE else Urgency.NONE

    def step(self) -> list[Transcript]:
        number = self._done // UTTERANCE
        if number in self.stuck:
            raise RuntimeError("the recogniser can't get past this")
        start = self._done
        self._done += UTTERANCE
        time.sleep(self.slow_s)
        if number in self.failing:
            raise RuntimeError("the recogniser stumbles")
        return [
            Transcript(
                utterance=start,
                text=str(number),
                stable_chars=len(str(number)),
                final=True,
                t0=start / RATE,
                t1=(start + UTTERANCE) / RATE,
                words=(),
                confidence=1.0,
                language="es",
            )
        ]


class CountingRecogniser:
    name = "counting"
    language = "es"

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> CountingStream:
        return CountingStream(start_sample)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def well_behaved() -> None:
    CountingStream.failing = set()
    CountingStream.stuck = set()
    CountingStream.slow_s = 0.0


@pytest_asyncio.fixture
async def service(bus: Bus) -> AsyncIterator[TranscriberService]:
    service = TranscriberService(bus, {"es": CountingRecogniser()}, calls=2)
    await service.start()
    yield service
    await service.stop()


def claim(call_id: str = "c1", language: str = "es", **resume: int) -> Claim:
    return Claim(
        call_id=call_id,
        language=language,
        rate=RATE,
        epoch={"customer": EPOCH, "agent": EPOCH},
        resume={"customer": resume.get("customer", 0), "agent": resume.get("agent", 0)},
    )


async def speak(
    bus: Bus, party: Party, first: int, count: int, *, call_id: str = "c1", end: bool = False, replay: bool = False
) -> None:
    """Publish utterances ``first`` … of half a second, in chunks of 100 ms."""
    chunk = RATE // 10
    for start in range(first * UTTERANCE, (first + count) * UTTERANCE, chunk):
        await bus.send_audio(call_id, party, AudioChunk(RATE, start, EPOCH, loud(chunk), replay=replay))
    if end:
        last = AudioChunk(RATE, (first + count) * UTTERANCE, EPOCH, b"", end=True, replay=replay)
        await bus.send_audio(call_id, party, last)


async def said(bus: Bus, party: Party = "customer", call_id: str = "c1") -> list[str]:
    return [e.text for e in await bus.history(call_id) if isinstance(e, Heard) and e.party == party]


async def settled(bus: Bus, call_id: str = "c1") -> bool:
    return any(isinstance(event, TranscriptSettled) for event in await bus.history(call_id))


async def test_both_legs_are_heard_and_the_end_is_told_once(bus: Bus, service: TranscriberService) -> None:
    answer = await bus.claim(claim(), timeout=5)
    assert answer is not None
    assert answer.accepted
    await speak(bus, "customer", 0, 4, end=True)
    await speak(bus, "agent", 0, 2, end=True)
    await eventually_async(lambda: settled(bus), what="the settled transcript")
    assert await said(bus) == ["0", "1", "2", "3"]
    assert await said(bus, "agent") == ["0", "1"]
    history: list[Event] = await bus.history("c1")
    assert isinstance(history[-1], TranscriptSettled)
    assert sum(isinstance(event, TranscriptSettled) for event in history) == 1
    assert service.calls == 0


async def test_what_it_cannot_do_it_declines_with_a_reason(bus: Bus, service: TranscriberService) -> None:
    foreign = await bus.claim(claim(language="en"), timeout=5)
    assert foreign is not None
    assert (foreign.accepted, foreign.reason) == (False, "no model for en")
    for call_id in ("c1", "c2"):
        answer = await bus.claim(claim(call_id), timeout=5)
        assert answer is not None
        assert answer.accepted
    full = await bus.claim(claim("c3"), timeout=5)
    assert full is not None
    assert (full.accepted, full.reason) == (False, "full")
    again = await bus.claim(claim("c1"), timeout=5)
    assert again is not None
    assert again.accepted


async def test_a_successor_says_nothing_twice_and_leaves_nothing_out(bus: Bus, service: TranscriberService) -> None:
    await bus.claim(claim(), timeout=5)
    await speak(bus, "customer", 0, 3)
    await eventually_async(lambda: _has(bus, ["0", "1", "2"]))
    # The gateway's last heartbeat was a little old: it asks from before the last stored final.
    await bus.claim(claim(customer=2 * UTTERANCE), timeout=5)
    await speak(bus, "customer", 2, 3, end=True, replay=True)
    await speak(bus, "agent", 0, 1, end=True)
    await eventually_async(lambda: settled(bus))
    assert await said(bus) == ["0", "1", "2", "3", "4"]


async def _has(bus: Bus, texts: list[str]) -> bool:
    return await said(bus) == texts


async def test_beats_name_what_is_settled_and_stored(bus: Bus, service: TranscriberService) -> None:
    beats: list[Beat] = []

    async def on_beat(beat: Beat) -> None:
        beats.append(beat)

    await bus.follow_beats(on_beat)
    await bus.claim(claim(), timeout=5)
    await speak(bus, "customer", 0, 3)
    await eventually(lambda: bool(beats) and beats[-1].done.get("c1", {}).get("customer") == 3 * UTTERANCE)
    assert beats[-1].worker_id == service.worker_id
    assert beats[-1].done["c1"]["agent"] == 0


async def test_one_failing_utterance_costs_only_itself(bus: Bus, service: TranscriberService) -> None:
    CountingStream.failing = {1}
    await bus.claim(claim(), timeout=5)
    await speak(bus, "customer", 0, 4, end=True)
    await speak(bus, "agent", 0, 1, end=True)
    await eventually_async(lambda: settled(bus))
    assert await said(bus) == ["0", "2", "3"]


async def test_an_utterance_that_always_fails_is_given_up(bus: Bus, service: TranscriberService) -> None:
    CountingStream.stuck = {1}
    done: list[int] = []

    async def on_beat(beat: Beat) -> None:
        done.append(beat.done.get("c1", {}).get("customer", 0))

    await bus.follow_beats(on_beat)
    await bus.claim(claim(), timeout=5)
    await speak(bus, "customer", 0, 2)
    await eventually(lambda: bool(done) and done[-1] == 2 * UTTERANCE, what="giving it up")
    await speak(bus, "customer", 2, 2, end=True)
    await speak(bus, "agent", 0, 1, end=True)
    await eventually_async(lambda: settled(bus))
    assert await said(bus) == ["0", "2", "3"]


async def test_a_replay_of_legs_that_have_ended_is_ours_to_the_end(bus: Bus, service: TranscriberService) -> None:
    await bus.claim(claim(), timeout=5)
    for party in ("customer", "agent"):
        await speak(bus, party, 0, 2, end=True, replay=True)
    await eventually_async(lambda: settled(bus), what="the settled transcript")
    assert await said(bus) == await said(bus, "agent") == ["0", "1"]


async def test_a_call_that_another_took_over_is_let_go(bus: Bus, service: TranscriberService) -> None:
    await bus.claim(claim(), timeout=5)
    await speak(bus, "customer", 0, 2)
    await eventually_async(lambda: _has(bus, ["0", "1"]))
    await speak(bus, "customer", 0, 2, replay=True)
    await eventually(lambda: service.calls == 0, what="letting the call go")
    assert not await settled(bus)


async def test_calls_share_the_thread_fairly(bus: Bus, service: TranscriberService) -> None:
    CountingStream.slow_s = 0.02
    await bus.claim(claim("c1"), timeout=5)
    await bus.claim(claim("c2"), timeout=5)
    await asyncio.gather(speak(bus, "customer", 0, 20), speak(bus, "customer", 0, 20, call_id="c2"))
    order: list[str] = []

    async def note(event: Event) -> None:
        order.append(event.call_id)

    await bus.consume("order", "calls.*.in.Heard", note)
    await eventually(lambda: len(order) == 40, what="all finals")
    first_half = order[:20]
    assert 7 <= first_half.count("c1") <= 13
