"""The checklist: announced at the answer, exact to its deadlines, resting on what was said."""

from typing import Any

import pytest

from assist.events import ComplianceChanged, Event
from tests.unit.decide.calls import T0, Call, kit_of, packaged_kit

BOOK = """
rules:
  - {id: notice, label: Aviso, phrases: [llamada será grabada], within_s: 30, critical: true}
  - {id: identity, label: Identidad, phrases: [verifiqué sus datos], before: folio}
  - {id: folio, label: Folio, phrases: [su folio es]}
  - {id: blame, label: No culpar, kind: forbidden, phrases: [es su culpa], unless: [no es su culpa]}
  - {id: block, label: Bloquear, phrases: [bloqueo la tarjeta], when_tags: [fraud]}
tags:
  - {kind: reason, value: fraud, label: Fraude, phrases: [fraude]}
"""


@pytest.fixture
def call() -> Call:
    call = Call(kit_of(BOOK))
    call.answer()
    return call


def states(events: list[Event]) -> dict[str, str]:
    return {event.rule_id: event.state for event in events if isinstance(event, ComplianceChanged)}


def test_all_items_are_announced_at_the_answer() -> None:
    call = Call(kit_of(BOOK))
    announced = [event for event in call.answer() if isinstance(event, ComplianceChanged)]
    assert {event.rule_id: event.state for event in announced} == dict.fromkeys(
        ("notice", "identity", "folio", "blame"), "pending"
    )
    assert announced[0].due_at == T0 + 30
    assert announced[1].due_at is None


def test_said_in_time_is_met_with_its_line(call: Call) -> None:
    (met,) = [e for e in call.say("agent", "Esta llamada será grabada", 5) if isinstance(e, ComplianceChanged)]
    assert (met.rule_id, met.state, met.evidence) == ("notice", "met", ("u1",))


def test_a_partials_settled_words_count(call: Call) -> None:
    text = "esta llamada será grabada para"
    assert states(call.say("agent", text, 5, uid="u", stable=len(text) - 5)) == {"notice": "met"}
    assert states(call.say("agent", text, 6, uid="u")) == {}


def test_the_customer_saying_it_does_not_count(call: Call) -> None:
    assert states(call.say("customer", "¿esta llamada será grabada?", 5)) == {}


def test_due_and_missed_to_the_tick(call: Call) -> None:
    assert states(call.tick(17.99)) == {}
    assert states(call.tick(18.0)) == {"notice": "due"}
    assert states(call.tick(29.99)) == {}
    assert states(call.tick(30.0)) == {"notice": "missed"}
    assert states(call.tick(31.0)) == {}


def test_begun_in_time_but_recognised_late_is_met(call: Call) -> None:
    call.tick(30.5)
    assert states(call.say("agent", "esta llamada será grabada", 32, length=3)) == {"notice": "met"}


def test_said_too_late_stays_missed(call: Call) -> None:
    call.tick(30.5)
    assert states(call.say("agent", "esta llamada será grabada", 40)) == {}


def test_the_agents_tick_is_met_without_evidence(call: Call) -> None:
    call.tick(31)
    (met,) = [e for e in call.did("rule_ticked", "notice", at=35) if isinstance(e, ComplianceChanged)]
    assert (met.state, met.evidence) == ("met", ())
    assert states(call.did("rule_ticked", "blame", at=36)) == {}
    assert states(call.did("rule_ticked", "unknown", at=37)) == {}


def test_order_a_rule_whose_successor_came_first_is_missed(call: Call) -> None:
    assert states(call.say("agent", "su folio es 4412", 15)) == {"folio": "met", "identity": "missed"}
    assert states(call.say("agent", "ya verifiqué sus datos", 16)) == {}


def test_order_kept(call: Call) -> None:
    call.say("agent", "ya verifiqué sus datos", 12)
    assert states(call.say("agent", "su folio es 4412", 15)) == {"folio": "met"}


def test_both_in_one_line_are_in_order(call: Call) -> None:
    assert states(call.say("agent", "ya verifiqué sus datos, su folio es 4412", 15)) == {
        "identity": "met",
        "folio": "met",
    }


def test_forbidden_words_and_their_exception(call: Call) -> None:
    assert states(call.say("agent", "no es su culpa", 5)) == {}
    assert states(call.say("agent", "eso es su culpa", 9)) == {"blame": "forbidden_said"}
    assert "blame" not in states(call.end(40))


def test_at_the_end_what_was_not_said_is_missed_and_what_was_kept_is_met(call: Call) -> None:
    call.say("agent", "esta llamada será grabada", 5)
    assert states(call.end(20, settled=False)) == {}
    assert states(call.tick(21.6)) == {"identity": "missed", "folio": "missed", "blame": "met"}
    assert states(call.say("agent", "su folio es 4412", 19, uid="late")) == {"folio": "met"}


def test_a_tag_puts_a_rule_on_the_list_and_earlier_words_count(call: Call) -> None:
    assert "block" not in call.state.checklist
    call.say("agent", "bloqueo la tarjeta", 10)
    events = call.say("customer", "fue un fraude", 12)
    kinds = [(e.rule_id, e.state) for e in events if isinstance(e, ComplianceChanged)]
    assert kinds == [("block", "pending"), ("block", "met")]
    assert call.state.checklist["block"].evidence == ("u1",)


@pytest.mark.parametrize(
    ("language", "line", "rule"),
    [
        ("es", "le recuerdo que por seguridad esta llamada puede ser grabada", "recording_notice"),
        ("es", "le informo que la llamada está siendo gravada", "recording_notice"),
        ("es", "habla con Julia, mucho gusto", "greeting"),
        ("es", "¿me confirma por favor su número de cédula?", "identity"),
        ("es", "¿hay algo más en lo que le pueda servir?", "closing"),
        ("en", "please note that this call may be recorded", "recording_notice"),
        ("en", "my name is Alex", "greeting"),
        ("en", "can I have the last four digits of your card", "identity"),
        ("en", "is there anything else I can do for you", "closing"),
    ],
)
def test_packaged_rules_meet_other_wordings(language: str, line: str, rule: str) -> None:
    call = Call(packaged_kit("es" if language == "es" else "en"))
    call.answer()
    assert states(call.say("agent", line, 5))[rule] == "met"


@pytest.mark.parametrize(
    ("language", "line", "rule"),
    [
        ("es", "dígame por favor su clave", "no_card_secret"),
        ("es", "señor, cálmese", "no_blame"),
        ("en", "please tell me your PIN", "no_card_secret"),
        ("en", "sir, calm down", "no_blame"),
    ],
)
def test_packaged_forbidden_phrases(language: str, line: str, rule: str) -> None:
    call = Call(packaged_kit("es" if language == "es" else "en"))
    call.answer()
    said: dict[str, Any] = states(call.say("agent", line, 5))
    assert said[rule] == "forbidden_said"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("es", "nunca comparta su clave con nadie"),
        ("es", "no fue culpa suya"),
        ("en", "we never ask for your pin"),
        ("en", "it was not your fault"),
    ],
)
def test_packaged_forbidden_phrases_spare_good_advice(language: str, line: str) -> None:
    call = Call(packaged_kit("es" if language == "es" else "en"))
    call.answer()
    assert "forbidden_said" not in states(call.say("agent", line, 5)).values()
