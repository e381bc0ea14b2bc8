"""Passages of articles as cards: sure ones only, few, quoted, gone when told, and the same when played again."""

from dataclasses import replace

import pytest

from assist.decide.core import step
from assist.decide.kit import ArticleCards, Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.state import SessionState, revisit
from assist.events import AgentDid, ArticleFound, CardOffered, CardWithdrawn, Event
from tests.unit.decide.calls import T0, Call, begin, heard, playbook

BOOK = """
name: test
language: es
cards_per_call: 3
cooldown_s: 5
cards:
  - id: refund
    title: Devolución
    say: "Le abro ahora mismo el reclamo."
    priority: 60
    when: {customer: [me cobraron dos veces]}
"""
TEXT = "El plazo para devolver un producto es de treinta días. El reembolso llega a la misma tarjeta."


@pytest.fixture
def call() -> Call:
    call = Call(Kit(playbook(BOOK), LexiconBaseline(), articles=ArticleCards(0.7, 2, 45)))
    call.answer()
    return call


def found(uid: str, at: float, *, confidence: float = 0.9, line: int = 3, text: str = TEXT) -> ArticleFound:
    return ArticleFound(
        call_id="c1",
        at=T0 + at,
        utterance_id=uid,
        title="Devoluciones",
        heading="Plazo",
        file="devoluciones.es.md",
        line=line,
        text=text,
        language="es",
        confidence=confidence,
    )


def offered(events: list[Event]) -> list[CardOffered]:
    return [event for event in events if isinstance(event, CardOffered)]


def gone(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, CardWithdrawn)]


def test_a_sure_passage_is_quoted_with_its_place_and_its_line(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    (card,) = offered(call.give(found("u1", 5.1)))
    assert (card.card_id, card.source) == ("article:devoluciones.es.md:3", "devoluciones.es.md:3")
    assert (card.title, card.say, card.evidence) == ("Devoluciones › Plazo", TEXT, ("u1",))


def test_an_unsure_one_is_not_nor_any_where_nobody_wants_them(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    assert offered(call.give(found("u1", 5.1, confidence=0.69))) == []
    plain = Call(Kit(playbook(BOOK), LexiconBaseline()))
    plain.answer()
    plain.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    assert offered(plain.give(found("u1", 5.1))) == []


def test_the_playbooks_card_comes_first_and_the_passage_waits(call: Call) -> None:
    assert [card.card_id for card in offered(call.say("customer", "me cobraron dos veces, ¿me lo devuelven?", 5))] == [
        "refund"
    ]
    assert offered(call.give(found("u1", 5.1))) == []
    call.give(AgentDid(call_id="c1", at=T0 + 8, agent_id="a", action="card_taken", target="c1-1"))
    call.tick(12)
    assert [card.card_id for card in offered(call.decided)] == ["refund", "article:devoluciones.es.md:3"]


def test_it_goes_when_the_agent_has_told_it_and_does_not_come_back(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    call.give(found("u1", 5.1))
    told = call.say("agent", "mire el plazo para devolver un producto es de treinta días", 10)
    assert gone(told) == ["said"]
    call.say("customer", "¿cuántos días dice?", 20)
    assert offered(call.give(found("u3", 20.1))) == []


def test_it_is_not_offered_while_the_agent_is_saying_it(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    call.say("agent", "el plazo para devolver un producto es de treinta días", 8)
    assert offered(call.give(found("u1", 8.1))) == []


def test_two_in_a_call_at_most(call: Call) -> None:
    for number in range(4):
        at = 60.0 * number + 5
        call.say("customer", f"otra pregunta número {number}", at, uid=f"q{number}")
        call.give(found(f"q{number}", at + 0.1, line=number))
        call.tick(at + 50)
    assert len(offered(call.decided)) == 2
    assert set(gone(call.decided)) == {"expired"}


def test_words_that_were_never_said_take_it_away(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5, uid="u")
    call.give(found("u", 5.1))
    assert gone(call.say("customer", "", 6, uid="u")) == ["no_longer_true"]


def test_an_old_finding_is_no_news(call: Call) -> None:
    call.say("customer", "¿cuántos días tengo para devolverlo?", 5)
    call.tick(40)
    assert offered(call.give(found("u1", 40.1))) == []


def test_played_again_from_what_is_stored_it_is_the_same(call: Call) -> None:
    inputs: list[Event] = [
        *begin("c1", "es"),
        heard("customer", "¿cuántos días tengo para devolverlo?", 3, 5, uid="u1"),
        found("u1", 5.1),
        heard("agent", "el plazo para devolver un producto es de treinta días", 10, 12, uid="u2"),
    ]
    state, stored = SessionState(call_id="c1"), []
    for number, event in enumerate(inputs, 1):
        event = replace(event, seq=number)
        state, made = step(state, event, call.kit)
        stored += [event, *(out for out, _ in made)]
    again = revisit(SessionState(call_id="c1"), stored)
    assert again == state
    assert [(offer.card_id, offer.closed) for offer in again.offers] == [("article:devoluciones.es.md:3", "said")]
