"""The bus side of leads in a gateway process: what is sent to whom, what the switchboard is told, who is forgotten."""

import queue
from collections.abc import Callable
from typing import Any

import pytest

from assist.config import Booth
from assist.events import CallStarted, EarsChanged, Event
from assist.wire import AudioChunk, EarsAnswer, EarsOrder
from gateway.ears import Beep, EarsDesk, Speak, TakeOver, TakerGone, Wish
from gateway.fork import FRAME_BYTES, SILENCE
from gateway.gallery import LOST_S

SAID = b"\1\2" * (FRAME_BYTES // 2)
STARTED = CallStarted(
    call_id="c1", at=0.0, trunk="pbx", caller="1", callee="2", queue="soporte", agent_id="ana", language="es"
)


class Wire:
    """As much of a bus as the desk needs, in memory."""

    def __init__(self) -> None:
        self.connected = True
        self.sent: list[tuple[str, bytes]] = []
        self.served: dict[str, Callable[[EarsOrder], Any]] = {}
        self.followed: dict[str, Callable[[str, AudioChunk], Any]] = {}

    async def send_chunk(self, subject: str, chunk: AudioChunk) -> None:
        self.sent.append((subject, chunk.pcm))

    async def serve_ears(self, subject: str, kind: object, handler: Callable[[EarsOrder], Any]) -> Callable[[], Any]:
        self.served[subject] = handler
        return self._stop(self.served, subject)

    async def follow_chunks(self, subject: str, handler: Callable[[str, AudioChunk], Any]) -> Callable[[], Any]:
        self.followed[subject] = handler
        return self._stop(self.followed, subject)

    def _stop(self, where: dict[str, Any], subject: str) -> Callable[[], Any]:
        async def stop() -> None:
            where.pop(subject, None)

        return stop


class Rig:
    def __init__(self, booth: Booth) -> None:
        self.now = 100.0
        self.events: list[Event] = []
        self.bus: Any = Wire()
        self.desk = EarsDesk(self.events.append, booth, clock=lambda: self.now)

    async def order(self, lead: str, wish: str) -> EarsAnswer:
        answer: EarsAnswer = await self.bus.served["ears.call.c1"](EarsOrder(lead_id=lead, wish=wish))  # type: ignore[arg-type]
        return answer

    async def voice(self, lead: str, pcm: bytes) -> None:
        await self.bus.followed["ears.voice.c1.*"](lead, AudioChunk(8000, 0, 0.0, pcm))

    def wishes(self) -> list[Wish]:
        found = []
        while True:
            try:
                found.append(self.desk.wishes.get_nowait())
            except queue.Empty:
                return found


async def rig(booth: Booth | None = None, *, voice: bool = True) -> Rig:
    made = Rig(booth or Booth())
    made.desk.note(STARTED)
    made.desk.add(made.bus, "c1", voice=voice)
    await settle()
    return made


async def settle() -> None:
    import asyncio

    for _ in range(5):
        await asyncio.sleep(0)


async def test_nothing_is_sent_before_somebody_is_there() -> None:
    on = await rig()
    assert (await on.order("luz", "look")).queue == "soporte"
    on.desk.hear("c1", "agent", 0, SAID, SAID)
    await on.desk.turn(on.bus)
    assert on.bus.sent == []
    await on.order("luz", "listen")
    on.desk.hear("c1", "agent", 1, SAID, SAID)
    await on.desk.turn(on.bus)
    assert on.bus.sent == [("ears.heard.c1.agent", SAID)]


async def test_payment_data_is_only_for_who_talks_with_the_customer() -> None:
    on = await rig()
    await on.order("marta", "listen")
    await on.order("luz", "take_over")
    for party in ("customer", "agent"):
        on.desk.hear("c1", party, 5, SILENCE, SAID)  # type: ignore[arg-type]
    await on.desk.turn(on.bus)
    assert on.bus.sent == [
        ("ears.heard.c1.customer", SILENCE),
        ("ears.line.c1.luz", SAID),
        ("ears.heard.c1.agent", SILENCE),
    ]


async def test_the_switchboard_is_told_who_speaks_to_whom() -> None:
    on = await rig()
    await on.order("luz", "listen")
    assert on.wishes() == []
    for wish, to in (("whisper", {"agent"}), ("barge", {"agent", "customer"}), ("listen", set())):
        await on.order("luz", wish)
        (speak,) = on.wishes()
        assert isinstance(speak, Speak)
        assert speak.to == to
    await on.order("luz", "take_over")
    (taken,) = on.wishes()
    assert isinstance(taken, TakeOver)
    await on.order("luz", "leave")
    assert on.wishes() == [TakerGone("c1", lost=False)]


async def test_only_the_speakers_voice_is_heard() -> None:
    on = await rig()
    await on.order("marta", "listen")
    await on.order("luz", "whisper")
    (speak,) = on.wishes()
    assert isinstance(speak, Speak)
    for _ in range(3):
        await on.voice("marta", SILENCE)
    assert speak.source() is None
    for _ in range(3):
        await on.voice("luz", SAID)
    assert speak.source() == SAID


@pytest.mark.parametrize(("tone", "to"), [("agent", {"agent"}), ("both", {"agent", "customer"})])
async def test_a_tone_when_a_lead_comes_and_again(tone: str, to: set[str]) -> None:
    on = await rig(Booth(tone=tone, tone_every_s=15))  # type: ignore[arg-type]
    await on.order("luz", "listen")
    assert on.wishes() == [Beep("c1", frozenset(to))]  # type: ignore[arg-type]
    for _ in range(8):
        on.now += 2.0
        await on.order("luz", "keep")
        await on.desk.turn(on.bus)
    assert on.wishes() == [Beep("c1", frozenset(to))]  # type: ignore[arg-type]


async def test_a_lead_who_is_silent_is_gone_but_not_because_the_broker_is() -> None:
    on = await rig()
    await on.order("luz", "take_over")
    on.wishes()
    on.bus.connected = False
    on.now += 60
    await on.desk.turn(on.bus)
    on.bus.connected = True
    await on.desk.turn(on.bus)
    assert on.events == []
    on.now += LOST_S + 0.5
    await on.desk.turn(on.bus)
    (event,) = on.events
    assert isinstance(event, EarsChanged)
    assert (event.lead_id, event.state, event.reason) == ("luz", "left", "lost")
    assert on.wishes() == [TakerGone("c1", lost=True)]


async def test_nobody_answers_for_a_call_that_is_over() -> None:
    on = await rig()
    await on.order("luz", "whisper")
    handler = on.bus.served["ears.call.c1"]
    on.desk.end("c1")
    await settle()
    assert on.bus.served == on.bus.followed == {}
    assert (await handler(EarsOrder(lead_id="luz", wish="listen"))).reason == "call_ended"


async def test_a_call_without_voice_has_no_wishes() -> None:
    on = await rig(Booth(tone="both"), voice=False)
    assert (await on.order("luz", "barge")).reason == "listen_only"
    assert (await on.order("luz", "listen")).accepted
    assert on.wishes() == []
