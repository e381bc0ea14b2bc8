"""The summary: drafted on time, resting on what was said, corrected by whoever knows better."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assist.corrections import target_of
from assist.decide.summary import BY_AGENT
from assist.events import CallEnded, Event, Language, Party, SummaryDrafted
from tests.unit.decide.calls import T0, Call, packaged_kit

CALLS: dict[Language, list[tuple[Party, str]]] = {
    "es": [
        ("agent", "Buenas tardes, le habla Julia, esta llamada será grabada, ¿en qué le ayudo?"),
        ("customer", "Hola, mire, llevo tres días sin internet y nadie me soluciona."),
        ("agent", "Lamento el inconveniente. ¿Me regala su cédula?"),
        ("customer", "Sí, es 1032456789."),
        ("agent", "Ya validé sus datos. Ya reinicié el módem y reporté la falla."),
        ("agent", "Su número de ticket es 55 81 20. Un técnico le va a visitar mañana, yo le confirmo por la tarde."),
        ("customer", "Bueno, muchas gracias, quedo tranquilo."),
    ],
    "en": [
        ("agent", "Good morning, my name is Sam, this call is being recorded."),
        ("customer", "Hello, my bill is too high, you charged me 120 dollars too much."),
        ("agent", "I apologize. Could you confirm your date of birth?"),
        ("customer", "It's 05 12 1980."),
        ("agent", "Thank you, you're verified. I have applied a credit of 120 dollars."),
        ("agent", "Your reference number is 9 9 0 4 1 7. You will see it within 3 business days."),
        ("customer", "Great, thank you so much."),
    ],
}


def spoken(language: Language, lines: list[tuple[Party, str]] | None = None) -> Call:
    call = Call(packaged_kit(language))
    call.answer()
    for n, (party, text) in enumerate(lines if lines is not None else CALLS[language]):
        call.say(party, text, 5 + 6 * n, length=5)
    return call


def drafts(events: list[Event]) -> list[int]:
    return [event.revision for event in events if isinstance(event, SummaryDrafted)]


def test_spanish_facts() -> None:
    call = spoken("es")
    call.end(60)
    assert "sin internet" in call.slot("reason")[0]
    assert call.slot("reference") == ["Ticket 558120"]
    assert "Identidad validada." in call.slot("done")
    assert any("reinicié el módem" in text for text in call.slot("done"))
    assert any("mañana" in text and "2026-11-22" in text for text in call.slot("promise"))
    assert call.summary.mood_start == "negative"
    assert call.summary.mood_end == "positive"
    assert call.summary.disposition == "Falla técnica - con seguimiento"


def test_english_facts() -> None:
    call = spoken("en")
    call.end(60)
    assert "bill is too high" in call.slot("reason")[0]
    assert call.slot("amount") == ["120 dollars"]
    assert call.slot("reference") == ["Reference number 990417"]
    assert any("applied a credit" in text for text in call.slot("done"))
    assert any("3 business days" in text for text in call.slot("promise"))
    assert call.summary.disposition == "Billing claim - follow-up"


@pytest.mark.parametrize("language", ["es", "en"])
def test_no_document_number_is_written_down(language: Language) -> None:
    call = spoken(language)
    call.end(60)
    text = " ".join(item.text for item in call.summary.items)
    assert "1032456789" not in text
    assert "05 12 1980" not in text


def test_a_quoted_line_is_masked() -> None:
    call = spoken("es", [("customer", "Me bloquearon la tarjeta 4111 1111 1111 1234 y no puedo pagar")])
    call.end(20)
    assert call.slot("reason") == ["«Me bloquearon la tarjeta •••• y no puedo pagar»"]


def test_drafted_when_ended_and_settled() -> None:
    call = spoken("es")
    assert drafts(call.end(60, settled=False)) == []
    assert drafts(call.tick(61.49)) == []
    assert drafts(call.tick(61.5)) == [1]
    assert drafts(call.tick(62)) == []


def test_settled_first_is_drafted_at_once() -> None:
    assert drafts(spoken("en").end(60)) == [1]


def test_a_late_final_is_redrafted_only_when_it_says_something() -> None:
    call = spoken("es", CALLS["es"][:5])
    call.end(60)
    assert drafts(call.say("agent", "mmm", 59)) == []
    assert drafts(call.say("agent", "Su número de ticket es 55 81 20.", 59.5)) == [2]
    assert call.slot("reference") == ["Ticket 558120"]


def test_the_agents_corrections_stay_through_redrafts() -> None:
    call = spoken("es", CALLS["es"][:5])
    call.end(60)
    evidence = next(item.evidence for item in call.summary.items if item.slot == "reason")
    assert drafts(call.did("summary_edited", "reason", "Sin internet hace tres días", at=70)) == [2]
    assert drafts(call.did("summary_edited", "disposition", "Visita técnica", at=71)) == [3]
    assert drafts(call.say("agent", "Su número de ticket es 55 81 20.", 59.5)) == [4]
    assert call.slot("reason") == ["Sin internet hace tres días"]
    assert next(item.evidence for item in call.summary.items if item.slot == "reason") == evidence
    assert call.summary.disposition == "Visita técnica"


def test_second_item_of_a_slot_can_be_corrected_removed_and_added() -> None:
    call = spoken("es")
    call.end(60)
    done = call.slot("done")
    call.did("summary_edited", "done.1", "Reinicio del módem", at=70)
    assert call.slot("done") == [done[0], "Reinicio del módem", *done[2:]]
    call.did("summary_edited", "done.1", "", at=71)
    assert "Reinicio del módem" not in call.slot("done")
    call.did("summary_edited", "amount", "20.000 pesos", at=72)
    assert [item.evidence for item in call.summary.items if item.slot == "amount"] == [BY_AGENT]


def test_every_item_can_be_corrected_by_the_name_the_screen_gives_it() -> None:
    call = spoken("es")
    call.end(60)
    before = call.summary.items
    assert len({item.slot for item in before}) < len(before), "the call has no slot with two items"
    for index in range(len(before)):
        call.did("summary_edited", target_of(before, index), f"corrección {index}", at=70 + index)
    assert [item.text for item in call.summary.items] == [f"corrección {index}" for index in range(len(before))]
    assert [item.evidence for item in call.summary.items] == [item.evidence for item in before]


def test_an_edit_of_nothing_known_changes_nothing() -> None:
    call = spoken("es")
    call.end(60)
    assert drafts(call.did("summary_edited", "weather", "sunny", at=70)) == []


def test_a_call_nobody_answered() -> None:
    call = Call(packaged_kit("en"))
    events = call.give(CallEnded(call_id="c1", at=T0, reason="cancelled", sip_code=487, answered=False))
    (draft,) = [event for event in events if isinstance(event, SummaryDrafted)]
    assert draft.disposition == "No answer"
    assert draft.items == ()


def test_an_unhappy_end() -> None:
    call = spoken("es", [*CALLS["es"][:2], ("customer", "No, eso no me sirve, quiero hablar con un supervisor.")])
    call.end(60)
    assert call.slot("outcome")[0].startswith("Sin resolver")


def test_the_last_word_counts_not_the_first() -> None:
    lines = [*CALLS["es"], ("customer", "Perfecto, eso es todo, muchas gracias.")]
    lines.insert(2, ("customer", "Pues quiero cancelar."))
    call = spoken("es", lines)
    call.end(80)
    assert not call.slot("outcome")[0].startswith("Sin resolver")


WORDS = st.sampled_from(
    [
        "me",
        "cobraron",
        "dos",
        "veces",
        "voy",
        "a",
        "llamar",
        "mañana",
        "el",
        "viernes",
        "radicado",
        "7",
        "4",
        "2",
        "8",
        "pesos",
        "gracias",
        "robo",
        "?",
        ".",
        "fraude",
        "le",
        "llamo",
        "en",
        "cinco",
        "días",
        "i",
        "will",
        "call",
        "you",
        "claim",
        "number",
        "two",
        "hundred",
        "dollars",
        "blocked",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["customer", "agent"]), st.lists(WORDS, min_size=1, max_size=25)), max_size=25),
    st.sampled_from(["es", "en"]),
)
def test_nothing_without_evidence(lines: list[Any], language: Language) -> None:
    call = spoken(language, [(party, " ".join(words)) for party, words in lines])
    call.end(6.0 * len(lines) + 10)
    known = {line.utterance_id for line in call.state.lines}
    for item in call.summary.items:
        assert item.evidence
        assert set(item.evidence) <= known
    for tag in call.summary.tags:
        assert set(tag.evidence) <= known
