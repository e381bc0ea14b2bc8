"""A call's sentences in order, what each does and the words around it; quoted so that no secret is written down."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import isfinite
from typing import Final
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz

from assist.decide.acts import Signs, signs
from assist.decide.due import bare_day, due, full_date
from assist.decide.facts import MASK
from assist.decide.kit import Kit
from assist.decide.text import normalise, sentences
from assist.events import FactHeard, Heard, Party
from assist.text.numbers import Run, find_numbers

_QUOTE_CHARS: Final = 240
_SAME: Final = 82.0
_LEAST_REFERENCE_DIGITS: Final = 4
_SECRET_DIGITS: Final = 4
_LOOKED_AT: Final = 24
"""Candidates looked at from either end of a long call."""
_DATED_BEFORE: Final = 10
"""Sentences before a bare day of the month in which its month is sought."""
_CLAUSE_ENDS: Final = (", ", "; ", " pero ", " porque ", " but ", " because ")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a line; ``plain`` is normalised for comparing, ``recap`` when it repeats what was agreed."""

    heard: Heard
    text: str
    plain: str
    recap: bool
    place: int
    does: Signs
    clauses: tuple[Signs, ...]

    @property
    def party(self) -> Party:
        """Who said it."""
        return self.heard.party

    @property
    def words(self) -> int:
        """Number of words."""
        return self.plain.count(" ") + 1 if self.plain else 0

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self.text.rstrip().endswith("?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A folio, claim or ticket number and the lines in which it was said."""

    name: str
    digits: str
    evidence: tuple[str, ...]


class Transcript:
    """A call's sentences in order, and the questions a summary asks of them."""

    def __init__(self, lines: Iterable[Heard], kit: Kit, facts: Iterable[FactHeard]) -> None:
        self.kit = kit
        self.language = kit.playbook.language
        self.lines = list(lines)
        self.sentences: list[Sentence] = []
        for line in self.lines:
            self.sentences += self._split(line)
        self._last_turn, self._next_turn = _neighbours(self.sentences)
        self._numbers: dict[str, list[Run]] = {}
        self._days: dict[str, int] = {}
        self.facts = [fact for fact in facts if fact.text]
        self.references = tuple(
            Reference(fact.label, fact.value, fact.evidence)
            for fact in self.facts
            if fact.label and fact.kind in ("order", "code") and len(fact.value) >= _LEAST_REFERENCE_DIGITS
        )

    @property
    def zone(self) -> ZoneInfo:
        """The call centre's."""
        return self.kit.zone

    def _split(self, line: Heard) -> Iterator[Sentence]:
        recap = False
        place = len(self.sentences)
        for text in sentences(line.text):
            words = normalise(text)
            if words:
                # "Let me recap." colours the rest of the line.
                recap = recap or words in self.kit.data.cues["recap"]
                parts = tuple(signs(part, self.language) for part in _clauses(text))
                yield Sentence(line, text, words, recap, place, signs(text, self.language), parts)
                place += 1

    def cued(self, name: str, sentence: Sentence) -> bool:
        """Whether the sentence has one of the language's cues ``name``."""
        return sentence.plain in self.kit.data.cues[name]

    def quote(self, sentence: Sentence) -> str:
        """The sentence as it may be written down: personal numbers masked, cut to a readable length."""
        return shorten(self.mask(sentence.text))

    def mask(self, text: str) -> str:
        """``text`` without long numbers that are neither a sum nor a reference: somebody's document or card."""
        known = {reference.digits for reference in self.references}
        kept, done = [], 0
        for run in self.numbers(text):
            secret = len(run.digits) >= _SECRET_DIGITS and not any(run.digits in digits for digits in known)
            if secret and not self.currency(run) and not self._spelled_sum(run):
                kept += [text[done : run.start], MASK]
                done = run.end
        return "".join((*kept, text[done:]))

    @cached_property
    def of_line(self) -> Mapping[str, list[Sentence]]:
        """The sentences of each line by its id."""
        found: dict[str, list[Sentence]] = {}
        for sentence in self.sentences:
            found.setdefault(sentence.heard.utterance_id, []).append(sentence)
        return found

    @cached_property
    def _by_number(self) -> Mapping[int, list[Sentence]]:
        """The sentences with a number, by its whole part."""
        found: dict[int, list[Sentence]] = {}
        for sentence in self.sentences:
            values = (run.groups[-1] for run in self.numbers(sentence.text))
            for whole in {int(value) for value in values if isfinite(value)}:
                found.setdefault(whole, []).append(sentence)
        return found

    def with_number(self, amount: float) -> list[Sentence]:
        """The sentences in which a number within one of ``amount`` may be, in order."""
        wholes = range(int(amount) - 1, int(amount) + 2) if isfinite(amount) else ()
        near = (one for whole in wholes for one in self._by_number.get(whole, ()))
        return sorted({one.place: one for one in near}.values(), key=lambda one: one.place)

    def bare_day(self, text: str) -> int:
        """The day of a month in ``text``, found once."""
        known = self._days.get(text)
        if known is None:
            known = self._days[text] = bare_day(text, self.language)
        return known

    def numbers(self, text: str) -> list[Run]:
        """The numbers in ``text``, found once."""
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = find_numbers(text, self.language)
        return known

    def due(self, s: Sentence, *, how_long: bool = False) -> datetime | None:
        """The moment ``s`` names; a bare day of the month takes the month that was told with that day before."""
        zone, language, at = self.kit.zone, self.language, s.heard.t1
        moment = due(s.text, at, zone, language, self.kit.data, how_long=how_long)
        if moment is None or full_date(s.text, at, zone, language) is not None:
            return moment
        for before in reversed(self.sentences[max(0, s.place - _DATED_BEFORE) : s.place]):
            told = full_date(before.text, at, zone, language)
            if told is not None and told.day == moment.day and self.bare_day(s.text) == told.day:
                return max(told, moment)
        return moment

    def days(self, s: Sentence) -> list[tuple[datetime, Signs]]:
        """The moments that the clauses of ``s`` name, each with what its clause does: "el lunes no, el martes sí"."""
        moments = (due(text, s.heard.t1, self.kit.zone, self.language, self.kit.data) for text in _clauses(s.text))
        return [(moment, does) for moment, does in zip(moments, s.clauses, strict=True) if moment is not None]

    def turn_after(self, s: Sentence) -> list[Sentence]:
        """The other party's next sentences."""
        start = self._next_turn[s.place]
        turn = self.sentences[start : start + 4]
        return [one for one in turn if one.party != s.party and one.heard is turn[0].heard]

    def turn_before(self, s: Sentence) -> list[Sentence]:
        """The other party's last sentences."""
        last = self._last_turn[s.place]
        if last is None:
            return []
        first = last
        while first and self.sentences[first - 1].heard is self.sentences[last].heard:
            first -= 1
        return self.sentences[first : last + 1]

    def currency(self, run: Run) -> str:
        """The currency's name after ``run``, else the sign before it; empty when it is no sum."""
        for word in run.after.split():
            if word in self.kit.data.currencies:
                return self.kit.data.currencies[word]
            if word not in ("de", "mil", "millones"):
                break
        return run.symbol

    def _spelled_sum(self, run: Run) -> bool:
        """ "1.250.000": separators of thousands make it a sum, not somebody's number, where one like it was said."""
        value = run.groups[-1]
        return len(run.numbers) == 1 and any(
            fact.kind == "money" and abs(float(fact.value.split(" ")[0]) - value) < 0.5 for fact in self.facts
        )


def _neighbours(said: list[Sentence]) -> tuple[list[int | None], list[int]]:
    """For each sentence the place of the other party's last one before it and of their first one after it."""
    before: list[int | None] = []
    last: dict[Party, int] = {}
    for one in said:
        before.append(max((at for party, at in last.items() if party != one.party), default=None))
        last[one.party] = one.place
    after: list[int] = []
    coming: dict[Party, int] = {}
    for one in reversed(said):
        after.append(min((at for party, at in coming.items() if party != one.party), default=len(said)))
        coming[one.party] = one.place
    return before, after[::-1]


def shorten(text: str, limit: int = _QUOTE_CHARS) -> str:
    """``text`` cut at a word, with an ellipsis, when it is longer than ``limit`` characters."""
    return text if len(text) <= limit else f"{text[:limit].rsplit(' ', 1)[0]}…"


def alike(one: Sentence, other: Sentence) -> bool:
    """Whether two sentences say the same thing."""
    return fuzz.token_set_ratio(one.plain, other.plain) >= _SAME


def distinct(said: list[Sentence]) -> list[Sentence]:
    """Sentences that say different things: of two alike the later one, which is closer to what was agreed."""
    if len(said) > 2 * _LOOKED_AT:
        said = said[:_LOOKED_AT] + said[-_LOOKED_AT:]
    kept: list[Sentence] = []
    for sentence in said:
        kept = [other for other in kept if not alike(other, sentence)]
        kept.append(sentence)
    return kept


def _clauses(text: str) -> list[str]:
    parts = [text]
    for end in _CLAUSE_ENDS:
        parts = [piece for part in parts for piece in part.split(end)]
    return [part for part in parts if part.strip()]
