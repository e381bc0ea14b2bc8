"""Team leads at this process's calls, the bus side: answers booths, sends what parties say, takes what leads say.

Belongs to the publisher's event loop. What has to be done in SIP goes to the switchboard as :data:`Wish`; nothing on
either side waits for the other, and a call whose leads, booth or broker die goes on as if they had never been there.
"""

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import structlog

from assist.bus import Bus
from assist.bus.ears import call_subject, heard_subject, line_subject, voice_subject
from assist.config import Booth
from assist.errors import BusError
from assist.events import PARTIES, CallEnded, CallStarted, EarsChanged, Event, Party
from assist.process import end_tasks
from assist.wire import AudioChunk, EarsAnswer, EarsOrder
from gateway.fork import FRAME_SAMPLES, RATE
from gateway.gallery import Gallery
from gateway.playout import Playout, Source

_MOST_WAITING: Final = 100
"""Frames of a call that wait to be sent to leads: two seconds, then the oldest go."""
TONE: Final[dict[str, frozenset[Party]]] = {
    "off": frozenset(),
    "agent": frozenset({"agent"}),
    "both": frozenset(PARTIES),
}
"""Who hears a tone, by ``booth.tone``."""

log = structlog.get_logger(__name__)


# --- what the switchboard has to do -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speak:
    """From now on the parties ``to`` hear ``source``, too; nobody when that is empty."""

    call_id: str
    source: Source
    to: frozenset[Party]


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Hang up the agent; ``source`` talks to the customer and is heard as the agent."""

    call_id: str
    lead_id: str
    source: Source


@dataclass(frozen=True, slots=True)
class TakerGone:
    """The lead who had taken the call over is no longer there. ``lost``: nobody said why."""

    call_id: str
    lost: bool


@dataclass(frozen=True, slots=True)
class Beep:
    """Let the parties ``to`` know that somebody listens."""

    call_id: str
    to: frozenset[Party]


Wish: TypeAlias = Speak | TakeOver | TakerGone | Beep


@dataclass(slots=True)
class _Call:
    gallery: Gallery
    playout: Playout = field(default_factory=Playout)
    unsent: list[tuple[str, AudioChunk]] = field(default_factory=list)
    stops: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    follows_voices: bool = False
    next_tone: float = 0.0


class EarsDesk:
    """The leads of all calls of one gateway process.

    Args:
        send: takes durable events.
        settings: whom to warn by a tone.
        clock: seconds, monotonic.
    """

    def __init__(
        self, send: Callable[[Event], None], settings: Booth, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._tone = TONE[settings.tone]
        self._tone_every_s = settings.tone_every_s
        self._clock = clock
        self._queues: dict[str, str] = {}
        self._calls: dict[str, _Call] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._was_connected = True
        self.wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        """For the switchboard, which empties it at each of its turns."""

    # --- calls come and go ---------------------------------------------------------------------------------------

    def note(self, event: Event) -> None:
        """An event of one of this process's calls is on its way to the broker."""
        if isinstance(event, CallStarted):
            self._queues[event.call_id] = event.queue
        elif isinstance(event, CallEnded):
            self._queues.pop(event.call_id, None)

    def add(self, bus: Bus, call_id: str, *, voice: bool) -> None:
        """A call has media now; ``voice``: a lead can be heard in it."""
        call = self._calls[call_id] = _Call(Gallery(self._queues.get(call_id, ""), voice))
        call.task = asyncio.create_task(self._serve(bus, call_id, call), name="ears-serve")

    def end(self, call_id: str) -> None:
        """The call is over: from now on nobody answers for it, which is how a booth learns of it."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return

        async def close() -> None:
            if call.task is not None:
                await end_tasks([call.task])
            for stop in call.stops:
                await stop()

        task = asyncio.create_task(close(), name="ears-close")
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    # --- every 20 ms ---------------------------------------------------------------------------------------------

    def hear(self, call_id: str, party: Party, number: int, shown: bytes, said: bytes) -> None:
        """Frame ``number`` of a party. ``said`` is what it was, ``shown`` the same without payment data."""
        call = self._calls.get(call_id)
        if call is None or not len(call.gallery):
            return
        start = number * FRAME_SAMPLES
        call.unsent.append((heard_subject(call_id, party), AudioChunk(RATE, start, 0.0, shown)))
        taker = call.gallery.taken_by
        if taker is not None and party == "customer":
            # Who talks with the customer has to hear what an agent would.
            call.unsent.append((line_subject(call_id, taker), AudioChunk(RATE, start, 0.0, said)))
        del call.unsent[:-_MOST_WAITING]

    async def turn(self, bus: Bus) -> None:
        """Send what was heard; see who has gone."""
        now = self._clock()
        back = bus.connected and not self._was_connected
        self._was_connected = bus.connected
        for call_id, call in list(self._calls.items()):
            if not len(call.gallery):
                continue
            if not bus.connected:
                call.unsent.clear()
                continue
            if back:
                call.gallery.all_seen(now)
            unsent, call.unsent = call.unsent, []
            for subject, chunk in unsent:
                await bus.send_chunk(subject, chunk)
            self._forget_lost(call_id, call, now)
            if self._tone_every_s and len(call.gallery) and now >= call.next_tone:
                self._beep(call_id, call, now)

    # --- parts ---------------------------------------------------------------------------------------------------

    async def _serve(self, bus: Bus, call_id: str, call: _Call) -> None:
        async def on_order(order: EarsOrder) -> EarsAnswer:
            return await self._order(bus, call_id, call, order)

        while True:
            try:
                call.stops.append(await bus.serve_ears(call_subject(call_id), EarsOrder, on_order))
                return
            except BusError as err:
                log.debug("ears.no_broker_yet", error=str(err))

    async def _order(self, bus: Bus, call_id: str, call: _Call, order: EarsOrder) -> EarsAnswer:
        if self._calls.get(call_id) is not call:
            return EarsAnswer(accepted=False, reason="call_ended")
        gallery, now = call.gallery, self._clock()
        before = (gallery.speaker, gallery.reach, gallery.taken_by)
        newcomer = order.lead_id not in gallery.leads
        answer = gallery.order(order, now)
        if not answer.accepted or order.wish in ("look", "keep"):
            return answer
        log.info("ears.order", call_id=call_id, lead=order.lead_id, wish=order.wish)
        self._changed(call_id, call, before)
        if newcomer and order.wish != "leave":
            self._beep(call_id, call, now)
        if not call.follows_voices and gallery.voice:
            call.follows_voices = True

            async def on_voice(lead: str, chunk: AudioChunk) -> None:
                if lead == gallery.speaker and chunk.rate == RATE:
                    call.playout.put(chunk.pcm)

            call.stops.append(await bus.follow_chunks(voice_subject(call_id, "*"), on_voice))
        return answer

    def _changed(
        self, call_id: str, call: _Call, before: tuple[str | None, frozenset[Party], str | None], *, lost: bool = False
    ) -> None:
        """Tell the switchboard what is new about who speaks to whom."""
        speaker, reach, taker = before
        gallery = call.gallery
        if gallery.speaker != speaker:
            call.playout.clear()
        if taker is not None and gallery.taken_by is None:
            self.wishes.put(TakerGone(call_id, lost))
        elif gallery.taken_by is not None and taker is None:
            self.wishes.put(TakeOver(call_id, gallery.taken_by, call.playout.pull))
        elif gallery.reach != reach:
            self.wishes.put(Speak(call_id, call.playout.pull, gallery.reach))

    def _forget_lost(self, call_id: str, call: _Call, now: float) -> None:
        before = (call.gallery.speaker, call.gallery.reach, call.gallery.taken_by)
        gone = call.gallery.lost(now)
        for lead in gone:
            log.warning("ears.lead_lost", call_id=call_id, lead=lead)
            self._send(EarsChanged(call_id=call_id, at=time.time(), lead_id=lead, state="left", reason="lost"))
        if gone:
            self._changed(call_id, call, before, lost=True)

    def _beep(self, call_id: str, call: _Call, now: float) -> None:
        if self._tone and call.gallery.voice and call.gallery.taken_by is None:
            self.wishes.put(Beep(call_id, self._tone))
        call.next_tone = now + self._tone_every_s
