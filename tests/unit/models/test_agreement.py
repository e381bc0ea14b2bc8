"""What of a growing text is shown, and what is stable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.asr.agreement import ShowConfig, ShownText
from models.asr.types import Word

CONFIG = ShowConfig(sure=0.75, agreed=0.5, late=1.0, settle=0.5, certain=0.9)


def heard(text: str, *, every: float = 0.3, confidence: float = 0.95, **other: float) -> list[Word]:
    """`text` as words of `every` seconds each; `other` gives single words another confidence."""
    names = text.split()
    return [Word(w, k * every, (k + 1) * every, other.get(w, confidence)) for k, w in enumerate(names)]


def show(*hypotheses: list[Word], margin: float = 0.15) -> list[tuple[str, str]]:
    """(stable, rest) after each hypothesis; the audio ends `margin` seconds after its last word."""
    shown, out = ShownText(CONFIG), []
    for words in hypotheses:
        shown.update(words, (words[-1].t1 if words else 0.0) + margin)
        out.append((shown.text[: shown.stable_chars], shown.text[shown.stable_chars :].strip()))
    return out


def test_a_sure_word_is_shown_at_its_first_hearing() -> None:
    assert show(heard("quiero cancelar")) == [("", "quiero cancelar")]


def test_a_word_beyond_the_end_of_the_audio_waits_for_more_of_it() -> None:
    assert (
        show(heard("quiero can"), heard("quiero cancelar"), heard("quiero cancelar"), margin=-0.01)
        == [("", "quiero")] * 3
    )
    assert show(heard("quiero cancelar"), margin=0.01) == [("", "quiero cancelar")]


def test_an_unsure_word_holds_back_what_follows_until_it_is_heard_twice() -> None:
    once = heard("mi tarheta no pasa", tarheta=0.6)
    assert show(once, once) == [("", "mi"), ("mi", "tarheta no pasa")]


def test_a_very_unsure_word_waits_until_it_lies_well_behind() -> None:
    shown, words = ShownText(CONFIG), heard("mi tarheta no pasa", tarheta=0.2)
    for end in (1.3, 1.5):
        shown.update(words, end)
        assert shown.text == "mi"
    shown.update(words, 1.7)
    assert shown.text == "mi tarheta no pasa"


def test_a_number_is_stable_only_when_plain_words_follow_it() -> None:
    def stable(*texts: str) -> str:
        return show(*(heard(text) for text in texts), margin=2.0)[-1][0]

    assert stable("son 518", "son 518") == "son"
    assert stable("son 518 360", "son 518 360") == "son"
    assert stable("son 518 pesos", "son 518 pesos") == "son"
    assert stable("son 518 pesos al mes", "son 518 pesos al mes") == "son 518 pesos al mes"


def test_a_shown_word_is_taken_back_only_when_it_is_contradicted_for_long() -> None:
    shown, first = ShownText(replace(CONFIG, certain=2.0)), heard("no quiero casa")  # nothing gets stable
    other, third = heard("no quiero pagar"), heard("no quiero parar")
    for words, end, expected in (
        (first, 1.0, "casa"),
        (other, 1.3, "casa"),
        (other, 1.6, "casa"),
        (third, 1.9, "casa"),  # the others did not agree for long enough
        (other, 2.2, "casa"),
        (other, 2.5, "casa"),
        (other, 2.9, "pagar"),
        (heard("no quiero"), 3.2, "pagar"),
        (heard("no quiero"), 3.9, ""),  # there is no such word at all
    ):
        shown.update(words, end)
        assert shown.text == f"no quiero {expected}".strip()


def test_a_pause_makes_sure_words_whole() -> None:
    shown = ShownText(CONFIG)
    shown.update(heard("muchas gracias.", confidence=0.8), 0.59)
    assert shown.text == "muchas"
    shown.update(heard("muchas gracias.", confidence=0.8), 0.59, paused=True)
    assert shown.text == "muchas gracias."


def test_a_pause_shows_nothing_unsure_for_the_final_is_near() -> None:
    shown = ShownText(CONFIG)
    shown.update(heard("muchas grasas.", confidence=0.6, muchas=0.9), 0.6, paused=True)
    assert shown.text == "muchas"


def test_stable_words_are_heard_twice_to_the_letter_sure_and_well_behind() -> None:
    text = heard("uno dos tres cuatro cinco")
    assert show(text, text)[-1] == ("uno dos tres", "cuatro cinco")
    assert show(heard("Uno dos tres cuatro cinco"), text)[-1][0] == ""
    doubtful = heard("uno dos tres cuatro cinco", dos=0.85)
    assert show(doubtful, doubtful)[-1][0] == "uno"


def test_a_hypothesis_that_contradicts_the_stable_part_only_adds_what_comes_after() -> None:
    text, other = heard("uno dos tres cuatro cinco"), heard("uno doz tres cuatro cinco seis")
    stable, rest = show(text, text, other, other)[-1]
    assert f"{stable} {rest}" == "uno dos tres cuatro cinco seis"
    assert stable.startswith("uno dos tres")


def test_a_final_says_what_is_stable_and_then_its_own_words() -> None:
    shown = ShownText(CONFIG)
    for _ in range(2):
        shown.update(heard("uno dos tres cuatro cinco"), 1.65)
    assert " ".join(w.text for w in shown.finish(heard("uno doz tres cuatro sinco"))) == "uno dos tres cuatro sinco"
    assert shown.finish([]) == tuple(heard("uno dos tres"))


words = st.lists(st.sampled_from(["si", "no", "Sí,", "mi", "casa", "casa.", "¿qué", "—"]), max_size=12)
confidences = st.sampled_from([0.3, 0.8, 0.95])


@given(st.lists(st.tuples(words, confidences, st.floats(0, 1), st.booleans()), max_size=12), words)
def test_stable_words_never_change(hypotheses: list[tuple[list[str], float, float, bool]], last: list[str]) -> None:
    shown, before = ShownText(CONFIG), ""
    for texts, confidence, margin, paused in hypotheses:
        hypothesis = heard(" ".join(texts), confidence=confidence)
        shown.update(hypothesis, len(texts) * 0.3 + margin, paused=paused)
        stable = shown.text[: shown.stable_chars]
        assert stable == before or stable.startswith(before + " " if before else "")
        assert stable == shown.text or not stable or shown.text[len(stable)] == " "
        before = stable
    final = " ".join(w.text for w in shown.finish(heard(" ".join(last))))
    assert final == before or not before or final.startswith(before + " ")
