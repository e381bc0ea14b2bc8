"""Phrases of a playbook and how they are found in recognised speech.

A phrase is written as people say it. A few marks widen it::

    cobr* dos veces                a word that begins with "cobr"
    cobraron|cobro dos veces       either word
    (close|shut down) my account   either of several words: within brackets a bar stands between whole wordings
    close my account | i'm leaving so does a bar with a space beside it
    this is * speaking             any one word
    cobr* ... dos veces            up to six words in between

Case, accents and punctuation never count. A phrase without marks is also found when the recogniser misheard part of
it: a window of the line that is similar enough counts, with a confidence below 1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rapidfuzz import fuzz

from assist.decide.text import normalise

FUZZY_FLOOR: Final = 86.0
"""Least similarity (0..100) of a misheard phrase of several words."""
_WINDOW_LETTERS: Final = 12
"""Shorter phrases are matched as written: a letter more or less makes them another phrase."""
_WORD_FLOOR: Final = 90.0
_WORD_LETTERS: Final = 7
_PARTNER_FLOOR: Final = 66.0
# One short word that turns the meaning round may not be lost in a likeness of letters.
NEGATIONS: Final = frozenset(
    ("no", "ni", "nunca", "jamas", "tampoco", "sin", "not", "never", "dont", "didnt", "doesnt", "isnt", "cant", "wont")
)
_GAP: Final = r"(?: \w+){0,6}? "
_MEMO_LINES: Final = 512
_PIECE: Final = re.compile(r"[()]|[^\s()]+")
_BESIDE_BRACKET: Final = re.compile(r"\|\(|\)\|")


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
    if NEGATIONS.intersection(heard) != NEGATIONS.intersection(wanted):
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
    whole = _parse(source)
    return Phrase(source, re.compile(rf"\b{whole.pattern}\b"), normalise(source) if whole.only else "")


def first_wording(source: str) -> str:
    """A phrase as somebody might say it: the first of alternatives, nothing between its parts."""
    return _parse(source).wording


@dataclass(frozen=True, slots=True)
class _Read:
    """Part of a phrase: its pattern, how one may say it, and whether it has no mark."""

    pattern: str
    wording: str
    only: bool


def _parse(source: str) -> _Read:
    tokens = _tokens(source)
    read, rest = _either(source, tokens, 0)
    if rest < len(tokens):
        raise PhraseError(f"{source!r}: ')' without '('; write both or none")
    return read


def _tokens(source: str) -> list[str]:
    """Words (outside of brackets with their bars), brackets, and the bars between whole phrases."""
    found: list[str] = []
    depth = 0
    for match in _PIECE.finditer(source):
        piece = match[0]
        depth += (piece == "(") - (piece == ")")
        if piece in "()" or (depth <= 0 and not piece.startswith("|") and not piece.endswith("|")):
            found.append(piece)
            continue
        if depth <= 0 and _BESIDE_BRACKET.search(source[max(0, match.start() - 1) : match.end() + 1]):
            raise PhraseError(f"{source!r}: put a choice of several words into brackets as a whole: (close|shut down)")
        found += [part for part in re.split(r"(\|)", piece) if part] if depth > 0 else _edges(piece)
    return found


def _edges(piece: str) -> list[str]:
    """A word with a space beside one of its bars: that bar by itself."""
    word = piece.strip("|")
    before = len(piece) - len(piece.lstrip("|"))
    after = len(piece) - before - len(word)
    return ["|"] * before + ([word] if word else []) + ["|"] * after


def _either(source: str, tokens: Sequence[str], at: int) -> tuple[_Read, int]:
    """Whole phrases with bars between them, up to the end or a closing bracket."""
    found: list[_Read] = []
    while True:
        read, at = _sequence(source, tokens, at)
        found.append(read)
        if at >= len(tokens) or tokens[at] != "|":
            break
        at += 1
    if len(found) == 1:
        return found[0], at
    return _Read(f"(?:{'|'.join(read.pattern for read in found)})", found[0].wording, only=False), at


def _sequence(source: str, tokens: Sequence[str], at: int) -> tuple[_Read, int]:
    """Words, brackets and gaps one after the other."""
    pattern, wording, gap, only = "", [], False, True
    while at < len(tokens) and tokens[at] not in ("|", ")"):
        token = tokens[at]
        at += 1
        if token in ("...", "…"):
            if not pattern or gap:
                raise PhraseError(f"{source!r}: '...' stands between words")
            gap, only = True, False
            continue
        if token == "(":
            part, at = _either(source, tokens, at)
            if at >= len(tokens):
                raise PhraseError(f"{source!r}: '(' without ')'; write both or none")
            part, at = _Read(part.pattern, part.wording, only=False), at + 1
        else:
            word = _word(token)
            if word is None:
                continue
            part = word
        if pattern:
            pattern += _GAP if gap else " "
        pattern += part.pattern
        wording.append(part.wording)
        gap, only = False, only and part.only
    if not pattern or gap:
        raise PhraseError(f"{source!r}: a phrase needs words, on both sides of a bar too, and ends with one")
    return _Read(pattern, " ".join(word for word in wording if word), only), at


def _word(token: str) -> _Read | None:
    """One word or its alternatives; None where it is nothing but punctuation."""
    if token == "*":
        return _Read(r"\w+", "", only=False)
    options = token.split("|")
    patterns: list[str] = []
    prefixed = False
    for option in options:
        stem = normalise(option)
        if stem:
            prefix = option.rstrip(",.;:!?").endswith("*")
            prefixed = prefixed or prefix
            patterns.append(re.escape(stem).replace(r"\ ", " ") + (r"\w*" if prefix else ""))
    if not patterns:
        return None
    pattern = f"(?:{'|'.join(patterns)})" if len(patterns) > 1 else patterns[0]
    return _Read(pattern, options[0].replace("*", ""), only=len(options) == 1 and not prefixed)


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
