"""The compliance bench's data is apart from what is learnt, and its noise is what it says."""

import random

import pytest
from jiwer import wer

from assist.decide.meaning import background, plain
from assist.events import Language
from bench.judge import compliance

LANGUAGES: tuple[Language, ...] = ("en", "es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_lines_and_none_is_learnt_from(language: Language) -> None:
    book = compliance.playbook(language)
    tested = list(compliance.lines(language))
    assert len(book.rules) >= 40
    assert {rule for rule, _, _ in tested} == {rule.id for rule in book.rules}
    for rule in book.rules:
        assert 3 <= len(rule.examples) <= 6
        assert {kind: sum(r == rule.id and k == kind for r, k, _ in tested) for kind in ("near", "far")} == {
            "near": 10,
            "far": 10,
        }
    said = {plain(line) for _, _, line in tested}
    assert len(said) == len(tested)
    assert not said & {plain(text) for rule in book.rules for text in (*rule.examples, *rule.not_examples)}
    calm = {plain(line) for line in compliance.neutral(language)}
    assert len(calm) >= 200
    assert not calm & (set(background(language)) | said)
    assert not said & set(background(language))


def test_both_languages_have_the_same_rules() -> None:
    en, es = (compliance.playbook(language).rules for language in LANGUAGES)
    assert [(rule.id, rule.kind, rule.speaker) for rule in en] == [(rule.id, rule.kind, rule.speaker) for rule in es]


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_the_noise_has_about_the_rate_it_is_called_by(rate: float) -> None:
    lines = [line for _, _, line in compliance.lines("en")]
    words = tuple(sorted({word for line in lines for word in line.lower().split()}))
    chance = random.Random(3)
    heard = [compliance.misheard(line, rate, words, chance) or "…" for line in lines[:200]]
    assert wer([line.lower() for line in lines[:200]], heard) == pytest.approx(rate, rel=0.35)
    assert heard == [
        compliance.misheard(line, rate, words, again) or "…" for again in [random.Random(3)] for line in lines[:200]
    ]
