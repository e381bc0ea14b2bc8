"""Rules beyond words: order with moments, conditions and windows, consent, silence, talking over, payment data."""

from dataclasses import replace

import pytest

from assist.decide.answers import answers
from assist.decide.kit import Kit
from assist.events import (
    CallHeld,
    CallResumed,
    CardOffered,
    ComplianceChanged,
    Event,
    HeardWord,
    Language,
    MomentHeard,
    PlaybookChosen,
    SensitiveChanged,
)
from tests.unit.decide.calls import T0, Call, heard, kit_of, packaged_kit

BOOK = """
moments:
  - {id: balance, speaker: agent, phrases: [su saldo es], facts: [money]}
  - {id: leaves, speaker: customer, phrases: [quiero irme]}
rules:
  - {id: identity, label: Identidad, phrases: [su documento], before: balance}
  - {id: fee, label: Multa, phrases: [hay una multa], when: leaves, within_s: 20}
  - {id: sorry, label: Disculpa, phrases: [lo siento], when: identity.missed}
  - {id: offers, label: Ofertas, kind: consent, phrases: [acepta ofertas], before: sells}
  - {id: sells, label: Venta, phrases: [le vendo]}
  - {id: quiet, label: Silencio, kind: silence, most_s: 20, phrases: [un momento]}
  - {id: over, label: Interrumpir, kind: talk_over, most_s: 3}
"""


@pytest.fixture
def call() -> Call:
    call = Call(kit_of(BOOK))
    call.answer()
    return call


def states(events: list[Event]) -> dict[str, str]:
    return {event.rule_id: event.state for event in events if isinstance(event, ComplianceChanged)}


def consents(events: list[Event]) -> list[tuple[str, str]]:
    return [(e.state, e.consent) for e in events if isinstance(e, ComplianceChanged) and e.kind == "consent"]


def test_the_playbook_is_told_once_with_its_version() -> None:
    call = Call(packaged_kit("es"))
    chosen = [event for event in call.answer() if isinstance(event, PlaybookChosen)]
    assert [(event.name, event.version) for event in chosen] == [(call.kit.playbook.name, call.kit.playbook.version)]
    assert len(call.kit.playbook.version) == 12
    assert not [event for event in call.tick(3) if isinstance(event, PlaybookChosen)]


def test_a_moment_is_told_once_a_line_and_rests_on_it(call: Call) -> None:
    (moment,) = [e for e in call.say("agent", "su saldo es alto", 5, uid="u") if isinstance(e, MomentHeard)]
    assert (moment.moment_id, moment.evidence) == ("balance", ("u",))
    assert not [e for e in call.say("agent", "su saldo es alto", 5, uid="u") if isinstance(e, MomentHeard)]
    assert not [e for e in call.say("customer", "su saldo es alto", 9) if isinstance(e, MomentHeard)]


def test_a_sum_of_money_is_a_moment_too(call: Call) -> None:
    events = call.say("agent", "le quedan ochenta mil pesos por pagar", 5)
    assert [e.moment_id for e in events if isinstance(e, MomentHeard)] == ["balance"]
    assert not [e for e in call.say("customer", "pagué ochenta mil pesos", 9) if isinstance(e, MomentHeard)]


def test_identity_must_come_before_the_balance(call: Call) -> None:
    assert states(call.say("agent", "su saldo es alto", 5))["identity"] == "missed"
    assert call.state.checklist["identity"].evidence == ("u1",)
    assert "identity" not in states(call.say("agent", "su documento por favor", 9))


def test_identity_in_the_same_line_or_before_is_in_order(call: Call) -> None:
    assert states(call.say("agent", "su documento por favor, su saldo es alto", 5)) == {"identity": "met"}
    assert states(call.say("agent", "su saldo es alto", 9)) == {}


def test_half_a_line_does_not_judge_the_order(call: Call) -> None:
    text = "su saldo es alto"
    assert "identity" not in states(call.say("agent", text, 5, uid="u", stable=len(text)))
    assert states(call.say("agent", f"{text} y deme su documento", 6, uid="u")) == {"identity": "met"}


def test_a_condition_puts_a_rule_on_the_list_and_starts_its_clock(call: Call) -> None:
    assert "fee" not in call.state.checklist
    announced = [e for e in call.say("customer", "quiero irme", 30) if isinstance(e, ComplianceChanged)]
    assert [(e.rule_id, e.state, e.due_at) for e in announced] == [("fee", "pending", T0 + 30 + 20)]
    assert states(call.tick(49.9)).get("fee") == "due"
    assert states(call.tick(50.0)).get("fee") == "missed"


def test_a_condition_met_in_time(call: Call) -> None:
    call.say("agent", "hay una multa", 10)
    call.say("customer", "quiero irme", 30)
    assert call.state.checklist["fee"].state == "pending"
    assert states(call.say("agent", "le cuento que hay una multa", 40)) == {"fee": "met"}


def test_a_missed_rule_can_be_a_condition(call: Call) -> None:
    call.say("agent", "su saldo es alto", 5)
    call.tick(6)
    assert call.state.checklist["sorry"].state == "pending"


@pytest.mark.parametrize(
    ("answer", "consent"),
    [
        ("sí, claro", "given"),
        ("no, gracias", "refused"),
        ("no, no hay problema", "given"),
        ("prefiero que no me llamen", "refused"),
    ],
)
def test_consent_is_asked_and_answered(call: Call, answer: str, consent: str) -> None:
    assert consents(call.say("agent", "¿acepta ofertas?", 5)) == [("due", "asked")]
    assert consents(call.say("customer", answer, 8)) == [("met", consent)]
    assert call.state.checklist["offers"].evidence == ("u1", "u2")


def test_an_answer_that_is_none_leaves_it_open_and_the_end_closes_it(call: Call) -> None:
    call.say("agent", "¿acepta ofertas?", 5)
    assert consents(call.say("customer", "mi pedido no ha llegado", 8)) == []
    assert consents(call.say("customer", "sí", 60)) == []
    assert ("missed", "asked") in consents(call.end(70))


def test_a_refusal_can_be_asked_anew_but_not_gone_over(call: Call) -> None:
    call.say("agent", "¿acepta ofertas?", 5)
    call.say("customer", "no", 8)
    assert consents(call.say("agent", "¿seguro? ¿acepta ofertas?", 12)) == [("due", "asked")]
    call.say("customer", "que no", 14)
    assert call.state.checklist["offers"].consent == "refused"
    assert states(call.say("agent", "le vendo esto", 20)) == {"sells": "met", "offers": "missed"}


def test_given_consent_allows_what_comes_after(call: Call) -> None:
    call.say("agent", "¿acepta ofertas?", 5)
    call.say("customer", "sí", 8)
    assert states(call.say("agent", "le vendo esto", 20)) == {"sells": "met"}


@pytest.mark.parametrize(
    ("language", "text", "answer"),
    [
        ("es", "ajá, dele", "given"),
        ("es", "no me molesta", "given"),
        ("es", "no, no quiero", "refused"),
        ("es", "¿cuánto cuesta?", None),
        ("es", "", None),
        ("en", "yeah sure", "given"),
        ("en", "I don't mind at all", "given"),
        ("en", "nope", "refused"),
        ("en", "I'd rather not", "refused"),
        ("en", "what was that again", None),
        ("en", "🙂 🙂", None),
    ],
)
def test_answers(language: Language, text: str, answer: str | None) -> None:
    assert answers(language).read(text) == answer


def test_silence_warns_then_is_missed(call: Call) -> None:
    call.say("agent", "a ver", 5)
    assert states(call.tick(16.9)) == {}
    assert states(call.tick(17.0)) == {"quiet": "due"}
    assert states(call.tick(25.0)) == {}
    assert states(call.tick(26.3)) == {"quiet": "missed"}
    assert call.state.checklist["quiet"].evidence == ("u1",)
    assert call.state.checklist["quiet"].state == "missed"


def test_somebody_speaking_takes_the_warning_back_each_time(call: Call) -> None:
    call.say("agent", "a ver", 5)
    call.tick(18)
    assert states(call.say("customer", "¿sigue ahí?", 20)) == {"quiet": "pending"}
    assert states(call.tick(33)) == {"quiet": "due"}
    names = [name for name in call.dedups if ".quiet." in name]
    assert len(names) == len(set(names))
    assert states(call.end(34))["quiet"] == "met"


def test_an_announced_silence_is_excused(call: Call) -> None:
    call.say("agent", "deme un momento por favor", 5)
    assert states(call.tick(60)) == {}


def test_hold_is_no_silence_and_ends_one(call: Call) -> None:
    call.say("agent", "a ver", 5)
    call.give(CallHeld(call_id="c1", at=T0 + 10, by="agent"))
    assert states(call.tick(60)) == {}
    call.give(CallResumed(call_id="c1", at=T0 + 61, by="agent"))
    assert states(call.tick(65)) == {}
    assert states(call.tick(74)) == {"quiet": "due"}


def test_talking_over_the_customer(call: Call) -> None:
    call.say("customer", "le cuento que a mí me pasó lo siguiente", 10, length=8)
    assert states(call.say("agent", "no, mire", 6, length=2)) == {}
    events = call.say("agent", "no, mire, es que usted", 11, length=4.6)
    assert states(events) == {"over": "missed"}
    assert call.state.checklist["over"].evidence == ("u1", "u3")


def test_the_customer_talking_over_the_agent_is_not_the_agents_fault(call: Call) -> None:
    call.say("agent", "le explico cómo funciona el plan", 10, length=8)
    assert states(call.say("customer", "no no no espere un momento", 11, length=6)) == {}


def test_pauses_inside_an_utterance_are_no_speech(call: Call) -> None:
    line = heard("customer", "espere voy", 0, 10, uid="c")
    words = (
        HeardWord(text="espere", t0=T0, t1=T0 + 1, confidence=1),
        HeardWord(text="voy", t0=T0 + 9, t1=T0 + 10, confidence=1),
    )
    call.give(replace(line, words=words))
    assert states(call.say("agent", "aquí lo espero con gusto", 8, length=6)) == {}


# --- payment data ------------------------------------------------------------------------------------------------


def sensitive(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.state, event.reason) for event in events if isinstance(event, SensitiveChanged)]


@pytest.mark.parametrize(
    ("language", "line", "reason"),
    [
        ("es", "me regala el número de su tarjeta", "card_number"),
        ("es", "y los tres dígitos de atrás", "security_code"),
        ("en", "can I have the full card number", "card_number"),
        ("en", "and the security code please", "security_code"),
    ],
)
def test_asking_for_payment_data_begins_it_on_a_partial_already(language: Language, line: str, reason: str) -> None:
    call = Call(packaged_kit(language))
    call.answer()
    assert sensitive(call.say("agent", line, 5, uid="u", stable=len(line))) == [("begin", reason)]
    assert sensitive(call.say("agent", line, 5, uid="u")) == []


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("es", "los últimos cuatro dígitos de su tarjeta"),
        ("es", "nunca comparta su código de seguridad"),
        ("en", "the last four digits of your card number"),
        ("en", "never share your security code"),
    ],
)
def test_advice_and_last_four_digits_are_not_payment_data(language: Language, line: str) -> None:
    call = Call(packaged_kit(language))
    call.answer()
    assert sensitive(call.say("agent", line, 5)) == []


def test_it_goes_on_while_digits_come_and_ends_after_the_time_out() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    call.say("agent", "your card number please", 5)
    call.say("customer", "four five three two one one one two", 20)
    call.say("customer", "three four five six seven eight nine zero", 40)
    assert sensitive(call.tick(84)) == []
    assert sensitive(call.tick(85.1)) == [("end", "card_number")]


def test_the_agents_words_end_it_and_later_words_begin_it_again() -> None:
    call = Call(packaged_kit("es"))
    call.answer()
    call.say("agent", "dígame el número de su tarjeta", 5)
    assert sensitive(call.say("agent", "listo, el pago fue aprobado", 30)) == [("end", "card_number")]
    assert sensitive(call.say("agent", "el número de su tarjeta otra vez", 50)) == [("begin", "card_number")]
    assert sensitive(call.end(60)) == [("end", "card_number")]


def test_a_card_read_out_unasked_begins_it_and_no_digit_is_told() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    events = call.say("customer", "it is 4532 1111 2345 6789", 8)
    assert sensitive(events) == [("begin", "card_number")]
    told = next(event for event in events if isinstance(event, SensitiveChanged))
    assert not any(ch.isdigit() for ch in told.reason)


def test_the_agent_may_pause_and_resume_at_any_time() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    assert sensitive(call.did("listening_resumed", at=4)) == []
    assert sensitive(call.did("listening_paused", at=5)) == [("begin", "agent")]
    assert sensitive(call.did("listening_paused", at=6)) == []
    assert sensitive(call.say("agent", "thanks, the payment went through", 30)) == []
    assert sensitive(call.did("listening_resumed", at=40)) == [("end", "agent")]
    call.say("agent", "your card number please", 50)
    assert sensitive(call.did("listening_resumed", at=60)) == [("end", "card_number")]


def test_a_forgotten_pause_ends_by_itself() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    call.did("listening_paused", at=5)
    assert sensitive(call.tick(184)) == []
    assert sensitive(call.tick(185.1)) == [("end", "agent")]
    assert sensitive(call.did("listening_paused", at=200)) == [("begin", "agent")]


def test_an_amount_or_a_phone_number_is_no_card() -> None:
    call = Call(packaged_kit("en"))
    call.answer()
    assert sensitive(call.say("customer", "call me at 917 555 0144, I paid 1250 dollars", 8)) == []


# --- cards -------------------------------------------------------------------------------------------------------

CARDS = """
language: es
cooldown_s: 0
moments: [{id: leaves, speaker: customer, phrases: [quiero irme]}]
rules: [{id: notice, label: Aviso, phrases: [queda grabada], within_s: 20}]
tags: [{kind: reason, value: fraud, label: Fraude, phrases: [fraude]}]
cards:
  - {id: stay, title: Quedarse, say: "No se vaya.", when: {moments: [leaves]}}
  - {id: remind, title: Aviso, say: "Dé el aviso.", priority: 90, ttl_s: 60, when: {rules: {notice: due}}}
  - {id: paid, title: Pago, say: "Anoto el pago.", when: {facts: [money]}}
  - {id: fraud, title: Fraude, say: "Bloqueo ya.", when: {tags: [fraud]}}
  - {id: spanish, title: Idioma, say: "Siga.", language: en, when: {customer: [hola]}}
  - {id: next, title: Siguiente, say: "Siga así.", priority: 10, when: {likely: 0.6}}
  - {id: quiet, title: Silencio, say: "Sigo aquí.", priority: 5, ttl_s: 60, when: {silence_s: 10}}
"""


def offered(events: list[Event]) -> list[str]:
    return [event.card_id for event in events if isinstance(event, CardOffered)]


@pytest.mark.parametrize(
    ("line", "card"),
    [("quiero irme", ["stay"]), ("pagué ochenta mil pesos", ["paid"]), ("fue un fraude", ["fraud"]), ("hola", [])],
)
def test_moments_numbers_tags_and_language_offer_cards(line: str, card: list[str]) -> None:
    call = Call(kit_of(CARDS))
    call.answer()
    assert offered(call.say("customer", line, 5)) == card


def test_a_due_rule_offers_its_card_and_being_met_takes_it_away() -> None:
    call = Call(kit_of(CARDS))
    call.answer()
    call.say("agent", "buenas", 9)
    assert offered(call.tick(12.1)) == ["remind"]
    call.say("agent", "esto queda grabada", 14)
    assert call.state.offers[-1].closed == "no_longer_true"


def test_a_silence_card_goes_when_somebody_has_spoken() -> None:
    call = Call(kit_of(CARDS.replace("within_s: 20", "within_s: 200")))
    call.answer()
    call.say("agent", "buenas", 2)
    assert offered(call.tick(13)) == ["quiet"]
    call.say("customer", "sigo esperando", 16)
    assert call.state.offers[-1].closed == "no_longer_true"


class _Likely:
    def __init__(self, chance: float) -> None:
        self.chance = chance

    def likely(self, state: object) -> dict[str, float]:
        return {"next": self.chance}


@pytest.mark.parametrize(("chance", "cards"), [(0.9, ["next"]), (0.5, [])])
def test_a_model_of_next_actions_offers_cards(chance: float, cards: list[str]) -> None:
    book = kit_of(CARDS.replace("title: Siguiente", "min_confidence: 0.5, title: Siguiente"))
    call = Call(Kit(book.playbook, book.sentiment, next_cards=_Likely(chance)))
    call.answer()
    assert offered(call.say("agent", "buenas tardes", 5)) == cards


def test_a_moment_that_was_taken_back_word_by_word_takes_the_card_with_it() -> None:
    call = Call(kit_of("cards:\n  - {id: a, title: A, say: Aa., when: {customer: [me cobraron dos veces]}}\n"))
    call.answer()
    text = "me cobraron dos veces"
    assert offered(call.say("customer", text, 5, uid="u", stable=len(text))) == ["a"]
    call.say("customer", "me compraron unas cosas", 6, uid="u")
    assert call.state.offers[-1].closed == "no_longer_true"
