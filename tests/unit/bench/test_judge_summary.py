"""The judge of summaries: how scripted calls are read, what counts as found, what as invented, and ROUGE."""

import dataclasses
from typing import Any

import pytest
import yaml

from assist.events import CallEnded, CallTransferred, Heard, SummaryDrafted, SummaryItem
from bench.judge import _scripted
from bench.judge._rouge import rouge
from bench.judge._scripted import Call, load, load_unseen
from bench.judge.summary import Tally, judge

RAW = """
id: t1
at: 2026-11-24 10:15 mx
talk: |
  a buenos días
  c me cobraron dos veces #r !double_charge
  a son 300, digo, 349 pesos. Le reembolso el lunes #m1 #p1 #d1
  a podría darle un vale de 50 pesos #x
  c no, gracias
reason: [double_charge, cobr dos]
done: {d1: reembols}
promise: {p1: a|lunes|2026-11-30}
amount: {m1: 349 pesos}
not: [300 pesos]
outcome: follow_up
next: p1
mood: neg neu
transfer: fraude
"""


def call() -> Call:
    return _scripted._call(yaml.safe_load(RAW), "es")


def item(slot: str, text: str, *evidence: str, **more: Any) -> SummaryItem:
    return SummaryItem(slot=slot, text=text, evidence=evidence, **more)  # type: ignore[arg-type]


RIGHT = (
    item("reason", "«me cobraron dos veces»", "c1"),
    item("done", "Le reembolso el lunes", "a2", party="agent"),
    item("promise", "Le reembolso el lunes", "a2", party="agent", due="2026-11-30"),
    item("amount", "349 pesos", "a2", value="349.00 pesos"),
    item("next_step", "Le reembolso el lunes", "a2", party="agent", due="2026-11-30"),
)


def judged(*items: SummaryItem, outcome: str = "follow_up") -> Tally:
    tally = Tally()
    draft = SummaryDrafted(
        call_id="t1",
        at=0.0,
        revision=1,
        items=items,
        disposition="",
        mood_start="negative",
        mood_end="neutral",
        tags=(),
    )
    judge(call(), dataclasses.replace(draft, outcome=outcome), tally)  # type: ignore[arg-type]
    return tally


def test_a_call_is_read_with_its_marks_and_times() -> None:
    read = call()
    assert [turn.uid for turn in read.turns] == ["a0", "c1", "a2", "a3", "c4"]
    assert read.turns[1].text == "me cobraron dos veces"
    assert read.lines("r") == {"c1"}
    assert [(turn.uid, topic) for turn, topic in read.must_show()] == [("c1", "double_charge")]
    assert read.unstated == ((300.0, "pesos"),)
    assert all(one.until < other.at for one, other in zip(read.turns, read.turns[1:], strict=False))
    events = read.events()
    assert [event.text for event in events if isinstance(event, Heard)] == [turn.text for turn in read.turns]
    assert [type(event) for event in events[-3:-1]] == [CallTransferred, CallEnded]
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_what_is_right_is_found_and_nothing_is_invented() -> None:
    tally = judged(*RIGHT)
    assert tally.found == tally.gold
    assert not tally.invented
    assert tally.gold["due"] == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (item("promise", "lo llamamos mañana", "a0", party="agent"), "promise"),
        (item("promise", "Le reembolso el lunes", "a2", party="agent", due="2026-12-07"), "due"),
        (item("amount", "50 pesos", "a3", value="50.00 pesos"), "amount"),
        (item("amount", "300 pesos", "a2", value="300.00 pesos"), "amount"),
        (item("reference", "Folio 4410", "a2", value="4410"), "reference"),
        (item("done", "le devolví 900 pesos", "a2", party="agent"), "done number"),
    ],
)
def test_inventions_are_counted(wrong: SummaryItem, field: str) -> None:
    assert judged(*RIGHT, wrong).invented[field] >= 1


def test_nothing_said_finds_nothing_and_resting_on_the_wrong_line_neither() -> None:
    assert not judged(outcome="").found.total()
    elsewhere = tuple(dataclasses.replace(one, evidence=("a0",)) for one in RIGHT[:2])
    assert not judged(*elsewhere).found["reason"]
    assert not judged(*elsewhere).found["done"]


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_call_is_sound(language: Any) -> None:
    calls = [*load(language), *load_unseen(language)]
    assert len({one.id for one in calls}) == len(calls)
    assert len(load(language, dev=False)) >= 48
    for one in calls:
        facts = {*one.done, *one.promises, *one.amounts, *one.references}
        marks = {mark for turn in one.turns for mark in turn.marks if not mark.startswith("!")}
        assert facts | {"r"} <= marks, one.id
        assert marks <= facts | {"r", "x", "w", "o"}, one.id
        assert not one.next_step or one.next_step in facts, one.id


def test_nothing_unseen_is_a_development_call() -> None:
    assert not any(one.dev for language in ("es", "en") for one in load_unseen(language))  # type: ignore[arg-type]


def test_rouge_by_hand() -> None:
    # "the cat sat" and "the cat ran away": two words of 3 and 4, one pair of 2 and 3, subsequence of 2.
    assert rouge("the cat sat", "the cat ran away", "1") == pytest.approx(4 / 7)
    assert rouge("the cat sat", "the cat ran away", "2") == pytest.approx(2 / 5)
    assert rouge("sat the cat", "the cat ran away", "L") == pytest.approx(4 / 7)


def test_rouge_at_its_ends() -> None:
    assert rouge("Same words here.", "same WORDS here", "L") == 1.0
    assert rouge("one two", "three four", "1") == 0.0
    assert rouge("", "three four", "L") == 0.0
    assert rouge("word", "word", "2") == 0.0
    # A word said three times counts as often as the other has it.
    assert rouge("no no no", "no", "1") == pytest.approx(2 / 4)
