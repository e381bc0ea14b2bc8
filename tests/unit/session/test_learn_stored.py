"""``apuntador playbook learn`` from stored calls to the card that the next call is offered."""

import dataclasses
import json
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assist.cli.learn import EXIT_NO_BETTER
from assist.config import Playbook as PlaybookSettings
from assist.config import Settings
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.errors import ConfigError
from assist.events import CallEnded, CardOffered, CardWithdrawn, Event, Heard
from assist.session.learned import load_learned, next_cards, versions
from assist.session.playbooks import load_playbooks
from assist.store.engine import open_store
from assist.store.writer import write
from tests.unit.decide.calls import T0, Call, begin, heard
from tests.unit.session.learning import run

BOOK = """\
name: test
language: en
cards:
  - id: block
    title: Block
    say: I am blocking your card right now.
    when: {likely: 0.3}
    said: [blocking your card]
  - id: replace
    title: Replace
    say: A new card is on its way to you.
    when: {likely: 0.3}
    said: [new card is on its way]
  - id: bye
    title: Bye
    say: Thank you for calling us today.
    when: {after_s: 600}
    said: [thank you for calling]
"""
FILLERS = ("well listen", "good morning", "so hello", "yes hi")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    book = tmp_path / "book.yaml"
    book.write_text(BOOK, encoding="utf-8")
    return Settings(data_dir=tmp_path, language="en", playbook=PlaybookSettings(files=(book,)))


def call(
    number: int, *, words: str, chance: random.Random, cards: tuple[str, ...] = ("block", "replace")
) -> list[Event]:
    """A call in which a lost card is blocked (taken from the screen), then replaced (said without a card)."""
    call_id, filler = f"c{number}", chance.choice(FILLERS)
    shift = 3600.0 * number

    def said(party: str, text: str, at: float) -> Heard:
        return heard(party, text, at - 2, at, uid=f"u{at:g}", call_id=call_id, language="en")  # type: ignore[arg-type]

    first, second = cards
    events: list[Event] = [
        *begin(call_id, "en"),
        said("customer", f"{filler} my name is Rumpelstiltskin{number}", 5),
        said("agent", "how can I help you", 8),
        said("customer", f"{filler} {words} 4512 {number:04d}", 15),
        CardOffered(
            call_id=call_id,
            at=T0 + 16,
            offer_id=f"{call_id}-1",
            card_id=first,
            title="t",
            say="s",
            priority=1,
            confidence=1.0,
            evidence=(),
        ),
        CardWithdrawn(call_id=call_id, at=T0 + 18, offer_id=f"{call_id}-1", reason="taken"),
        said("agent", "one moment please", 22),
        said("customer", "okay what now", 50),
        said("agent", "a new card is on its way" if second == "replace" else "I am blocking your card", 55),
        said("customer", "that was all", 70),
        said("agent", "thank you for calling us", 75),
        CallEnded(call_id=call_id, at=T0 + 80, reason="customer_hangup", sip_code=200, answered=True),
    ]
    return [moved(event, shift, n) for n, event in enumerate(events, 1)]


def moved(event: Event, by: float, seq: int) -> Event:
    """``event`` so much later: calls have an order in time."""
    changes = {"at": event.at + by, "seq": seq}
    if isinstance(event, Heard):
        changes |= {"t0": event.t0 + by, "t1": event.t1 + by}
    return dataclasses.replace(event, **changes)


def store(settings: Settings, calls: list[list[Event]]) -> None:
    engine = open_store(settings.store_url)
    with engine.begin() as connection:
        for events in calls:
            for event in events:
                write(connection, event, ZoneInfo(settings.timezone))
    engine.dispose()


def test_what_agents_did_in_stored_calls_is_what_the_next_call_is_offered(settings: Settings) -> None:
    chance = random.Random(11)
    store(settings, [call(number, words="it is gone", chance=chance) for number in range(60)])
    done = run(settings, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout[: done.stdout.rindex("}") + 1])
    assert (report["cases"], report["acted"]) == (60, 180)
    assert dict(report["cards"]) == {"block": 60, "replace": 60, "bye": 60}
    assert report["held_out"] == 27
    assert report["learnt"]["first"] > 0.95 > report["playbook"]["first"]

    model = load_learned(settings, "en")
    assert model is not None
    book = load_playbooks(settings)["en"]
    live = Call(Kit(book, LexiconBaseline(), next_cards=next_cards(settings, book, None)))
    live.answer()
    live.say("customer", "good morning how are you", 5)
    assert not [event for event in live.decided if isinstance(event, CardOffered)]
    live.say("customer", "listen it is gone", 15)
    assert [event.card_id for event in live.decided if isinstance(event, CardOffered)] == ["block"]


def test_no_name_and_no_number_of_a_stored_call_is_in_what_was_learnt(settings: Settings) -> None:
    chance = random.Random(5)
    store(settings, [call(number, words="it is gone", chance=chance) for number in range(45)])
    assert run(settings).exit_code == 0
    model = load_learned(settings, "en")
    ((_, path),) = versions(settings.learned_path, "en")
    assert model is not None
    raw = path.read_bytes()
    assert b"umpelstiltskin" not in raw
    assert b"4512" not in raw
    # Nor does it tell a caller it has seen from one it has not.
    seen = model.probabilities((("customer", "my name is Rumpelstiltskin7 4512 0007"),), ())
    unseen = model.probabilities((("customer", "my name is Somebodyelse 9999 1234"),), ())
    assert seen == pytest.approx(unseen)


def test_history_without_a_pattern_writes_nothing_unless_forced(settings: Settings) -> None:
    chance = random.Random(3)
    pairs = [("block", "replace"), ("replace", "block")]
    calls = [
        call(number, words=chance.choice(FILLERS), chance=chance, cards=chance.choice(pairs)) for number in range(48)
    ]
    store(settings, calls)
    refused = run(settings)
    if refused.exit_code:
        assert refused.exit_code == EXIT_NO_BETTER
        assert versions(settings.learned_path, "en") == []
        assert run(settings, "--force").exit_code == 0
    assert len(versions(settings.learned_path, "en")) == 1


def test_too_few_stored_calls_and_calls_in_another_language_are_said_to_be_too_little(settings: Settings) -> None:
    chance = random.Random(1)
    store(settings, [call(number, words="it is gone", chance=chance) for number in range(39)])
    assert "39 cases" in str(run(settings).exception)
    other = run(settings, "--language", "es")
    assert isinstance(other.exception, ConfigError)
    assert "0 cases" in str(other.exception)
    assert versions(settings.learned_path, "en") == []
