"""More calls than the machine can serve, on a real broker: every word arrives, and every screen is told what it gets.

The recogniser says a number per half second of audio and takes the time it is told to.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from assist.bus import Bus
from assist.events import Degraded, Event, Heard, Party, TranscriptSettled
from assist.transcriber.admission import AdmissionConfig
from assist.transcriber.service import TranscriberService
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from tests.fakes.number_recogniser import CHUNK, RATE, UTTERANCE, Engine, NumberRecogniser
from tests.support import RealBroker, eventually, eventually_async, loud

EPOCH = 1_000_000.0
FINAL_S, PARTIAL_S = 0.12, 0.02
"""Seconds of compute for each half second's final, and for each tenth's partial."""
# The engine of these tests makes partials at one pace.
COST = AdmissionConfig(finals=FINAL_S / 0.5, partials=PARTIAL_S / 0.1, max_lag=0.5, max_load=0.75, slowest=1.0)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest_asyncio.fixture
async def start(bus: Bus, real_broker: RealBroker) -> AsyncIterator[Callable[..., object]]:
    """Starts transcribers, each with a bus of its own."""
    running: list[tuple[TranscriberService, Bus]] = []

    async def begin(engine: Engine, admission: AdmissionConfig = COST, calls: int = 20) -> TranscriberService:
        own = Bus(real_broker.address, name="transcriber")
        await own.start()
        await own.ready()
        service = TranscriberService(own, {"es": NumberRecogniser(engine)}, calls=calls, admission=admission)
        await service.start()
        running.append((service, own))
        return service

    yield begin
    for service, own in running:
        await service.stop()
        await own.close()


def claim(call_id: str, attempt: int = 0) -> Claim:
    return Claim(
        call_id=call_id, language="es", rate=RATE, epoch={"customer": EPOCH}, resume={"customer": 0}, attempt=attempt
    )


async def take(bus: Bus, call_id: str) -> ClaimAnswer:
    """Ask as the gateway does."""
    for attempt in range(100):
        answer = await bus.claim(claim(call_id, attempt), timeout=5)
        if answer is not None and answer.accepted:
            return answer
    raise AssertionError(f"nobody took {call_id}")


async def speak(bus: Bus, call_id: str, utterances: int, *, pace: float = 0, first: int = 0, end: bool = True) -> None:
    """Half seconds of speech in chunks of 100 ms, ``pace`` times as fast as people talk, or (0) all at once."""
    began = time.monotonic()
    begin, stop = first * UTTERANCE, (first + utterances) * UTTERANCE
    for start in range(begin, stop, CHUNK):
        if pace:
            await asyncio.sleep(max(0.0, began + (start - begin + CHUNK) / RATE / pace - time.monotonic()))
        await bus.send_audio(call_id, "customer", AudioChunk(RATE, start, EPOCH, loud(CHUNK)))
    if end:
        await bus.send_audio(call_id, "customer", AudioChunk(RATE, stop, EPOCH, b"", end=True))


async def settled(bus: Bus, call_id: str) -> bool:
    return any(isinstance(event, TranscriptSettled) for event in await bus.history(call_id))


async def words(bus: Bus, call_id: str, party: Party = "customer") -> list[str]:
    return [e.text for e in await bus.history(call_id) if isinstance(e, Heard) and e.party == party]


async def told(bus: Bus, call_id: str) -> list[Degraded]:
    return [e for e in await bus.history(call_id) if isinstance(e, Degraded)]


async def test_more_calls_than_fit(bus: Bus, start: Callable[..., object], engine: Engine) -> None:
    engine.final_s, engine.partial_s = FINAL_S, PARTIAL_S
    partials: dict[str, int] = {}

    async def on_partial(event: Event) -> None:
        partials[event.call_id] = partials.get(event.call_id, 0) + 1

    await bus.follow_live(on_partial)
    await start(engine)  # type: ignore[misc]
    calls = ["c1", "c2", "c3", "c4"]
    levels = [(await take(bus, call_id)).level for call_id in calls]
    assert levels == ["full", "finals", "late", "late"]
    count = 16
    await asyncio.gather(*(speak(bus, call_id, count, pace=1) for call_id in calls))
    for call_id in calls:
        await eventually_async(lambda one=call_id: settled(bus, one), 30, f"the transcript of {call_id}")
        assert await words(bus, call_id) == [str(number) for number in range(count)]
    assert partials["c1"] > count
    assert set(partials) == {"c1"}

    assert await told(bus, "c1") == []
    second, third, fourth = [await told(bus, call_id) for call_id in calls[1:]]
    assert [event.level for event in second] == ["reduced", "ok"]
    # The machine has a third of a core left for two calls that need half of one.
    late = [event for event in third + fourth if event.level == "late"]
    assert late
    assert all(event.lag_s > COST.max_lag and event.lost_s == 0 for event in late)
    for story in (third, fourth):
        assert story[0].level == "reduced"
        assert story[-1].level == "ok"
    # Who is told that all is well again is so before the transcript is called complete.
    history = await bus.history("c3")
    assert isinstance(history[-1], TranscriptSettled)


async def test_a_call_goes_where_there_is_room(bus: Bus, start: Callable[..., object], engine: Engine) -> None:
    first = await start(engine)  # type: ignore[misc]
    for call_id in ("a", "b"):
        await take(bus, call_id)
    second = await start(engine)  # type: ignore[misc]
    beats: set[str] = set()

    async def on_beat(beat: Beat) -> None:
        beats.add(beat.worker_id)

    await bus.follow_beats(on_beat)
    await eventually(lambda: {first.worker_id, second.worker_id} <= beats, what="both beats")
    await eventually(lambda: second.worker_id in first._peers, what="the first to know the second")
    answers = [await take(bus, call_id) for call_id in ("c", "d", "e")]
    assert (answers[0].worker_id, answers[0].level) == (second.worker_id, "full")
    # When nobody has room any more the call is taken all the same.
    assert {answer.level for answer in answers[1:]} <= {"finals", "late"}


async def test_a_transcriber_alone_takes_a_call_at_once(bus: Bus, start: Callable[..., object], engine: Engine) -> None:
    await start(engine)  # type: ignore[misc]
    answers = [await bus.claim(claim(f"c{number}"), timeout=5) for number in range(6)]
    assert [answer is not None and answer.accepted for answer in answers] == [True] * 6, answers


async def test_an_engine_that_gives_no_text_is_replaced_and_hears_it_all_again(
    bus: Bus, start: Callable[..., object], engine: Engine
) -> None:
    engine.mute = {0}
    engine.utterance = 12 * UTTERANCE  # six seconds of talk without a pause
    beats: list[Beat] = []

    async def on_beat(beat: Beat) -> None:
        beats.append(beat)

    await bus.follow_beats(on_beat)
    await start(engine)  # type: ignore[misc]
    await take(bus, "c1")
    await speak(bus, "c1", 12, pace=3, end=False)
    await speak(bus, "c1", 12, first=12)
    await eventually_async(lambda: settled(bus, "c1"))
    assert await words(bus, "c1") == ["0", "12"]
    assert engine.opened == 2
    assert await told(bus, "c1") == []
    await eventually(lambda: beats[-1].restarts == 1)
    assert beats[-1].lost_s == 0


async def test_an_engine_that_never_gives_text_is_told_once(
    bus: Bus, start: Callable[..., object], engine: Engine
) -> None:
    engine.mute = set(range(100))
    engine.utterance = 24 * UTTERANCE
    await start(engine)  # type: ignore[misc]
    await take(bus, "c1")

    async def is_told() -> bool:
        return [event.level for event in await told(bus, "c1")] == ["stalled"]

    await speak(bus, "c1", 23, pace=3, end=False)
    await eventually_async(is_told, what="the screen's notice")
    await speak(bus, "c1", 1, first=23)
    await eventually_async(lambda: settled(bus, "c1"))
    assert [event.level for event in await told(bus, "c1")] == ["stalled", "ok"]


async def test_broken_audio_and_a_broken_leg_disturb_nobody(
    bus: Bus, start: Callable[..., object], engine: Engine
) -> None:
    service = await start(engine)  # type: ignore[misc]
    for call_id in ("good", "bad"):
        await take(bus, call_id)
    await speak(bus, "good", 4, end=False)
    for broken in (
        AudioChunk(16000, 0, EPOCH, bytes(3200)),
        AudioChunk(RATE, 0, float("nan"), bytes(1600)),
        AudioChunk(RATE, 2**63, EPOCH, bytes(1600)),
        AudioChunk(RATE, 0, EPOCH, bytes(1601)),
        AudioChunk(7, 0, EPOCH, bytes(1600)),
    ):
        await bus.send_audio("bad", "customer", broken)
        await bus.send_audio("bad", "agent", broken)  # a leg nobody has announced
    await speak(bus, "bad", 4)
    await speak(bus, "good", 4, first=4)
    await eventually_async(lambda: settled(bus, "good"))
    assert await words(bus, "good") == [str(number) for number in range(8)]
    assert await words(bus, "bad") == ["0", "1", "2", "3"]

    engine.broken = True
    await take(bus, "hopeless")
    await speak(bus, "hopeless", 8)
    await eventually_async(lambda: settled(bus, "hopeless"), what="giving it up")
    assert await words(bus, "hopeless") == []
    engine.broken = False
    await take(bus, "next")
    await speak(bus, "next", 2)
    await eventually_async(lambda: settled(bus, "next"))
    assert await words(bus, "next") == ["0", "1"]
    assert service.calls <= 1  # the leg that was never announced keeps the bad call open
