"""Words revised, latencies from word ends, and what counts as an error."""

from __future__ import annotations

import numpy as np
import pytest

from assist.events import Language
from bench.asr_calls import broken_budgets
from bench.asr_measure import Latencies, Revisions, percentiles, word_ends, word_time_errors
from bench.legs import Leg
from bench.peers.protocol import Text
from bench.text import normalise, says_digits, word_errors


def text(at: float, words: str, *, stable: str = "", final: bool = False, utterance: int = 0) -> Text:
    return Text(at, utterance, words, len(words) if final else len(stable), final, 1.0, 2.0)


def revisions(*texts: Text) -> tuple[int, int, int, int]:
    counts = Revisions()
    counts.add(texts, "en")
    return counts.shown, counts.revised, counts.stable, counts.broken


def test_words_that_only_grow_are_not_revised() -> None:
    grown = (text(1, "I"), text(2, "I want", stable="I"), text(3, "I want to pay.", final=True))
    assert revisions(*grown) == (4, 0, 1, 0)


def test_case_and_punctuation_are_no_revision_but_words_are() -> None:
    assert revisions(text(1, "see you."), text(2, "See you later")) == (3, 0, 0, 0)
    assert revisions(text(1, "see you letter"), text(2, "see you later on", final=True)) == (5, 1, 0, 0)


def test_a_final_that_withdraws_revises_all() -> None:
    assert revisions(text(1, "thank you"), text(2, "", final=True)) == (2, 2, 0, 0)


def test_a_stable_word_that_changes_is_broken_once() -> None:
    shown = (
        text(1, "al partir de", stable="al partir"),
        text(2, "al participante de", stable="al participante"),
        text(3, "al participante de hoy", final=True),
    )
    assert revisions(*shown) == (5, 1, 3, 1)


def test_utterances_are_counted_apart() -> None:
    assert revisions(text(1, "hello"), text(2, "good morning", utterance=9), text(3, "hello", final=True)) == (
        3,
        0,
        0,
        0,
    )


SPOKEN = [("i", 1.2), ("want", 1.5), ("to", 1.6), ("pay", 2.0)]


def leg(*, speech: tuple[float, float] = (1.0, 2.0)) -> Leg:
    flags = np.zeros(400, np.bool_)
    flags[round(speech[0] * 100) : round(speech[1] * 100)] = True
    return Leg(np.zeros(32000, np.int16), 8000, flags)


def measured(*texts: Text, spoken: list[tuple[str, float]] = SPOKEN) -> Latencies:
    latencies = Latencies()
    latencies.add([(item.at, item) for item in texts], leg(), "en", spoken)
    return latencies


def test_a_word_counts_from_its_end_to_its_first_sight() -> None:
    got = measured(
        text(1.7, "I want"), text(2.1, "I want to pay", stable="I want"), text(2.5, "I want to pay", final=True)
    )
    assert sorted(got.partial) == pytest.approx([0.1, 0.2, 0.5, 0.5])
    assert sorted(got.stable) == pytest.approx([0.5, 0.6, 0.9, 0.9])
    assert got.final == pytest.approx([0.5])


def test_a_word_is_not_seen_before_it_is_spoken() -> None:
    spoken = [("no", 1.1), ("no", 2.0)]
    got = measured(text(1.3, "No"), text(2.4, "No, no.", final=True), spoken=spoken)
    assert sorted(got.partial) == pytest.approx([0.2, 0.4])


def test_the_end_of_speech_is_not_the_engines_word() -> None:
    late = Text(2.6, 0, "I want to pay", 13, True, 1.0, 2.2)
    assert measured(late).final == pytest.approx([0.6])
    nothing = Text(2.6, 0, "hm", 2, True, 3.0, 3.5)
    assert measured(nothing).final == pytest.approx([-0.9]), "without speech there the engine's end has to do"


def test_a_withdrawn_text_has_no_latency_and_no_words_give_none() -> None:
    assert measured(text(1.7, "I"), text(2.5, "", final=True)).final == []
    got = measured(text(1.7, "I want", final=True), spoken=[])
    assert got.partial == []
    assert percentiles(got.partial) is None
    assert percentiles([0.1, 0.2, 0.3]) == {"p50": 200, "p95": 290, "p99": 298}


def test_numbers_become_words_with_one_end() -> None:
    assert word_ends([("Pay", 1.0), ("25", 1.8)], "en") == [("pay", 1.0), ("twenty", 1.8), ("five", 1.8)]


def test_word_times_are_compared_for_the_words_that_were_heard_rightly() -> None:
    heard = [("i", 1.25), ("went", 1.5), ("to", 1.7), ("pay", 2.0)]
    assert word_time_errors(SPOKEN, heard) == pytest.approx([0.05, 0.1, 0.0])
    number = [("i", 1.25), ("went", 1.5), ("to", 1.5), ("pay", 2.0)]
    assert word_time_errors(SPOKEN, number) == pytest.approx([0.05, 0.0]), "two words of one end are a number"
    assert word_time_errors(SPOKEN, []) == []


def test_budgets_that_break_are_named() -> None:
    good = Latencies(partial=[0.3] * 20, final=[0.6] * 20)
    assert broken_budgets(good, 1) == []
    bad = Latencies(partial=[0.4] * 20, final=[0.8] * 20)
    assert broken_budgets(bad, 1) == ["partial p50 400 > 350", "final p95 800 > 700"]
    assert broken_budgets(bad, 4) == ["partial p50 400 > 350"]
    assert broken_budgets(Latencies(), 1) == []


@pytest.mark.parametrize(
    ("said", "language", "words"),
    [
        ("Press # to exit", "en", "press pound to exit"),
        ("Pulse # o *", "es", "pulse numeral o asterisco"),
        ("Radio U S B", "es", "radio usb"),
        ("Radio USB.", "es", "radio usb"),
        ("Use Q and the 9 key for Z.", "en", "use q and the nine key for z"),
        ("A o B y C", "es", "a o b y c"),
    ],
)
def test_what_sounds_alike_is_written_alike(said: str, language: Language, words: str) -> None:
    assert " ".join(normalise(said, language)) == words


def test_digit_strings_are_known() -> None:
    assert says_digits("marque 4 5 1", "es")
    assert says_digits("it is 742815293", "en")
    assert not says_digits("marque 2 para cambiar, 3 para salir", "es")
    assert word_errors(["Uno dos"], ["uno dos tres"], "es") == (1, 2)
