"""The stream of stored events: made, consumed in order, followed, and read again.

A broker that was killed forgets the last acknowledgements, and one whose store was deleted counts anew; both are
handled here, so that nobody else has to know.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import nats.errors
import nats.js.errors
import structlog
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
from assist.errors import AssistError, BusError, WireError
from assist.events import Event

STREAM: Final = "CALLS"
_RETENTION_S: Final = 7 * 24 * 3600
_DEDUP_S: Final = 600
_ACK_WAIT_S: Final = 1
"""Short, because a broker that was killed forgets acknowledgements and delivers again only after this time."""
_RETRY_S: Final = 2.0
_STREAM_EXISTS: Final = 10058

EventHandler = Callable[[Event], Awaitable[None]]

log = structlog.get_logger(__name__)


class StoredEvents:
    """The stream ``CALLS`` through one JetStream context."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._restorers: list[Callable[[], Awaitable[None]]] = []

    async def ensure(self) -> None:
        """Make the stream; goes on trying until the broker has it."""
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
                if err.err_code != _STREAM_EXISTS:
                    log.warning("bus.stream_refused", error=str(err))
                    await asyncio.sleep(0.5)
                    continue
                await self._js.update_stream(config)
                return
            except (TimeoutError, nats.errors.Error) as err:
                log.debug("bus.stream_retry", error=str(err))
                await asyncio.sleep(0.2)

    async def restore(self) -> None:
        """After a reconnection: see to it that every consumer and follower goes on where it was.

        Raises:
            nats.errors.Error: the broker went away again; the next reconnection calls this again.
        """
        await self.ensure()
        for again in list(self._restorers):
            await again()

    async def consume(self, durable: str, subject: str, handler: EventHandler) -> None:
        """Hand every event on ``subject`` to ``handler`` in order, once it is stored, across restarts.

        An event is acknowledged when ``handler`` returns; when it raises, it is called again after two seconds
        and those behind it wait: order matters more than speed. Bytes that are no event are logged and skipped.
        A process that dies may get its last event again: handlers must not mind.
        """
        last = 0

        async def on_message(msg: Msg) -> None:
            nonlocal last
            seq = msg.metadata.sequence.stream
            if seq <= last:
                # The broker did not get the acknowledgement (it was killed, or the handler took long).
                with contextlib.suppress(nats.errors.Error):
                    await msg.ack()
                return
            event = _event_of(msg)
            if event is None:
                await msg.term()
                return
            while True:
                try:
                    await handler(event)
                    last = seq
                    break
                except Exception as err:
                    # No traceback: a database's error quotes the row, and the row is what somebody said.
                    reason = str(err) if isinstance(err, AssistError) else type(err).__name__
                    log.error("bus.handler_failed", durable=durable, type=type(event).__name__, error=reason)
                    with contextlib.suppress(nats.errors.Error):
                        await msg.in_progress()
                    await asyncio.sleep(_RETRY_S)
            with contextlib.suppress(nats.errors.Error):
                await msg.ack()

        async def subscribe() -> None:
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
            try:
                await self._js.consumer_info(STREAM, durable)
            except nats.js.errors.NotFoundError:
                log.warning("bus.store_lost", durable=durable)
                last = 0
                await subscribe()

        await subscribe()
        self._restorers.append(check)

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
                event = _event_of(msg)
                if event is not None:
                    yield event
        finally:
            with contextlib.suppress(nats.errors.Error):
                await sub.unsubscribe()

    async def follow(self, handler: EventHandler) -> None:
        """Hand every event stored from now on to ``handler``, also those stored while the broker was away."""
        made, last = await self._stream_state()
        current: list[Subscription] = []

        async def on_message(msg: Msg) -> None:
            nonlocal last
            seq = msg.metadata.sequence.stream
            if seq <= last:
                return
            last = seq
            event = _event_of(msg)
            if event is not None:
                try:
                    await handler(event)
                except Exception as err:
                    log.error("bus.follower_failed", type=type(event).__name__, error=type(err).__name__)

        async def subscribe() -> None:
            nonlocal made, last
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
        self._restorers.append(subscribe)

    async def _stream_state(self) -> tuple[datetime | None, int]:
        """When the stream was made (its identity) and its last sequence."""
        info = await self._js.stream_info(STREAM)
        return info.created, info.state.last_seq


def _event_of(msg: Msg) -> Event | None:
    try:
        event = wire.decode(msg.data)
    except WireError as err:
        log.error("bus.malformed_event", subject=msg.subject, seq=msg.metadata.sequence.stream, error=str(err))
        return None
    return dataclasses.replace(event, seq=msg.metadata.sequence.stream)
