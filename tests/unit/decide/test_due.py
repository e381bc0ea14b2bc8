"""When a promise falls due: said on Wednesday 25 November 2026 at ten in Bogotá."""

from datetime import datetime
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.decide import due as module
from assist.decide.due import bare_day, due, written
from assist.decide.language import language_data
from assist.decide.text import normalise, words_before
from assist.events import Language
from tests.support import work

ZONE = ZoneInfo("America/Bogota")
AT = datetime(2026, 11, 25, 10, tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "le llega en 5 días hábiles", "2026-12-02"),
        ("es", "en un plazo de 3 a 5 días hábiles", "2026-12-02"),
        ("es", "se acredita en 72 horas hábiles", "2026-11-30"),
        ("es", "el viernes", "2026-11-27"),
        ("es", "el viernes 11 de diciembre", "2026-12-11"),
        ("es", "el 15", "2026-12-15"),
        ("es", "el martes primero", "2026-12-01"),
        ("es", "en 40 minutos", "2026-11-25 10:40"),
        ("es", "pasado mañana", "2026-11-27"),
        ("es", "por la mañana", ""),
        ("es", "se la aparto por 24 horas", ""),
        ("es", "a 36 meses", ""),
        ("es", "el 5 de enero", "2027-01-05"),
        ("es", "antes de fin de mes", "2026-11-30"),
        ("en", "within 48 hours", "2026-11-27 10:00"),
        ("en", "in three to five business days", "2026-12-02"),
        ("en", "by Friday the 11th of December", "2026-12-11"),
        ("en", "the day after tomorrow", "2026-11-27"),
        ("en", "I'll call you at nine", "2026-11-25"),
        ("en", "for 24 hours", ""),
        # The next Tuesday is the first of December.
        ("en", "the plumber comes a week on Tuesday", "2026-12-08"),
        ("en", "a week from Tuesday", "2026-12-08"),
        ("en", "it will be there Tuesday week", "2026-12-08"),
        ("en", "two weeks on Monday", "2026-12-14"),
        ("en", "the Friday after next", "2026-12-04"),
        ("en", "Friday next week", "2026-12-04"),
        ("en", "next week, on Thursday", "2026-12-03"),
        ("en", "this week on Friday", "2026-11-27"),
        ("en", "a week from tomorrow", "2026-12-03"),
        ("en", "within a fortnight", "2026-12-09"),
        ("es", "del martes en ocho", "2026-12-08"),
        ("es", "el viernes en quince días", "2026-12-11"),
        ("es", "de mañana en ocho", "2026-12-03"),
        ("es", "de hoy en quince", "2026-12-09"),
        ("es", "el jueves de la próxima semana", "2026-12-03"),
        ("es", "la otra semana, el viernes", "2026-12-04"),
        ("es", "en ocho días", "2026-12-03"),
        # How long something goes on is no day by which something is owed.
        ("en", "I've extended your stay until Sunday", ""),
        ("en", "we'll keep it for you till Friday", ""),
        ("en", "I've extended it to Sunday and I'll ring you on Monday", "2026-11-30"),
        ("en", "it won't get there until Friday", "2026-11-27"),
        ("es", "le extendí la estadía hasta el domingo", ""),
        ("es", "se la aparto hasta el viernes y le marco mañana", "2026-11-26"),
        ("es", "le llega hasta el viernes", "2026-11-27"),
    ],
)
def test_due(language: Language, text: str, expected: str) -> None:
    moment = due(text, AT, ZONE, language, language_data(language))
    assert (written(moment) if moment else "") == expected


WORDS = """
    en dentro de plazo máximo los las un unas próximos the next a up to or within give it takes by 5 3 15 48 dos tres
    three days days' días hábiles horas semanas weeks hours el del al viernes Friday 21st mañana, por durante for cada
    every llamo call you ... ¿ café
    """.split()  # noqa: SIM905 - read more easily so
SPOKEN = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)


def whole(text: str, end: int, count: int) -> tuple[str, bool]:
    """What is cut short, not cut."""
    return normalise(text[:end]), True


@given(text=SPOKEN, language=st.sampled_from(["es", "en"]), how_long=st.booleans())
def test_a_day_is_told_from_the_words_close_by_as_from_all_of_them(
    text: str, language: Language, how_long: bool
) -> None:
    data = language_data(language)
    near = due(text, AT, ZONE, language, data, how_long=how_long), bare_day(text, language)
    with patch.object(module, "words_before", whole):
        assert (due(text, AT, ZONE, language, data, how_long=how_long), bare_day(text, language)) == near


@given(text=st.text(alphabet="abé 1.,'’¿ñ\u0301 ", max_size=80), end=st.integers(0, 80), count=st.integers(1, 9))
def test_words_before_are_the_last_of_all_words(text: str, end: int, count: int) -> None:
    words, complete = words_before(text, end, count)
    everything = normalise(text[:end]).split()
    assert words.split() == everything[len(everything) - len(words.split()) :]
    assert len(words.split()) >= min(count, len(everything))
    assert not complete or words.split() == everything


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "le llamo en 3 o 4 días o el 15 por la mañana "),
        ("en", "we take the next 3 or 4 days or the 15th of it "),
    ],
)
def test_twice_the_words_are_twice_the_work(language: Language, said: str) -> None:
    def cost(times: int) -> int:
        return work(lambda: due(said * times, AT, ZONE, language, language_data(language), how_long=True))

    cost(1)
    assert cost(200) <= 2.2 * cost(100) + 500
