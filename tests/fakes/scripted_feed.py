"""A feed that says what it was told and remembers what the person did, for pictures that must not vary.

The real feed needs a hub and a clock; tests/functional/tui runs the same screen on those.
"""

import asyncio
from collections.abc import Iterable

from assist.events import AgentDid, Event, LeadDid
from tests.fakes import scripted_call
from tui.client import Sink
from tui.frames import Frame, Incoming, Link, Synced, Welcome


class ScriptedFeed:
    """Gives its frames at once, and further ones when :meth:`say` is called."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = list(frames)
        self._sink: Sink | None = None
        self.did: list[AgentDid | LeadDid] = []
        self.waiting = 0

    async def run(self, sink: Sink) -> None:
        self._sink = sink
        for frame in self._frames:
            sink(frame)
        await asyncio.Event().wait()

    def do(self, event: AgentDid | LeadDid) -> str:
        self.did.append(event)
        return f"ref-{len(self.did)}"

    def say(self, *events: Event) -> None:
        assert self._sink is not None
        for event in events:
            self._sink(Incoming(event))

    def frame(self, frame: Frame) -> None:
        assert self._sink is not None
        self._sink(frame)


def connected(events: Iterable[Event], *, now: float) -> ScriptedFeed:
    """A feed of a connection that is up and has told ``events``."""
    hello = Welcome("agent", scripted_call.AGENT, "es", now)
    return ScriptedFeed([Link(up=True), hello, *map(Incoming, events), Synced(99)])
