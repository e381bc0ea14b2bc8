"""Matching by meaning: is a line of the same meaning as the examples that a playbook gives?

A line is compared with the middle of the examples, seen from the middle of ordinary talk, with the nearest examples,
and with the acts of the bank of wordings that the examples do not belong to (:mod:`assist.decide.borrowing`): what lies
nearer to another act means that. Each is counted in standard deviations of its values on ordinary talk; their weighted
sum is the score. Without a bank the last is left out.

The threshold of each thing to listen for is learnt from its own examples when the playbook is loaded: above all but a
few in a thousand of the ordinary lines. Lines about as close to an example as the same words said anew may well mean
the same and are not ordinary for it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assist.decide.borrowing import Bank, Loan, nearest, unit
from assist.decide.playbook import Spot
from assist.events import Language

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]

LEAST: Final = 0.86
"""Confidence of a match that just reaches its threshold; one as clear as the examples themselves has 1."""
_WEIGHTS: Final = np.array((0.35, 0.7, 1.0))
"""Weights of: along the way to the middle of the examples, nearness to the nearest, nearness above the other acts'."""
_WEIGHTS_ALONE: Final = np.array((1.0, 0.3, 0.0))
"""The same without a bank."""
_OWN_SHARE: Final = 0.4
"""Weight of the supervisor's own few examples in the middle; the many borrowed ones have the rest."""
_CONTRAST_EVERY: Final = 16
"""Every so many wordings of the other acts are ordinary talk: enough for scales and thresholds, and quick."""
_FALSE_SHARE: Final = 0.002
"""Share of ordinary lines that may lie above a threshold."""
_FLOOR: Final = 2.0
"""Least threshold in standard deviations: with few neutral lines their tail is only guessed."""
_NOT_NEUTRAL: Final = 0.7
"""Cosine with an example above which a neutral line may well mean the same."""
_OPPOSITE_MARGIN: Final = 0.12
"""A piece with a negation must lie about as close to an example with one as to the nearest without, and vice versa."""
_OPPOSITE_SURE: Final = 1.5
"""Deviations above the threshold from which it counts all the same, where nobody is accused."""
_RIVAL_MARGIN: Final = 1.0
"""A piece that lies this much further above another's threshold means the other. Chosen on held-out examples: it
halves confusions between rules and costs one or two in a hundred matches."""
_MOST_WINDOWS: Final = 16
_LONG_CLAUSE: Final = 14
_WINDOW_WORDS: Final = 11
_STEP_WORDS: Final = 5
_LEAST_WORDS: Final = 3
_MEMO_LINES: Final = 256

_WORD: Final = re.compile(r"[\w']+")
_CLAUSE: Final = re.compile(r"[.!?;…¿¡]+|,(?=\s)|\s[–-]\s")
_APOSTROPHES: Final = str.maketrans("’`´", "'''")


class Encode(Protocol):
    """Sentences into float32 rows of length 1."""

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), n]."""
        ...


def plain(text: str) -> str:
    """One sentence as it is given to the encoder: its words in lower case but the first letter, and a full stop.

    A recogniser's marks and capitals come and go; the encoder must not see the difference.
    """
    words = " ".join(_WORD.findall(text.lower().translate(_APOSTROPHES)))
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def windows(text: str) -> list[str]:
    """The pieces of a line that may mean something by themselves: the whole, its clauses, pieces of long clauses.

    At most 16, so that a turn of 2,000 words takes no longer than one of 100: the whole and what is said first.
    """
    whole = plain(text)
    found = dict.fromkeys([whole]) if whole.count(" ") < 2 * _LONG_CLAUSE else {}
    for clause in _CLAUSE.split(text):
        words = _WORD.findall(clause)
        if len(words) <= _LONG_CLAUSE:
            if len(words) >= _LEAST_WORDS:
                found.setdefault(plain(clause))
            continue
        for start in range(0, len(words) - _STEP_WORDS, _STEP_WORDS):
            found.setdefault(plain(" ".join(words[start : start + _WINDOW_WORDS])))
            if len(found) >= _MOST_WINDOWS:
                break
        if len(found) >= _MOST_WINDOWS:
            break
    return [window for window in found if window][:_MOST_WINDOWS]


@cache
def background(language: Language) -> tuple[str, ...]:
    """Neutral talk of customers and agents, as :func:`plain` sentences."""
    text = resources.files("assist.decide").joinpath("data", f"background.{language}.txt").read_text(encoding="utf-8")
    return tuple(plain(line) for line in text.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class _Topic:
    """One thing to listen for, learnt. ``examples`` are its own and the borrowed ones; ``means``, ``deviations`` and
    ``weights`` are of its three scores."""

    examples: Vectors
    against: Vectors
    towards: Vectors
    contrast: NDArray[np.bool_]
    """Which acts of the bank are contrast."""
    scale: tuple[Floats, Floats]
    """Means and deviations of its three scores on ordinary talk."""
    threshold: float
    typical: float
    """Score of its own examples, each judged by the others."""
    negated: NDArray[np.bool_]
    strict: bool
    loan: Loan | None


_Seen: TypeAlias = tuple[Vectors, Vectors, Vectors]
"""Rows as seen from the middle of ordinary talk, the same of length 1, and their cosines with the acts."""


class MeaningIndex:
    """Everything a playbook listens for by examples, matched together and remembered for the lines heard last."""

    def __init__(self, spots: Iterable[Spot], encode: Encode, language: Language, bank: Bank | None = None) -> None:
        self._encode = encode
        self._language: Language = language
        self._bank = bank
        self._memo: dict[str, Mapping[str, float]] = {}
        self._topics: dict[str, _Topic] = {}
        known = [spot for spot in spots if spot.examples]
        if not known:
            return
        neutral = bank.neutral[language] if bank is not None else encode(background(language))
        self._ordinary, self._act = _ordinary(neutral, bank, language)
        self._middle: Vectors = self._ordinary.mean(axis=0)
        size = neutral.shape[1]
        self._acts: Vectors = unit(bank.means - self._middle) if bank is not None else np.zeros((0, size), np.float32)
        self._weights = _WEIGHTS if bank is not None else _WEIGHTS_ALONE
        self._calm = self._seen(self._ordinary)
        self._topics = {spot.key: self._learn(spot) for spot in known}
        topics = list(self._topics.values())
        # Side by side, so that a line is compared with everything at once.
        self._examples = np.concatenate([topic.examples for topic in topics]).T
        self._ends = np.cumsum([len(topic.examples) for topic in topics])[:-1]
        self._towards = np.stack([topic.towards for topic in topics], axis=1)
        self._contrast = np.stack([topic.contrast for topic in topics])
        self._means = np.stack([topic.scale[0] for topic in topics])
        self._deviations = np.stack([topic.scale[1] for topic in topics])
        self._limits = np.array([topic.threshold for topic in topics])

    def __len__(self) -> int:
        return len(self._topics)

    def thresholds(self) -> Mapping[str, float]:
        """The learnt thresholds by key, in standard deviations above ordinary talk."""
        return {key: topic.threshold for key, topic in self._topics.items()}

    def loans(self) -> Mapping[str, Loan | None]:
        """By key the act of the bank that each was taken for; None where it belongs to none."""
        return {key: topic.loan for key, topic in self._topics.items()}

    def hits(self, text: str) -> Mapping[str, float]:
        """Confidence by key, of what is meant in ``text``."""
        known = self._memo.get(text)
        if known is None:
            pieces = windows(text) if self._topics else []
            known = self._found(pieces) if pieces else {}
            if len(self._memo) >= _MEMO_LINES:
                self._memo.pop(next(iter(self._memo)))
            self._memo[text] = known
        return known

    def _found(self, pieces: list[str]) -> dict[str, float]:
        rows = self._encode(pieces)
        near = np.stack([nearest(part) for part in np.split(rows @ self._examples, self._ends, axis=1)], axis=1)
        scores = self._scores(self._seen(rows), self._towards, near, self._contrast)
        margins = (((scores - self._means) / self._deviations) @ self._weights - self._limits).T
        enough = np.maximum(margins.max(axis=0) - _RIVAL_MARGIN, 0.0)
        negated = [is_negated(piece, self._language) for piece in pieces]
        found: dict[str, float] = {}
        for (key, topic), margin in zip(self._topics.items(), margins, strict=True):
            above = np.flatnonzero(margin >= enough)
            sure = [at for at in above if _holds(topic, rows[at], negated[at], float(margin[at]))]
            if sure:
                share = float(margin[sure].max()) / max(topic.typical - topic.threshold, 1.0)
                found[key] = LEAST + (1 - LEAST) * min(1.0, share)
        return found

    def _seen(self, rows: Vectors) -> _Seen:
        away = rows - self._middle
        angles = unit(away)
        return away, angles, angles @ self._acts.T

    def _scores(self, seen: _Seen, towards: Vectors, near: Vectors, contrast: NDArray[np.bool_]) -> Floats:
        """The three scores [rows, topics, 3]; ``towards`` [size, topics], ``near`` [rows, topics]."""
        away, angles, acts = seen
        along = away @ towards
        above = np.zeros_like(along)
        if acts.shape[1]:
            other = [acts.max(axis=1, initial=-1.0, where=which) for which in contrast]
            above = angles @ unit(towards.T).T - np.stack(other, axis=1)
        return np.stack([along, near, above], axis=2).astype(np.float64)

    def _learn(self, spot: Spot) -> _Topic:
        texts = [plain(text) for text in spot.examples]
        mine = self._encode(texts)
        negated = [is_negated(text, self._language) for text in texts]
        borrowed, loan = mine[:0], None
        contrast = np.ones(len(self._acts), dtype=np.bool_)
        if self._bank is not None:
            loan, akin = self._bank.belongs(mine, spot.party, strict=spot.strict)
            contrast[list(akin)] = False
            if not spot.borrow:
                loan = None
            if loan is not None:
                at = self._bank.place(loan.act)
                contrast[[at, *self._bank.near[at]]] = False
                borrowed = self._bank.both(at)
                negated += self._bank.negated(at, is_negated)
        against = self._encode([plain(text) for text in spot.not_examples]) if spot.not_examples else mine[:0]
        towards = self._way(mine, borrowed)
        examples = np.concatenate([mine, borrowed])
        other = (self._act < 0) | contrast[self._act] if len(contrast) else np.ones(len(self._act), dtype=np.bool_)
        near = self._ordinary @ examples.T
        calm = other & (near[:, : len(mine)].max(axis=1) < _NOT_NEUTRAL)
        if calm.sum() < other.sum() / 2:
            calm = other  # examples as common as these stand out from nothing
        scores = self._scores(self._calm, towards[:, None], nearest(near)[:, None], contrast[None])[calm, 0]
        scale = scores.mean(axis=0), np.where(scores.std(axis=0) > 0, scores.std(axis=0), 1.0)
        threshold = max(float(np.quantile(((scores - scale[0]) / scale[1]) @ self._weights, 1 - _FALSE_SHARE)), _FLOOR)
        typical = threshold + 1.0
        if len(mine) > 1:
            own = [self._aside(mine, borrowed, at, contrast, scale) for at in range(len(mine))]
            typical = max(threshold, float(np.median(own)))
        return _Topic(
            examples, against, towards, contrast, scale, threshold, typical, np.array(negated), spot.strict, loan
        )

    def _way(self, mine: Vectors, borrowed: Vectors) -> Vectors:
        middle: Vectors = mine.mean(axis=0)
        if len(borrowed):
            middle = _OWN_SHARE * middle + (1 - _OWN_SHARE) * borrowed.mean(axis=0)
        return middle - self._middle

    def _aside(
        self,
        mine: Vectors,
        borrowed: Vectors,
        at: int,
        contrast: NDArray[np.bool_],
        scale: tuple[Floats, Floats],
    ) -> float:
        """Score of one's own example by the others."""
        rest = np.delete(mine, at, axis=0)
        row = mine[at : at + 1]
        near = nearest(row @ np.concatenate([rest, borrowed]).T)[:, None]
        scores = self._scores(self._seen(row), self._way(rest, borrowed)[:, None], near, contrast[None])[0, 0]
        return float(((scores - scale[0]) / scale[1]) @ self._weights)


def _ordinary(neutral: Vectors, bank: Bank | None, language: Language) -> tuple[Vectors, NDArray[np.int64]]:
    """Rows of ordinary talk, and of which act each is (-1: of none)."""
    if bank is None:
        return neutral, np.full(len(neutral), -1)
    some = [rows[::_CONTRAST_EVERY].astype(np.float32) for rows in bank.rows[language]]
    acts = np.repeat(np.arange(len(some)), [len(rows) for rows in some])
    return np.concatenate([neutral, *some]), np.concatenate([np.full(len(neutral), -1), acts])


def _holds(topic: _Topic, row: Vectors, negated: bool, margin: float) -> bool:
    """Whether a piece above the threshold is neither one of the counter-examples nor the opposite of the examples."""
    near = topic.examples @ row
    if len(topic.against) and float((topic.against @ row).max()) >= float(near.max()):
        return False
    alike = near[topic.negated == negated]
    if len(alike) and float(alike.max()) >= float(near.max()) - _OPPOSITE_MARGIN:
        return True
    # "No se preocupe, ya la bloqueo" has a negation that turns nothing round, "no la puedo bloquear" one that does.
    return not topic.strict and margin >= _OPPOSITE_SURE


_NEGATIONS: Final[dict[Language, frozenset[str]]] = {
    "es": frozenset(("no", "ni", "nunca", "jamás", "tampoco", "sin", "nadie", "ningún", "ninguna", "nada")),
    "en": frozenset(("not", "no", "never", "cannot", "nobody", "none", "nothing", "neither", "nor", "without")),
}


def is_negated(text: str, language: Language) -> bool:
    """Whether a word of ``text`` turns its meaning round."""
    words = _WORD.findall(text.lower())
    return any(word in _NEGATIONS[language] or (language == "en" and word.endswith("n't")) for word in words)
