"""Calls with the customer at the other end, and calls with more than one place to go to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.events import CallAnswered, CallEnded, CallRinging, CallStarted, Party
from gateway.b2bua import BridgedCall, Command, Dial, HangUp, Phase, Publish, Respond, may_be_tried_elsewhere
from tests.unit.gateway.test_b2bua import TRUNK, ended, events, names


def outbound(agents: tuple[str, ...] = ("luis",)) -> BridgedCall:
    return BridgedCall(
        "c1", TRUNK, caller="luis", callee="3001234567", ring_s=40, direction="outbound", queue="cobros", agents=agents
    )


def hunting(*agents: str) -> BridgedCall:
    return BridgedCall("c1", TRUNK, caller="+57300", callee="900", ring_s=40, agents=agents)


def test_an_outbound_call_has_the_customer_at_the_other_end() -> None:
    call = outbound()
    commands = call.start(1.0)
    (started,) = events(commands)
    assert isinstance(started, CallStarted)
    assert (started.direction, started.caller, started.callee) == ("outbound", "luis", "3001234567")
    assert (started.agent_id, started.queue) == ("luis", "cobros")
    assert (call.calling, call.called) == ("agent", "customer")
    assert call.alive == {"agent", "customer"}
    assert call.agent_rings(2.0)[0] == Respond(180)
    assert call.leg_up("agent", 2.5) == []  # the agent's ACK comes after our 200, not before the customer's
    assert call.leg_up("customer", 3.0) == [Respond(200)]
    assert names(call.leg_up("agent", 3.1)) == ["CallAnswered"]
    assert ended(call.leg_gone("customer", 200, 9.0)).reason == "customer_hangup"


@pytest.mark.parametrize(
    ("party", "code", "reason"),
    [
        ("agent", 487, "cancelled"),
        ("customer", 486, "rejected"),
        ("customer", 603, "rejected"),
        ("customer", 503, "failed"),
    ],
)
def test_an_outbound_call_that_comes_to_nothing(party: Party, code: int, reason: str) -> None:
    call = outbound()
    call.start(1.0)
    commands = call.leg_gone(party, code, 2.0)
    assert (ended(commands).reason, ended(commands).answered) == (reason, False)
    assert {c.party for c in commands if isinstance(c, HangUp)} == {"agent", "customer"} - {party}


def test_a_customer_who_is_gone_before_the_agents_ack() -> None:
    call = outbound()
    call.start(1.0)
    call.leg_up("customer", 2.0)
    assert ended(call.leg_gone("customer", 200, 2.1)).reason == "customer_hangup"


def test_the_next_agent_is_rung_when_one_is_busy() -> None:
    call = hunting("ana", "luis")
    call.start(1.0)
    assert call.leg_gone("agent", 486, 2.0) == [Dial(1)]
    assert call.deadline == 42.0
    (ringing,) = events(call.agent_rings(3.0))
    assert ringing == CallRinging(call_id="c1", at=3.0, agent_id="luis")
    call.leg_up("agent", 4.0)
    answered = events(call.leg_up("customer", 4.1))[0]
    assert answered == CallAnswered(call_id="c1", at=4.1, agent_id="luis")


def test_the_first_agent_is_not_told_of_again() -> None:
    call = hunting("ana", "luis")
    call.start(1.0)
    assert events(call.agent_rings(3.0)) == [CallRinging(call_id="c1", at=3.0)]


def test_an_agent_who_does_not_pick_up_is_cancelled_and_the_next_one_rung() -> None:
    call = hunting("ana", "luis")
    call.start(0.0)
    call.agent_rings(1.0)
    assert call.tick(41.0) == [HangUp("agent", 480)]
    assert call.leg_up("agent", 41.1) == []  # too late: the CANCEL crosses the 200
    assert call.leg_gone("agent", 487, 41.2) == [Dial(1)]
    assert call.tick(60.0) == []
    assert ended(call.tick(82.0)).reason == "rejected"


def test_a_phone_that_ignores_the_cancel_does_not_hold_the_call() -> None:
    call = hunting("ana", "luis")
    call.start(0.0)
    call.tick(41.0)
    commands = call.tick(50.0)
    assert ended(commands).reason == "rejected"
    assert {c.party for c in commands if isinstance(c, HangUp)} == {"agent", "customer"}


def test_the_last_one_decides_what_the_caller_gets() -> None:
    call = hunting("ana", "luis", "eva")
    call.start(0.0)
    assert call.dial_failed(1.0) == [Dial(1)]
    assert call.leg_gone("agent", 603, 2.0) == [Dial(2)]
    assert HangUp("customer", 486) in call.leg_gone("agent", 486, 3.0)


def test_a_caller_who_gives_up_while_the_next_one_rings() -> None:
    call = hunting("ana", "luis")
    call.start(0.0)
    call.leg_gone("agent", 486, 1.0)
    commands = call.leg_gone("customer", 487, 2.0)
    assert ended(commands).reason == "cancelled"
    assert [c.party for c in commands if isinstance(c, HangUp)] == ["agent"]


@pytest.mark.parametrize("code", [404, 480, 486, 487, 488, 600, 603])
def test_a_customers_answer_is_not_asked_for_twice(code: int) -> None:
    assert not may_be_tried_elsewhere(code, "customer")
    assert may_be_tried_elsewhere(503, "customer")


PARTIES = st.sampled_from(["customer", "agent"])
INPUTS = st.lists(
    st.one_of(
        st.tuples(st.just("rings")),
        st.tuples(st.just("up"), PARTIES),
        st.tuples(st.just("gone"), PARTIES, st.sampled_from([200, 404, 408, 486, 487, 503, 603])),
        st.tuples(st.just("tick"), st.floats(0, 60)),
        st.tuples(st.just("dial_failed")),
    ),
    max_size=30,
)


@given(INPUTS, st.booleans(), st.integers(1, 4))
def test_every_order_gives_one_end_and_dials_each_target_at_most_once(
    inputs: list[tuple[object, ...]], out: bool, targets: int
) -> None:
    agents = tuple(f"a{number}" for number in range(targets))
    call = outbound(agents) if out else hunting(*agents)
    now, commands = 0.0, list[Command]()
    commands += call.start(now)
    for step in inputs:
        match step:
            case ("rings",):
                commands += call.agent_rings(now)
            case ("up", party):
                commands += call.leg_up(party, now)  # type: ignore[arg-type]
            case ("gone", party, code):
                commands += call.leg_gone(party, code, now)  # type: ignore[arg-type]
            case ("tick", passes):
                now += passes  # type: ignore[operator]
                commands += call.tick(now)
            case ("dial_failed",):
                commands += call.dial_failed(now)
    commands += call.shut_down(now)
    kinds = [type(c.event) for c in commands if isinstance(c, Publish)]
    assert kinds.count(CallStarted) == kinds.count(CallEnded) == 1
    assert kinds[-1] is CallEnded
    assert call.phase is Phase.OVER
    dialled = [c.target for c in commands if isinstance(c, Dial)]
    assert dialled == list(range(len(dialled)))
    assert len(dialled) <= targets
    # After an answer nobody else is dialled.
    answer = next((at for at, c in enumerate(commands) if c == Respond(200)), len(commands))
    assert not any(isinstance(c, Dial) for c in commands[answer:])
    assert call.alive <= {c.party for c in commands if isinstance(c, HangUp)}
