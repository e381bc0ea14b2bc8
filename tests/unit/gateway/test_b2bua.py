"""The bridged call's state machine: whatever happens in whatever order, one CallEnded and no leg left behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Trunk
from assist.events import CallEnded, CallStarted, Event, Party
from gateway.b2bua import Bridge, BridgedCall, Command, Dial, HangUp, Phase, Publish, Respond, code_for_caller

TRUNK = Trunk(name="pbx", agent="ana", queue="ventas", language="en")


def make() -> BridgedCall:
    return BridgedCall("c1", TRUNK, caller="+57300", callee="900", ring_s=40)


def events(commands: list[Command]) -> list[Event]:
    return [command.event for command in commands if isinstance(command, Publish)]


def names(commands: list[Command]) -> list[str]:
    return [type(event).__name__ for event in events(commands)]


def up() -> BridgedCall:
    call = make()
    call.start(1.0)
    call.agent_rings(2.0)
    call.leg_up("agent", 3.0)
    call.leg_up("customer", 3.1)
    assert call.phase is Phase.UP
    return call


def ended(commands: list[Command]) -> CallEnded:
    (event,) = [event for event in events(commands) if isinstance(event, CallEnded)]
    return event


def test_a_call_from_start_to_end() -> None:
    call = make()
    started = call.start(100.0)
    (event,) = events(started)
    assert event == CallStarted(
        call_id="c1",
        at=100.0,
        trunk="pbx",
        caller="+57300",
        callee="900",
        queue="ventas",
        agent_id="ana",
        language="en",
    )
    assert started[-1] == Dial()
    assert call.deadline == 140.0
    ringing = call.agent_rings(101.0)
    assert ringing[0] == Respond(180)
    assert names(ringing) == ["CallRinging"]
    assert call.agent_rings(101.5) == []
    assert call.leg_up("agent", 105.0) == [Respond(200)]
    assert call.media_changed("customer", 105.0, held=False) == [Bridge()]
    answered = call.leg_up("customer", 105.1)
    assert answered[0] == Bridge()
    assert names(answered) == ["CallAnswered"]
    assert call.tick(999.0) == []
    over = call.leg_gone("customer", 200, 200.0)
    assert (ended(over).reason, ended(over).sip_code, ended(over).answered) == ("customer_hangup", 200, True)
    assert over[1:] == [HangUp("agent", 503)]
    assert call.leg_gone("agent", 200, 200.1) == []
    assert not call.alive


@pytest.mark.parametrize(
    ("party", "code", "reason"),
    [
        ("agent", 200, "agent_hangup"),
        ("customer", 200, "customer_hangup"),
        ("agent", 408, "lost"),
        ("customer", 481, "lost"),
    ],
)
def test_how_an_answered_call_ends(party: Party, code: int, reason: str) -> None:
    assert ended(up().leg_gone(party, code, 9.0)).reason == reason


@pytest.mark.parametrize(
    ("code", "reason", "to_caller"),
    [
        (486, "rejected", 486),
        (603, "rejected", 603),
        (404, "rejected", 404),
        (480, "rejected", 480),
        (401, "failed", 480),
        (408, "failed", 480),
        (302, "failed", 480),
        (500, "failed", 503),
        (503, "failed", 503),
        (699, "rejected", 503),
    ],
)
def test_the_agents_rejection_is_told_or_hidden(code: int, reason: str, to_caller: int) -> None:
    call = make()
    call.start(1.0)
    commands = call.leg_gone("agent", code, 2.0)
    assert (ended(commands).reason, ended(commands).sip_code, ended(commands).answered) == (reason, code, False)
    assert commands[1:] == [HangUp("customer", to_caller)]
    assert code_for_caller(code) == to_caller


def test_a_cancelled_call() -> None:
    call = make()
    call.start(1.0)
    call.agent_rings(2.0)
    commands = call.leg_gone("customer", 487, 3.0)
    assert (ended(commands).reason, ended(commands).sip_code) == ("cancelled", 487)
    assert [c.party for c in commands if isinstance(c, HangUp)] == ["agent"]


def test_nobody_answers() -> None:
    call = make()
    call.start(1.0)
    assert call.tick(40.9) == []
    commands = call.tick(41.0)
    assert ended(commands).sip_code == 480
    assert HangUp("customer", 480) in commands
    assert {c.party for c in commands if isinstance(c, HangUp)} == {"agent", "customer"}


def test_the_agent_answers_as_the_caller_gives_up() -> None:
    call = make()
    call.start(1.0)
    call.leg_up("agent", 2.0)
    assert ended(call.leg_gone("customer", 487, 2.1)).reason == "cancelled"
    assert call.leg_up("customer", 2.2) == []


def test_dialling_fails() -> None:
    call = make()
    call.start(1.0)
    commands = call.dial_failed(1.1)
    assert ended(commands).reason == "failed"
    assert commands[1:] == [HangUp("customer", 503)]


def test_hold_and_resume_by_either_party() -> None:
    call = up()
    assert names(call.media_changed("agent", 4.0, held=True)) == ["CallHeld"]
    assert names(call.media_changed("agent", 4.5, held=True)) == []
    assert names(call.media_changed("customer", 5.0, held=True)) == ["CallHeld"]
    commands = call.media_changed("agent", 6.0, held=False)
    assert commands[0] == Bridge()
    assert names(commands) == ["CallResumed"]


def test_a_leg_that_comes_up_on_hold_is_told_after_the_answer() -> None:
    call = make()
    call.start(1.0)
    call.media_changed("agent", 2.0, held=True)
    call.leg_up("agent", 2.0)
    assert names(call.leg_up("customer", 2.1)) == ["CallAnswered", "CallHeld"]


def test_shut_down_and_lost_media() -> None:
    assert (ended(up().shut_down(9.0)).reason, ended(up().media_lost("agent", 9.0)).reason) == ("lost", "lost")
    call = make()
    call.start(1.0)
    assert call.media_lost("agent", 2.0) == []
    assert ended(call.shut_down(3.0)).reason == "failed"


PARTIES = st.sampled_from(["customer", "agent"])
INPUTS = st.lists(
    st.one_of(
        st.tuples(st.just("agent_rings")),
        st.tuples(st.just("leg_up"), PARTIES),
        st.tuples(st.just("media"), PARTIES, st.booleans()),
        st.tuples(st.just("gone"), PARTIES, st.sampled_from([0, 200, 302, 408, 481, 486, 487, 500, 503, 603])),
        st.tuples(st.just("lost"), PARTIES),
        st.tuples(st.just("tick"), st.floats(0, 100)),
        st.tuples(st.just("dial_failed")),
        st.tuples(st.just("shut_down")),
    ),
    max_size=25,
)


@given(INPUTS)
def test_every_order_of_inputs_gives_one_end_and_no_orphaned_leg(inputs: list[tuple[object, ...]]) -> None:
    call = make()
    commands = call.start(0.0)
    for step in inputs:
        match step:
            case ("agent_rings",):
                commands += call.agent_rings(1.0)
            case ("leg_up", party):
                commands += call.leg_up(party, 1.0)  # type: ignore[arg-type]
            case ("media", party, held):
                commands += call.media_changed(party, 1.0, held=held)  # type: ignore[arg-type]
            case ("gone", party, code):
                commands += call.leg_gone(party, code, 1.0)  # type: ignore[arg-type]
            case ("lost", party):
                commands += call.media_lost(party, 1.0)  # type: ignore[arg-type]
            case ("tick", now):
                commands += call.tick(now)  # type: ignore[arg-type]
            case ("dial_failed",):
                commands += call.dial_failed(1.0)
            case ("shut_down",):
                commands += call.shut_down(1.0)
    commands += call.shut_down(2.0)
    kinds = names(commands)
    assert kinds.count("CallStarted") == kinds.count("CallEnded") == 1
    assert kinds[0] == "CallStarted"
    assert kinds[-1] == "CallEnded"
    assert kinds.count("CallAnswered") <= 1
    assert call.phase is Phase.OVER
    # Each leg that was alive at the end was told to hang up.
    told = {command.party for command in commands if isinstance(command, HangUp)}
    assert call.alive <= told
    held = [kind for kind in kinds if kind in ("CallHeld", "CallResumed")]
    assert not held or "CallAnswered" in kinds
