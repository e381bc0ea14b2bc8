"""The screen's connection to a real hub."""

import asyncio

import pytest

from assist.errors import AuthError, ConfigError
from assist.events import AgentDid, Event, TagsChanged
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL
from tests.functional.tui.conftest import Stage, start_of
from tests.support import eventually
from tui.client import HubClient
from tui.frames import Frame, Incoming, Link, Snapshot, Synced, Welcome


class Sink:
    """Keeps frames."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def __call__(self, frame: Frame) -> None:
        self.frames.append(frame)

    def count(self, kind: type[Frame]) -> int:
        return sum(isinstance(frame, kind) for frame in self.frames)

    def events(self) -> list[Event]:
        return [frame.event for frame in self.frames if isinstance(frame, Incoming) and frame.event.seq]


def tags() -> TagsChanged:
    return TagsChanged(call_id=CALL, at=scripted_call.START, tags=())


def note(text: str) -> AgentDid:
    return AgentDid(call_id=CALL, at=0.0, agent_id="ana", action="note", text=text)


async def notes(stage: Stage) -> list[str]:
    return [event.text for event in await stage.bus.history(CALL) if isinstance(event, AgentDid)]


async def test_frames_come_in_order(stage: Stage) -> None:
    await stage.play([start_of(CALL)])
    sink = Sink()
    client = HubClient(stage.url, stage.token())
    task = asyncio.create_task(client.run(sink))
    await eventually(lambda: sink.count(Synced) == 1)
    assert [type(frame) for frame in sink.frames[:4]] == [Link, Welcome, Snapshot, Synced]
    await stage.play([tags()])
    await eventually(lambda: len(sink.events()) == 1)
    assert client.since == sink.events()[0].seq
    task.cancel()


@pytest.mark.parametrize("token", ["", "apt_wrong"])
async def test_a_refused_token_ends_it_with_the_hubs_reason(stage: Stage, token: str) -> None:
    with pytest.raises(AuthError, match="apuntador token create"):
        await asyncio.wait_for(HubClient(stage.url, token).run(Sink()), 10)


async def test_an_impossible_address_is_named() -> None:
    with pytest.raises(ConfigError, match="ws://"):
        await asyncio.wait_for(HubClient("http://nowhere", "t").run(Sink()), 10)


async def test_it_comes_back_and_resumes_where_it_was(stage: Stage) -> None:
    await stage.play([start_of(CALL)])
    sink = Sink()
    task = asyncio.create_task(HubClient(stage.url, stage.token()).run(sink))
    await eventually(lambda: sink.count(Synced) == 1)
    for round_ in (1, 2, 3):
        await stage.play([tags()])
        await stage.stop_hub()
        await eventually(lambda: isinstance(sink.frames[-1], Link) and not sink.frames[-1].up)
        await stage.play([tags(), tags()])
        await stage.start_hub()
        await eventually(lambda round_=round_: len(sink.events()) == 3 * round_, 20)  # type: ignore[misc]
    assert sink.count(Snapshot) == 1
    everything = [event for event in await stage.bus.history(CALL) if isinstance(event, TagsChanged)]
    assert sink.events() == everything
    task.cancel()


async def test_what_was_done_while_the_hub_was_away_arrives_once(stage: Stage) -> None:
    await stage.play([start_of(CALL)])
    sink = Sink()
    client = HubClient(stage.url, stage.token())
    task = asyncio.create_task(client.run(sink))
    await eventually(lambda: sink.count(Synced) == 1)
    client.do(note("antes"))
    await eventually(lambda: client.waiting == 0)
    await stage.stop_hub()
    client.do(note("durante"))
    client.do(note("también"))
    assert client.waiting == 2
    await stage.start_hub()
    await eventually(lambda: client.waiting == 0, 20)
    assert await notes(stage) == ["antes", "durante", "también"]
    task.cancel()


async def test_what_was_done_while_the_broker_was_away_arrives_once(stage: Stage) -> None:
    await stage.play([start_of(CALL)])
    sink = Sink()
    client = HubClient(stage.url, stage.token())
    task = asyncio.create_task(client.run(sink))
    await eventually(lambda: sink.count(Synced) == 1)
    stage.broker.kill()
    client.do(note("sin bus"))
    stage.broker.start()
    await eventually(lambda: client.waiting == 0, 20)
    assert await notes(stage) == ["sin bus"]
    task.cancel()
