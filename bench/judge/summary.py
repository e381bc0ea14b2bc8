"""Facts of the scripted calls that the summary has, and facts it made up; ROUGE on TweetSumm beside people and peers.

Only the test part is counted. A gold fact counts as found when the summary has an item of its slot that

- rests on (names as evidence) at least one of the lines the fact stands in, and
- *reason*, *done*, *promise*: contains every key word of the fact (beginnings of words; accents and case apart); a
  promise must besides be owed by the right party;
- *due*: the promise is found and its date is the gold ISO date in the call's zone (only promises with a date);
- *amount*: has the same number and the same unit; *reference*: has the same letters and digits;
- *outcome*: the summary's outcome is the gold one; *next step*: rests on a line of the fact named as next step.

*all fields* is found ÷ gold over all of these together. **Invented** are items that state what the call does not:

- a promise of the company's that rests on no line in which one is made;
- an amount, promise, act or next step that rests only on lines marked ``x`` (refused, offered, asked, conditional) or
  ``w`` (a promise that was replaced later);
- an amount that was corrected, refused or waived in the call (``not``);
- an amount or reference none of the item's lines says, or a reference that is no reference of the call;
- a promise found with another date than the gold one, or a date on a promise that has none;
- an outcome "resolved" of a call that ended unresolved, or the other way round;
- a number in any item's text that its lines do not say (but for the date a promise falls due).

*other items* are acts, customers' promises and amounts that were said but are no gold fact: noise, no invention. The
hand-over is measured the same way after 60 % of the turns against the facts told by then (reason, acts, amounts,
references): a sum that was only offered by then (``o``) is none yet, a promise that is replaced later (``w``) still is.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from assist.decide.handover import hand_over
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.text import normalise
from assist.events import HandOverDrafted, Language, SummaryDrafted, SummaryItem
from assist.session.encoder import installed_encoder
from assist.session.mood import open_mood
from assist.session.playbooks import packaged_playbook
from assist.text.numbers import find_numbers
from bench.judge import _tweets
from bench.judge._rouge import KINDS, Kind, rouge
from bench.judge._scripted import Call, load, load_unseen, play
from bench.judge.row import OURS, Options, Row, SkippedError

LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
FIELDS: Final = ("reason", "done", "promise", "due", "amount", "reference", "outcome", "next_step")
_HANDED: Final = ("reason", "done", "amount", "reference")
_HAND_OVER_AT: Final = 0.6
_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "pesos": ("pesos",),
    "soles": ("PEN",),
    "dolares": ("USD",),
    "dollars": ("USD",),
    "pounds": ("GBP",),
    "euros": ("EUR",),
}


def run(options: Options) -> Sequence[Row]:
    """The rows of both languages, then ROUGE where TweetSumm is at hand."""
    rows: list[Row] = []
    for language in LANGUAGES:
        rows += _language(language)
    try:
        rows += _tweetsumm(options.folder("tweetsumm"), quick=options.quick)
    except SkippedError as err:
        print(f"summary: ROUGE is left out: {err}")
    return rows


class Tally:
    """Gold facts, found ones and inventions, by field. ``misses`` names each for whoever builds the extractor."""

    def __init__(self) -> None:
        self.gold: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.invented: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.misses: list[str] = []

    def count(self, call: Call, field: str, found: bool, what: object) -> None:
        """One gold fact."""
        self.gold[field] += 1
        self.found[field] += found
        if not found:
            self.misses.append(f"{call.language} {call.id} {field}: {what}")

    def invent(self, call: Call, field: str, what: object) -> None:
        """One invention."""
        self.invented[field] += 1
        self.misses.append(f"{call.language} {call.id} INVENTED {field}: {what}")


def _language(language: Language) -> Iterator[Row]:
    yield from _part(language, load(language, dev=False), "scripted calls")
    yield from _part(language, load_unseen(language), "unseen calls")


def measure(calls: Sequence[Call], language: Language) -> tuple[Tally, Tally, float]:
    """What the summaries of ``calls`` have, what their hand-overs have, and the share of moods that are right."""
    playbook, mood, meaning = packaged_playbook(language), open_mood(), installed_encoder()
    whole, handed = Tally(), Tally()
    moods = 0
    for call in calls:
        kit = Kit(playbook, mood, timezone=call.zone, meaning=meaning)
        state, _ = play(call, kit)
        assert state.summary is not None
        judge(call, state.summary, whole)
        moods += (state.summary.mood_start == call.mood[0]) + (state.summary.mood_end == call.mood[1])
        upto = round(_HAND_OVER_AT * len(call.turns))
        state, _ = play(call, kit, upto=upto)
        judge_hand_over(call, hand_over(state, kit, call.began + call.turns[upto - 1].until), handed, upto)
    return whole, handed, moods / (2 * len(calls))


def _part(language: Language, calls: Sequence[Call], subject: str) -> Iterator[Row]:
    whole, handed, moods = measure(calls, language)
    yield from _rows(whole, language, subject, FIELDS)
    yield _row(subject, language, "mood right", moods, 2 * len(calls))
    other = sum(whole.other.values())
    yield _row(subject, language, "other items per call", other / len(calls), len(calls), low=True)
    yield from _rows(handed, language, f"{subject}, hand-over at 60 %", _HANDED)


def _rows(tally: Tally, language: Language, subject: str, fields: Sequence[str]) -> Iterator[Row]:
    gold, found = sum(tally.gold.values()), sum(tally.found.values())
    yield _row(subject, language, "all fields recall", found / gold, gold, target=0.9)
    for field in fields:
        if tally.gold[field]:
            yield _row(subject, language, f"{field} recall", tally.found[field] / tally.gold[field], tally.gold[field])
    yield _row(subject, language, "invented facts", sum(tally.invented.values()), gold, target=0, low=True)


def _row(
    subject: str, language: str, metric: str, value: float, n: int, *, target: float | None = None, low: bool = False
) -> Row:
    return Row("summary", subject, language, OURS, metric, value, n, target, low)


# --- judging one summary -------------------------------------------------------------------------------------


def judge(call: Call, summary: SummaryDrafted, tally: Tally) -> None:
    """Count one finished summary."""
    items = _by_slot(summary)
    _reason(call, items, tally)
    for name, words in call.done.items():
        found = any(_says(item, words) for item in items["done"] if _rests(item, call.lines(name)))
        tally.count(call, "done", found, words)
    for name, promise in call.promises.items():
        mine = [item for item in items["promise"] if _rests(item, call.lines(name))]
        said = [item for item in mine if _says(item, promise.words) and item.party == promise.party]
        tally.count(call, "promise", bool(said), promise)
        if promise.due:
            tally.count(call, "due", any(item.due[:10] == promise.due for item in said), promise)
    for item in items["promise"]:
        owed = [promise for name, promise in call.promises.items() if _rests(item, call.lines(name))]
        if not owed and item.party == "agent":
            tally.invent(call, "promise", item)
        if item.due and owed and all(promise.due != item.due[:10] for promise in owed):
            tally.invent(call, "due", item)
    _amounts(call, items, tally, call.amounts)
    _references(call, items, tally, call.references)
    tally.count(call, "outcome", summary.outcome == call.outcome, f"{call.outcome}, not {summary.outcome}")
    if {summary.outcome, call.outcome} == {"resolved", "unresolved"}:
        tally.invent(call, "outcome", f"{call.outcome}, not {summary.outcome}")
    if call.next_step:
        lines = call.lines(call.next_step)
        tally.count(call, "next_step", any(_rests(item, lines) for item in items["next_step"]), call.next_step)
    _untrue(call, items, tally, call.lines("x") | call.lines("w"))
    for slot, facts in (("done", call.done), ("promise", call.promises), ("amount", call.amounts)):
        known = frozenset[str]().union(*(call.lines(name) for name in facts))
        tally.other[slot] += sum(
            not _rests(item, known) and (slot != "promise" or item.party == "customer") for item in items[slot]
        )


def judge_hand_over(call: Call, summary: HandOverDrafted, tally: Tally, upto: int) -> None:
    """Count a hand-over after ``upto`` turns: what was told by then, and nothing of what came later."""
    heard = frozenset(turn.uid for turn in call.turns[:upto])
    items = _by_slot(summary)
    for item in summary.items:
        if not set(item.evidence) <= heard:
            tally.invent(call, "later", item)
    if call.lines("r") & heard:
        _reason(call, items, tally)
    for name, words in call.done.items():
        if call.lines(name) & heard:
            found = any(_says(item, words) for item in items["done"] if _rests(item, call.lines(name)))
            tally.count(call, "done", found, words)
    _amounts(call, items, tally, {n: told for n, told in call.amounts.items() if _stated_by(call, n, upto - 1)})
    _references(call, items, tally, {n: told for n, told in call.references.items() if min(_places(call, n)) < upto})
    replaced = any(mark.startswith("p") for turn in call.turns[:upto] for mark in turn.marks)
    _untrue(call, items, tally, call.lines("x") | (call.lines("w") if replaced else frozenset()))


def _stated_by(call: Call, mark: str, upto: int) -> bool:
    return any(mark in turn.marks and "o" not in turn.marks for turn in call.turns[:upto])


def _places(call: Call, mark: str) -> list[int]:
    return [place for place, turn in enumerate(call.turns) if mark in turn.marks]


def _reason(call: Call, items: dict[str, list[SummaryItem]], tally: Tally) -> None:
    found = any(_rests(item, call.lines("r")) and _says(item, call.reason_words) for item in items["reason"])
    tally.count(call, "reason", found, f"{call.reason_words}, not {[item.text for item in items['reason']]}")


def _amounts(
    call: Call, items: dict[str, list[SummaryItem]], tally: Tally, gold: dict[str, tuple[float, str]] | object
) -> None:
    assert isinstance(gold, dict) or hasattr(gold, "items")
    for name, (number, unit) in gold.items():
        found = any(
            _sum(item) == (round(number, 2), code)
            for item in items["amount"]
            if _rests(item, call.lines(name))
            for code in _UNITS[unit]
        )
        tally.count(call, "amount", found, (number, unit))
    for number, unit in call.unstated:
        for item in items["amount"]:
            if any(_sum(item) == (round(number, 2), code) for code in _UNITS[unit]):
                tally.invent(call, "amount", item)


def _references(call: Call, items: dict[str, list[SummaryItem]], tally: Tally, gold: object) -> None:
    for name, told in gold.items():  # type: ignore[attr-defined]
        found = any(item.value == told for item in items["reference"] if _rests(item, call.lines(name)))
        tally.count(call, "reference", found, told)
    for item in items["reference"]:
        if item.value not in call.references.values():
            tally.invent(call, "reference", item)


def _untrue(call: Call, items: dict[str, list[SummaryItem]], tally: Tally, stated_nothing: frozenset[str]) -> None:
    said = {turn.uid: turn.text for turn in call.turns}
    for slot in ("done", "promise", "amount", "next_step"):
        for item in items[slot]:
            if set(item.evidence) <= stated_nothing:
                tally.invent(call, slot, item)
    for item in (one for slot in items.values() for one in slot):
        # Digits of the lines, however they are grouped; a written number is looked for by its value.
        lines = " ".join(said.get(uid, "") for uid in item.evidence)
        values = _values(lines, call.language)
        digits = re.sub(r"\D", "", lines) + " " + " ".join(values)
        shown = item.text.replace(item.due.replace("T", " "), "") if item.due else item.text
        shown = shown.replace(call.transfer, "") if call.transfer else shown
        for number in _values(shown, call.language):
            if number not in digits and number.removesuffix("00") not in values:
                tally.invent(call, f"{item.slot} number", (number, item))


def _values(text: str, language: Language) -> list[str]:
    return ["".join(run.digits.split()) for run in find_numbers(text, language) if run.digits.isdigit()]


def _sum(item: SummaryItem) -> tuple[float, str]:
    number, _, code = item.value.partition(" ")
    return round(float(number or "nan"), 2), code


def _by_slot(summary: SummaryDrafted | HandOverDrafted) -> dict[str, list[SummaryItem]]:
    slots: dict[str, list[SummaryItem]] = {name: [] for name in (*FIELDS, "mood")}
    for item in summary.items:
        slots[item.slot].append(item)
    return slots


def _rests(item: SummaryItem, lines: frozenset[str]) -> bool:
    return not lines.isdisjoint(item.evidence)


def _says(item: SummaryItem, words: Sequence[str]) -> bool:
    said = normalise(item.text).split()
    return all(any(word.startswith(normalise(beginning)) for word in said) for beginning in words)


# --- TweetSumm -----------------------------------------------------------------------------------------------


def _tweetsumm(folder: Path, *, quick: bool) -> Iterator[Row]:
    talks = _tweets.dialogues(folder / "dev200.jsonl")
    talks = talks[:30] if quick else talks
    for name, write in _tweets.systems():
        several = [talk for talk in talks if len(talk.references) > 1 or name != _tweets.HUMAN]
        totals: Counter[Kind] = Counter()
        for talk in several:
            text, references = write(talk)
            for kind in KINDS:
                totals[kind] += max(rouge(text, reference, kind) for reference in references)  # type: ignore[assignment]
        for kind in KINDS:
            yield Row("summary", "TweetSumm", "en", name, f"ROUGE-{kind} F1", totals[kind] / len(several), len(several))


def dump(language: Language, *, dev: bool) -> str:
    """What is missed or invented in one part of the calls, for building the extractor (the development part only)."""
    playbook = packaged_playbook(language)
    tally = Tally()
    for call in load(language, dev=dev):
        state, _ = play(call, Kit(playbook, LexiconBaseline(), timezone=call.zone))
        assert state.summary is not None
        judge(call, state.summary, tally)
    found = {field: f"{tally.found[field]}/{tally.gold[field]}" for field in FIELDS}
    return "\n".join([json.dumps(found), json.dumps(tally.invented), *tally.misses])
