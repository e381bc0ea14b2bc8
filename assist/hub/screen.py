"""One connected screen: what it watches, and which of its calls it has been given so far."""

from typing import Final

from websockets.asyncio.server import ServerConnection

from assist.events import Event, Heard
from assist.hub import protocol, rights
from assist.hub.auth import Principal
from assist.hub.calls import Call, CallBook
from assist.hub.compact import compact
from assist.hub.outbound import OutboundQueue
from assist.hub.protocol import ProtocolError, Watch

MAX_WATCHED: Final = 200


class Screen:
    """Decides what goes into one connection's queue.

    A call is either not begun, ``pending`` (its snapshot is still to come, so its events need not be sent), or given
    (everything that happens from now on goes into the queue at once). Nothing here awaits between reading the book
    and filling the queue, except where it says so: that is what keeps the order free of gaps and repetitions.
    """

    def __init__(self, connection: ServerConnection, principal: Principal, queue: OutboundQueue) -> None:
        self.connection = connection
        self.principal = principal
        self.queue = queue
        self._all = False
        self._wanted: set[str] = set()
        self._pending: set[str] = set()
        self._given: set[str] = set()

    def _wants(self, call: Call) -> bool:
        return (self._all or call.call_id in self._wanted) and rights.may_see(self.principal, call.agent_id)

    async def watch(self, watch: Watch, book: CallBook) -> None:
        """Bring the screen up to date and keep it so.

        Raises:
            ProtocolError: it watches too many single calls already.
        """
        if watch.call_id == protocol.ALL_CALLS:
            self._all = True
            calls = [call for call in book if self._wants(call)]
        else:
            if len(self._wanted) >= MAX_WATCHED:
                raise ProtocolError("bad_message", f"watch: at most {MAX_WATCHED} single calls; watch * instead")
            self._wanted.add(watch.call_id)
            call = book.get(watch.call_id)
            calls = [call] if call is not None and self._wants(call) else []
        resumes = 0 < watch.since <= book.last_seq
        if not (resumes and self._resume(calls, watch.since)):
            await self._give_snapshots(calls)
        self.queue.put(protocol.synced(watch.call_id, book.last_seq))

    def _resume(self, calls: list[Call], since: int) -> bool:
        """Queue what came after ``since``; False when that is too much and snapshots are the shorter way."""
        snapshots = [call for call in calls if call.shrunk_seq > since]
        events = [event for call in calls if call.shrunk_seq <= since for event in call.after(since)]
        if len(snapshots) + len(events) > self.queue.room // 2:
            return False
        for call in snapshots:
            self._give_snapshot(call)
        for event in sorted(events, key=lambda event: event.seq):
            self.queue.put(protocol.event(event))
        self._given.update(call.call_id for call in calls)
        self._pending.difference_update(self._given)
        return True

    async def _give_snapshots(self, calls: list[Call]) -> None:
        calls = sorted(calls, key=lambda call: call.seq)
        self._given.difference_update(call.call_id for call in calls)
        self._pending.update(call.call_id for call in calls)
        for call in calls:
            await self.queue.wait_half_empty()
            if self.queue.overrun:
                return
            if call.call_id in self._pending:
                self._give_snapshot(call)

    def _give_snapshot(self, call: Call) -> None:
        self._pending.discard(call.call_id)
        self._given.add(call.call_id)
        self.queue.put(protocol.snapshot(call.call_id, call.seq, compact(call.events)))

    def stored(self, event: Event, text: str, call: Call) -> None:
        """A durable event of ``call`` happened; ``text`` is its message."""
        if call.call_id in self._given:
            self._put(event, text)
            if not self._wants(call):
                # It rings at another agent or went to a colleague, which is the last that this screen hears of it.
                self._given.discard(call.call_id)
        elif call.call_id not in self._pending and self._wants(call):
            if len(call.events) > 1:
                # It was only now that the screen learnt the call is its own.
                self._give_snapshot(call)
            else:
                self._given.add(call.call_id)
                self._put(event, text)

    def live(self, event: Heard, text: str) -> None:
        """A partial was heard."""
        if event.call_id in self._given:
            self._put(event, text)

    def forget(self, call_id: str) -> None:
        """The hub no longer remembers the call."""
        self._given.discard(call_id)
        self._pending.discard(call_id)
        self._wanted.discard(call_id)

    def _put(self, event: Event, text: str) -> None:
        if isinstance(event, Heard):
            self.queue.put_heard(event, text)
        else:
            self.queue.put(text)
