import dataclasses
from dataclasses import replace

from assist.events import AgentDid, CallAnswered, CallRinging, CallTransferred, Degraded, Event
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL, START
from tui.frames import Frame, Incoming, Link, Snapshot, Synced, Welcome
from tui.view import MAX_CALLS, ScreenState, apply


def seen(*frames: Frame) -> ScreenState:
    state = ScreenState()
    for frame in frames:
        state = apply(state, frame, START)
    return state


def renamed(events: list[Event], call_id: str, later: float = 0.0) -> tuple[Event, ...]:
    return tuple(dataclasses.replace(event, call_id=call_id, at=event.at + later) for event in events)


HELLO = Welcome("agent", "ana", "es", START + 3.0)
BROKER_DOWN = Degraded(call_id="", at=START, component="broker", level="down", detail="")


def test_link_and_clock() -> None:
    assert seen().link == "connecting"
    state = seen(Link(up=True), HELLO, Synced(4))
    assert (state.link, state.synced, state.subject, state.skew) == ("up", True, "ana", 3.0)
    state = apply(state, Link(up=False), START)
    assert (state.link, state.synced) == ("down", False)


def test_a_snapshot_replaces_what_was_known() -> None:
    before = renamed(scripted_call.after_call("es"), CALL)
    state = seen(Snapshot(CALL, 9, before), Snapshot(CALL, 3, before[:3]))
    call = state.calls[CALL]
    assert (call.phase, call.lines, call.summary) == ("talking", (), None)


def test_a_live_call_comes_before_a_waiting_summary() -> None:
    done = Snapshot("done", 9, renamed(scripted_call.after_call("es"), "done"))
    live = Snapshot("live", 9, renamed(scripted_call.mid_call("es"), "live", -50))
    call = seen(done, live).shown()
    assert call is not None
    assert call.call_id == "live"


def test_a_call_that_talks_comes_before_one_that_rings() -> None:
    live = Snapshot("live", 9, renamed(scripted_call.mid_call("es"), "live"))
    rings = Snapshot("rings", 9, renamed(scripted_call.mid_call("es")[:2], "rings", 60))
    call = seen(live, rings).shown()
    assert call is not None
    assert call.call_id == "live"


def test_the_latest_summary_waits_until_accepted_or_put_away() -> None:
    state = seen(
        Snapshot("first", 9, renamed(scripted_call.after_call("es"), "first")),
        Snapshot("second", 9, renamed(scripted_call.after_call("es"), "second", 500)),
    )
    shown = state.shown()
    assert shown is not None
    assert shown.call_id == "second"
    accepted = AgentDid(call_id="second", at=START, agent_id="ana", action="summary_accepted", target="1")
    state = apply(state, Incoming(accepted), START)
    still = state.shown("second")
    assert still is not None
    assert still.call_id == "second"
    other = state.shown()
    assert other is not None
    assert other.call_id == "first"
    assert state.shown(closed={"first"}) is None


def test_a_call_whose_start_is_unknown_is_not_shown() -> None:
    assert seen(Incoming(CallAnswered(call_id="x", at=START))).shown() is None


def test_trouble_of_the_system_and_of_the_call() -> None:
    late = Degraded(call_id=CALL, at=START, component="recogniser", level="late", detail="")
    state = seen(Incoming(BROKER_DOWN), Snapshot(CALL, 9, (*renamed(scripted_call.mid_call("es"), CALL), late)))
    call = state.shown()
    assert state.degraded(call) == [BROKER_DOWN, late]
    assert state.degraded(None) == [BROKER_DOWN]
    # A new connection is told anew what is in trouble.
    assert apply(state, HELLO, START).degraded(None) == []


def test_after_the_call_a_late_transcript_is_still_said_and_nothing_else() -> None:
    late = Degraded(call_id=CALL, at=START, component="recogniser", level="late", detail="", lag_s=34.2)
    slow = Degraded(call_id=CALL, at=START, component="assist", level="late", detail="")
    state = seen(Snapshot(CALL, 9, (*renamed(scripted_call.after_call("es"), CALL), slow, late)))
    assert state.degraded(state.calls[CALL]) == [late]
    state = apply(state, Incoming(replace(late, level="ok")), START)
    assert state.degraded(state.calls[CALL]) == []


def test_calls_are_bounded_and_the_live_one_stays() -> None:
    state = seen(Snapshot("live", 9, renamed(scripted_call.mid_call("es"), "live", -1000)))
    for number in range(MAX_CALLS + 5):
        old = renamed(scripted_call.after_call("es"), f"c{number}", number)
        state = apply(state, Snapshot(f"c{number}", 9, old), START)
    assert len(state.calls) == MAX_CALLS
    assert "live" in state.calls
    assert "c0" not in state.calls


def test_a_call_that_went_to_a_colleague_is_shown_to_the_colleague() -> None:
    moved = CallTransferred(call_id="live", at=START, target="sip:bea@pbx", agent_id="bea", by_agent="ana", seq=99)
    talk = renamed(scripted_call.mid_call("es"), "live")
    assert seen(HELLO, Snapshot("live", 9, talk), Incoming(moved)).shown() is None
    call = seen(replace(HELLO, subject="bea"), Snapshot("live", 9, (*talk, moved))).shown()
    assert call is not None
    assert (call.agent_id, call.phase) == ("bea", "talking")


def test_a_call_that_rings_elsewhere_now_leaves_the_screen() -> None:
    start = tuple(scripted_call.mid_call("es")[:2])
    elsewhere = Incoming(CallRinging(call_id=CALL, at=START + 20, seq=99, agent_id="luis"))
    state = seen(HELLO, Snapshot(CALL, 9, start))
    assert CALL in state.calls
    assert CALL not in apply(state, elsewhere, START).calls
    # Whoever looks at all calls, and whose own it becomes, sees it go on.
    for subject in ("luis", "lead"):
        other = seen(Welcome("lead", subject, "es", START), Snapshot(CALL, 9, start), elsewhere)
        assert other.calls[CALL].agent_id == "luis"
