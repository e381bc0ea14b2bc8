"""A recording session's events, roles and end."""

from collections.abc import Sequence

import pytest

from assist.config import Agent, Trunk
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    CallTransferred,
    Event,
    Party,
)
from gateway.recordings import agents_of
from gateway.siprec.metadata import Metadata, Participant
from gateway.siprec.recorded import Accept, Command, HangUp, Listen, Publish, RecordedCall, roles

TRUNK = Trunk(name="sbc", agent="luis", queue="ventas")
AGENTS = (Agent(id="ana", sip="sip:2001@10.0.0.5"), Agent(id="luis", sip="sip:luis@10.0.0.6"))
ROSA, ANA, LUIS = (
    Participant("r", "sip:+573001234567@carrier"),
    Participant("a", "sip:2001@pbx.example"),
    Participant("l", "sips:Luis@pbx.example"),
)
BOTH = Metadata(True, {"r": ROSA, "a": ANA}, {"s1": "96", "s2": "97"}, {"r": frozenset({"s2"}), "a": frozenset({"s1"})})


def session(metadata: Metadata | None = BOTH) -> RecordedCall:
    return RecordedCall("c1", TRUNK, ("96", "97"), metadata, agents_of(AGENTS))


def events(commands: Sequence[Command]) -> list[Event]:
    return [command.event for command in commands if isinstance(command, Publish)]


def test_a_recording_from_its_invite_to_its_end() -> None:
    call = session()
    started, accept = call.start(10.0)
    assert accept == Accept()
    assert isinstance(started, Publish)
    assert isinstance(started.event, CallStarted)
    event = started.event
    assert (event.trunk, event.caller, event.callee) == ("sbc", "+573001234567", "2001")
    assert (event.agent_id, event.queue) == ("ana", "ventas")
    assert call.up(11.0) == [Publish(CallAnswered(call_id="c1", at=11.0)), Listen(("agent", "customer"))]
    assert call.up(11.0) == []
    (ended,) = events(call.gone(20.0))
    assert ended == CallEnded(call_id="c1", at=20.0, reason="ended", sip_code=200, answered=True)
    assert call.gone(21.0) == call.told(BOTH, 21.0) == call.media_changed(21.0, paused=True) == []


def test_without_metadata_the_first_stream_is_the_customers() -> None:
    call = session(None)
    (started,) = events(call.start(0.0))
    assert isinstance(started, CallStarted)
    assert (started.agent_id, started.caller) == ("luis", "anonymous")
    assert call.up(1.0)[-1] == Listen(("customer", "agent"))
    assert call.told(BOTH, 2.0) == [Listen(("agent", "customer"))]


def test_a_pause_is_told_once() -> None:
    call = session()
    call.start(0.0)
    assert events(call.media_changed(0.5, paused=True)) == []
    call.up(1.0)
    assert events(call.media_changed(2.0, paused=True)) == [CallHeld(call_id="c1", at=2.0, by="agent")]
    assert events(call.media_changed(3.0, paused=True)) == []
    assert events(call.media_changed(4.0, paused=False)) == [CallResumed(call_id="c1", at=4.0, by="agent")]


def test_another_agent_is_a_transfer() -> None:
    call = session()
    call.start(0.0)
    call.up(1.0)
    news = Metadata(False, {"l": LUIS}, {}, {"l": frozenset({"s1"})}, frozenset({"a"}))
    commands = call.told(news, 5.0)
    assert events(commands) == [
        CallTransferred(call_id="c1", at=5.0, target="sips:Luis@pbx.example", agent_id="luis", by_agent="ana")
    ]
    assert not any(isinstance(command, Listen) for command in commands)  # the stream is the agent's as before
    assert events(call.told(news, 6.0)) == []


@pytest.mark.parametrize("answered", [True, False])
def test_when_we_stop_the_session_is_lost(answered: bool) -> None:
    call = session()
    call.start(0.0)
    if answered:
        call.up(1.0)
    commands = call.shut_down(2.0)
    (ended,) = events(commands)
    assert isinstance(ended, CallEnded)
    assert (ended.reason, ended.answered) == ("lost", answered)
    assert commands[-1] == HangUp(200)


@pytest.mark.parametrize(
    ("speakers", "labels", "expected"),
    [
        ({}, ("1",), ("customer",)),
        ({"1": (ANA,)}, ("1",), ("agent",)),
        ({"1": (ROSA, ANA)}, ("1",), ("agent",)),
        ({"2": (ANA,)}, ("1", "2"), ("customer", "agent")),
        ({"1": (ANA,), "2": (LUIS,)}, ("1", "2"), ("agent", "customer")),
        ({"2": (ANA,), "3": (ROSA,)}, ("1", "2", "3"), (None, "agent", "customer")),
        ({}, ("1", "2", "3"), ("customer", "agent", None)),
        ({}, (), ()),
    ],
)
def test_roles(
    speakers: dict[str, tuple[Participant, ...]], labels: tuple[str, ...], expected: tuple[Party | None, ...]
) -> None:
    assert roles(labels, speakers, agents_of(AGENTS)) == expected
