"""One process's connection to the broker."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from assist import control, wire
from assist.bus.address import BusAddress
from assist.bus.outbox import Outbox, Pending
from assist.bus.streams import EventHandler, StoredEvents
from assist.control import Answer, Ask, AskHandler
from assist.errors import BusError, WireError
from assist.events import Event, Heard, Party
from assist.process import end_tasks
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer, EarsAnswer, EarsAsk, EarsOrder

SYSTEM: Final = "system"
"""Stands in a subject for the empty call id of an event about the whole system."""
CLAIM_SUBJECT: Final = "asr.claim"
BEAT_SUBJECT: Final = "asr.beat"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Q = TypeVar("_Q", EarsAsk, EarsOrder)

log = structlog.get_logger(__name__)


class Bus:
    """One process's connection to the broker.

    All methods belong to the event loop that called :meth:`start`.
    """

    def __init__(self, address: BusAddress, *, name: str) -> None:
        self._address = address
        self._name = name
        self._nc: Client | None = None
        self._js: JetStreamContext | None = None
        self._events: StoredEvents | None = None
        self._ready = asyncio.Event()
        self._outbox = Outbox(self._publish, lambda: self._js is not None and self.connected)
        self._tasks: list[asyncio.Task[None]] = []
        self._restoring = asyncio.Lock()
        self._watchers: list[Callable[[bool], None]] = []
        self._closing = False
        self.dropped_live = 0

    # --- connection ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns at once. Await :meth:`ready` where the broker is needed."""
        self._tasks = [
            asyncio.create_task(self._connect_for_ever(), name="bus-connect"),
            asyncio.create_task(self._outbox.run(), name="bus-outbox"),
        ]

    async def ready(self, timeout: float = 10.0) -> None:
        """Wait until the broker answers and the stream exists.

        Raises:
            BusError: it did not within ``timeout`` seconds.
        """
        try:
            await asyncio.wait_for(self._ready.wait(), timeout)
        except TimeoutError:
            raise BusError(f"no broker at {self._address.url} after {timeout:g} s; is apuntador up running?") from None

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""
        return self._nc is not None and self._nc.is_connected

    def watch(self, callback: Callable[[bool], None]) -> None:
        """Call ``callback(connected)`` on the loop whenever the connection comes or goes."""
        self._watchers.append(callback)

    async def close(self, flush_s: float = 2.0) -> None:
        """Send what the outbox holds, for at most ``flush_s`` seconds, and disconnect."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._outbox.empty(), flush_s)
        if self._outbox:
            log.error("bus.unsent_events", count=len(self._outbox))
        self._closing = True
        await end_tasks(self._tasks)
        if self._nc is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._nc.close(), 2)

    async def _connect_for_ever(self) -> None:
        while True:
            try:
                self._nc = await nats.connect(
                    self._address.url,
                    token=self._address.token or None,
                    name=self._name,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.2,
                    connect_timeout=2,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnect,
                    reconnected_cb=self._on_reconnect,
                )
                break
            except (OSError, TimeoutError, nats.errors.Error) as err:
                log.debug("bus.connect_retry", error=str(err))
                await asyncio.sleep(0.2)
        self._js = self._nc.jetstream(timeout=3)
        self._events = StoredEvents(self._js)
        await self._events.ensure()
        self._ready.set()
        self._outbox.wake()
        self._tell(True)

    async def _on_error(self, err: Exception) -> None:
        log.debug("bus.error", error=repr(err))

    async def _on_disconnect(self) -> None:
        if self._closing:
            return
        log.warning("bus.disconnected")
        self._tell(False)

    async def _on_reconnect(self) -> None:
        log.info("bus.reconnected")
        self._outbox.wake()
        self._tasks.append(asyncio.create_task(self._restore(), name="bus-restore"))

    async def _restore(self) -> None:
        assert self._events is not None
        async with self._restoring:
            while self.connected:
                try:
                    await self._events.restore()
                except (TimeoutError, OSError, nats.errors.Error) as err:
                    # Not up yet, or gone again: then the next reconnection does this.
                    log.debug("bus.restore_retry", error=repr(err))
                    await asyncio.sleep(0.2)
                else:
                    self._tell(True)
                    return

    def _tell(self, connected: bool) -> None:
        for callback in self._watchers:
            callback(connected)

    # --- durable events --------------------------------------------------------------------------------------

    def send(self, event: Event, *, dedup: str = "", stored: Callable[[], None] | None = None) -> None:
        """Queue a durable event; returns at once and never drops.

        ``dedup`` names the event's meaning within its call (``"summary.1"``): sending the same meaning twice
        stores it once. ``stored`` is called on the loop when the broker has acknowledged the event.

        Raises:
            BusError: the call id is no subject token, the event is too large, or 50,000 events wait already.
        """
        token = event.call_id or SYSTEM
        if not _TOKEN.fullmatch(token):
            raise BusError("a call id may only have letters, digits, - and _", retryable=False)
        kind = type(event).__name__
        payload = wire.encode(event)
        if len(payload) > wire.MAX_EVENT_BYTES:
            # Every reader would refuse it, and the broker might: the events behind it would wait for ever.
            raise BusError(f"{kind} of {len(payload)} bytes; the limit is {wire.MAX_EVENT_BYTES}", retryable=False)
        side = "in" if kind in wire.input_names() else "out"
        msg_id = f"{token}.{kind}.{dedup}" if dedup else uuid.uuid4().hex
        self._outbox.put(Pending(f"calls.{token}.{side}.{kind}", payload, msg_id, stored))

    async def flush(self) -> None:
        """Wait until the broker has acknowledged everything sent so far; as long as that takes."""
        await self._outbox.empty()

    async def consume(self, durable: str, subject: str, handler: EventHandler) -> None:
        """Hand every event on ``subject`` to ``handler`` in order, across restarts; :meth:`StoredEvents.consume`."""
        await (await self._stored()).consume(durable, subject, handler)

    async def follow(self, handler: EventHandler) -> None:
        """Hand every event stored from now on to ``handler``; :meth:`StoredEvents.follow`."""
        await (await self._stored()).follow(handler)

    async def history(self, call_id: str, *, before: int | None = None) -> list[Event]:
        """All stored events of a call in order; those with ``seq < before`` if given."""
        return await (await self._stored(10)).history(call_id, before=before)

    async def recent(self, since_s: float) -> list[Event]:
        """All events stored in the last ``since_s`` seconds, of every call, in order."""
        return await (await self._stored(10)).recent(since_s)

    async def _stored(self, timeout: float = 60) -> StoredEvents:
        await self.ready(timeout)
        assert self._events is not None
        return self._events

    async def _publish(self, pending: Pending) -> None:
        assert self._js is not None
        headers = {"Nats-Msg-Id": pending.msg_id}
        await self._js.publish(pending.subject, pending.payload, timeout=2, headers=headers)

    # --- what may be lost ------------------------------------------------------------------------------------

    async def send_live(self, event: Heard) -> None:
        """Publish a partial; without a broker it is dropped and counted."""
        await self._send_lossy(f"live.{event.call_id}", wire.encode(event))

    async def follow_live(self, handler: EventHandler) -> None:
        """Hand every partial to ``handler``."""
        await self.follow_passing("live.*", handler)

    async def follow_passing(self, subject: str, handler: EventHandler) -> None:
        """Hand events on ``subject`` to ``handler`` as they pass; what passes while the broker is away is missed.

        For who only needs to know at once: it costs the broker no consumer.
        """

        async def on_message(msg: Msg) -> None:
            try:
                await handler(wire.decode(msg.data))
            except WireError as err:
                log.warning("bus.malformed_event", subject=msg.subject, error=str(err))

        await self._subscribe(subject, on_message)

    async def send_audio(self, call_id: str, party: Party, chunk: AudioChunk) -> None:
        """Publish one chunk of a leg; without a broker it is dropped and counted."""
        await self._send_lossy(f"audio.{call_id}.{party}", wire.encode_audio(chunk))

    async def follow_audio(
        self, call_id: str, handler: Callable[[Party, AudioChunk], Awaitable[None]]
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Hand both legs' chunks to ``handler``; the returned coroutine function ends it."""

        async def on_message(msg: Msg) -> None:
            party: Party = "agent" if msg.subject.endswith(".agent") else "customer"
            try:
                await handler(party, wire.decode_audio(msg.data))
            except WireError as err:
                log.warning("bus.malformed_audio", subject=msg.subject, error=str(err))

        return _ender(await self._subscribe(f"audio.{call_id}.*", on_message))

    async def send_chunk(self, subject: str, chunk: AudioChunk) -> None:
        """Publish audio that no transcriber waits for; without a broker it is dropped and counted."""
        await self._send_lossy(subject, wire.encode_audio(chunk))

    async def follow_chunks(
        self, subject: str, handler: Callable[[str, AudioChunk], Awaitable[None]]
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Hand audio and the last token of its subject to ``handler``; the returned coroutine function ends it."""

        async def on_message(msg: Msg) -> None:
            try:
                await handler(msg.subject.rpartition(".")[2], wire.decode_audio(msg.data))
            except WireError as err:
                log.warning("bus.malformed_audio", subject=msg.subject, error=str(err))

        return _ender(await self._subscribe(subject, on_message))

    # --- questions about one call ----------------------------------------------------------------------------

    async def ask_ears(self, subject: str, question: EarsAsk | EarsOrder, *, timeout: float) -> EarsAnswer | None:
        """Put a question to whoever serves ``subject``; None when nobody does.

        Raises:
            BusError: the broker is away, or who serves it did not answer within ``timeout`` seconds.
        """
        if self._nc is None or not self._nc.is_connected:
            raise BusError("the broker does not answer; try again")
        try:
            msg = await self._nc.request(subject, wire.pack(question), timeout=timeout)
            return wire.unpack(EarsAnswer, msg.data)
        except nats.errors.NoRespondersError:
            return None
        except (TimeoutError, OSError, nats.errors.Error) as err:
            raise BusError(f"no answer about the call within {timeout:g} s; try again ({type(err).__name__})") from None

    async def serve_ears(
        self, subject: str, kind: type[_Q], handler: Callable[[_Q], Awaitable[EarsAnswer]]
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Answer questions on ``subject``; the returned coroutine function ends it."""

        async def on_message(msg: Msg) -> None:
            try:
                answer = await handler(wire.unpack(kind, msg.data))
            except WireError as err:
                log.warning("bus.malformed_question", subject=msg.subject, error=str(err))
                return
            if msg.reply:
                await msg.respond(wire.pack(answer))

        return _ender(await self._subscribe(subject, on_message))

    async def tell_ears(self, subject: str, order: EarsOrder) -> None:
        """Say something that needs no answer."""
        await self._send_lossy(subject, wire.pack(order))

    async def _send_lossy(self, subject: str, payload: bytes) -> None:
        if self._nc is None or not self._nc.is_connected:
            self.dropped_live += 1
            return
        try:
            await self._nc.publish(subject, payload)
        except (OSError, nats.errors.Error):
            self.dropped_live += 1

    # --- transcribers ----------------------------------------------------------------------------------------

    async def claim(self, claim: Claim, timeout: float = 1.0) -> ClaimAnswer | None:
        """Ask the transcribers to take a call; None when nobody answers in ``timeout`` seconds."""
        if self._nc is None or not self._nc.is_connected:
            return None
        try:
            msg = await self._nc.request(CLAIM_SUBJECT, wire.pack(claim), timeout=timeout)
            return wire.unpack(ClaimAnswer, msg.data)
        except (TimeoutError, OSError, nats.errors.Error, WireError) as err:
            log.debug("bus.claim_unanswered", call_id=claim.call_id, error=repr(err))
            return None

    async def serve_claims(self, handler: Callable[[Claim], Awaitable[ClaimAnswer]]) -> None:
        """Answer claims as a member of the queue group."""

        async def on_message(msg: Msg) -> None:
            try:
                answer = await handler(wire.unpack(Claim, msg.data))
            except WireError as err:
                log.warning("bus.malformed_claim", error=str(err))
                return
            await msg.respond(wire.pack(answer))

        await self._subscribe(CLAIM_SUBJECT, on_message, queue="transcribers")

    async def send_beat(self, beat: Beat) -> None:
        """Publish a transcriber's heartbeat."""
        await self._send_lossy(BEAT_SUBJECT, wire.pack(beat))

    async def follow_beats(self, handler: Callable[[Beat], Awaitable[None]]) -> None:
        """Hand every heartbeat to ``handler``."""

        async def on_message(msg: Msg) -> None:
            with contextlib.suppress(WireError):
                await handler(wire.unpack(Beat, msg.data))

        await self._subscribe(BEAT_SUBJECT, on_message)

    # --- the gateway's console -------------------------------------------------------------------------------

    async def serve_control(self, handler: AskHandler) -> None:
        """Answer what admins ask; ``handler`` returns None where somebody else is meant."""

        async def on_message(msg: Msg) -> None:
            try:
                answer = await handler(control.unpack(Ask, msg.data))
            except WireError as err:
                log.warning("bus.malformed_ask", error=str(err))
                return
            if answer is not None:
                await msg.respond(control.pack(answer))

        await self._subscribe(control.SUBJECT, on_message)

    async def ask_gateway(self, ask: Ask, *, timeout: float = 1.5, enough: int = 0) -> list[Answer]:
        """Ask the gateway's processes; returns what came within ``timeout`` seconds, or the first ``enough`` answers.

        Raises:
            BusError: the broker is away.
        """
        if self._nc is None or not self._nc.is_connected:
            raise BusError("the broker is away; is apuntador up running?")
        answers: list[Answer] = []
        complete = asyncio.Event()

        async def on_message(msg: Msg) -> None:
            with contextlib.suppress(WireError):
                answers.append(control.unpack(Answer, msg.data))
            if enough and len(answers) >= enough:
                complete.set()

        inbox = self._nc.new_inbox()
        subscription = await self._subscribe(inbox, on_message)
        try:
            await self._nc.publish(control.SUBJECT, control.pack(ask), reply=inbox)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(complete.wait(), timeout)
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()
        return sorted(answers, key=lambda answer: (answer.host, answer.worker_id))

    async def _subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[Any]], queue: str = ""
    ) -> Subscription:
        # Core subscriptions survive a reconnect: the client sends them again by itself.
        await self.ready(60)
        assert self._nc is not None
        subscription = await self._nc.subscribe(subject, queue=queue, cb=callback)
        # Who says it is ready is asked at once: the broker must know of it by then. The client writes the first PING
        # past the subscription, which waits in its buffer; only the second goes behind it.
        with contextlib.suppress(OSError, nats.errors.Error, TimeoutError):
            await self._nc.flush(5)
            await self._nc.flush(5)
        return subscription


def _ender(subscription: Subscription) -> Callable[[], Coroutine[Any, Any, None]]:
    async def stop() -> None:
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()

    return stop
