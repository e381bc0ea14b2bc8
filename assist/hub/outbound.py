"""What waits to be sent to one screen, and what happens when the screen can't keep up.

A partial gives way to a newer partial of the same utterance and to its final. Nothing else is ever dropped: when too
much waits, the queue is ``overrun`` and the connection has to go; the screen comes back and resumes where it was.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from assist.events import Heard

MAX_MESSAGES: Final = 4096
MAX_CHARS: Final = 32 * 1024 * 1024


@dataclass(slots=True)
class _Item:
    text: str
    key: Hashable | None


class OutboundQueue:
    """Messages in order, for one connection and one event loop."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_chars: int = MAX_CHARS) -> None:
        self._max_messages = max_messages
        self._max_chars = max_chars
        self._items: dict[int, _Item] = {}
        self._next = 0
        self._chars = 0
        self._partials: dict[Hashable, int] = {}
        self._more = asyncio.Event()
        self._less = asyncio.Event()
        self._over = asyncio.Event()
        self.dropped_partials = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def overrun(self) -> bool:
        """Whether something that must arrive found no room."""
        return self._over.is_set()

    @property
    def room(self) -> int:
        """Messages that still fit."""
        return self._max_messages - len(self._items)

    def put(self, text: str) -> None:
        """Add a message that must arrive."""
        if self.overrun:
            return
        if len(self._items) >= self._max_messages or (self._items and self._chars + len(text) > self._max_chars):
            self._over.set()
            self._more.set()
            self._less.set()
            return
        self._append(text)

    def put_heard(self, event: Heard, text: str) -> None:
        """Add what a party said; ``text`` is the message for ``event``."""
        key = (event.call_id, event.party, event.utterance_id)
        waiting = self._partials.get(key)
        if event.final:
            if waiting is not None:
                self._remove(key, waiting)
            self.put(text)
            return
        if waiting is not None:
            # It takes the place of the older one: newer words never come later than the older would have.
            self.dropped_partials += 1
            self._chars += len(text) - len(self._items[waiting].text)
            self._items[waiting].text = text
        elif self.room <= self._max_messages // 4:
            # The last quarter is kept for what must arrive.
            self.dropped_partials += 1
        elif not self.overrun:
            self._partials[key] = self._append(text, key)

    async def get(self) -> str | None:
        """The next message; None when the queue is overrun."""
        while not self._items or self.overrun:
            if self.overrun:
                return None
            self._more.clear()
            await self._more.wait()
        number = next(iter(self._items))
        item = self._items.pop(number)
        self._chars -= len(item.text)
        if item.key is not None:
            del self._partials[item.key]
        self._less.set()
        return item.text

    async def wait_overrun(self) -> None:
        """Wait until the queue is overrun."""
        await self._over.wait()

    async def wait_half_empty(self) -> None:
        """Wait until at least half the room is free, or the queue is overrun."""
        while not self.overrun and (2 * len(self._items) > self._max_messages or 2 * self._chars > self._max_chars):
            self._less.clear()
            await self._less.wait()

    def _append(self, text: str, key: Hashable | None = None) -> int:
        number = self._next
        self._next += 1
        self._items[number] = _Item(text, key)
        self._chars += len(text)
        self._more.set()
        return number

    def _remove(self, key: Hashable, number: int) -> None:
        self._chars -= len(self._items.pop(number).text)
        del self._partials[key]
        self.dropped_partials += 1
