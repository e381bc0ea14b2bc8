"""The summary: drafted on time, resting on what was said, corrected by whoever knows better."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assist.corrections import target_of
from assist.decide.handover import hand_over
from assist.decide.kit import Kit
from assist.decide.lexicon import Tendency
from assist.decide.summary import BY_AGENT, moods
from assist.events import CallEnded, CallTransferred, Event, HandOverDrafted, Language, Party, SummaryDrafted
from tests.unit.decide.calls import T0, Call, heard, packaged_kit, playbook

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


def test_hand_over_tells_only_what_was_said_by_then() -> None:
    call = spoken("es")
    early = hand_over(call.state, call.kit, T0 + 14)
    assert [item.slot for item in early.items if item.slot in ("reason", "done", "promise")] == ["reason"]
    late = hand_over(call.state, call.kit, T0 + 60)
    assert {"done", "promise", "next_step"} <= {item.slot for item in late.items}
    assert late.cause == "asked"
    assert not any(item.slot == "outcome" for item in late.items)


def test_a_hand_over_is_made_when_asked_for_and_when_transferred() -> None:
    call = spoken("es")
    asked = [event for event in call.did("hand_over", at=45) if isinstance(event, HandOverDrafted)]
    assert [(event.cause, event.at) for event in asked] == [("asked", T0 + 45)]
    moved = call.give(CallTransferred(call_id=call.call_id, at=T0 + 50, target="sip:luis@pbx"))
    made = [event for event in moved if isinstance(event, HandOverDrafted)]
    assert [(event.cause, event.target) for event in made] == [("transferred", "sip:luis@pbx")]
    # Delivered again it is known; it is no summary, and the one at the end is the first.
    again = call.give(CallTransferred(call_id=call.call_id, at=T0 + 50, target="sip:luis@pbx"))
    assert not any(isinstance(event, HandOverDrafted) for event in again)
    assert call.state.summary is None
    call.end(60)
    assert call.summary.revision == 1
    assert not any(isinstance(event, HandOverDrafted) for event in call.did("hand_over", at=70))


def test_a_call_that_goes_to_a_colleague_is_handed_over_in_itself_and_goes_on() -> None:
    call = spoken("es")
    moved = CallTransferred(call_id=call.call_id, at=T0 + 50, target="sip:luis@pbx", agent_id="luis", by_agent="ana")
    (made,) = [event for event in call.give(moved) if isinstance(event, HandOverDrafted)]
    assert (made.from_call, made.target, bool(made.items)) == (call.call_id, "sip:luis@pbx", True)
    assert not any(isinstance(event, HandOverDrafted) for event in call.give(moved))
    assert (call.state.agent_id, call.state.transferred_to) == ("luis", "")
    call.end(60)
    # The case is the colleague's, whatever comes of it: it was not transferred away.
    assert call.summary.outcome != "transferred"


def test_nothing_is_handed_over_before_the_answer() -> None:
    call = Call(packaged_kit("es"))
    assert not any(isinstance(event, HandOverDrafted) for event in call.did("hand_over", at=1))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Si nos manda los papeles, le respondemos en tres días hábiles.", False),
        ("No le puedo prometer que sea mañana.", False),
        ("Podría ser el lunes a la mañana o el martes.", False),
        ("¿Le mando el técnico el martes?", False),
        ("Su tarjeta venció el viernes.", False),
        ("El técnico llega el martes entre ocho y doce.", True),
        ("Le respondemos en tres días hábiles.", True),
        ("Ya programé la visita para el martes.", True),
    ],
)
def test_only_what_is_promised_outright_is_a_promise(text: str, kept: bool) -> None:
    call = spoken("es", [*CALLS["es"][:2], ("agent", text), ("customer", "ajá")])
    call.end(60)
    assert bool(call.slot("promise")) == kept


def test_sums_that_were_offered_and_refused_are_none() -> None:
    lines: list[tuple[Party, str]] = [
        ("customer", "Quiero cancelar el plan, me cobraron 300 pesos de más."),
        ("agent", "Le puedo ofrecer un descuento de 50 pesos."),
        ("customer", "No, no me interesa."),
    ]
    call = spoken("es", lines)
    call.end(60)
    assert call.slot("amount") == ["300 pesos"]


def test_the_message_holds_nothing_but_items() -> None:
    call = spoken("en")
    call.end(60)
    told = [line.removeprefix("- ") for line in call.summary.message.splitlines() if line.startswith("- ")]
    assert told
    assert set(told) <= {item.text for item in call.summary.items}


class Felt:
    """A mood model that is told how each line sounds: probability of a bad and of a good mood."""

    name = "told"

    def __init__(self, lines: dict[str, tuple[float, float]]) -> None:
        self.lines = lines

    def read(self, text: str, language: Language) -> Tendency:
        bad, good = self.lines[text]
        return Tendency(bad, 1 - bad - good, good, intensity=0.1)

    def score(self, text: str, language: Language) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("felt", "start", "end", "evidence"),
    [
        # One line that may well be a complaint tells how they came, what is said without feeling tells nothing.
        ([(0.1, 0.1), (0.4, 0.2), (0.0, 0.05), (0, 0.1), (0.1, 0), (0.0, 0.9)], "negative", "positive", ("c1", "c5")),
        ([(0.2, 0.1), (0.3, 0.1), (0.1, 0.1), (0.1, 0.1), (0.1, 0.1), (0.1, 0.1)], "neutral", "neutral", ()),
        (
            [(0.9, 0.0), (0.1, 0.1), (0.1, 0.1), (0.0, 0.1), (0.9, 0.0), (0.8, 0.1)],
            "negative",
            "negative",
            ("c0", "c4"),
        ),
        # What is said in the middle belongs to neither end.
        ([(0.0, 0.1)] * 3 + [(0.9, 0.0)] * 3 + [(0.0, 0.0)] * 3, "neutral", "neutral", ()),
        # Of two turns one is the start and one the end; of one both.
        ([(0.8, 0.1), (0.1, 0.8)], "negative", "positive", ("c0", "c1")),
        ([(0.0, 0.9)], "positive", "positive", ("c0",)),
        ([], "neutral", "neutral", ()),
    ],
)
def test_the_mood_at_either_end(
    felt: list[tuple[float, float]], start: str, end: str, evidence: tuple[str, ...]
) -> None:
    kit = Kit(playbook("name: test\nlanguage: es\n"), Felt({f"frase {n}": one for n, one in enumerate(felt)}))
    lines = [heard("customer", f"frase {n}", 3.0 * n, 3.0 * n + 2, uid=f"c{n}") for n in range(len(felt))]
    began, ended, items = moods(lines, kit)
    assert (began, ended) == (start, end)
    assert [item.evidence for item in items] == ([evidence] if evidence else [])
