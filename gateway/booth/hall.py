"""The bus side of a booth: an event loop in a thread of its own that owns the :class:`~assist.bus.Bus`.

Whoever asks for a lead, what a worker answers and what becomes of calls goes into :attr:`Hall.inbox`, for the thread
that has SIP; what parties and other leads say goes straight into the lead's :class:`~gateway.booth.ear.Ear`.
"""

import asyncio
import contextlib
import contextvars
import itertools
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import structlog

from assist.bus import Bus
from assist.bus.ears import call_subject, heard_subject, lead_subject, line_subject, voice_subject
from assist.errors import BusError
from assist.events import PARTIES, CallEnded, Event, LeadMode
from assist.process import end_tasks
from assist.wire import AudioChunk, EarsAnswer, EarsAsk, EarsOrder
from gateway.booth.ear import Ear
from gateway.booth.seat import Order
from gateway.fork import FRAME_SAMPLES, RATE, Ring

_WAKE_S: Final = 0.02
_IDLE_WAKE_S: Final = 0.1
_START_S: Final = 10.0
_ANSWER_S: Final = 2.5
"""The hub waits three seconds."""
_ORDER_S: Final = 1.0
_KEEP_EVERY_S: Final = 1.0
_SILENT_S: Final = 3.0
"""A worker sends 50 frames a second, silence too: after so long without, the call or the worker is gone."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants something for a lead; answer with :meth:`Hall.reply`."""

    lead_id: str
    ask: EarsAsk
    number: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the worker said to an order; None: nobody has the call."""

    lead_id: str
    order: Order
    answer: EarsAnswer | None


@dataclass(frozen=True, slots=True)
class Over:
    """A call has ended."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing comes of the call a lead is at."""

    lead_id: str


News: TypeAlias = Asked | Ordered | Over | Silent


@dataclass(slots=True)
class _Visit:
    """A lead at a call."""

    call_id: str
    mode: LeadMode
    ear: Ear
    ring: Ring
    heard_at: float
    kept_at: float = 0.0
    stops: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)


class Hall:
    """Starts the loop's thread. Methods are for the thread that has SIP, unless they say otherwise.

    Args:
        make_bus: makes the bus; called on the loop's thread.
        leads: ids of the leads this booth has.
    """

    def __init__(self, make_bus: Callable[[], Bus], leads: tuple[str, ...]) -> None:
        self._make_bus = make_bus
        self._leads = leads
        self._bus: Bus | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()
        self._stop = False
        self._visits: dict[str, _Visit] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[EarsAnswer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Lock()
        self.inbox: queue.SimpleQueue[News] = queue.SimpleQueue()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._run), name="hall", daemon=True)

    def start(self) -> None:
        """Start the thread; returns when the bus has begun to connect."""
        self._thread.start()
        self._up.wait(_START_S)

    def stop(self, flush_s: float) -> None:
        """Send what is left, for at most ``flush_s`` seconds, and end the thread."""
        self._stop = True
        self._thread.join(flush_s + 3)

    def send(self, event: Event) -> None:
        """Queue a durable event."""
        self._call(lambda bus: self._send(bus, event))

    def reply(self, number: int, answer: EarsAnswer) -> None:
        """Answer the :class:`Asked` of this number."""
        self._call(lambda _: self._reply(number, answer))

    def order(self, lead_id: str, order: Order) -> None:
        """Put an order to the worker that has the call; :class:`Ordered` follows."""
        self._call(lambda bus: self._spawn(self._order(bus, lead_id, order)))

    def attend(self, lead_id: str, call_id: str, mode: LeadMode, ear: Ear, ring: Ring) -> None:
        """Let ``ear`` hear the call, and send what comes through ``ring`` into it as far as ``mode`` lets it."""
        self._call(lambda bus: self._spawn(self._attend(bus, lead_id, call_id, mode, ear, ring)))

    def depart(self, lead_id: str) -> None:
        """Let the lead hear nothing more."""
        self._call(lambda _: self._spawn(self._depart(lead_id)))

    def _call(self, work: Callable[[Bus], object]) -> None:
        def run() -> None:
            if self._bus is not None:
                work(self._bus)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(run)

    # --- on the loop ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        bus = self._bus = self._make_bus()
        await bus.start()
        following = [asyncio.create_task(self._follow(bus, lead_id)) for lead_id in self._leads]
        following.append(asyncio.create_task(self._follow_ends(bus)))
        self._up.set()
        while not self._stop:
            await asyncio.sleep(_WAKE_S if self._visits else _IDLE_WAKE_S)
            for lead_id, visit in list(self._visits.items()):
                try:
                    await self._serve(bus, lead_id, visit)
                except Exception as err:
                    log.exception("booth.visit_failed", lead=lead_id, error=repr(err))
        await end_tasks(following)
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=_ORDER_S)
        await bus.close(flush_s=1.5)

    async def _follow(self, bus: Bus, lead_id: str) -> None:
        async def on_ask(ask: EarsAsk) -> EarsAnswer:
            number = next(self._numbers)
            self._waiting[number] = asyncio.get_running_loop().create_future()
            self.inbox.put(Asked(lead_id, ask, number))
            try:
                return await asyncio.wait_for(self._waiting[number], _ANSWER_S)
            except TimeoutError:
                return EarsAnswer(accepted=False, reason="wait")
            finally:
                del self._waiting[number]

        await _insist(lambda: bus.serve_ears(lead_subject(lead_id), EarsAsk, on_ask))

    async def _follow_ends(self, bus: Bus) -> None:
        async def on_end(event: Event) -> None:
            if isinstance(event, CallEnded):
                self.inbox.put(Over(event.call_id))

        await _insist(lambda: bus.follow_passing("calls.*.in.CallEnded", on_end))

    async def _serve(self, bus: Bus, lead_id: str, visit: _Visit) -> None:
        """Send the lead's voice, say that the lead is there, notice that nothing comes."""
        now = time.monotonic()
        frames = visit.ring.take()
        if visit.mode != "listen":
            subject = voice_subject(visit.call_id, lead_id)
            for number, frame in frames:
                await bus.send_chunk(subject, AudioChunk(RATE, number * FRAME_SAMPLES, 0.0, frame))
        if now - visit.kept_at >= _KEEP_EVERY_S:
            visit.kept_at = now
            await bus.tell_ears(call_subject(visit.call_id), EarsOrder(lead_id=lead_id, wish="keep"))
        if now - visit.heard_at > _SILENT_S:
            visit.heard_at = now
            if bus.connected:
                self.inbox.put(Silent(lead_id))

    async def _attend(self, bus: Bus, lead_id: str, call_id: str, mode: LeadMode, ear: Ear, ring: Ring) -> None:
        async with self._busy:
            known = self._visits.get(lead_id)
            if known is not None and known.call_id == call_id and "take_over" not in (known.mode, mode):
                known.mode, known.heard_at = mode, time.monotonic()
                return
            await self._leave(lead_id)
            ring.take()  # said before anybody could hear it
            visit = _Visit(call_id, mode, ear, ring, time.monotonic())

            async def on_heard(party: str, chunk: AudioChunk) -> None:
                visit.heard_at = time.monotonic()
                ear.put(party, chunk.pcm)

            async def on_line(_: str, chunk: AudioChunk) -> None:
                visit.heard_at = time.monotonic()
                ear.put("customer", chunk.pcm)

            async def on_voice(other: str, chunk: AudioChunk) -> None:
                if other != lead_id:
                    ear.put(f"lead.{other}", chunk.pcm)

            try:
                if mode == "take_over":
                    # The agent's voice is the lead's own now, and payment data is the lead's to hear.
                    visit.stops.append(await bus.follow_chunks(line_subject(call_id, lead_id), on_line))
                else:
                    for party in PARTIES:
                        visit.stops.append(await bus.follow_chunks(heard_subject(call_id, party), on_heard))
                visit.stops.append(await bus.follow_chunks(voice_subject(call_id, "*"), on_voice))
            except BusError as err:
                log.warning("booth.not_attending", lead=lead_id, call_id=call_id, error=str(err))
            self._visits[lead_id] = visit

    async def _depart(self, lead_id: str) -> None:
        async with self._busy:
            await self._leave(lead_id)

    async def _leave(self, lead_id: str) -> None:
        visit = self._visits.pop(lead_id, None)
        if visit is not None:
            for stop in visit.stops:
                await stop()
            visit.ear.forget()

    async def _order(self, bus: Bus, lead_id: str, order: Order) -> None:
        answer: EarsAnswer | None
        try:
            answer = await bus.ask_ears(call_subject(order.call_id), order.order, timeout=_ORDER_S)
        except BusError as err:
            log.warning("booth.order_unanswered", lead=lead_id, call_id=order.call_id, error=str(err))
            answer = EarsAnswer(accepted=False, reason="wait")
        self.inbox.put(Ordered(lead_id, order, answer))

    def _reply(self, number: int, answer: EarsAnswer) -> None:
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _send(self, bus: Bus, event: Event) -> None:
        try:
            bus.send(event)
        except BusError as err:
            log.error("booth.event_lost", call_id=event.call_id, type=type(event).__name__, error=str(err))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _insist(follow: Callable[[], Awaitable[object]]) -> None:
    """Follow something as soon as there is a broker."""
    while True:
        try:
            await follow()
            return
        except BusError as err:
            log.debug("booth.no_broker_yet", error=str(err))
