"""One lead's wishes, phone and keys, in any order: no phone is left ringing, every wish is answered once."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Lead
from assist.events import EarsChanged, LeadDid, LeadMode
from assist.wire import EarsAnswer
from gateway.booth.seat import (
    CANCEL,
    NORMAL,
    Attend,
    Depart,
    Dial,
    HangUp,
    Order,
    Phone,
    Publish,
    Reply,
    Seat,
    SeatCommand,
    Signal,
)

YES = EarsAnswer(accepted=True, queue="soporte")
ALL: tuple[LeadMode, ...] = ("listen", "whisper", "barge", "take_over")


def make(queues: tuple[str, ...] = ("soporte",), may: tuple[LeadMode, ...] = ALL) -> Seat:
    return Seat(Lead(id="luz", sip="sip:luz@10.0.0.9", queues=queues, may=may), ring_s=30)


def no(reason: str, by: str = "") -> EarsAnswer:
    return EarsAnswer(accepted=False, reason=reason, by=by, queue="soporte")  # type: ignore[arg-type]


def order_of(commands: Iterable[SeatCommand]) -> Order:
    (order,) = [command for command in commands if isinstance(command, Order) and command.order.wish != "leave"]
    return order


def states(commands: Iterable[SeatCommand]) -> list[tuple[str, str]]:
    events = [command.event for command in commands if isinstance(command, Publish)]
    return [(event.state, event.reason) for event in events if isinstance(event, EarsChanged)]


def replies(commands: Iterable[SeatCommand]) -> list[tuple[bool, str]]:
    return [(c.answer.accepted, c.answer.reason) for c in commands if isinstance(c, Reply)]


def called(seat: Seat, wish: LeadMode = "listen") -> Sequence[SeatCommand]:
    return seat.ordered(order_of(seat.ask("c1", wish, 0.0)), YES, 0.1)


def seated(wish: LeadMode = "listen") -> Seat:
    seat = make()
    called(seat, wish)
    seat.ordered(order_of(seat.phone_up(2.0)), YES, 2.1)
    assert seat.mode == wish
    return seat


def test_from_the_wish_to_the_call() -> None:
    seat = make()
    looking = seat.ask("c1", "listen", 0.0)
    order = order_of(looking)
    assert (order.call_id, order.order.wish, order.order.lead_id) == ("c1", "look", "luz")
    calling = seat.ordered(order, YES, 0.1)
    assert replies(calling) == [(True, "")]
    assert states(calling) == [("calling", "")]
    assert Dial("soporte") in calling
    joining = order_of(seat.phone_up(3.0))
    assert joining.order.wish == "listen"
    there = seat.ordered(joining, YES, 3.1)
    assert there[0] == Attend("c1", "listen")
    assert states(there) == [("listening", "")]
    assert Signal("listen") in there


@pytest.mark.parametrize(
    ("answer", "reason"), [(None, "call_ended"), (no("listen_only"), "listen_only"), (no("wait"), "wait")]
)
def test_a_call_that_can_not_be_heard_rings_no_phone(answer: EarsAnswer | None, reason: str) -> None:
    seat = make()
    commands = seat.ordered(order_of(seat.ask("c1", "listen", 0.0)), answer, 0.1)
    assert replies(commands) == [(False, reason)]
    assert states(commands) == [("refused", reason)]
    assert not any(isinstance(command, Dial) for command in commands)
    assert seat.phone is Phone.DOWN


def test_another_queue_is_not_heard_and_what_a_lead_may_not_is_not_asked() -> None:
    seat = make(queues=("ventas",))
    assert replies(called(seat)) == [(False, "not_allowed")]
    seat = make(queues=("*",))
    assert replies(called(seat)) == [(True, "")]
    seat = make(may=("listen",))
    commands = seat.ask("c1", "whisper", 0.0)
    assert replies(commands) == [(False, "not_allowed")]
    assert not any(isinstance(command, Order) for command in commands)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (486, "phone_busy"),
        (600, "phone_busy"),
        (603, "phone_declined"),
        (403, "phone_declined"),
        (480, "phone_silent"),
        (408, "phone_silent"),
        (404, "phone_unreachable"),
        (503, "phone_unreachable"),
    ],
)
def test_a_phone_that_can_not_be_had(code: int, reason: str) -> None:
    seat = make()
    called(seat)
    assert states(seat.phone_gone(code, 1.0)) == [("refused", reason)]
    assert seat.phone is Phone.DOWN


def test_a_phone_that_rings_too_long() -> None:
    seat = make()
    called(seat)
    assert seat.tick(29.0) == []
    commands = seat.tick(31.0)
    assert commands[0] == HangUp(CANCEL)
    assert states(commands) == [("refused", "phone_silent")]
    assert seat.phone_gone(487, 31.1) == []


def test_modes_by_wish_and_by_key() -> None:
    seat = seated()
    asked = seat.ask("c1", "whisper", 5.0)
    commands = seat.ordered(order_of(asked), YES, 5.1)
    assert replies(commands) == [(True, "")]
    assert states(commands) == [("whispering", "")]
    for key, wish, state in (("6", "barge", "barging"), ("4", "listen", "listening"), ("5", "whisper", "whispering")):
        keyed = seat.key(key, 6.0)
        did = [c.event for c in keyed if isinstance(c, Publish)]
        assert [event.action for event in did if isinstance(event, LeadDid)] == [wish]
        commands = seat.ordered(order_of(keyed), YES, 6.1)
        assert states(commands) == [(state, "")]
        assert replies(commands) == []
    assert seat.key("9", 7.0) == []
    gone = seat.key("*", 8.0)
    assert states(gone) == [("left", "asked")]
    assert HangUp(NORMAL) in gone
    assert Depart() in gone


def test_a_key_that_can_not_be_done_is_heard_and_changes_nothing() -> None:
    seat = seated()
    commands = seat.ordered(order_of(seat.key("5", 5.0)), no("speaking", "marta"), 5.1)
    assert states(commands) == [("refused", "speaking")]
    assert Signal(None) in commands
    assert seat.mode == "listen"
    seat.lead = make(may=("listen",)).lead
    assert Signal(None) in seat.key("6", 6.0)


def test_who_may_not_speak_when_the_phone_is_answered_listens() -> None:
    seat = make()
    called(seat, "whisper")
    commands = seat.ordered(order_of(seat.phone_up(2.0)), no("speaking", "marta"), 2.1)
    assert states(commands) == [("refused", "speaking")]
    assert states(seat.ordered(order_of(commands), YES, 2.2)) == [("listening", "")]


def test_a_wish_while_the_phone_rings_is_kept() -> None:
    seat = make()
    called(seat)
    assert replies(seat.ask("c1", "barge", 1.0)) == [(True, "")]
    assert replies(seat.ask("c2", "listen", 1.0)) == [(False, "wait")]
    assert order_of(seat.phone_up(2.0)).order.wish == "barge"


def test_another_call_with_the_same_phone() -> None:
    seat = seated()
    joining = seat.ordered(order_of(seat.ask("c2", "listen", 5.0)), YES, 5.1)
    commands = seat.ordered(order_of(joining), YES, 5.2)
    assert states(commands) == [("left", "asked"), ("listening", "")]
    assert Attend("c2", "listen") in commands
    assert [c.call_id for c in commands if isinstance(c, Order)] == ["c1"]
    assert not any(isinstance(command, Dial | HangUp) for command in commands)
    other = EarsAnswer(accepted=True, queue="ventas")
    looking = order_of(seat.ask("c3", "take_over", 6.0))
    assert looking.order.wish == "look"  # the call itself is not touched
    commands = seat.ordered(looking, other, 6.1)
    assert replies(commands) == [(False, "not_allowed")]
    assert not any(isinstance(command, Order) for command in commands)
    assert seat.call_id == "c2"


def test_who_has_taken_over_stays_with_it() -> None:
    seat = seated("take_over")
    assert replies(seat.ask("c2", "listen", 5.0)) == [(False, "taken_over")]
    commands = seat.phone_gone(200, 9.0)
    assert states(commands) == [("left", "hung_up")]
    assert [c.order.wish for c in commands if isinstance(c, Order)] == ["leave"]


def test_the_call_ends() -> None:
    seat = seated()
    assert seat.call_ended("another", 5.0) == []
    commands = seat.call_ended("c1", 5.0)
    assert states(commands) == [("left", "call_ended")]
    assert HangUp(NORMAL) in commands
    seat = make()
    called(seat)
    commands = seat.call_ended("c1", 1.0)
    assert states(commands) == [("refused", "call_ended")]
    assert HangUp(CANCEL) in commands


def test_silence_is_asked_about() -> None:
    seat = seated("barge")
    order = order_of(seat.silent(9.0))
    assert order.order.wish == "barge"
    assert states(seat.ordered(order, YES, 9.1)) == []
    commands = seat.ordered(order_of(seat.silent(12.0)), None, 12.1)
    assert ("left", "call_ended") in states(commands)
    assert seat.phone is Phone.DOWN


def test_shutting_down_says_so_to_the_worker_and_the_phone() -> None:
    commands = seated("whisper").shut_down(9.0)
    assert states(commands) == [("left", "lost")]
    assert HangUp(NORMAL) in commands
    assert make().shut_down(1.0) == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["c1", "c2"]), st.sampled_from([*ALL, "leave"])),
        st.tuples(st.just("key"), st.sampled_from("456*9")),
        st.tuples(st.just("answer"), st.sampled_from([YES, no("speaking", "x"), no("taken_over", "x"), None])),
        st.tuples(st.just("up")),
        st.tuples(st.just("gone"), st.sampled_from([200, 486, 503])),
        st.tuples(st.just("ended"), st.sampled_from(["c1", "c2"])),
        st.tuples(st.just("silent")),
        st.tuples(st.just("tick"), st.sampled_from([1.0, 1000.0])),
    ),
    max_size=30,
)


@given(STEPS)
def test_in_any_order_every_wish_is_answered_and_the_phone_is_hung_up(steps: list[tuple[object, ...]]) -> None:
    seat = make()
    pending: Order | None = None
    asked = answered = dialled = ended = 0
    phone_there = False

    def note(commands: Sequence[SeatCommand]) -> None:
        nonlocal pending, answered, dialled, ended, phone_there
        for command in commands:
            if isinstance(command, Order) and command.order.wish != "leave":
                pending = command
            answered += isinstance(command, Reply)
            if isinstance(command, Dial):
                assert not phone_there
                phone_there = True
            if isinstance(command, HangUp):
                phone_there = False

    def answer_with(answer: EarsAnswer | None) -> None:
        nonlocal pending
        if pending is not None:
            order, pending = pending, None
            note(seat.ordered(order, answer, 1.0))

    for step in steps:
        match step:
            case ("ask", call_id, wish):
                asked += 1
                note(seat.ask(call_id, wish, 1.0))  # type: ignore[arg-type]
            case ("key", key):
                note(seat.key(key, 1.0))  # type: ignore[arg-type]
            case ("answer", answer):
                answer_with(answer)  # type: ignore[arg-type]
            case ("up",) if phone_there:
                note(seat.phone_up(1.0))
            case ("gone", code) if phone_there:
                phone_there = False
                note(seat.phone_gone(code, 1.0))  # type: ignore[arg-type]
            case ("ended", call_id):
                note(seat.call_ended(call_id, 1.0))  # type: ignore[arg-type]
            case ("silent",):
                note(seat.silent(1.0))
            case ("tick", now):
                note(seat.tick(now))  # type: ignore[arg-type]
    for _ in range(4):
        answer_with(YES)
    note(seat.shut_down(2.0))
    assert not phone_there
    assert seat.phone is Phone.DOWN
    assert answered == asked
