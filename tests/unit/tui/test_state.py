import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.corrections import target_of
from assist.events import (
    AgentDid,
    CallEnded,
    CallHeld,
    CallResumed,
    CardOffered,
    CardWithdrawn,
    ComplianceChanged,
    Degraded,
    EarsChanged,
    SensitiveChanged,
    SummaryDrafted,
    SummaryItem,
)
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL, START, heard
from tui.state import CallState, edited, fold, fold_all

C = {"call_id": CALL, "at": START}


def offer(name: str) -> CardOffered:
    return CardOffered(**C, offer_id=name, card_id="k", title="", say="", priority=1, confidence=1.0, evidence=())


def did(action: str, target: str = "", text: str = "") -> AgentDid:
    return AgentDid(**C, agent_id="ana", action=action, target=target, text=text)  # type: ignore[arg-type]


def test_payment_data_is_unheard_from_its_begin_to_its_end() -> None:
    state = CallState(CALL)
    for to in ("begin", "end"):
        state = fold(state, SensitiveChanged(**C, state=to, reason="card_number", evidence=()))  # type: ignore[arg-type]
        assert state.unheard is (to == "begin")


def test_a_call_from_ring_to_case() -> None:
    events = scripted_call.after_call("es")
    phases = []
    state = CallState(CALL)
    for event in events:
        state = fold(state, event)
        if not phases or phases[-1] != state.phase:
            phases.append(state.phase)
    assert phases == ["ringing", "talking", "wrap_up"]
    assert state.case_id == "AP-2026-000123"
    assert state.card is None
    assert state.open == {}
    assert [rule.state for rule in state.rules] == ["met", "met", "missed"]
    assert not state.accepted


def test_a_partial_is_replaced_by_the_next_and_by_its_final() -> None:
    state = fold_all(CALL, [heard("customer", 5, "buenas", final=False, stable=3)])
    state = fold(state, heard("customer", 5, "buenas tardes", final=False, stable=6))
    assert state.open["customer"].text == "buenas tardes"
    state = fold(state, heard("customer", 5, "Buenas tardes."))
    assert state.open == {}
    assert [line.text for line in state.lines] == ["Buenas tardes."]


def test_a_party_has_one_open_utterance_and_the_other_party_its_own() -> None:
    state = fold_all(
        CALL,
        [
            heard("customer", 5, "uno", final=False),
            heard("agent", 5, "ajá", final=False),
            heard("customer", 9, "dos", final=False),
        ],
    )
    assert {party: open_.text for party, open_ in state.open.items()} == {"customer": "dos", "agent": "ajá"}


def test_an_empty_final_takes_the_partial_back() -> None:
    state = fold_all(CALL, [heard("agent", 5, "eh", final=False), heard("agent", 5, "")])
    assert state.open == {}
    assert state.lines == ()


def test_a_final_leaves_a_newer_utterance_open() -> None:
    state = fold_all(CALL, [heard("agent", 20, "otra", final=False), heard("agent", 5, "Primera.")])
    assert state.open["agent"].text == "otra"


@pytest.mark.parametrize("late", [heard("agent", 5, "prim", final=False), heard("agent", 4, "pri", final=False)])
def test_a_partial_that_overtook_nothing_is_old_news(late: object) -> None:
    state = fold_all(CALL, [heard("agent", 5, "Primera."), late])  # type: ignore[list-item]
    assert state.open == {}


def test_lines_stand_in_the_order_of_speaking() -> None:
    long = dataclasses.replace(heard("customer", 20, "Un relato largo."), t0=START + 1)
    short = dataclasses.replace(heard("agent", 8, "Ajá."), t0=START + 7)
    state = fold_all(CALL, [short, long])
    assert [line.text for line in state.lines] == ["Un relato largo.", "Ajá."]


def test_an_utterance_heard_again_replaces_itself() -> None:
    state = fold_all(CALL, [heard("agent", 5, "Beunas."), heard("customer", 6, "Hola."), heard("agent", 5, "Buenas.")])
    assert [line.text for line in state.lines] == ["Buenas.", "Hola."]


def test_at_most_one_card() -> None:
    state = fold_all(CALL, [offer("o1"), offer("o2")])
    assert state.card == offer("o2")
    assert fold(state, CardWithdrawn(**C, offer_id="o1", reason="expired")).card == offer("o2")
    assert fold(state, CardWithdrawn(**C, offer_id="o2", reason="expired")).card is None
    assert fold(state, did("card_taken", "o2")).card is None
    assert fold(state, did("card_dismissed", "o1")).card == offer("o2")


def test_checklist_keeps_its_order_and_counts_down() -> None:
    def rule(name: str, state: str, due: float | None = None) -> ComplianceChanged:
        return ComplianceChanged(**C, rule_id=name, label=name, state=state, due_at=due, evidence=())  # type: ignore[arg-type]

    state = fold_all(CALL, [rule("a", "pending", START + 30), rule("b", "pending"), rule("a", "due", START + 30)])
    first, second = state.rules
    assert [first.rule_id, second.rule_id] == ["a", "b"]
    assert first.remaining(START + 18.4) == 12
    assert first.remaining(START + 99) == 0
    assert second.remaining(START) is None
    met = fold(state, rule("a", "met", START + 30)).rules[0]
    assert met.remaining(START) is None
    assert not met.open


def test_hold_and_wrap_up_have_clocks_of_their_own() -> None:
    state = fold_all(CALL, scripted_call.mid_call("es"))
    assert state.elapsed(START + 10) == 10
    held = fold(state, CallHeld(**C, by="agent"))
    assert held.phase == "held"
    assert held.elapsed(START + 12) == 12
    assert fold(held, CallResumed(**C, by="agent")).phase == "talking"
    ended = fold(held, CallEnded(call_id=CALL, at=START + 60, reason="agent_hangup", sip_code=200, answered=True))
    assert (ended.phase, ended.elapsed(START + 75), ended.live) == ("wrap_up", 15, False)


def test_parts_in_trouble_come_and_go() -> None:
    down = Degraded(**C, component="recogniser", level="down", detail="")
    state = fold_all(CALL, [down])
    assert state.degraded == {"recogniser": down}
    assert fold(state, dataclasses.replace(down, level="ok")).degraded == {}


def draft(revision: int = 1) -> SummaryDrafted:
    slots = [("reason", "r"), ("promise", "p0"), ("promise", "p1")]
    return SummaryDrafted(
        **C,
        revision=revision,
        items=tuple(SummaryItem(slot=slot, text=text, evidence=()) for slot, text in slots),  # type: ignore[arg-type]
        disposition="d",
        mood_start="neutral",
        mood_end="neutral",
        tags=(),
    )


def test_an_edit_names_the_item_it_means() -> None:
    assert [target_of(draft().items, index) for index in range(3)] == ["reason", "promise", "promise.1"]
    assert [item.text for item in edited(draft(), "promise.1", " nuevo ").items] == ["r", "p0", "nuevo"]
    assert [item.text for item in edited(draft(), "promise.0", "nuevo").items] == ["r", "nuevo", "p1"]
    assert [item.text for item in edited(draft(), "promise", "").items] == ["r", "p1"]
    assert edited(draft(), "disposition", "otra").disposition == "otra"
    assert edited(draft(), "disposition", "").disposition == "d"


def test_edits_hold_until_the_next_draft_and_an_older_draft_changes_nothing() -> None:
    state = fold_all(CALL, [draft(2), did("summary_edited", "reason", "nuevo")])
    assert state.summary is not None
    assert state.summary.items[0].text == "nuevo"
    assert fold(state, draft(1)) == state
    assert fold(state, draft(3)).summary == draft(3)
    assert fold(state, did("summary_accepted", "2")).accepted


@given(st.lists(st.sampled_from(scripted_call.after_call("en")), max_size=60))
def test_no_order_of_events_breaks_the_fold(events: list) -> None:  # type: ignore[type-arg]
    state = fold_all(CALL, events)
    assert len(state.open) <= 2
    assert len({(line.party, line.utterance_id) for line in state.lines}) == len(state.lines)
    assert len({rule.rule_id for rule in state.rules}) == len(state.rules)


def test_a_lead_who_is_heard_is_named_and_one_who_listens_is_not() -> None:
    def ears(lead: str, state: Any, reason: Any = "") -> EarsChanged:
        return EarsChanged(call_id="c1", at=1.0, lead_id=lead, state=state, reason=reason)

    call = fold_all("c1", [ears("luz", "calling"), ears("luz", "listening"), ears("marta", "whispering")])
    assert call.speaking == ("marta", "whispering")
    call = fold_all("c1", [ears("luz", "calling"), ears("luz", "listening"), ears("luz", "refused", "speaking")])
    assert (call.speaking, call.leads) == (None, {"luz": "listening"})
    assert fold_all("c1", [ears("luz", "calling"), ears("luz", "refused", "phone_busy")]).leads == {}
    call = fold_all("c1", [ears("luz", "taken_over"), ears("luz", "left", "hung_up")])
    assert call.speaking is None
