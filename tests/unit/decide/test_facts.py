"""Numbers told in pieces over several turns, sums, dates: one fact each, corrected if need be, masked if private."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assist.decide.facts import MASK
from assist.events import FactHeard, Language, Party
from assist.text.polish import polisher
from tests.unit.decide.calls import Call, heard, packaged_kit

Turn = tuple[Party, str]
PARTIES: dict[str, Party] = {"c": "customer", "a": "agent"}


def talk(language: Language, *turns: str, pause: float = 4.0, polished: bool = False) -> Call:
    """``"c: cero dos"`` is the customer's. With ``polished`` the finals are written as the transcriber writes them."""
    call = Call(packaged_kit(language))
    call.answer()
    writer = polisher(language)
    for number, turn in enumerate(turns):
        who, _, text = turn.partition(": ")
        at = 5 + pause * number
        line = heard(PARTIES[who], text, at - 2, at, uid=f"u{number}", language=language)
        if polished:
            written = writer.polish(text)
            spoken = text if written.text != text else ""
            line = type(line)(
                **{name: getattr(line, name) for name in line.__dataclass_fields__}
                | {"text": written.text, "spoken": spoken, "changes": written.changes}
            )
        call.give(line)
    return call


def facts(call: Call) -> list[tuple[str, str, str]]:
    return [(fact.kind, fact.label, fact.text) for fact in call.state.facts.values() if fact.text]


@pytest.mark.parametrize("polished", [False, True])
@pytest.mark.parametrize(
    ("language", "turns", "expected"),
    [
        ("es", ["a: ¿Me da el folio?", "c: cuatro cinco uno", "a: ajá", "c: cero dos"], [("order", "Folio", "451 02")]),
        ("es", ["c: Mi folio es el 451.", "a: 451, sí.", "c: 02."], [("order", "Folio", "451 02")]),
        (
            "es",
            ["a: ¿Me da el folio?", "c: siete cuatro dos, eh, ocho quince", "a: 742815", "c: correcto"],
            [("order", "Folio", "742 815")],
        ),
        # The other says something of his own: what follows is another number.
        (
            "es",
            ["c: Mi folio es cuatro cinco uno", "a: Espere que abro el sistema.", "c: cero dos"],
            [("order", "Folio", "451")],
        ),
        # Corrections: of the piece that fits, of all of it, within a line.
        (
            "es",
            ["c: Mi folio es cuatro cinco uno", "c: cero dos", "c: no, perdón, cuatro cinco dos"],
            [("order", "Folio", "452 02")],
        ),
        ("es", ["c: Mi folio es cuatro cinco uno, no, perdón, cuatro cinco dos"], [("order", "Folio", "452")]),
        (
            "es",
            ["c: Mi folio es cuatro cinco uno cero dos", "c: no, disculpe, 45 30 20 99"],
            [("order", "Folio", "45 30 20 99")],
        ),
        # From the beginning once more.
        (
            "es",
            ["c: Mi folio es cuatro cinco uno", "a: ¿Sí?", "c: cuatro cinco uno cero dos"],
            [("order", "Folio", "45102")],
        ),
        # The agent reads it back: still one.
        (
            "es",
            ["a: Su número de radicado es 742-815.", "c: siete cuatro dos ocho uno cinco, listo", "a: eso es"],
            [("order", "Radicado", "742 815")],
        ),
        (
            "es",
            ["a: ¿Un teléfono?", "c: trescientos doce", "a: sí", "c: 4 5 6", "c: setenta y ocho noventa"],
            [("phone", "", "312 456 78 90")],
        ),
        (
            "es",
            ["c: Son ochenta y nueve mil novecientos pesos.", "a: Los 89.900 pesos, sí."],
            [("money", "", "$89.900")],
        ),
        ("es", ["c: Fue el cinco de noviembre."], [("date", "", "5 de noviembre")]),
        ("es", ["c: Escríbame a ana punto ruiz arroba gmail punto com."], [("email", "", "ana.ruiz@gmail.com")]),
        ("es", ["c: Tengo tres hijos.", "a: ajá", "c: Cuatro, perdón, cinco."], []),
        (
            "en",
            ["a: Your order number?", "c: uh it's five one eight", "a: okay", "c: three six zero"],
            [("order", "Order number", "518 360")],
        ),
        ("en", ["a: Your order number?", "c: 518360", "c: no sorry 518361"], [("order", "Order number", "518361")]),
        (
            "en",
            ["c: You can reach me at five five five", "a: uh huh", "c: one two one two"],
            [("phone", "", "555 1212")],
        ),
        ("en", ["a: Your claim number is A B four five two.", "c: got it"], [("code", "Claim number", "AB452")]),
        ("en", ["c: It was two hundred and forty dollars."], [("money", "", "$240")]),
        ("en", ["c: One or two of them, I think three."], []),
    ],
)
def test_what_was_told(language: Language, turns: list[str], expected: list[object], polished: bool) -> None:
    assert facts(talk(language, *turns, polished=polished)) == expected


def test_a_later_piece_revises_the_same_fact() -> None:
    call = talk("es", "a: ¿Me da el folio?", "c: cuatro cinco uno", "a: ajá", "c: cero dos")
    told = [event for event in call.decided if isinstance(event, FactHeard)]
    assert [(fact.fact_id, fact.value, fact.evidence) for fact in told] == [
        ("u1.0", "451", ("u1",)),
        ("u1.0", "45102", ("u1", "u3")),
    ]
    assert told[-1].spoken == "cuatro cinco uno … cero dos"


def test_a_pause_ends_a_number() -> None:
    turns = ["c: Mi folio es cuatro cinco uno", "c: cero dos"]
    assert facts(talk("es", *turns, pause=60)) == [("order", "Folio", "451")]


@pytest.mark.parametrize(
    ("language", "turns", "text"),
    [
        ("es", ["c: La tarjeta es 4111 1111 1111 1111."], f"{MASK} 1111"),
        (
            "es",
            ["c: Es cuatro uno uno uno", "a: sí", "c: uno uno uno uno", "c: 1111", "a: sí", "c: uno uno uno uno"],
            f"{MASK} 1111",
        ),
        ("es", ["a: ¿Su cédula?", "c: cuarenta y uno setenta y dos", "a: sí", "c: cero nueve quince"], MASK),
        ("es", ["c: 4111 1111 1111 1112"], MASK),
        ("en", ["c: It is 5500 0000 0000 0004."], f"{MASK} 0004"),
        ("en", ["a: The last four digits?", "c: four seven two nine"], MASK),
    ],
)
def test_private_numbers_are_masked(language: Language, turns: list[str], text: str) -> None:
    call = talk(language, *turns)
    last = [event for event in call.decided if isinstance(event, FactHeard)][-1]
    assert (last.text, last.spoken) == (text, "")
    assert last.value == text.replace(" ", "")
    # Nothing that was told on the way is longer than what may be known.
    for event in call.decided:
        if isinstance(event, FactHeard):
            assert not any(ch.isdigit() for ch in event.value.removeprefix(MASK)[4:])


def test_a_date_of_birth_is_no_fact() -> None:
    assert facts(talk("en", "a: And your date of birth, please?", "c: March the third, nineteen eighty five.")) == []


def test_a_line_recognised_anew_takes_back_what_it_no_longer_says() -> None:
    call = talk("es", "c: Mi folio es cuatro cinco uno cero dos")
    assert facts(call) == [("order", "Folio", "45102")]
    (gone,) = [e for e in call.give(heard("customer", "Mi hijo es", 3, 5, uid="u0")) if isinstance(e, FactHeard)]
    assert (gone.fact_id, gone.text, gone.value) == ("u0.0", "", "")
    assert facts(call) == []


def test_phrases_are_found_in_the_words_that_were_said() -> None:
    """The written "2" or "$89.900" must not hide what a playbook looks for."""
    raw = "me cobraron dos veces ochenta y nueve mil pesos y quiero cancelar el servicio"
    plain, written = talk("es", f"c: {raw}"), talk("es", f"c: {raw}", polished=True)
    assert written.state.lines[0].text != raw
    assert {(tag.kind, tag.value) for tag in plain.state.tags} == {(tag.kind, tag.value) for tag in written.state.tags}
    assert plain.state.tags
    assert [offer.card_id for offer in plain.state.offers] == [offer.card_id for offer in written.state.offers]
    assert plain.state.sentiment == written.state.sentiment


TALK = "folio es cuatro cinco uno cero dos no perdón ajá 451 02 pesos mil teléfono cédula ana arroba gmail punto com ."
WORDS = st.sampled_from(TALK.split())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ca"), st.lists(WORDS, min_size=1, max_size=9)), max_size=12))
def test_facts_rest_on_lines_and_are_decided_once(turns: list[tuple[str, list[str]]]) -> None:
    call = talk("es", *(f"{who}: {' '.join(words)}" for who, words in turns))
    known = {line.utterance_id for line in call.state.lines}
    for fact in call.state.facts.values():
        assert fact.evidence
        assert set(fact.evidence) <= known
    assert len(call.dedups) == len(set(call.dedups))
