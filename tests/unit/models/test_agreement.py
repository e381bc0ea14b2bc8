"""The stable prefix of partial texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.asr.agreement import StablePrefix


def show(*hypotheses: str) -> list[tuple[str, str]]:
    """(stable, rest) after each hypothesis."""
    prefix = StablePrefix()
    shown = (prefix.update(h) for h in hypotheses)
    return [(text[:stable], text[stable:]) for text, stable in shown]


def test_a_word_is_stable_when_two_hypotheses_agree_and_more_follows() -> None:
    assert show("quiero", "quiero can", "quiero cancelar mi") == [
        ("", "quiero"),
        ("quiero", " can"),
        ("quiero", " cancelar mi"),
    ]


def test_the_last_word_is_not_stable_while_speech_goes_on() -> None:
    assert show("mi sub", "mi sub")[-1] == ("mi", " sub")


def test_after_a_pause_the_last_word_may_be_stable() -> None:
    prefix = StablePrefix()
    prefix.update("muchas gracias.")
    assert prefix.update("muchas gracias.", settled=True) == ("muchas gracias.", len("muchas gracias."))


def test_case_and_punctuation_do_not_make_another_word() -> None:
    assert show("Hello.", "hello, world") == [("", "Hello."), ("hello,", " world")]


def test_a_hypothesis_that_contradicts_the_stable_part_only_adds_what_comes_after() -> None:
    assert show("one two three", "one two three", "won two three four five")[-1] == ("one two three", " four five")


def test_a_shorter_hypothesis_keeps_the_stable_part() -> None:
    assert show("one two three", "one two three", "one")[-1] == ("one two", "")


words = st.lists(st.sampled_from(["si", "no", "Sí,", "mi", "casa", "casa.", "¿qué", "—"]), max_size=12).map(" ".join)


@given(st.lists(st.tuples(words, st.booleans()), max_size=12))
def test_stable_words_never_change(hypotheses: list[tuple[str, bool]]) -> None:
    prefix, before = StablePrefix(), ""
    for hypothesis, settled in hypotheses:
        text, stable = prefix.update(hypothesis, settled=settled)
        assert text[:stable] == before or text[:stable].startswith(before + " " if before else "")
        assert 0 <= stable <= len(text)
        assert stable == len(text) or text[stable] == " " or stable == 0
        before = text[:stable]


@given(words)
def test_the_first_hypothesis_is_shown_as_it_is(hypothesis: str) -> None:
    assert StablePrefix().update(hypothesis) == (hypothesis, 0)
