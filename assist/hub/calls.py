"""The calls the hub remembers: those that go on, and those that ended within the past hour. Pure."""

import bisect
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from assist.events import CallAnswered, CallEnded, CallRinging, CallStarted, CallTransferred, Event, Heard
from assist.hub.compact import compact

KEEP_S: Final = 3600.0
"""Seconds an ended call stays."""
STALE_S: Final = 6 * 3600.0
"""Seconds without an event after which a call counts as over even if its end was never told."""
MAX_CALLS: Final = 5000
MAX_EVENTS: Final = 4000
"""Raw events of one call; beyond it the superseded ones go, and who resumes from before gets a snapshot."""


@dataclass(slots=True)
class Call:
    """One call as stored.

    ``events`` grow in ``seq``; ``last_at`` is seconds UTC; what was superseded up to ``shrunk_seq`` is gone.
    """

    call_id: str
    events: list[Event] = field(default_factory=list)
    agent_id: str | None = None
    trunk: str = ""
    answered: bool = False
    ended: bool = False
    last_at: float = 0.0
    shrunk_to: int = 0
    shrunk_seq: int = 0

    @property
    def seq(self) -> int:
        """Of the last event."""
        return self.events[-1].seq if self.events else 0

    def add(self, event: Event) -> None:
        """Append an event and notice what it says about the call as a whole."""
        self.events.append(event)
        self.last_at = max(self.last_at, event.at)
        if isinstance(event, CallStarted):
            self.agent_id = event.agent_id
            self.trunk = event.trunk
        elif isinstance(event, CallRinging | CallAnswered | CallTransferred):
            # The next phone rings, or the call went to a colleague.
            self.agent_id = event.agent_id or self.agent_id
            self.answered = self.answered or isinstance(event, CallAnswered)
        elif isinstance(event, CallEnded):
            self.ended = True
        if len(self.events) >= max(MAX_EVENTS, 2 * self.shrunk_to):
            self.shrunk_seq = event.seq
            self.events = compact(self.events)
            self.shrunk_to = len(self.events)

    def after(self, seq: int) -> Iterator[Event]:
        """Events with a greater ``seq``."""
        start = bisect.bisect_right(self.events, seq, key=lambda event: event.seq)
        return iter(self.events[start:])


class CallBook:
    """All calls by id. ``last_seq`` is that of the last stored event it was given."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self.last_seq = 0

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls.values()))

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, call_id: str) -> Call | None:
        """The call, if it is remembered."""
        return self._calls.get(call_id)

    def add(self, event: Event) -> Call | None:
        """Remember a stored event; None for an event about the whole system or a partial."""
        self.last_seq = max(self.last_seq, event.seq)
        if not event.call_id or (isinstance(event, Heard) and not event.final):
            return None
        call = self._calls.get(event.call_id)
        if call is None:
            call = self._calls[event.call_id] = Call(event.call_id)
        call.add(event)
        return call

    def load(self, events: Iterable[Event]) -> None:
        """Start anew from stored events, in any order and with repetitions."""
        self._calls.clear()
        self.last_seq = 0
        by_seq = {event.seq: event for event in events}
        for seq in sorted(by_seq):
            self.add(by_seq[seq])

    def renumber(self) -> None:
        """Let the broker count anew: what is remembered stays and comes before everything that follows."""
        for call in self._calls.values():
            call.events = [dataclasses.replace(event, seq=0) for event in call.events]
            call.shrunk_seq = 0
        self.last_seq = 0

    def headless(self) -> list[str]:
        """Ids of calls whose start is missing: they began before what was loaded."""
        return [call.call_id for call in self._calls.values() if call.agent_id is None]

    def drop_old(self, now: float) -> list[str]:
        """Forget what ended an hour before ``now`` (seconds UTC), and the oldest beyond the limit; says which."""
        gone = [
            call.call_id for call in self._calls.values() if now - call.last_at > (KEEP_S if call.ended else STALE_S)
        ]
        for call_id in gone:
            del self._calls[call_id]
        surplus = len(self._calls) - MAX_CALLS
        if surplus > 0:
            # Ended calls go first; a live one only when nothing else is left.
            oldest = sorted(self._calls.values(), key=lambda call: (not call.ended, call.last_at))[:surplus]
            for call in oldest:
                del self._calls[call.call_id]
                gone.append(call.call_id)
        return gone
