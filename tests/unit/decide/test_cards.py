"""Cards: one at a time, few in a call, on time, and gone when they no longer help."""

import pytest

from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.taxonomy import parse as taxonomy
from assist.events import CardOffered, CardWithdrawn, Event
from tests.unit.decide.calls import Call, kit_of, packaged_kit, playbook
from tests.unit.decide.word_encoder import WordEncoder

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


MEANT = """
cards_per_call: 3
cooldown_s: 5
cards:
  - id: late
    title: Pedido atrasado
    say: "Ubico su paquete ahora mismo."
    priority: 60
    when:
      customer: [pedido atrasado]
      customer_examples: [mi pedido todavía no llega, el paquete que compré no llega, sigo esperando mi pedido]
  - id: refund
    title: Espera su reembolso
    say: "Reviso en qué va el reembolso."
    priority: 90
    when:
      customer: [reembolso atrasado]
      customer_examples: [mi reembolso todavía no llega, el reembolso que pedí no llega, sigo esperando mi reembolso]
    not_examples: [quiero pedir un reembolso]
"""


def meant_call() -> Call:
    call = Call(Kit(playbook(f"name: test\nlanguage: es\n{MEANT}"), LexiconBaseline(), meaning=WordEncoder()))
    call.answer()
    return call


def test_by_meaning_the_card_wins_that_the_line_is_about_not_the_more_important_one() -> None:
    call = meant_call()
    spots = {card.id: card.spot("customer") for card in call.kit.playbook.cards}
    text = "hola buenas, el pedido que compré todavía no llega"
    assert call.kit.spotted(spots["refund"], text, whole=True) > 0.8  # near to both
    assert offered(call.say("customer", text, 5)) == ["late"]
    call.tick(11)
    call.tick(16)
    assert offered(call.decided) == ["late"]


def test_ordinary_talk_and_counter_examples_win_too() -> None:
    call = meant_call()
    assert offered(call.say("customer", "quiero pedir un reembolso", 5)) == []
    assert offered(call.say("customer", "gracias, espere un momento por favor", 9)) == []


REASONS = """
name: tienda
language: es
reasons:
  - id: order_late
    label: Pedido que no llega
    examples: [mi pedido no llega y sigo esperando, el paquete que compré todavía no llega, dónde anda mi encomienda]
  - id: invoice
    label: Factura
    examples: [necesito la factura de una compra, me falta la factura con mi razón social]
  - id: refund
    label: Reembolso
    examples: [mi reembolso todavía no llega, el reembolso que pedí no llega, sigo esperando mi reembolso]
"""


def lent(text: str = MEANT) -> Call:
    own = taxonomy(REASONS, "tienda.yaml")
    book = playbook(f"name: test\nlanguage: es\n{text}")
    call = Call(Kit(book, LexiconBaseline(), meaning=WordEncoder(), taxonomies=(own,)))
    call.answer()
    return call


def test_a_card_borrows_the_examples_of_the_reason_that_its_own_are_about() -> None:
    text = "dónde anda mi encomienda"
    assert meant_call().kit.contest.shares(text).get("late", 0.0) < 0.05  # type: ignore[union-attr]
    contest = lent().kit.contest
    assert contest is not None
    assert contest.loans() == {"late": "Pedido que no llega", "refund": "Reembolso"}
    assert contest.shares(text)["late"] > 0.35
    kept = lent(MEANT.replace("priority: 60", "priority: 60\n    borrow: false")).kit.contest
    assert kept is not None
    assert "late" not in kept.loans()


def test_a_clear_match_needs_no_more_than_to_be_the_likeliest_card() -> None:
    contest = meant_call().kit.contest
    assert contest is not None
    near, text = "el paquete que compré no llega", "mi pedido por favor"
    assert 0.05 < contest.shares(text)["late"] < 0.35
    assert not contest.agrees("late", text, 0.9, opening=True)
    assert contest.agrees("late", text, 1.0, opening=True)
    assert not contest.agrees("refund", text, 1.0, opening=True)
    assert contest.agrees("late", near, 0.87, opening=False)


def test_what_answers_the_agent_must_be_clearer_than_what_opens_the_call() -> None:
    text = "mi pedido que compré todavía está en camino"
    first, later = meant_call(), meant_call()
    assert offered(first.say("customer", text, 5)) == ["late"]
    for n, said in enumerate(("buenas tardes señorita cómo está", "sí claro", "es a nombre de Jairo Restrepo")):
        later.say("customer", said, 3 + n)
    assert offered(later.say("customer", text, 9)) == []
    assert offered(later.say("customer", "mi pedido no llega", 12)) == []  # clear, but as short as an answer
    clear = "el paquete que compré todavía no llega y sigo esperando mi pedido"
    assert offered(later.say("customer", clear, 15)) == ["late"]


def test_a_phrase_as_it_is_written_needs_no_contest() -> None:
    assert offered(meant_call().say("customer", "tengo un reembolso atrasado y un pedido", 5)) == ["refund"]


def test_what_was_said_while_a_card_was_up_waits_for_the_screen(call: Call) -> None:
    assert offered(call.say("customer", "quiero cancelar", 5)) == ["stay"]
    assert offered(call.say("customer", "me cobraron dos veces", 8)) == []
    call.did("card_taken", target="c1-1", at=20)
    assert offered(call.tick(26)) == ["refund"]


def test_but_not_for_ever(call: Call) -> None:
    call.say("customer", "quiero cancelar", 5)
    call.say("customer", "me cobraron dos veces", 8)
    call.tick(34)  # the first card's time is over, and the words are old
    call.tick(45)
    assert "refund" not in offered(call.decided)


def test_the_talk_goes_on_past_a_card_that_matters_more() -> None:
    call = Call(kit_of(BOOK.replace("priority: 50", "priority: 10")))
    call.answer()
    assert offered(call.say("customer", "quiero cancelar", 5)) == ["stay"]
    assert offered(call.say("customer", "me cobraron dos veces", 10)) == []
    assert offered(call.tick(17.5)) == ["refund"]


def test_two_subjects_in_one_breath_both_have_their_turn() -> None:
    call = Call(kit_of(BOOK))
    call.answer()
    assert offered(call.say("customer", "me cobraron dos veces y quiero cancelar", 5)) == ["stay"]
    assert offered(call.tick(10)) == []
    assert offered(call.tick(14)) == ["refund"]


def test_but_of_one_line_only_what_was_said_as_it_is_written() -> None:
    call = meant_call()
    assert offered(call.say("customer", "el pedido que compré todavía no llega y tengo un reembolso atrasado", 5)) == [
        "refund"
    ]
    call.tick(14)
    call.tick(20)
    assert offered(call.decided) == ["refund"]


def test_but_what_is_urgent_stays_longer() -> None:
    call = Call(kit_of(BOOK.replace("priority: 80", "priority: 95")))
    call.answer()
    assert offered(call.say("customer", "quiero cancelar", 5)) == ["stay"]
    call.say("customer", "me cobraron dos veces", 14)
    assert offered(call.tick(20)) == []
    assert offered(call.tick(26)) == ["refund"]


def test_a_card_that_was_read_makes_room_for_what_is_said_after_it() -> None:
    book = BOOK.replace("priority: 80", "priority: 65")
    call = Call(kit_of(book))
    call.answer()
    assert offered(call.say("customer", "quiero cancelar", 5)) == ["stay"]
    assert offered(call.say("customer", "me cobraron dos veces", 10)) == []
    assert offered(call.tick(17.5)) == ["refund"]
    assert gone(call.decided) == ["replaced"]


def test_of_two_phrases_in_a_line_the_one_it_is_about_comes_first_unless_the_other_matters_much_more() -> None:
    text = "tengo un pedido atrasado o un reembolso atrasado, sigo esperando mi pedido y el paquete no llega"
    for priority, first in ((75, "late"), (90, "refund")):
        book = playbook(f"name: test\nlanguage: es\n{MEANT.replace('priority: 90', f'priority: {priority}')}")
        call = Call(Kit(book, LexiconBaseline(), meaning=WordEncoder()))
        call.answer()
        assert offered(call.say("customer", text, 5)) == [first]


def test_what_keeps_a_card_away_also_takes_it_away(call: Call) -> None:
    assert offered(call.say("customer", "me cobraron dos veces", 5)) == ["refund"]
    assert gone(call.say("customer", "no, perdón, no me cobraron, era otra tienda", 9)) == ["no_longer_true"]
