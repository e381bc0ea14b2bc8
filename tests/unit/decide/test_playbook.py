"""Playbooks: what is wrong is told with file, line and remedy."""

import textwrap
from pathlib import Path

import pytest

from assist.config import Playbook as PlaybookSettings
from assist.config import Settings
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.playbook import parse
from assist.errors import ConfigError
from assist.events import Language
from assist.session.playbooks import load_playbooks, packaged_playbook, read_playbook
from assist.session.rehearse import run_checks

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


RULES = """\
name: n
language: es
moments:
  - {id: leaves, speaker: customer, phrases: [me voy]}
rules:
  - {id: one, label: Uno, phrases: [uno], before: two}
  - {id: two, label: Dos, phrases: [dos], before: three}
  - {id: three, label: Tres, phrases: [tres]}
  - {id: never, label: Nunca, kind: forbidden, phrases: [cuatro]}
  - {id: ask, label: Pedir, kind: consent, phrases: [acepta]}
  - {id: later, label: Luego, phrases: [luego], when: [leaves, ask.given]}
cards:
  - {id: card, title: Tarjeta, say: Hola., when: {customer: [hola], rules: {one: due}}}
tests:
  - {customer: hola, fires: [card]}
"""


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (
            ("label: Tres, phrases: [tres]", "label: Tres, phrases: [tres], before: one"),
            6,
            ("circle", "one → two → three"),
        ),
        (("when: [leaves, ask.given]", "when: later"), 11, ("no rule or moment 'later'",)),
        (("when: [leaves, ask.given]", "when: leavs"), 11, ("did you mean 'leaves'",)),
        (("when: [leaves, ask.given]", "when: one.given"), 11, ("is no consent", "one.missed")),
        (("when: [leaves, ask.given]", "when: leaves.missed"), 11, ("is a moment",)),
        (
            ("kind: forbidden, phrases: [cuatro]", "kind: forbidden, phrases: [Uno!]"),
            9,
            ("forbidden by 'never'", "required by 'one'"),
        ),
        (("kind: forbidden, phrases: [cuatro]", "kind: silence"), 9, ("most_s",)),
        (("label: Tres, phrases: [tres]", "label: Tres"), 8, ("neither phrases nor examples",)),
        (("label: Tres, phrases: [tres]", "label: Tres, phrases: [tres], unless: [tres]"), 8, ("could never count",)),
        (("label: Tres, phrases: [tres]", "label: Tres, phrases: [tres], after: leaves"), 8, ("add within_s",)),
        (("label: Tres, phrases: [tres]", "label: Tres, phrases: [tres], most_s: 3"), 8, ("within_s for a deadline",)),
        (
            ("id: leaves, speaker: customer, phrases: [me voy]", "id: leaves, speaker: customer"),
            4,
            ("neither phrases",),
        ),
        (("id: leaves, speaker", "id: one, speaker"), 4, ("is a rule's too",)),
        (("rules: {one: due}", "rules: {ones: due}"), 13, ("no rule 'ones'",)),
        (("customer: [hola], rules: {one: due}", "moments: leavs"), 13, ("did you mean 'leaves'",)),
        (
            ("when: {customer: [hola], rules: {one: due}}", "when: {customer: [hola]}, unless: [hola]"),
            13,
            ("never be offered",),
        ),
        (("name: n", "name: n\ncards_per_call: 0"), 14, ("cards_per_call is 0",)),
        (("customer: hola, fires: [card]", "customer: hola, fires: [crd]"), 15, ("did you mean 'card'",)),
        (("customer: hola, fires: [card]", "fires: [card]"), 15, ("something that is said",)),
        (("customer: hola, fires: [card]", "customer: hola"), 15, ("'fires' or 'never'",)),
    ],
)
def test_what_can_not_be_meant_is_told(change: tuple[str, str], line: int, words: tuple[str, ...]) -> None:
    assert change[0] in RULES
    parse(RULES, "book.yaml")
    message = fault(RULES.replace(*change, 1))
    assert f"book.yaml:{line}: " in message
    for word in words:
        assert word in message


TOML = """\
name = "n"
language = "es"

[[rules]]
id = "one"
label = "Uno"
phrases = ["uno"]

[[rules]]
id = "two"
label = "Dos"
phrases = ["dos"]
before = "one"

[[cards]]
id = "card"
title = "Tarjeta"
say = "Hola."
[cards.when]
customer = ["hola"]
"""


def test_toml_is_read_the_same() -> None:
    book = parse(TOML, "book.toml")
    assert [rule.id for rule in book.rules] == ["one", "two"]
    assert book.rules[1].before == ("one",)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (('before = "one"', 'befor = "one"'), 13, "did you mean 'before'"),
        (('before = "one"', 'before = "three"'), 13, "no rule 'three'"),
        (('customer = ["hola"]', 'custmer = ["hola"]'), 20, "did you mean 'customer'"),
        (('label = "Dos"', ""), 9, "missing"),
        (('label = "Dos"', "label = Dos"), 11, "not TOML"),
    ],
)
def test_faults_in_toml_name_line_and_remedy(change: tuple[str, str], line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(TOML.replace(*change, 1), "book.toml")
    assert f"book.toml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_another_file_by_mistake_is_refused_at_once(tmp_path: Path) -> None:
    for text in ("\0\1\2", "a" * 3_000_000, "[" * 5000, "&a [*a]"):
        with pytest.raises(ConfigError, match="book"):
            parse(text, "book.yaml")
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(500_000_000)
    with pytest.raises(ConfigError, match="no playbook"):
        read_playbook(huge)


def test_a_changed_text_is_another_version() -> None:
    assert parse(GOOD, "a").version == parse(GOOD, "b").version != parse(GOOD + "# more\n", "a").version


@pytest.mark.parametrize("page", ["playbooks.md", "playbooks.es.md"])
def test_the_documented_example_is_good_and_passes_its_tests(page: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8")
    example = next(part for part in text.split("```yaml\n") if part.startswith("name:")).split("```")[0]
    book = parse(example, page)
    results = run_checks(Kit(book, LexiconBaseline()))
    assert results
    assert [result.check for result in results if not result.passed] == []


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
