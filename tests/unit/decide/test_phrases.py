"""Phrases: whole words, marks, and tolerance to a recogniser's errors."""

import pytest

from assist.decide.phrases import PhraseError, PhraseIndex, compile_phrase, first_wording
from assist.decide.text import normalise, sentences, settled_text
from tests.unit.decide.calls import heard


def found(phrase: str, line: str) -> float:
    return compile_phrase(phrase).match(normalise(line))


@pytest.mark.parametrize(
    ("phrase", "line"),
    [
        ("me cobraron dos veces", "Mire: ¡me COBRARON dos veces la factura!"),
        ("cobr* dos veces", "me cobraron dos veces"),
        ("cobr* ... dos veces", "me cobraron la misma factura dos veces"),
        ("cancelo|cancelar el servicio", "voy a cancelar el servicio"),
        ("this is * speaking", "Larkfield Bank, this is Emily speaking."),
        ("didn't make", "charges that I didn’t make"),
        ("está grabada", "esta llamada esta grabada"),
    ],
)
def test_found_as_said(phrase: str, line: str) -> None:
    assert found(phrase, line) == 1.0


@pytest.mark.parametrize(
    ("phrase", "line"),
    [
        ("será grabada", "esta llamada sera gravada"),
        ("esta llamada está siendo grabada", "esta llamada esta siendo gravado"),
        ("this call is being recorded", "this call is been recorded"),
        ("superintendencia", "voy a la superintendensia"),
    ],
)
def test_found_when_misheard(phrase: str, line: str) -> None:
    assert 0.85 <= found(phrase, line) < 1.0


@pytest.mark.parametrize(
    ("phrase", "line"),
    [
        ("robo", "arrobo"),
        ("cambiarlo", "me la cambiaron"),
        ("cancelar el servicio", "el servicio es muy bueno"),
        ("cobr* ... dos veces", "me cobraron ayer por la mañana en la sucursal del centro y fui dos veces"),
        ("i will call you", "i will tell you"),
        ("your pin", "your pen"),
        ("me cobraron dos veces", ""),
    ],
)
def test_not_found(phrase: str, line: str) -> None:
    assert found(phrase, line) == 0.0


@pytest.mark.parametrize(
    ("phrase", "line", "is_there"),
    [
        ("(close|shut down) my account", "please shut down my account", True),
        ("(close|shut down) my account", "please close my account", True),
        ("(close|shut down) my account", "please close down my account", False),
        ("quiero (darme de baja|cancelar|dejar el servicio)", "mire, quiero dejar el servicio", True),
        ("quiero (darme de baja|cancelar|dejar el servicio)", "quiero el servicio", False),
        ("bill ... (went up|is too high|doubl*)", "my bill this month is too high", True),
        ("bill ... (went up|is too high|doubl*)", "my bill doubled again", True),
        ("(la factura|el (recibo|cobro)) subió", "el cobro subió", True),
        ("(la factura|el (recibo|cobro)) subió", "la cobro subió", False),
        ("close my account | i'm leaving", "then I'm leaving", True),
        ("close my account | i'm leaving", "close the account, I'm staying", False),
        ("went up|down again", "it went down again", True),
        ("me cobraron (ayer)", "me cobraron ayer", True),
    ],
)
def test_alternatives_of_one_word_and_of_several(phrase: str, line: str, is_there: bool) -> None:
    assert found(phrase, line) == float(is_there)


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("cobr* ... dos|tres veces", "cobr dos veces"),
        ("(close|shut down) my account", "close my account"),
        ("this is * speaking", "this is speaking"),
        ("close it | i'm leaving", "close it"),
    ],
)
def test_the_first_of_alternatives_is_how_somebody_says_it(phrase: str, said: str) -> None:
    assert first_wording(phrase) == said


@pytest.mark.parametrize("bad", ["", "...", "... veces", "cobr* ...", "a ... ... b", "¿?"])
def test_a_phrase_without_words_or_with_a_stray_mark_is_refused(bad: str) -> None:
    with pytest.raises(PhraseError):
        compile_phrase(bad)


@pytest.mark.parametrize(
    ("bad", "remedy"),
    [
        ("(close my account", "without '\\)'"),
        ("close my) account", "without '\\('"),
        ("close my account |", "both sides of a bar"),
        ("(|close) it", "both sides of a bar"),
        ("()", "needs words"),
        ("cancel|(close down) it", "into brackets as a whole"),
        ("(close it ...|leave)", "ends with one"),
    ],
)
def test_a_choice_that_is_not_one_is_refused_with_the_remedy(bad: str, remedy: str) -> None:
    with pytest.raises(PhraseError, match=remedy):
        compile_phrase(bad)


def test_an_index_remembers_lines_and_stays_bounded() -> None:
    index = PhraseIndex([compile_phrase("hola"), compile_phrase("adiós")])
    assert dict(index.hits("Hola, buenas")) == {"hola": 1.0}
    for n in range(2000):
        index.hits(f"línea {n}")
    assert index.best(["adiós", "hola"], "adios") == 1.0
    assert index.best([], "adios") == 0.0


def test_only_whole_words_of_a_partial_are_relied_on() -> None:
    text = "quiero cancelar el"
    cut = heard("customer", text, 0, 1, uid="u", stable=len("quiero cance"))
    assert settled_text(cut) == "quiero "
    assert settled_text(heard("customer", text, 0, 1, uid="u", stable=len("quiero cancelar"))) == "quiero cancelar"
    assert settled_text(heard("customer", text, 0, 1, uid="u")) == text


def test_sentences_keep_their_punctuation() -> None:
    assert sentences("Hola. ¿Qué tal? Son 89.900 pesos.") == ["Hola.", "¿Qué tal?", "Son 89.900 pesos."]
    assert sentences("sin puntuación alguna") == ["sin puntuación alguna"]
