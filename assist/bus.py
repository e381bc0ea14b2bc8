"""The one bus: NATS core for what may be lost, JetStream for what may not.

Subjects::

    calls.<call_id>.in.<Type>    durable: what gateway, transcriber and people report  ┐ stream CALLS
    calls.<call_id>.out.<Type>   durable: what the assist core decides and saves       ┘
    live.<call_id>               partials, newest wins, never stored
    audio.<call_id>.<party>      one leg's audio, never stored
    asr.claim                    request to the queue group of transcribers
    asr.beat                     transcribers' heartbeats

A :class:`Bus` connects in the background and goes on trying for ever, so that a call never waits for the broker.
Durable events go through an outbox that keeps their order and sends again until the broker has acknowledged; the
``Nats-Msg-Id`` makes a second sending harmless.
"""

import asyncio
import contextlib
import dataclasses
import json
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import nats
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from assist import wire
from assist.errors import BusError, WireError
from assist.events import Event, Heard, Party
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer

STREAM: Final = "CALLS"
SYSTEM: Final = "system"
"""Stands in a subject for the empty call id of an event about the whole system."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
CLAIM_SUBJECT: Final = "asr.claim"
BEAT_SUBJECT: Final = "asr.beat"
_RETENTION_S: Final = 7 * 24 * 3600
_DEDUP_S: Final = 600
_OUTBOX_LIMIT: Final = 50_000
_ACK_WAIT_S: Final = 1
"""Short, because a broker that was killed forgets acknowledgements and delivers again only after this time."""

EventHandler = Callable[[Event], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class BusAddress:
    """Where the broker is. ``token`` is a secret: it is kept out of ``repr``."""

    url: str
    token: str = dataclasses.field(repr=False, default="")

    def save(self, path: Path) -> None:
        """Write the address for the stack's other processes, readable by the owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
        path.write_text(json.dumps({"url": self.url, "token": self.token}))

    @classmethod
    def load(cls, path: Path) -> "BusAddress":
        """The address saved by ``apuntador up``.

        Raises:
            BusError: no stack has run here, or the file is damaged.
        """
        try:
            data = json.loads(path.read_text())
            return cls(data["url"], data["token"])
        except FileNotFoundError:
            raise BusError(f"no broker address in {path}; start the stack with: apuntador up") from None
        except (ValueError, KeyError, OSError) as err:
            raise BusError(f"broker address in {path} is unreadable ({err}); restart apuntador up") from None


@dataclasses.dataclass(slots=True)
class _Pending:
    subject: str
    payload: bytes
    msg_id: str
    stored: Callable[[], None] | None


class Bus:
    """One process's connection to the broker.

    All methods belong to the event loop that called :meth:`start`. Use :meth:`send_threadsafe` from elsewhere.
    """

    def __init__(self, address: BusAddress, *, name: str) -> None:
        self._address = address
        self._name = name
        self._nc: Client | None = None
        self._js: JetStreamContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = asyncio.Event()
        self._outbox: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._resubscribe: list[Callable[[], Awaitable[None]]] = []
        self._watchers: list[Callable[[bool], None]] = []
        self.dropped_live = 0

    # --- connection ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns at once. Await :meth:`ready` where the broker is needed."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._connect_for_ever(), name="bus-connect"),
            asyncio.create_task(self._drain_outbox(), name="bus-outbox"),
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
            await asyncio.wait_for(self._empty.wait(), flush_s)
        if self._outbox:
            log.error("bus.unsent_events", count=len(self._outbox))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
        await self._ensure_stream()
        self._ready.set()
        self._wake.set()
        self._tell(True)

    async def _ensure_stream(self) -> None:
        assert self._js is not None
        config = StreamConfig(
            name=STREAM,
            subjects=["calls.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            storage=StorageType.FILE,
            max_age=_RETENTION_S,
            duplicate_window=_DEDUP_S,
        )
        while True:
            try:
                await self._js.add_stream(config)
                return
            except nats.js.errors.BadRequestError as err:
                # Another process may have made it a moment before, or an older release with other limits.
                if err.err_code != 10058:
                    log.warning("bus.stream_refused", error=str(err))
                    await asyncio.sleep(0.5)
                    continue
                await self._js.update_stream(config)
                return
            except (TimeoutError, nats.errors.Error) as err:
                log.debug("bus.stream_retry", error=str(err))
                await asyncio.sleep(0.2)

    async def _on_error(self, err: Exception) -> None:
        log.debug("bus.error", error=repr(err))

    async def _on_disconnect(self) -> None:
        log.warning("bus.disconnected")
        self._tell(False)

    async def _on_reconnect(self) -> None:
        log.info("bus.reconnected")
        self._wake.set()
        self._tasks.append(asyncio.create_task(self._restore(), name="bus-restore"))

    async def _restore(self) -> None:
        await self._ensure_stream()
        for again in list(self._resubscribe):
            await again()
        self._tell(True)

    def _tell(self, connected: bool) -> None:
        for callback in self._watchers:
            callback(connected)

    # --- durable events --------------------------------------------------------------------------------------

    def send(self, event: Event, *, dedup: str = "", stored: Callable[[], None] | None = None) -> None:
        """Queue a durable event; returns at once and never drops.

        ``dedup`` names the event's meaning within its call (``"summary.1"``): sending the same meaning twice
        stores it once. ``stored`` is called on the loop when the broker has acknowledged the event.

        Raises:
            BusError: the call id is no subject token, or 50,000 events wait already.
        """
        token = event.call_id or SYSTEM
        if not _TOKEN.fullmatch(token):
            raise BusError("a call id may only have letters, digits, - and _", retryable=False)
        if len(self._outbox) >= _OUTBOX_LIMIT:
            raise BusError(f"{_OUTBOX_LIMIT} events wait for the broker at {self._address.url}; start it")
        kind = type(event).__name__
        side = "in" if kind in wire.input_names() else "out"
        msg_id = f"{token}.{kind}.{dedup}" if dedup else uuid.uuid4().hex
        self._outbox.append(_Pending(f"calls.{token}.{side}.{kind}", wire.encode(event), msg_id, stored))
        self._empty.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until the broker has acknowledged everything sent so far; as long as that takes."""
        await self._empty.wait()

    def send_threadsafe(self, event: Event, *, dedup: str = "") -> None:
        """:meth:`send` from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: self.send(event, dedup=dedup))

    async def _drain_outbox(self) -> None:
        delay = 0.1
        while True:
            if not self._outbox:
                self._empty.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._js is None or not self.connected:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), 0.5)
                continue
            head = self._outbox[0]
            try:
                await self._js.publish(head.subject, head.payload, timeout=2, headers={"Nats-Msg-Id": head.msg_id})
            except (TimeoutError, nats.errors.Error) as err:
                log.warning("bus.publish_retry", subject=head.subject, error=str(err))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)
            else:
                self._outbox.popleft()
                delay = 0.1
                if head.stored is not None:
                    head.stored()

    async def consume(self, durable: str, subject: str, handler: EventHandler) -> None:
        """Hand every event on ``subject`` to ``handler`` in order, once it is stored, across restarts.

        An event is acknowledged when ``handler`` returns; when it raises, it is called again after two seconds
        and those behind it wait: order matters more than speed. Bytes that are no event are logged and skipped.
        A process that dies may get its last event again: handlers must not mind.
        """
        await self.ready(60)
        assert self._js is not None
        last = 0

        async def on_message(msg: Msg) -> None:
            nonlocal last
            seq = msg.metadata.sequence.stream
            if seq <= last:
                # The broker did not get the acknowledgement (it was killed, or the handler took long).
                with contextlib.suppress(nats.errors.Error):
                    await msg.ack()
                return
            event = _stored_event(msg)
            if event is None:
                await msg.term()
                return
            while True:
                try:
                    await handler(event)
                    last = seq
                    break
                except Exception as err:
                    log.exception("bus.handler_failed", durable=durable, type=type(event).__name__, error=repr(err))
                    with contextlib.suppress(nats.errors.Error):
                        await msg.in_progress()
                    await asyncio.sleep(2)
            with contextlib.suppress(nats.errors.Error):
                await msg.ack()

        async def subscribe() -> None:
            assert self._js is not None
            await self._js.subscribe(
                subject,
                queue=durable,
                durable=durable,
                cb=on_message,
                manual_ack=True,
                config=ConsumerConfig(
                    durable_name=durable,
                    deliver_policy=DeliverPolicy.ALL,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=_ACK_WAIT_S,
                    max_ack_pending=1,
                    filter_subject=subject,
                ),
            )

        async def check() -> None:
            # A broker that lost its store has forgotten the consumer and counts anew.
            nonlocal last
            assert self._js is not None
            try:
                await self._js.consumer_info(STREAM, durable)
            except nats.js.errors.NotFoundError:
                log.warning("bus.store_lost", durable=durable)
                last = 0
                await subscribe()

        await subscribe()
        self._resubscribe.append(check)

    async def history(self, call_id: str, *, before: int | None = None) -> list[Event]:
        """All stored events of a call in order; those with ``seq < before`` if given."""
        return [event async for event in self._stored(f"calls.{call_id}.>", before)]

    async def recent(self, since_s: float) -> list[Event]:
        """All events stored in the last ``since_s`` seconds, of every call, in order."""
        start = datetime.now(UTC) - timedelta(seconds=since_s)
        return [event async for event in self._stored("calls.>", start=start)]

    async def _stored(
        self, subject: str, before: int | None = None, start: datetime | None = None
    ) -> AsyncIterator[Event]:
        await self.ready()
        assert self._js is not None
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME if start else DeliverPolicy.ALL,
            opt_start_time=start,
            ack_policy=AckPolicy.NONE,
            filter_subject=subject,
            inactive_threshold=30,
        )
        sub = await self._js.subscribe(subject, config=config)
        try:
            info = await sub.consumer_info()
            left = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
            while left > 0:
                try:
                    msg = await sub.next_msg(timeout=5)
                except nats.errors.TimeoutError:
                    raise BusError(f"broker stopped in the middle of {subject}; try again") from None
                left = msg.metadata.num_pending
                if before is not None and msg.metadata.sequence.stream >= before:
                    return
                event = _stored_event(msg)
                if event is not None:
                    yield event
        finally:
            with contextlib.suppress(nats.errors.Error):
                await sub.unsubscribe()

    async def follow(self, handler: EventHandler) -> None:
        """Hand every event stored from now on to ``handler``, also those stored while the broker was away."""
        await self.ready(60)
        made, last = await self._stream_state()
        current: list[Subscription] = []

        async def on_message(msg: Msg) -> None:
            nonlocal last
            seq = msg.metadata.sequence.stream
            if seq <= last:
                return
            last = seq
            event = _stored_event(msg)
            if event is not None:
                try:
                    await handler(event)
                except Exception:
                    log.exception("bus.follower_failed", type=type(event).__name__)

        async def subscribe() -> None:
            nonlocal made, last
            assert self._js is not None
            for old in current:
                with contextlib.suppress(nats.errors.Error, OSError):
                    await old.unsubscribe()
            current.clear()
            # A broker that lost its store starts counting anew.
            now_made, _ = await self._stream_state()
            if now_made != made:
                made, last = now_made, 0
            config = ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=last + 1,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=60,
            )
            current.append(await self._js.subscribe("calls.>", cb=on_message, config=config))

        await subscribe()
        self._resubscribe.append(subscribe)

    async def _stream_state(self) -> tuple[datetime | None, int]:
        """When the stream was made (its identity) and its last sequence."""
        assert self._js is not None
        info = await self._js.stream_info(STREAM)
        return info.created, info.state.last_seq

    # --- what may be lost ------------------------------------------------------------------------------------

    async def send_live(self, event: Heard) -> None:
        """Publish a partial; without a broker it is dropped and counted."""
        await self._send_lossy(f"live.{event.call_id}", wire.encode(event))

    async def follow_live(self, handler: EventHandler) -> None:
        """Hand every partial to ``handler``."""

        async def on_message(msg: Msg) -> None:
            try:
                await handler(wire.decode(msg.data))
            except WireError as err:
                log.warning("bus.malformed_event", subject=msg.subject, error=str(err))

        await self._subscribe("live.*", on_message)

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

        sub = await self._subscribe(f"audio.{call_id}.*", on_message)

        async def stop() -> None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await sub.unsubscribe()

        return stop

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

    async def _subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[Any]], queue: str = ""
    ) -> Subscription:
        # Core subscriptions survive a reconnect: the client sends them again by itself.
        await self.ready(60)
        assert self._nc is not None
        return await self._nc.subscribe(subject, queue=queue, cb=callback)


def _stored_event(msg: Msg) -> Event | None:
    try:
        event = wire.decode(msg.data)
    except WireError as err:
        log.error("bus.malformed_event", subject=msg.subject, seq=msg.metadata.sequence.stream, error=str(err))
        return None
    return dataclasses.replace(event, seq=msg.metadata.sequence.stream)
