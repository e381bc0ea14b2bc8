"""Numbers as people say them and as recognisers write them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.decide.due import due, written
from assist.decide.language import language_data
from assist.events import Language
from assist.text.numbers import find_numbers
from tests.unit.decide.calls import T0


@pytest.mark.parametrize(
    ("language", "text", "groups"),
    [
        ("es", "ochenta y nueve mil novecientos pesos", (89900,)),
        ("es", "un millón doscientos mil", (1_200_000,)),
        ("es", "ciento veintitrés", (123,)),
        ("es", "89 mil 900", (89900,)),
        ("es", "$89.900", (89900,)),
        ("es", "mil quinientas", (1500,)),
        ("es", "diecinueve ochenta y cinco", (19, 85)),
        ("en", "two hundred and forty dollars", (240,)),
        ("en", "twenty-four hours", (24,)),
        ("en", "ninety five", (95,)),
        ("en", "$1,200.50", (1200.5,)),
        ("en", "three thousand two hundred", (3200,)),
    ],
)
def test_values(language: Language, text: str, groups: tuple[float, ...]) -> None:
    assert find_numbers(text, language)[0].groups == groups


@pytest.mark.parametrize(
    ("language", "text", "digits"),
    [
        ("es", "siete, cuatro, dos, ocho, uno, cinco", "742815"),
        ("es", "cuarenta y uno, setenta y dos, cero nueve, quince", "41720915"),
        ("es", "7, 42815", "742815"),
        ("es", "742-815", "742815"),
        ("en", "five one eight three six zero", "518360"),
        ("en", "5, 1, 8, 3, 6, 0", "518360"),
        ("en", "four oh seven two", "4072"),
    ],
)
def test_dialled_digits(language: Language, text: str, digits: str) -> None:
    assert find_numbers(text, language)[0].digits == digits


@pytest.mark.parametrize(("language", "text"), [("es", "es un error de una persona"), ("en", "oh, one of them")])
def test_articles_are_no_numbers(language: Language, text: str) -> None:
    assert find_numbers(text, language) == []


@given(st.text(max_size=80), st.sampled_from(["es", "en"]))
def test_any_text_is_survived(text: str, language: Language) -> None:
    for run in find_numbers(text, language):
        assert 0 <= run.start < run.end <= len(text)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "le llamo el viernes antes de las cinco", "2026-11-27"),
        ("es", "llega en cinco días hábiles", "2026-11-27"),
        ("es", "en 3 días", "2026-11-24"),
        ("es", "mañana le confirmo", "2026-11-22"),
        ("es", "hoy mismo queda", "2026-11-21"),
        ("es", "el sábado", "2026-11-28"),
        ("en", "I will call you back within twenty four hours", "2026-11-22 17:26"),
        ("en", "it will arrive in 5 business days", "2026-11-27"),
        ("en", "we'll call you tomorrow", "2026-11-22"),
        ("en", "by Monday", "2026-11-23"),
    ],
)
def test_when_a_promise_falls_due(language: Language, text: str, expected: str) -> None:
    moment = due(text, T0, ZoneInfo("America/Bogota"), language, language_data(language))
    assert moment is not None
    assert written(moment) == expected


@pytest.mark.parametrize("text", ["llame por la mañana", "con mucho gusto", "en 4000 días"])
def test_no_date_is_made_up(text: str) -> None:
    assert due(text, T0, ZoneInfo("America/Bogota"), "es", language_data("es")) is None


def test_due_days_are_the_call_centres_own() -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=ZoneInfo("America/Bogota")).timestamp()
    there = due("mañana", late, ZoneInfo("America/Bogota"), "es", language_data("es"))
    utc = due("mañana", late, ZoneInfo("UTC"), "es", language_data("es"))
    assert there is not None
    assert utc is not None
    assert (there.day, utc.day) == (22, 23)
