"""Calls of media streams."""

import numpy as np
import pytest

from assist.config import Agent, Settings, Tap
from assist.events import CallAnswered, CallEnded, CallHeld, CallLanguage, CallResumed, CallStarted, Event, Party
from gateway.errors import TapError
from gateway.fork import Ring
from gateway.taps.desk import Desk
from gateway.taps.stream import Begun

TAP = Tap(name="pbx", protocol="audiosocket", port=9092, agent="ana")
PCM = np.ones(320, "<i2").tobytes()


class Sink:
    """Remembers what a publisher would send."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.rings: dict[str, dict[Party, Ring]] = {}
        self.languages: list[CallLanguage] = []
        self.ended: list[str] = []

    def send(self, event: Event) -> None:
        self.events.append(event)

    def add_call(self, call_id: str, language: CallLanguage) -> dict[Party, Ring]:
        self.languages.append(language)
        self.rings[call_id] = {"customer": Ring(), "agent": Ring()}
        return self.rings[call_id]

    def end_call(self, call_id: str) -> None:
        self.ended.append(call_id)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def desk(sink: Sink) -> Desk:
    agents = (Agent(id="ana", sip="sip:ana@127.0.0.1"), Agent(id="luis", sip="sip:luis@127.0.0.1"))
    return Desk(Settings(agent=agents), sink, clock=lambda: 1000.0)


def test_two_connections_are_one_call(desk: Desk, sink: Sink) -> None:
    one = desk.begin(TAP, Begun("1", ("customer",), 8000))
    two = desk.begin(TAP, Begun("1", ("agent",), 16000))
    other = desk.begin(TAP, Begun("2", ("customer",), 8000))
    assert one.call_id == two.call_id != other.call_id
    one.samples(0, PCM)
    two.samples(0, PCM * 2)
    rings = sink.rings[one.call_id]
    assert len(rings["customer"].take()) == 2
    assert len(rings["agent"].take()) == 2
    one.close(failed=False)
    assert sink.ended == []
    assert desk.live == 2
    two.close(failed=False)
    two.close(failed=True)
    assert sink.ended == [one.call_id]
    mine = [event for event in sink.events if event.call_id == one.call_id]
    assert [type(event) for event in mine] == [CallStarted, CallAnswered, CallEnded]
    assert isinstance(mine[-1], CallEnded)
    assert (mine[-1].reason, mine[-1].answered) == ("ended", True)
    assert all(ring.closed for ring in rings.values())


def test_the_peers_facts_win_over_the_settings(desk: Desk, sink: Sink) -> None:
    about = {"agent": "luis", "queue": "ventas", "language": "en", "caller": "+57 300<script>", "callee": "x" * 99}
    desk.begin(TAP, Begun("1", ("caller", "callee"), 8000, about))
    started = sink.events[0]
    assert isinstance(started, CallStarted)
    assert (started.agent_id, started.queue, started.language) == ("luis", "ventas", "en")
    assert started.caller == "+57 300script"
    assert len(started.callee) == 64
    assert sink.languages == ["en"]
    desk.begin(TAP, Begun("2", ("caller",), 8000, {"language": "fr"}))
    assert sink.languages == ["en", "es"]


def test_who_called_becomes_customer_or_agent(desk: Desk, sink: Sink) -> None:
    campaign = TAP.model_copy(update={"customer": "callee"})
    stream = desk.begin(campaign, Begun("1", ("caller", "callee"), 8000))
    stream.samples(1, PCM)
    rings = sink.rings[stream.call_id]
    assert (len(rings["customer"].take()), len(rings["agent"].take())) == (2, 0)
    started = sink.events[0]
    assert isinstance(started, CallStarted)
    assert started.direction == "outbound"


def test_a_voice_comes_once(desk: Desk) -> None:
    desk.begin(TAP, Begun("1", ("caller",), 8000))
    with pytest.raises(TapError, match="customer's voice of this call comes on another"):
        desk.begin(TAP, Begun("1", ("customer",), 8000))
    with pytest.raises(TapError, match="two channels"):
        desk.begin(TAP, Begun("2", ("caller", "customer"), 8000))
    assert desk.live == 1


def test_an_agent_nobody_knows_is_refused(desk: Desk, sink: Sink) -> None:
    with pytest.raises(TapError, match="'eve'"):
        desk.begin(TAP, Begun("1", ("caller",), 8000, {"agent": "eve"}))
    assert sink.events == []


def test_a_pause_is_told_and_keeps_its_time(desk: Desk, sink: Sink) -> None:
    now = 0.0
    stream = desk.begin(TAP, Begun("1", ("customer",), 8000))
    ring = Ring(clock=lambda: now)
    stream._legs = [(ring, stream._legs[0][1])]
    stream.samples(0, PCM)
    stream.pause()
    stream.pause()
    now = 10.04
    stream.resume()
    stream.samples(0, PCM[:320])
    assert [type(event) for event in sink.events[2:]] == [CallHeld, CallResumed]
    assert [number for number, _ in ring.take()] == [0, 1, 502]


def test_a_lost_connection_is_a_lost_call(desk: Desk, sink: Sink) -> None:
    desk.begin(TAP, Begun("1", ("customer",), 8000)).close(failed=True)
    (ended,) = [event for event in sink.events if isinstance(event, CallEnded)]
    assert ended.reason == "lost"
