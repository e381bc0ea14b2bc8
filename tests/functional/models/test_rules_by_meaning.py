"""Playbooks matched by meaning through the real encoder."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assist.cli import playbook as command
from assist.config import Settings
from assist.decide.kit import Kit, SentenceEncoder
from assist.decide.lexicon import LexiconBaseline
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.playbooks import read_playbook
from assist.session.rehearse import run_checks
from assist.session.wordings import open_bank
from bench.judge import compliance, talk

pytestmark = pytest.mark.models
EXAMPLES = Path(__file__).parents[3] / "assist" / "playbooks" / "examples"
LANGUAGES: tuple[Language, ...] = ("en", "es")


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    found = installed_encoder()
    if found is None:
        pytest.skip("the sentence encoder is not installed (apuntador models fetch)")
    return found


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_examples_pass_their_own_tests(encoder: SentenceEncoder, path: Path) -> None:
    results = run_checks(Kit(read_playbook(path), LexiconBaseline(), meaning=encoder, bank=open_bank(encoder)).warm())
    assert [(result.check.said(), result.missing, result.wrong) for result in results if not result.passed] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_near_a_rules_words_are_found_and_neutral_talk_is_left_alone(
    encoder: SentenceEncoder, language: Language
) -> None:
    kit = Kit(compliance.playbook(language), LexiconBaseline(), meaning=encoder, bank=open_bank(encoder)).warm()
    spots = [rule.spot for rule in kit.playbook.rules]

    def found(line: str) -> set[str]:
        return {spot.key for spot in spots if kit.spotted(spot, line, whole=True) >= 0.86}

    near = [(rule, line) for rule, kind, line in compliance.lines(language) if kind == "near"][::4]
    assert np.mean([f"rule.{rule}" in found(line) for rule, line in near]) >= 0.9
    calm = compliance.neutral(language)
    assert sum(len(found(line)) for line in calm) / (len(calm) * len(spots)) <= 0.005


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_playbook_is_learnt_within_a_start(encoder: SentenceEncoder, language: Language) -> None:
    bank = open_bank(encoder)
    kit = Kit(read_playbook(EXAMPLES / f"card_fraud.{language}.yaml"), LexiconBaseline(), meaning=encoder, bank=bank)
    began = time.process_time()
    assert kit.meant is not None
    assert len(kit.meant) >= 10
    assert time.process_time() - began < 3


def test_a_supervisor_sees_what_is_borrowed(encoder: SentenceEncoder) -> None:
    path = str(EXAMPLES / "telecom_complaints.en.yaml")
    told = CliRunner().invoke(command.app, ["check", "--verbose", path], obj=Settings(language="en"))
    assert told.exit_code == 0
    assert "rule.closing: borrows from the act anything_else" in told.output
    assert "rule.claim_number: borrows from no act" in told.output
    brief = CliRunner().invoke(command.app, ["check", path], obj=Settings(language="en"))
    assert "borrows" not in brief.output


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bank_spares_false_hits_in_running_talk(encoder: SentenceEncoder, language: Language) -> None:
    found = list(talk.marks(language, encoder))
    wrong = {system: sum(of == system and mark not in talk.right() for of, mark in found) for system in talk.SYSTEMS}
    assert wrong[talk.OURS] <= 0.9 * wrong[talk.ALONE]
    greeting = {"es": "rule.identity | Red Cordillera", "en": "rule.identity | Thank you for calling"}[language]
    assert not any(mark.startswith(greeting) for of, mark in found if of == talk.OURS)
