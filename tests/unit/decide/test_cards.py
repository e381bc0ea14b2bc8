"""Cards: one at a time, few in a call, on time, and gone when they no longer help."""

import pytest

from assist.decide.kit import Kit
from assist.events import CardOffered, CardWithdrawn, Event
from tests.unit.decide.calls import Call, kit_of, packaged_kit

BOOK = """
cards_per_call: 3
cooldown_s: 10
cards:
  - id: refund
    title: Devolución
    say: "Le abro ahora mismo el reclamo para la devolución de su dinero."
    priority: 50
    ttl_s: 20
    when: {customer: [me cobraron dos veces]}
    unless: [no me cobraron]
    said: [abro el reclamo]
  - id: stay
    title: Retención
    say: "Permítame resolverlo hoy mismo."
    priority: 80
    when: {customer: [quiero cancelar]}
  - id: hold
    title: Silencio
    say: "Sigo con su caso."
    priority: 10
    when: {silence_s: 15}
  - id: calm
    title: Molesto
    say: "Entiendo cómo se siente."
    priority: 20
    when: {sentiment_below: -0.5}
"""


@pytest.fixture
def call() -> Call:
    call = Call(kit_of(BOOK))
    call.answer()
    return call


def offered(events: list[Event]) -> list[str]:
    return [event.card_id for event in events if isinstance(event, CardOffered)]


def gone(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, CardWithdrawn)]


def test_a_trigger_offers_its_card_with_the_line_as_evidence(call: Call) -> None:
    (card,) = [e for e in call.say("customer", "Me cobraron dos veces", 5) if isinstance(e, CardOffered)]
    assert card.evidence == ("u1",)
    assert card.say.startswith("Le abro")


def test_the_settled_words_of_a_partial_are_enough(call: Call) -> None:
    text = "me cobraron dos veces y"
    assert offered(call.say("customer", text, 5, uid="u", stable=len("me cobraron dos ve"))) == []
    assert offered(call.say("customer", text, 5, uid="u", stable=len("me cobraron dos veces"))) == ["refund"]
    assert offered(call.say("customer", "me cobraron dos veces y ya", 6, uid="u")) == []


def test_the_agents_words_do_not_trigger_a_customers_card(call: Call) -> None:
    assert offered(call.say("agent", "¿me cobraron dos veces dice usted?", 5)) == []


def test_unless_keeps_it_away(call: Call) -> None:
    assert offered(call.say("customer", "no me cobraron, o sea, no me cobraron dos veces", 5)) == []


def test_only_one_card_at_a_time_and_a_more_important_one_replaces(call: Call) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    events = call.say("customer", "quiero cancelar", 10)
    assert gone(events) == ["replaced"]
    assert offered(events) == ["stay"]
    assert offered(call.say("customer", "me cobraron dos veces", 12)) == []


@pytest.mark.parametrize(
    ("action", "reason"),
    [("card_taken", "taken"), ("card_dismissed", "dismissed"), ("card_not_useful", "dismissed")],
)
def test_the_agents_key_takes_it_off(call: Call, action: str, reason: str) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    assert gone(call.did(action, "c1-1", at=6)) == [reason]
    assert call.state.card is None


def test_an_old_offers_key_does_nothing(call: Call) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    assert gone(call.did("card_taken", "other-1", at=6)) == []


@pytest.mark.parametrize(
    "line",
    [
        "Ahora mismo le abro el reclamo para la devolución del dinero.",
        "Bueno, yo le abro el reclamo",
    ],
)
def test_the_agent_saying_it_takes_it_off(call: Call, line: str) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    assert gone(call.say("agent", line, 9)) == ["said"]


def test_it_expires_to_the_tick(call: Call) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    assert gone(call.tick(24.99)) == []
    assert gone(call.tick(25.0)) == ["expired"]


def test_words_taken_back_take_the_card_back(call: Call) -> None:
    call.say("customer", "me cobraron dos veces", 5, uid="u", stable=21)
    assert gone(call.say("customer", "", 6, uid="u")) == ["no_longer_true"]


def test_the_end_of_the_call_clears_the_screen(call: Call) -> None:
    call.say("customer", "me cobraron dos veces", 5)
    assert gone(call.end(8)) == ["call_ended"]
    assert offered(call.say("customer", "quiero cancelar", 9)) == []


def test_cool_down_then_a_trigger_that_is_still_fresh(call: Call) -> None:
    call.say("customer", "quiero cancelar", 5)
    call.did("card_dismissed", "c1-1", at=6)
    assert offered(call.say("customer", "me cobraron dos veces", 9)) == []
    assert offered(call.tick(15.9)) == []
    assert offered(call.tick(16.0)) == ["refund"]


def test_a_stale_trigger_is_history(call: Call) -> None:
    call.say("customer", "quiero cancelar", 5)
    call.say("customer", "me cobraron dos veces", 6)
    call.did("card_dismissed", "c1-1", at=25)
    assert offered(call.tick(36)) == ["hold"]


def test_a_line_recognised_far_too_late_offers_nothing(call: Call) -> None:
    call.tick(60)
    assert offered(call.say("customer", "quiero cancelar", 20)) == []


def test_no_more_than_the_playbook_allows() -> None:
    call = Call(kit_of(BOOK.replace("cards_per_call: 3", "cards_per_call: 1")))
    call.answer()
    call.say("customer", "me cobraron dos veces", 5)
    call.did("card_taken", "c1-1", at=6)
    assert offered(call.say("customer", "quiero cancelar", 40)) == []


def test_silence_offers_unless_on_hold(call: Call) -> None:
    call.say("agent", "un momento", 5)
    assert offered(call.tick(19.9)) == []
    assert offered(call.tick(20.1)) == ["hold"]


def test_a_falling_mood_offers(call: Call) -> None:
    assert offered(call.say("customer", "Esto es una vergüenza, estoy furioso, es un robo", 5)) == ["calm"]


def test_what_was_just_said_is_not_suggested(call: Call) -> None:
    call.say("agent", "yo le abro el reclamo", 4)
    assert offered(call.say("customer", "gracias, es que me cobraron dos veces", 8)) == []


@pytest.mark.parametrize(
    ("language", "line", "card"),
    [
        ("es", "es que me descontaron la plata otra vez", "double_charge"),
        ("es", "yo no hice esa compra", "fraud_block"),
        ("es", "hay unos movimientos en mi tarjeta que no reconozco", "fraud_block"),
        ("es", "pues entonces me voy a cambiar de compañía", "retention"),
        ("es", "llevo tres semanas llamando", "repeat_contact"),
        ("en", "you billed me twice this month", "double_charge"),
        ("en", "somebody used my card", "fraud_block"),
        ("en", "I don't recognize those purchases", "fraud_block"),
        ("en", "I want to cancel my plan", "retention"),
        ("en", "I've called three times about this", "repeat_contact"),
    ],
)
def test_packaged_cards_meet_words_they_were_not_written_for(language: str, line: str, card: str) -> None:
    kit: Kit = packaged_kit("es" if language == "es" else "en")
    call = Call(kit)
    call.answer()
    assert offered(call.say("customer", line, 5)) == [card]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("es", "buenos días, quería saber el horario de la oficina"),
        ("es", "sí, mi nombre es Pedro y no tengo más preguntas"),
        ("es", "quiero cancelar la cita de mañana, digo, cancelar la cita"),
        ("en", "hello, what are your opening hours"),
        ("en", "no, I don't want to cancel, I just want to know the price"),
    ],
)
def test_ordinary_lines_offer_nothing(language: str, line: str) -> None:
    call = Call(packaged_kit("es" if language == "es" else "en"))
    call.answer()
    assert offered(call.say("customer", line, 5)) == []
