"""The real screen on a real hub on a real broker."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assist.events import CallStarted, Event, Heard
from tests.fakes import scripted_call
from tests.functional.hub.conftest import Rig
from tests.support import RealBroker, eventually


class Stage(Rig):
    """A rig that knows how to play the scripted call."""

    async def play(self, events: list[Event], call_id: str = scripted_call.CALL) -> None:
        """Send events as of now and wait until the broker has them."""
        shift = time.time() - events[-1].at
        stored = asyncio.Event()
        for event in events:
            moved = dataclasses.replace(event, at=event.at + shift, seq=0, call_id=call_id)
            if isinstance(moved, Heard):
                moved = dataclasses.replace(moved, t0=moved.t0 + shift, t1=moved.t1 + shift)
            if isinstance(moved, Heard) and not moved.final:
                await self.bus.send_live(moved)
            else:
                self.bus.send(moved, stored=stored.set if event is events[-1] else None)
        if not isinstance(events[-1], Heard) or events[-1].final:
            await asyncio.wait_for(stored.wait(), 10)


def start_of(call_id: str) -> CallStarted:
    """A call of the scripted agent that has just started."""
    event = scripted_call.mid_call("es")[0]
    assert isinstance(event, CallStarted)
    return dataclasses.replace(event, call_id=call_id)


@pytest.fixture
async def stage(real_broker: RealBroker, tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(real_broker, tmp_path)
    await made.bus.start()
    await made.bus.ready()
    hub = await made.start_hub()
    await eventually(lambda: hub.ready)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of many colours, whatever runs the tests."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
