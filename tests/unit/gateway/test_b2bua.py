"""The bridged call's state machine: whatever happens in whatever order, one CallEnded and no leg left behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Trunk
from assist.events import CallEnded, CallResumed, CallStarted, CallTransferred, Event, Party
from gateway.b2bua import BridgedCall, Command, Dial, Phase, Publish, Respond, Survey, code_for_caller
from gateway.refer import Goal
from gateway.transfer import Bridge, Bring, HangUp, Notify, Park, Promote, Stage

TRUNK = Trunk(name="pbx", agent="ana", queue="ventas", language="en")


def make(*, survey: bool = False) -> BridgedCall:
    return BridgedCall("c1", TRUNK, caller="+57300", callee="900", ring_s=40, survey=survey)


def events(commands: list[Command]) -> list[Event]:
    return [command.event for command in commands if isinstance(command, Publish)]


def names(commands: list[Command]) -> list[str]:
    return [type(event).__name__ for event in events(commands)]


def up(*, survey: bool = False) -> BridgedCall:
    call = make(survey=survey)
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


def test_early_media_is_passed_on_and_not_forked() -> None:
    call = make()
    call.start(1.0)
    assert names(call.agent_rings(2.0, early=True)) == ["CallRinging"]
    assert call.media_changed("agent", 2.0, held=False, early=True) == [Respond(183), Bridge(forked=False)]
    assert call.media_changed("agent", 2.1, held=False, early=True) == [Bridge(forked=False)]
    assert call.leg_up("agent", 3.0) == [Respond(200)]
    assert call.media_changed("agent", 3.0, held=False, early=True) == []
    assert call.leg_up("customer", 3.1)[0] == Bridge()


def test_a_180_after_early_media_is_not_passed_on() -> None:
    call = make()
    call.start(1.0)
    call.media_changed("agent", 2.0, held=False, early=True)
    assert not any(isinstance(command, Respond) for command in call.agent_rings(2.1))


def late() -> BridgedCall:
    call = BridgedCall("c1", TRUNK, caller="+57300", callee="900", ring_s=40, late_offer=True)
    call.start(1.0)
    return call


def test_a_late_offer_has_no_early_media_and_needs_an_answer() -> None:
    call = late()
    assert call.agent_rings(2.0, early=True)[0] == Respond(180)
    assert call.media_changed("agent", 2.0, held=False, early=True) == []
    call.leg_up("agent", 3.0)
    call.leg_up("customer", 3.1)
    assert call.tick(5.0) == []
    assert (ended(call.tick(5.2)).reason, call.phase) == ("failed", Phase.OVER)
    call = late()
    call.leg_up("agent", 3.0)
    call.leg_up("customer", 3.1)
    call.media_changed("customer", 3.2, held=False)
    assert call.tick(60.0) == []
    assert call.phase is Phase.UP


GOAL = Goal("sip:bea@10.0.0.9", "sip:bea@10.0.0.9", "bea")


def test_a_transfer_with_a_dialog_to_spare() -> None:
    call = up()
    assert call.refer(GOAL, 10.0, room=True) == [Notify(100), Park(), Bring(GOAL)]
    assert call.target_rings() == [Notify(180)]
    assert call.target_rings() == []
    # Media of the two that are parked must not connect them again.
    assert call.media_changed("agent", 10.5, held=True)[0] == Park()
    commands = call.leg_up("target", 11.0)
    assert commands[:4] == [Notify(200, final=True), HangUp("agent", 200), Promote(), Bridge()]
    assert events(commands) == [
        CallResumed(call_id="c1", at=11.0, by="agent"),
        CallTransferred(call_id="c1", at=11.0, target="sip:bea@10.0.0.9", agent_id="bea", by_agent="ana"),
    ]
    assert (call.agent_id, call.transfer) == ("bea", None)
    assert ended(call.leg_gone("agent", 200, 20.0)).reason == "agent_hangup"


def test_a_transfer_out_of_the_house_keeps_the_agent() -> None:
    call = up()
    call.refer(Goal("sip:700@pbx", "sip:700@pbx"), 10.0, room=True)
    (event,) = events(call.leg_up("target", 11.0))
    assert isinstance(event, CallTransferred)
    assert (event.agent_id, event.by_agent, call.agent_id) == ("", "ana", "ana")


def test_a_transfer_without_one_waits_for_the_transferors_end() -> None:
    call = up()
    assert call.refer(GOAL, 10.0, room=False) == [Notify(100), Park(), HangUp("agent", 200)]
    assert call.leg_gone("agent", 200, 10.1) == [Bring(GOAL)]
    # It refuses: the one who wanted it is rung back, and has the call again.
    assert call.leg_gone("target", 486, 11.0) == [Bring()]
    assert call.leg_up("target", 12.0) == [Promote(), Bridge()]
    assert call.agent_id == "ana"
    assert call.may_transfer


def test_a_transferor_that_leaves_before_the_target_has_answered() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=True)
    assert call.leg_gone("agent", 200, 10.1) == []
    assert call.target_rings() == []
    commands = call.leg_up("target", 11.0)
    assert commands[:2] == [Promote(), Bridge()]
    assert names(commands) == ["CallTransferred"]


def test_a_transfer_that_nobody_takes_ends_the_call_and_says_why() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=False)
    call.leg_gone("agent", 200, 10.1)
    call.leg_gone("target", 486, 11.0)
    commands = call.leg_gone("target", 603, 12.0)
    assert (ended(commands).reason, ended(commands).sip_code, ended(commands).answered) == (
        "transfer_failed",
        603,
        True,
    )
    assert commands[1:] == [HangUp("customer", 503)]


def test_a_target_that_does_not_answer_is_given_up() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=True)
    assert call.tick(49.9) == []
    assert call.tick(50.0) == [HangUp("target", 480)]
    assert call.tick(51.0) == []
    assert call.leg_gone("target", 487, 50.1) == [Notify(480, final=True), Bridge()]
    assert call.may_transfer


def test_a_phone_that_hangs_up_on_a_refusal_is_rung_back_for_a_moment() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=True)
    call.leg_gone("target", 486, 10.2)
    assert call.leg_gone("agent", 200, 10.4) == [Park(), Bring()]
    later = up()
    later.refer(GOAL, 10.0, room=True)
    later.leg_gone("target", 486, 10.2)
    assert ended(later.leg_gone("agent", 200, 20.0)).reason == "agent_hangup"


def test_a_second_refer_is_not_for_now() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=True)
    assert call.refer(GOAL, 10.1, room=True) == [Notify(503, final=True)]
    assert make().refer(GOAL, 1.0, room=True) == [Notify(503, final=True)]


def test_the_customer_may_leave_while_it_is_transferred() -> None:
    call = up()
    call.refer(GOAL, 10.0, room=True)
    commands = call.leg_gone("customer", 200, 11.0)
    assert ended(commands).reason == "customer_hangup"
    assert {c.party for c in commands if isinstance(c, HangUp)} == {"agent", "target"}
    assert call.leg_gone("target", 487, 11.1) == []


def test_a_transfer_within_the_pbx_is_noticed() -> None:
    call = up()
    # The agent under another name, and again: nobody has moved.
    assert call.agent_is("sip:101@pbx", "", 5.0) == []
    assert call.agent_is("sip:101@pbx", "", 6.0) == []
    assert call.agent_is("sip:ana@pbx", "ana", 7.0) == []
    (event,) = events(call.agent_is("sip:bea@pbx", "bea", 8.0))
    assert event == CallTransferred(call_id="c1", at=8.0, target="sip:bea@pbx", agent_id="bea", by_agent="ana")
    assert call.agent_is("sip:bea@pbx", "bea", 9.0) == []
    (event,) = events(call.agent_is("sip:700@pbx", "", 10.0))
    assert event == CallTransferred(call_id="c1", at=10.0, target="sip:700@pbx", by_agent="bea")
    assert call.agent_id == "bea"
    assert make().agent_is("sip:bea@pbx", "bea", 1.0) == []


def test_a_leg_that_joins_from_another_call() -> None:
    call, other = up(), up()
    given = other.give_away("agent", 20.0)
    assert ended(given).reason == "ended"
    assert given[1:] == [HangUp("customer", 487)]
    commands = call.refer_to_leg(GOAL, 20.0, up=True)
    assert [c for c in commands if not isinstance(c, Publish)] == [
        Notify(100),
        Park(),
        Notify(200, final=True),
        HangUp("agent", 200),
        Promote(),
        Bridge(),
    ]
    assert names(commands) == ["CallTransferred"]


def test_a_lead_takes_over_and_hangs_up() -> None:
    call = up()
    call.media_changed("agent", 4.0, held=True)
    commands = call.take_over(5.0)
    assert [command for command in commands if not isinstance(command, Publish)] == [Bridge(), HangUp("agent", 200)]
    assert names(commands) == ["CallResumed"]
    assert call.take_over(5.1) == []
    assert names(call.media_changed("agent", 5.1, held=True)) == []
    assert call.leg_gone("agent", 200, 5.2) == []
    assert call.phase is Phase.UP
    over = call.taker_gone(9.0, lost=False)
    assert (ended(over).reason, ended(over).sip_code) == ("agent_hangup", 200)
    assert [c.party for c in over if isinstance(c, HangUp)] == ["customer"]
    assert call.taker_gone(9.1, lost=True) == []


def test_a_taken_over_call_ends_with_its_customer_or_its_booth() -> None:
    call = up()
    call.take_over(5.0)
    assert ended(call.leg_gone("customer", 200, 6.0)).reason == "customer_hangup"
    call = up()
    call.take_over(5.0)
    assert ended(call.taker_gone(6.0, lost=True)).reason == "lost"
    call = make()
    call.start(1.0)
    assert call.take_over(2.0) == call.taker_gone(2.0, lost=False) == []
    assert up().taker_gone(2.0, lost=False) == []


def test_the_customer_is_asked_only_when_the_agent_hangs_up_first() -> None:
    commands = up(survey=True).leg_gone("agent", 200, 9.0)
    assert ended(commands).reason == "agent_hangup"
    assert commands[1:] == [Survey()]
    assert not any(isinstance(c, Survey) for c in up(survey=True).leg_gone("customer", 200, 9.0))
    assert not any(isinstance(c, Survey) for c in up(survey=True).leg_gone("agent", 408, 9.0))
    assert not any(isinstance(c, Survey) for c in up(survey=True).shut_down(9.0))
    call = up(survey=True)
    call.take_over(5.0)
    call.leg_gone("agent", 200, 5.1)
    assert call.taker_gone(9.0, lost=False)[1:] == [Survey()]
    call = make(survey=True)
    call.start(1.0)
    call.leg_up("agent", 2.0)
    assert not any(isinstance(c, Survey) for c in call.leg_gone("agent", 200, 2.1))  # nobody had talked yet


PARTIES = st.sampled_from(["customer", "agent"])
ROLES = st.sampled_from(["customer", "agent", "target"])
INPUTS = st.lists(
    st.one_of(
        st.tuples(st.just("agent_rings")),
        st.tuples(st.just("target_rings")),
        st.tuples(st.just("refer"), st.booleans()),
        st.tuples(st.just("join"), st.booleans()),
        st.tuples(st.just("leg_up"), ROLES),
        st.tuples(st.just("media"), ROLES, st.booleans()),
        st.tuples(st.just("gone"), ROLES, st.sampled_from([0, 200, 302, 408, 481, 486, 487, 500, 503, 603])),
        st.tuples(st.just("lost"), PARTIES),
        st.tuples(st.just("tick"), st.floats(0, 100)),
        st.tuples(st.just("dial_failed")),
        st.tuples(st.just("shut_down")),
        st.tuples(st.just("take_over")),
        st.tuples(st.just("taker_gone"), st.booleans()),
    ),
    max_size=25,
)
"""Half of the runs begin with a call that is up: a transfer needs one."""


@given(INPUTS, st.booleans(), st.booleans())
def test_every_order_of_inputs_gives_one_end_and_no_orphaned_leg(
    inputs: list[tuple[object, ...]], talking: bool, survey: bool
) -> None:
    call = make(survey=survey)
    commands = call.start(0.0)
    if talking:
        commands += call.leg_up("agent", 0.5) + call.leg_up("customer", 0.6)
    for step in inputs:
        match step:
            case ("agent_rings",):
                commands += call.agent_rings(1.0)
            case ("target_rings",):
                commands += call.target_rings()
            case ("refer", room):
                commands += call.refer(GOAL, 1.0, room=room)  # type: ignore[arg-type]
            case ("join", is_up):
                if call.may_transfer:
                    commands += call.refer_to_leg(GOAL, 1.0, up=is_up)  # type: ignore[arg-type]
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
            case ("take_over",):
                commands += call.take_over(1.0)
            case ("taker_gone", lost):
                commands += call.taker_gone(1.0, lost=lost)  # type: ignore[arg-type]
    if call.phase is Phase.UP and not call.taken_over:
        # The customer is never left alone: somebody is there, is being dialled, or is leaving to make room for that.
        stage = call.transfer.stage if call.transfer is not None else None
        assert ("agent" if stage in (None, Stage.LEAVING) else "target") in call.alive
    commands += call.shut_down(2.0)
    kinds = names(commands)
    assert kinds.count("CallStarted") == kinds.count("CallEnded") == 1
    assert kinds[0] == "CallStarted"
    assert kinds[-1] == "CallEnded"
    assert kinds.count("CallAnswered") <= 1
    assert call.phase is Phase.OVER
    assert kinds.count("CallTransferred") <= sum(isinstance(command, Promote) for command in commands)
    # Each leg that was alive at the end was told to hang up, the customer perhaps after a survey.
    told = {command.party for command in commands if isinstance(command, HangUp)}
    told |= {"customer" for command in commands if isinstance(command, Survey)}
    assert call.alive <= told
    held = [kind for kind in kinds if kind in ("CallHeld", "CallResumed")]
    assert not held or "CallAnswered" in kinds
