import dataclasses

import pytest

from assist.errors import AuthError
from assist.events import AgentDid, CallAnswered, CallEnded, CallRinging, Degraded, Event, LeadDid, TagsChanged
from assist.hub import calls, rights
from assist.hub.auth import Principal
from assist.hub.calls import CallBook
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL


def test_events_in_any_order_and_twice_make_the_same_book() -> None:
    events = [event for event in scripted_call.after_call("es") if event.seq]
    book = CallBook()
    book.load([*reversed(events), *events[3:8]])
    call = book.get(CALL)
    assert call is not None
    assert call.events == events
    assert (call.agent_id, call.ended, book.last_seq) == ("ana", True, events[-1].seq)
    assert list(call.after(events[4].seq)) == events[5:]


def test_partials_and_system_events_are_no_calls() -> None:
    book = CallBook()
    assert book.add(Degraded(call_id="", at=1.0, seq=5, component="gateway", level="down", detail="")) is None
    assert book.add(scripted_call.heard("agent", 1, "a", final=False)) is None
    assert len(book) == 0
    assert book.last_seq == 5


def test_an_ended_call_stays_an_hour_and_a_live_one_stays() -> None:
    book = CallBook()
    book.load(scripted_call.after_call("es"))
    live = [dataclasses.replace(event, call_id="live") for event in scripted_call.mid_call("es")]
    for event in live:
        book.add(dataclasses.replace(event, seq=event.seq + 100))
    end = scripted_call.START + 87
    assert book.drop_old(end + 3599) == []
    assert book.drop_old(end + 3601) == [CALL]
    assert [call.call_id for call in book] == ["live"]
    assert book.drop_old(end + 7 * 3600) == ["live"]


def test_there_is_an_end_to_how_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_CALLS", 2)
    book = CallBook()
    for number in range(4):
        book.add(TagsChanged(call_id=f"c{number}", at=float(number), seq=number + 1, tags=()))
    book.add(CallEnded(call_id="c3", at=3.5, seq=9, reason="lost", sip_code=0, answered=True))
    assert set(book.drop_old(10.0)) == {"c3", "c0"}


def test_a_very_long_call_shrinks_and_says_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_EVENTS", 10)
    book = CallBook()
    for seq in range(1, 13):
        book.add(TagsChanged(call_id="c", at=1.0, seq=seq, tags=()))
    call = book.get("c")
    assert call is not None
    assert [event.seq for event in call.events] == [10, 11, 12]
    assert call.shrunk_seq == 10


def test_calls_without_their_start_are_known() -> None:
    book = CallBook()
    events: list[Event] = [event for event in scripted_call.mid_call("es") if event.seq > 4]
    book.load(events)
    assert book.headless() == [CALL]


def note(who: str = "ana") -> AgentDid:
    return AgentDid(call_id="c", at=0.0, agent_id=who, action="note")


def lead_note(who: str = "luz") -> LeadDid:
    return LeadDid(call_id="c", at=0.0, lead_id=who, action="note")


ANA, LUZ, ROOT = Principal("agent", "ana", "1"), Principal("lead", "luz", "2"), Principal("admin", "luz", "3")


def test_who_sees_what() -> None:
    assert rights.may_see(ANA, "ana")
    assert not rights.may_see(ANA, "ben")
    assert not rights.may_see(ANA, None)
    assert rights.may_see(LUZ, "ben")
    assert rights.may_see(ROOT, None)


def test_who_may_do_what() -> None:
    rights.check_do(ANA, note(), "ana")
    rights.check_do(LUZ, lead_note(), "ben")
    rights.check_do(ROOT, lead_note(), "ben")


@pytest.mark.parametrize(
    ("principal", "event", "agent_id", "part"),
    [
        (ANA, note("ben"), "ana", "for 'ana', not for 'ben'"),
        (ANA, note(), "ben", "not yours"),
        (ANA, note(), None, "not yours"),
        (ANA, lead_note("ana"), "ana", "team lead"),
        (LUZ, note("luz"), "luz", "as an agent"),
        (LUZ, lead_note("ana"), "ben", "for 'luz'"),
    ],
)
def test_who_may_not(principal: Principal, event: AgentDid | LeadDid, agent_id: str | None, part: str) -> None:
    with pytest.raises(AuthError, match=part):
        rights.check_do(principal, event, agent_id)


def test_a_call_belongs_to_whose_phone_rings_now() -> None:
    book = CallBook()
    book.load(scripted_call.mid_call("es")[:2])
    call = book.get(CALL)
    assert call is not None
    assert call.agent_id == "ana"
    book.add(CallRinging(call_id=CALL, at=1.0, seq=100))
    assert call.agent_id == "ana"
    book.add(CallRinging(call_id=CALL, at=2.0, seq=101, agent_id="luis"))
    assert call.agent_id == "luis"
    book.add(CallAnswered(call_id=CALL, at=3.0, seq=102, agent_id="eva"))
    assert (call.agent_id, call.answered) == ("eva", True)
