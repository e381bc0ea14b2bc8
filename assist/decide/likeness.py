"""Matching by letters: is a clause nearly one of a playbook's examples, as a recogniser that mishears would write it?

Meaning suffers when every third word is wrong; the letters of a sentence that is said nearly as in the script do not.
A clause counts when its letters are more like an example's than those of any neutral line (``meaning.background``) but
two in a thousand, and two thirds of the example's words have a like one. It needs no encoder.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from assist.decide.meaning import LEAST, background, windows
from assist.decide.phrases import NEGATIONS
from assist.decide.playbook import Spot
from assist.decide.text import normalise
from assist.events import Language

_FLOOR: Final = 60.0
"""Least likeness (0..100) of a clause and an example."""
_STRICT_FLOOR: Final = 75.0
_FALSE_SHARE: Final = 0.002
_LONG_WORD: Final = 4
_PARTNER: Final = 66.0
"""Likeness of two words of which one may be the other misheard."""
_MAY_MISS: Final = 1 / 3
"""Share of an example's long words that may be missing altogether; none where a wrong match accuses somebody."""
_MEMO_LINES: Final = 256


class LikenessIndex:
    """All examples of a playbook, compared together and remembered for the lines heard last."""

    def __init__(self, spots: Iterable[Spot], language: Language) -> None:
        known = [spot for spot in spots if spot.examples]
        self._keys = [spot.key for spot in known]
        self._strict = [spot.strict for spot in known]
        self._examples = [[normalise(text) for text in spot.examples] for spot in known]
        self._against = [[normalise(text) for text in spot.not_examples] for spot in known]
        self._all = [text for texts in self._examples for text in texts]
        self._starts = np.cumsum([0, *(len(texts) for texts in self._examples)])[:-1]
        self._memo: dict[str, Mapping[str, float]] = {}
        self._limits = self._learn(language) if known else np.zeros(0)

    def hits(self, text: str) -> Mapping[str, float]:
        """Confidence by key, of what ``text`` nearly says."""
        found = self._memo.get(text)
        if found is None:
            pieces = [normalise(piece) for piece in windows(text)] if self._keys else []
            found = self._found([piece for piece in pieces if " " in piece])
            if len(self._memo) >= _MEMO_LINES:
                self._memo.pop(next(iter(self._memo)))
            self._memo[text] = found
        return found

    def _learn(self, language: Language) -> NDArray[np.float64]:
        neutral = [normalise(line) for line in background(language)]
        best = self._best(neutral)
        floors = np.where(self._strict, _STRICT_FLOOR, _FLOOR)
        limits: NDArray[np.float64] = np.maximum(np.quantile(best, 1 - _FALSE_SHARE, axis=0), floors)
        return limits

    def _best(self, pieces: list[str]) -> NDArray[np.float64]:
        """Likeness [pieces, spots] to each spot's nearest example."""
        likeness = process.cdist(pieces, self._all, scorer=fuzz.ratio, dtype=np.float32)
        best: NDArray[np.float64] = np.maximum.reduceat(likeness, self._starts, axis=1).astype(np.float64)
        return best

    def _found(self, pieces: list[str]) -> dict[str, float]:
        if not pieces:
            return {}
        best = self._best(pieces)
        found: dict[str, float] = {}
        for at, spot in zip(*np.nonzero(best > self._limits), strict=True):
            near = max(self._examples[spot], key=lambda example: fuzz.ratio(example, pieces[at]))
            if not _misheard(near, pieces[at], strict=self._strict[spot]):
                continue
            if any(fuzz.ratio(other, pieces[at]) >= best[at, spot] for other in self._against[spot]):
                continue
            share = (best[at, spot] - self._limits[spot]) / max(100 - self._limits[spot], 1.0)
            confidence = LEAST + (1 - LEAST) * float(share)
            found[self._keys[spot]] = max(found.get(self._keys[spot], 0.0), confidence)
        return found


def _misheard(example: str, piece: str, *, strict: bool) -> bool:
    """Whether ``piece`` may be ``example``: no word turns it round, and the words that matter have partners."""
    heard, wanted = piece.split(), example.split()
    if NEGATIONS.intersection(heard) != NEGATIONS.intersection(wanted):
        return False
    # A recogniser also joins and divides words: "por tería".
    heard += [first + second for first, second in pairwise(heard)]
    long = [word for word in wanted if len(word) >= _LONG_WORD]
    alone = sum(max(fuzz.ratio(word, other) for other in heard) < _PARTNER for word in long)
    return alone <= (0 if strict else int(len(long) * _MAY_MISS))
