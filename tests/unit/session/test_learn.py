"""Learning from stored cases: what counts as an action, what must not be kept, and the command's answers."""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from assist.config import Playbook as PlaybookSettings
from assist.config import Settings
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.next_action import NOTHING
from assist.errors import ConfigError
from assist.session.history import Moment, moments, without_rare_words
from assist.session.learn import LEAST_CASES, learn_from
from assist.session.learned import load_learned, next_cards, save_learned, versions
from assist.store.engine import open_for_reading
from assist.store.reader import CaseFile, read_case
from tests.unit.decide.calls import packaged_kit, playbook
from tests.unit.session.learning import run
from tests.unit.store.test_case_command import fill

BOOK = """
name: test
language: en
cards:
  - id: block
    title: Block
    say: I am blocking your card right now.
    when: {customer: [lost my card]}
    said: [blocking your card]
  - id: replace
    title: Replace
    say: A new card is on its way to you.
    when: {customer: [a new card]}
    said: [new card is on its way]
  - id: bye
    title: Bye
    say: Thank you for calling us today.
    when: {after_s: 600}
    said: [thank you for calling]
"""


def kit() -> Kit:
    return Kit(playbook(BOOK), LexiconBaseline())


def case(lines: Iterable[tuple[str, float, str]], cards: Iterable[tuple[str, float, str]] = ()) -> CaseFile:
    """A case of ``(party, end, text)`` and ``(card, closed at, outcome)``."""
    said: list[dict[str, Any]] = [
        {"party": party, "text": text, "t0": at - 1, "t1": at, "spoken": "", "changes": []} for party, at, text in lines
    ]
    shown = [
        {"card_id": name, "offered_at": at - 2, "closed_at": at, "outcome": outcome} for name, at, outcome in cards
    ]
    ticked = ({"rule_id": "identity", "state": "met", "at": 4.0}, {"rule_id": "recap", "state": "missed", "at": 9.0})
    return CaseFile({}, (), tuple(said), ticked, tuple(shown), (), (), (), (), ())


def test_a_turn_is_followed_by_the_card_that_was_used() -> None:
    found = moments(
        case(
            [
                ("agent", 2, "hello"),
                ("customer", 5, "I lost my card"),
                ("customer", 20, "yes"),
                ("customer", 40, "bye"),
            ],
            [("block", 8, "taken"), ("replace", 25, "dismissed"), ("bye", 44, "said")],
        ),
        kit(),
    )
    assert [moment.action for moment in found] == ["block", NOTHING, "bye"]
    assert found[0].turns == (("agent", "hello"), ("customer", "I lost my card"))
    assert [moment.taken for moment in found] == [
        ("rule.identity",),
        ("rule.identity", "block"),
        ("rule.identity", "block"),
    ]


def test_what_an_agent_said_without_a_card_counts_too_and_once() -> None:
    lines = [
        ("customer", 5.0, "I lost my card"),
        ("agent", 9.0, "I am blocking your card, one moment"),
        ("customer", 20.0, "ok"),
    ]
    assert [one.action for one in moments(case(lines), kit())] == ["block", NOTHING]
    assert [one.action for one in moments(case(lines, [("block", 8, "said")]), kit())] == ["block", NOTHING]


def test_a_stored_call_can_be_read_back(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, language="es")
    fill(settings, "es")
    engine = open_for_reading(settings.store_url)
    with engine.connect() as connection:
        stored = read_case(connection, "demo")
    engine.dispose()
    found = moments(stored, packaged_kit("es"))
    assert len(found) == sum(line["party"] == "customer" for line in stored.lines)
    used = {card["card_id"] for card in stored.cards if card["outcome"] in ("taken", "said")}
    assert used
    assert used <= {moment.action for moment in found}
    assert any(name.startswith("rule.") for name in found[-1].taken)


def test_names_numbers_and_rare_words_never_reach_a_model() -> None:
    said = ["my name is Rumpelstiltskin", "my name is Ann 4512", "my name is Bob", "hello"]
    cases = [[Moment((("customer", text),), (), NOTHING)] for text in said]
    left = {
        word for one in without_rare_words(cases) for moment in one for _, text in moment.turns for word in text.split()
    }
    assert left == {"my", "name", "is"}


def history(number: int, seed: int = 7) -> list[list[Moment]]:
    """Calls in which a lost card is blocked, then replaced, and others in which nothing is done."""
    chance = random.Random(seed)
    cases = []
    for _ in range(number):
        filler = chance.choice(["well listen", "good morning", "so hello", "yes hi"])
        cases.append(
            [
                Moment((("customer", f"{filler} how are you"),), (), NOTHING),
                Moment((("customer", f"{filler} it is gone"),), (), "block"),
                Moment((("customer", "okay what now"),), ("block",), "replace"),
                Moment((("customer", "okay what now"),), ("block", "replace"), NOTHING),
                Moment((("customer", "that was all"),), ("block", "replace"), "bye"),
            ]
        )
    return cases


def test_history_beats_the_playbook_on_calls_it_has_not_seen() -> None:
    model, report = learn_from(history(80), playbook(BOOK), None)
    assert report.cases == 80
    assert report.acted == 240
    assert report.better
    assert report.learnt.first > 0.95
    assert report.playbook.first < 0.5
    assert report.precision >= 0.8
    assert report.told > 0.3
    assert model.about["moments"] == 400
    assert model.about["floor"] == report.floor


def test_what_can_not_be_told_apart_is_said_to_be_no_better() -> None:
    chance = random.Random(3)
    noise = [
        [Moment((("customer", "hello"),), (), chance.choice(["block", "replace", NOTHING])) for _ in range(6)]
        for _ in range(60)
    ]
    _, report = learn_from(noise, playbook(BOOK), None)
    assert report.learnt.first < 0.8
    assert report.told < 0.2 or report.precision < 0.8


@pytest.mark.parametrize("cases", [[], history(3), [[Moment((("customer", "hi"),), (), NOTHING)]] * 200])
def test_too_little_history_is_refused_with_what_it_takes(cases: list[list[Moment]]) -> None:
    with pytest.raises(ConfigError, match=f"too little history.*{LEAST_CASES} cases"):
        learn_from(cases, playbook(BOOK), None)


def test_cards_that_are_no_longer_in_the_playbook_are_left_out() -> None:
    old = [[*one, Moment((("customer", "and that"),), (), "gone")] for one in history(60)]
    model, report = learn_from(old, playbook(BOOK), None)
    assert "gone" not in model.actions
    assert dict(report.cards).keys() == {"block", "replace", "bye"}


def test_each_model_is_a_version_and_the_newest_counts(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, playbook=PlaybookSettings(learned=tmp_path / "kept"))
    assert load_learned(settings, "en") is None
    model, _ = learn_from(history(60), playbook(BOOK), None)
    first, second = save_learned(model, settings, "en"), save_learned(model, settings, "en")
    assert [path.name for path in (first, second)] == ["next-actions.en.0001.npz", "next-actions.en.0002.npz"]
    assert second.stat().st_mode & 0o077 == 0
    assert [number for number, _ in versions(tmp_path / "kept", "en")] == [1, 2]
    assert load_learned(settings, "es") is None
    loaded = load_learned(settings, "en")
    assert loaded is not None
    assert loaded.about["moments"] == 300
    assert next_cards(settings, playbook(BOOK), None).floor == loaded.about["floor"]
    second.write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="remove it"):
        load_learned(settings, "en")
    second.unlink()
    assert load_learned(settings, "en") is not None


def test_the_command_says_when_there_is_too_little(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, language="es")
    fill(settings, "es")
    result = run(settings)
    assert isinstance(result.exception, ConfigError)
    assert "too little history" in str(result.exception)
    assert not (tmp_path / "learned").exists()
    assert run(settings, "--language", "fr").exit_code == 2


def test_the_command_prints_the_figures_and_writes_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "book.yaml"
    book.write_text(BOOK.lstrip(), encoding="utf-8")
    settings = Settings(data_dir=tmp_path, language="en", playbook=PlaybookSettings(files=(book,)))
    monkeypatch.setattr("assist.cli.learn._cases", lambda *_: history(60))
    shown = run(settings)
    assert shown.exit_code == 0, shown.output
    assert "60 cases" in shown.output
    assert "the playbook alone: first" in shown.output
    assert (tmp_path / "learned" / "next-actions.en.0001.npz").is_file()
    told = run(settings, "--json")
    report = json.loads(told.stdout[: told.stdout.rindex("}") + 1])
    assert report["learnt"]["first"] > report["playbook"]["first"]
    assert len(versions(tmp_path / "learned", "en")) == 2
