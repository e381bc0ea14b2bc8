"""The call lines that judge are not the ones that teach, and the figures of the bench are computed right."""

import numpy as np
import pytest
from rapidfuzz import fuzz, process

from assist.events import Language
from bench.judge.sentiment import SENTIMENTS, calibration_error, call_lines, macro_f1
from models.train.calls import LANGUAGES, call_rows

ALIKE = 85.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_that_judges_is_like_one_that_teaches(language: Language) -> None:
    taught = {
        row.text.lower()
        for seed in range(2)
        for held in (True, False)
        for row in call_rows(language, held=held, seed=seed)
    }
    judged = [line.text.lower() for line in call_lines(language)]
    assert len(taught) > 800
    assert not taught.intersection(judged)
    worst = process.cdist(judged, sorted(taught), scorer=fuzz.ratio).max(1)
    assert [line for line, alike in zip(judged, worst, strict=True) if alike > ALIKE] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_set_is_large_even_and_without_repeats(language: Language) -> None:
    lines = call_lines(language)
    assert len(lines) >= 200
    assert len({line.text.lower() for line in lines}) == len(lines)
    for sentiment in SENTIMENTS:
        assert sum(line.sentiment == sentiment for line in lines) >= 60
    assert all((line.sentiment == "neutral") == (line.emotion == "neutral") for line in lines)
    assert len({line.dialect for line in lines}) >= 5


def test_held_out_lines_are_not_taught() -> None:
    for language in LANGUAGES:
        taught = {row.text for row in call_rows(language, held=False)}
        assert not taught.intersection(row.text for row in call_rows(language, held=True))


def test_lines_are_filled_in_the_same_way_every_time() -> None:
    assert call_rows("es", held=False) == call_rows("es", held=False)
    assert call_rows("es", held=False, seed=1) != call_rows("es", held=False)


def test_macro_f1_counts_each_class_the_same() -> None:
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"], ["a", "b"]) == pytest.approx(6 / 7 / 2)


def test_calibration_error() -> None:
    right = np.array([True] * 9 + [False])
    assert calibration_error(np.full(10, 0.9), right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.99), right) == pytest.approx(0.09)
