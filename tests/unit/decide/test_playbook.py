"""Playbooks: what is wrong is told with file, line and remedy."""

import textwrap
from pathlib import Path

import pytest

from assist.config import Playbook as PlaybookSettings
from assist.config import Settings
from assist.decide.playbook import parse
from assist.errors import ConfigError
from assist.events import Language
from assist.session.playbooks import load_playbooks, packaged_playbook

GOOD = """\
name: n
language: es
cards:
  - id: one
    title: Uno
    say: "Diga uno"
    when: {customer: [hola]}
rules:
  - {id: first, label: Primero, phrases: [uno], before: second}
  - {id: second, label: Segundo, phrases: [dos]}
"""


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(textwrap.dedent(text), "book.yaml")
    return str(caught.value)


def test_a_good_one_is_read() -> None:
    book = parse(GOOD, "book.yaml")
    assert book.rule("first") is not None
    assert book.card("one") is not None
    assert book.card("two") is None


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("    title: Uno", "    titel: Uno"), 5, ("unknown key", "did you mean 'title'")),
        (("before: second", "before: secnd"), 9, ("no rule 'secnd'", "did you mean 'second'")),
        (("id: second", "id: first"), 10, ("'first' is taken already", "rename")),
        (("phrases: [uno]", "phrases: []"), 9, ("phrases",)),
        (("phrases: [uno]", 'phrases: ["... uno"]'), 9, ("'...' stands between words",)),
        (("when: {customer: [hola]}", "when: {}"), 7, ("nothing under 'when'",)),
        (("id: one", "id: One two"), 4, ("small letters",)),
        (("language: es", "language: pt"), 2, ("language",)),
        (("name: n\n", "name: n\nname: m\n"), 2, ("stands twice",)),
        (("rules:", "cards_per_call: -1\nrules:"), 8, ("greater than or equal to 0",)),
        (("label: Primero, phrases: [uno]", "phrases: [uno]"), 9, ("label", "missing")),
        (("before: second", "when_tags: [fraud]"), 9, ("no tag 'fraud'",)),
        (("before: second", "kind: forbidden, within_s: 3"), 9, ("neither within_s nor before",)),
    ],
)
def test_faults_name_line_and_remedy(change: tuple[str, str], line: int, words: tuple[str, ...]) -> None:
    assert change[0] in GOOD
    message = fault(GOOD.replace(*change, 1))
    assert f"book.yaml:{line}: " in message
    for word in words:
        assert word in message


def test_every_fault_is_told_at_once() -> None:
    message = fault(GOOD.replace("before: second", "before: nobody").replace("[hola]}", "[hola]}\n  - {id: one}"))
    assert len(message.splitlines()) >= 3


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "name: [", "name: \t- x\n\t"])
def test_what_is_no_playbook_at_all(text: str) -> None:
    assert fault(text).startswith("book.yaml:")


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_packaged_ones_are_good_and_alike(language: Language) -> None:
    book, other = packaged_playbook(language), packaged_playbook("en" if language == "es" else "es")
    assert book.language == language
    assert {card.id for card in book.cards} == {card.id for card in other.cards}
    assert {rule.id for rule in book.rules} == {rule.id for rule in other.rules}
    assert {(tag.kind, tag.value) for tag in book.tags} == {(tag.kind, tag.value) for tag in other.tags}
    assert len(book.dispositions) == len(other.dispositions)


def test_the_settings_files_come_before_the_packaged_ones(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(GOOD)
    books = load_playbooks(Settings(playbook=PlaybookSettings(files=(mine,))))
    assert books["es"].name == "n"
    assert books["en"].name == packaged_playbook("en").name


def test_two_files_for_one_language_or_a_missing_file_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(GOOD)
    two.write_text(GOOD)
    with pytest.raises(ConfigError, match=r"two\.yaml: .*one\.yaml serves language 'es' already"):
        load_playbooks(Settings(playbook=PlaybookSettings(files=(one, two))))
    with pytest.raises(ConfigError, match="can't be read"):
        load_playbooks(Settings(playbook=PlaybookSettings(files=(tmp_path / "none.yaml",))))
