"""What has to be stored: kept in order and sent until the broker has acknowledged it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import nats.errors
import structlog

from assist.errors import BusError

LIMIT: Final = 50_000
_FIRST_DELAY_S: Final = 0.1
_LAST_DELAY_S: Final = 2.0
_LOOK_AGAIN_S: Final = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pending:
    """One message on its way; ``stored`` is called when the broker has it."""

    subject: str
    payload: bytes
    msg_id: str
    stored: Callable[[], None] | None = None


class Outbox:
    """``publish`` sends one message and returns when it is acknowledged; ``can_publish`` tells whether to try."""

    def __init__(self, publish: Callable[[Pending], Awaitable[None]], can_publish: Callable[[], bool]) -> None:
        self._publish = publish
        self._can_publish = can_publish
        self._waiting: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, pending: Pending) -> None:
        """Queue a message; returns at once.

        Raises:
            BusError: 50,000 wait already; the broker has been away far too long.
        """
        if len(self._waiting) >= LIMIT:
            raise BusError(f"{LIMIT} events wait for the broker; start it")
        self._waiting.append(pending)
        self._empty.clear()
        self._wake.set()

    def wake(self) -> None:
        """The broker is back: do not wait any longer."""
        self._wake.set()

    async def empty(self) -> None:
        """Wait until everything has been acknowledged."""
        await self._empty.wait()

    async def run(self) -> None:
        """Send, for ever."""
        delay = _FIRST_DELAY_S
        while True:
            if not self._waiting:
                self._empty.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            if not self._can_publish():
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _LOOK_AGAIN_S)
                continue
            head = self._waiting[0]
            try:
                await self._publish(head)
            except (TimeoutError, nats.errors.Error) as err:
                log.warning("bus.publish_retry", subject=head.subject, error=str(err))
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_DELAY_S)
                continue
            self._waiting.popleft()
            delay = _FIRST_DELAY_S
            if head.stored is not None:
                head.stored()
