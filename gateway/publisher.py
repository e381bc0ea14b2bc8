"""The bus side of a worker: an event loop in a thread of its own that owns the :class:`~assist.bus.Bus`.

Every 20 ms of a call it empties the rings the media thread fills, cuts chunks, and carries out what each call's
:class:`~gateway.transcription.Transcription` orders. Nothing here is ever waited for by the SIP or the media thread.
"""

import asyncio
import contextlib
import contextvars
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from assist.bus import Bus, BusAddress
from assist.config import Booth, Settings
from assist.control import AskHandler
from assist.errors import BusError
from assist.events import (
    PARTIES,
    CallAnswered,
    CallEnded,
    CallLanguage,
    CallStarted,
    Degraded,
    Event,
    Party,
    SensitiveChanged,
)
from assist.wire import Beat
from gateway.ears import EarsDesk, Wish
from gateway.fork import RATE, SILENCE, Chunker, Ring
from gateway.ledger import Ledger
from gateway.transcription import Ask, Order, SendAudio, Tell, Transcription

_WAKE_S: Final = 0.02
_IDLE_WAKE_S: Final = 0.05
_START_S: Final = 10.0
_SENSITIVE: Final = "calls.*.out.SensitiveChanged"
_LONGEST_PAUSE_S: Final = 300.0
"""The assist core says when payment data is over; one that died must not leave a call unheard for ever."""
_CLAIM_S: Final = 3.0
"""A transcriber reads the call's history before it accepts. To ask again meanwhile might give the call two owners; when
there is no transcriber at all the broker says so at once."""

MUTED: Final[Mapping[str, tuple[Party, ...]]] = {"both": PARTIES, "customer": ("customer",), "off": ()}
"""Whom each value of ``gateway.payment_pause`` silences."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _LegFeed:
    ring: Ring
    chunker: Chunker
    began: bool = False
    ended: bool = False
    dropped: int = 0


@dataclass(slots=True)
class _CallFeed:
    transcription: Transcription
    legs: dict[Party, _LegFeed]
    orders: list[Order] = field(default_factory=list)
    asking: set[asyncio.Task[None]] = field(default_factory=set)
    ended: bool = False
    sensitive_until: float | None = None
    """Payment data is being told; seconds of time.monotonic() at which that is taken for over in any case."""


class Publisher:
    """Starts the loop's thread and hands it calls.

    Args:
        make_bus: makes the bus; called on the loop's thread.
        chunk_ms: milliseconds of audio per chunk, a multiple of 20.
        keep_s: seconds of each leg kept for a replay.
        ledger: live calls on disk; those that a killed predecessor left are reported as lost.
        muted: whose voice is let through as silence while payment data is told.
        console: answers what admins ask; called on the loop's thread.
        booth: settings of the team leads' ears.
    """

    def __init__(
        self,
        make_bus: Callable[[], Bus],
        *,
        chunk_ms: int,
        keep_s: float,
        ledger: Ledger,
        muted: Iterable[Party] = PARTIES,
        console: AskHandler | None = None,
        booth: Booth | None = None,
    ) -> None:
        self._make_bus = make_bus
        self._ledger = ledger
        self._chunk_samples = chunk_ms * RATE // 1000
        self._keep_s = keep_s
        self._muted = frozenset(muted)
        self._console = console
        self._ears = EarsDesk(self._send, booth or Booth())
        self._calls: dict[str, _CallFeed] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bus: Bus | None = None
        self._up = threading.Event()
        self._stopping: float | None = None
        # The thread's log lines carry this process's name.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._run), name="publisher", daemon=True)

    # --- from any thread ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; returns when the bus has begun to connect."""
        self._thread.start()
        self._up.wait(_START_S)

    def send(self, event: Event) -> None:
        """Queue a durable event; never waits and never fails."""
        self._inbox.put(lambda: self._send(event))

    def add_call(self, call_id: str, language: CallLanguage, *, voice: bool = False) -> dict[Party, Ring]:
        """Begin to publish a call; returns the rings its legs' frames go into.

        ``voice``: who adds it carries out :meth:`wishes`, so that a team lead can be heard in it.
        """
        rings: dict[Party, Ring] = {party: Ring() for party in PARTIES}
        legs = {party: _LegFeed(ring, Chunker(self._chunk_samples)) for party, ring in rings.items()}
        feed = _CallFeed(Transcription(call_id, language, keep_s=self._keep_s), legs)
        self._inbox.put(lambda: self._begin(call_id, feed, voice))
        return rings

    def wishes(self) -> list[Wish]:
        """What team leads want done in SIP since the last time this was asked."""
        found: list[Wish] = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._ears.wishes.get_nowait())
        return found

    def end_call(self, call_id: str) -> None:
        """The call is over and its rings get no more frames; its tail is served until settled."""
        self._inbox.put(lambda: self._mark_ended(call_id))

    def stop(self, flush_s: float) -> None:
        """Publish what is left, for at most ``flush_s`` seconds, and end the thread."""
        self._stopping = time.monotonic() + flush_s
        self._thread.join(flush_s + 5)

    # --- on the loop -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        bus = self._bus = self._make_bus()
        await bus.start()
        bus.watch(self._on_broker)
        following = [
            asyncio.create_task(_insist(lambda: bus.follow_beats(self._on_beat))),
            asyncio.create_task(_insist(lambda: bus.follow_passing(_SENSITIVE, self._on_sensitive))),
        ]
        console = self._console
        if console is not None:
            following.append(asyncio.create_task(_insist(lambda: bus.serve_control(console))))
        for call_id, answered in self._ledger.leftovers().items():
            log.warning("gateway.call_was_lost", call_id=call_id)
            self._send(CallEnded(call_id=call_id, at=time.time(), reason="lost", sip_code=0, answered=answered))
        self._up.set()
        while not self._may_stop():
            await asyncio.sleep(_WAKE_S if self._calls else _IDLE_WAKE_S)
            try:
                await self._turn(bus)
            except Exception as err:
                # The bridge doesn't need this thread, but the transcript does: say so and go on.
                log.exception("gateway.publisher_failed", error=repr(err))
        for task in following:
            task.cancel()
        await bus.close(flush_s=max(0.1, (self._stopping or 0.0) - time.monotonic()))

    def _may_stop(self) -> bool:
        if self._stopping is None:
            return False
        idle = self._inbox.empty() and not any(feed.asking for feed in self._calls.values())
        served = all(all(leg.ended for leg in feed.legs.values()) for feed in self._calls.values())
        return (idle and served) or time.monotonic() > self._stopping

    async def _turn(self, bus: Bus) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._inbox.get_nowait()()
        for feed in self._calls.values():
            self._drain(feed)
        await self._ears.turn(bus)
        for call_id, feed in list(self._calls.items()):
            feed.orders += feed.transcription.tick(time.monotonic(), connected=bus.connected)
            await self._carry_out(bus, feed)
            if feed.transcription.finished and not feed.asking and not feed.orders:
                del self._calls[call_id]

    def _drain(self, feed: _CallFeed) -> None:
        orders = feed.orders
        now = time.monotonic()
        if feed.sensitive_until is not None and now > feed.sensitive_until:
            feed.sensitive_until = None
        muted = self._muted if feed.sensitive_until is not None else frozenset[Party]()
        for party, leg in feed.legs.items():
            if leg.ended:
                continue  # the port may still put a few frames of silence into a closed ring
            closed = leg.ring.closed
            frames = leg.ring.take()
            if leg.ring.epoch is not None and not leg.began:
                leg.began = True
                feed.transcription.leg_began(party, leg.ring.epoch, now)
            for number, frame in frames:
                # Before it is kept or sent: what was silenced here is nowhere.
                shown = SILENCE if party in muted else frame
                self._ears.hear(feed.transcription.call_id, party, number, shown, frame)
                for piece in leg.chunker.feed(number, shown):
                    orders += feed.transcription.audio(party, piece)
            if leg.ring.dropped != leg.dropped:
                log.warning(
                    "gateway.frames_dropped",
                    call_id=feed.transcription.call_id,
                    party=party,
                    frames=leg.ring.dropped - leg.dropped,
                )
                leg.dropped = leg.ring.dropped
            if closed and not leg.ended:
                leg.ended = True
                for piece in leg.chunker.flush():
                    orders += feed.transcription.audio(party, piece)
                orders += feed.transcription.leg_ended(party, leg.chunker.end)
        if feed.ended and all(leg.ended for leg in feed.legs.values()):
            feed.transcription.call_ended(now)

    async def _carry_out(self, bus: Bus, feed: _CallFeed) -> None:
        call_id = feed.transcription.call_id
        # An answer may come while these are sent; its replay waits for the next turn, and so does the audio after it.
        orders, feed.orders = feed.orders, []
        for order in orders:
            match order:
                case SendAudio(party, chunk):
                    await bus.send_audio(call_id, party, chunk)
                case Tell(level, detail):
                    log.warning("gateway.recogniser", call_id=call_id, level=level, detail=detail)
                    self._send(
                        Degraded(call_id=call_id, at=time.time(), component="recogniser", level=level, detail=detail)
                    )
                case Ask():
                    task = asyncio.create_task(self._ask(bus, feed, order))
                    feed.asking.add(task)
                    task.add_done_callback(feed.asking.discard)

    async def _ask(self, bus: Bus, feed: _CallFeed, ask: Ask) -> None:
        answer = await bus.claim(ask.claim, timeout=_CLAIM_S)
        feed.orders += feed.transcription.answered(ask.claim, answer, time.monotonic())
        if answer is not None and answer.accepted:
            log.info("gateway.claimed", call_id=ask.claim.call_id, worker=answer.worker_id)

    async def _on_beat(self, beat: Beat) -> None:
        for feed in self._calls.values():
            feed.transcription.beat(beat, time.monotonic())

    async def _on_sensitive(self, event: Event) -> None:
        feed = self._calls.get(event.call_id)
        if feed is None or not isinstance(event, SensitiveChanged):
            return
        begins = event.state == "begin"
        feed.sensitive_until = time.monotonic() + _LONGEST_PAUSE_S if begins else None
        log.info("gateway.payment_data", call_id=event.call_id, state=event.state, reason=event.reason)

    def _on_broker(self, connected: bool) -> None:
        if not connected:
            for feed in self._calls.values():
                feed.transcription.broker_lost(time.monotonic())

    def _begin(self, call_id: str, feed: _CallFeed, voice: bool) -> None:
        assert self._bus is not None
        self._calls[call_id] = feed
        self._ears.add(self._bus, call_id, voice=voice)

    def _mark_ended(self, call_id: str) -> None:
        self._ears.end(call_id)
        feed = self._calls.get(call_id)
        if feed is not None:
            feed.ended = True

    def _send(self, event: Event) -> None:
        assert self._bus is not None
        self._ears.note(event)
        try:
            match event:
                case CallStarted():
                    self._ledger.open(event.call_id, answered=False)
                case CallAnswered():
                    self._ledger.open(event.call_id, answered=True)
            if isinstance(event, CallEnded):
                self._bus.send(event, dedup="ended", stored=lambda: self._ledger.close(event.call_id))
            else:
                self._bus.send(event)
        except BusError as err:
            log.error("gateway.event_lost", call_id=event.call_id, type=type(event).__name__, error=str(err))


def make_publisher(settings: Settings, name: str, console: AskHandler | None = None) -> Publisher:
    """The publisher of the gateway process ``name``, not yet started.

    Raises:
        BusError: nobody has said where the broker is.
    """
    address, gateway = BusAddress.of(settings), settings.gateway
    return Publisher(
        lambda: Bus(address, name=name),
        chunk_ms=gateway.chunk_ms,
        keep_s=gateway.keep_s,
        ledger=Ledger(settings.run_dir / f"{name}.calls.json"),
        muted=MUTED[gateway.payment_pause],
        console=console,
        booth=settings.booth,
    )


async def _insist(follow: Callable[[], Awaitable[None]]) -> None:
    """Follow something as soon as there is a broker."""
    while True:
        try:
            await follow()
            return
        except BusError as err:
            log.debug("gateway.no_broker_yet", error=str(err))
