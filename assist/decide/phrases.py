"""Phrases of a playbook and how they are found in recognised speech.

A phrase is written as people say it. Four marks widen it::

    cobr* dos veces        a word that begins with "cobr"
    cobraron|cobro         either word
    this is * speaking     any one word
    cobr* ... dos veces    up to six words in between

Case, accents and punctuation never count. A phrase without marks is also found when the recogniser misheard part of
it: a window of the line that is similar enough counts, with a confidence below 1.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rapidfuzz import fuzz

from assist.decide.text import normalise

FUZZY_FLOOR: Final = 86.0
"""Least similarity (0..100) of a misheard phrase of several words."""
_WINDOW_LETTERS: Final = 12
"""Shorter phrases are matched as written: a letter more or less makes them another phrase."""
_WORD_FLOOR: Final = 88.0
_WORD_LETTERS: Final = 7
_PARTNER_FLOOR: Final = 66.0
# One short word that turns the meaning round may not be lost in a likeness of letters.
_NEGATIONS: Final = frozenset(
    ("no", "ni", "nunca", "jamas", "tampoco", "sin", "not", "never", "dont", "didnt", "doesnt", "isnt", "cant", "wont")
)
_GAP: Final = r"(?: \w+){0,6}? "
_MEMO_LINES: Final = 512


class PhraseError(ValueError):
    """A phrase with no words or with a misplaced mark."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A compiled phrase. ``plain`` is empty when the phrase has marks and so is only matched as written."""

    source: str
    pattern: re.Pattern[str]
    plain: str

    def match(self, line: str) -> float:
        """Confidence 0..1 that the phrase is in ``line``, which is normalised."""
        if self.pattern.search(line):
            return 1.0
        if not self.plain or len(line) < len(self.plain) * 0.6:
            return 0.0
        if " " in self.plain:
            if len(self.plain) < _WINDOW_LETTERS:
                return 0.0
            return _window_similarity(self.plain, line)
        if len(self.plain) >= _WORD_LETTERS:
            best = max((fuzz.ratio(self.plain, word) for word in line.split()), default=0.0)
            return best / 100 if best >= _WORD_FLOOR else 0.0
        return 0.0


def _window_similarity(phrase: str, line: str) -> float:
    found = fuzz.partial_ratio_alignment(phrase, line, score_cutoff=FUZZY_FLOOR - 4)
    if found is None:
        return 0.0
    # Grow the window to whole words, or "se lo cobro" would be found inside "se lo cobrodo".
    start = line.rfind(" ", 0, found.dest_start + 1) + 1
    end = line.find(" ", max(found.dest_end - 1, start))
    window = line[start : end if end >= 0 else len(line)]
    score = fuzz.ratio(phrase, window)
    if score < FUZZY_FLOOR:
        return 0.0
    heard, wanted = window.split(), phrase.split()
    if _NEGATIONS.intersection(heard) != _NEGATIONS.intersection(wanted):
        return 0.0
    # A recogniser also joins and divides words: "por tería".
    heard += [first + second for first, second in pairwise(heard)]
    for word in wanted:
        # Letters shared with the neighbours must not hide that the word that matters is another one.
        if len(word) >= 4 and max(fuzz.ratio(word, other) for other in heard) < _PARTNER_FLOOR:
            return 0.0
    return score / 100


def compile_phrase(source: str) -> Phrase:
    """The phrase written in a playbook.

    Raises:
        PhraseError: it has no words, or a mark stands where it means nothing.
    """
    parts = source.split()
    pattern = ""
    marked = False
    gap = False
    for part in parts:
        if part in ("...", "…"):
            if not pattern or gap:
                raise PhraseError(f"{source!r}: '...' stands between words")
            gap = marked = True
            continue
        options = part.split("|")
        compiled = [r"\w+"] if part == "*" else []
        marked = marked or part == "*"
        for option in options:
            stem = normalise(option)
            if not stem:
                continue
            prefix = option.rstrip(",.;:!?").endswith("*")
            marked = marked or prefix
            compiled.append(re.escape(stem).replace(r"\ ", " ") + (r"\w*" if prefix else ""))
        if not compiled:
            continue
        marked = marked or len(options) > 1
        if pattern:
            pattern += _GAP if gap else " "
        pattern += f"(?:{'|'.join(compiled)})" if len(compiled) > 1 else compiled[0]
        gap = False
    if not pattern or gap:
        raise PhraseError(f"{source!r}: a phrase needs words and ends with one")
    return Phrase(source, re.compile(rf"\b{pattern}\b"), "" if marked else normalise(source))


class PhraseIndex:
    """All phrases of a playbook, matched together against a line and remembered for the lines seen last."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = tuple({phrase.source: phrase for phrase in phrases}.values())
        self._memo: dict[str, Mapping[str, float]] = {}

    def hits(self, text: str) -> Mapping[str, float]:
        """Confidence by phrase source, of the phrases found in ``text``."""
        known = self._memo.get(text)
        if known is None:
            line = normalise(text)
            known = {p.source: score for p in self._phrases if (score := p.match(line)) > 0} if line else {}
            if len(self._memo) >= _MEMO_LINES:
                self._memo.pop(next(iter(self._memo)))
            self._memo[text] = known
        return known

    def best(self, sources: Iterable[str], text: str) -> float:
        """Highest confidence among ``sources`` in ``text``; 0 when none is there."""
        hits = self.hits(text)
        return max((hits.get(source, 0.0) for source in sources), default=0.0) if hits else 0.0
