"""Finding passages: words and meaning together, each where it can tell."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Protocol

import numpy as np
import yaml
from numpy.typing import NDArray

from assist.decide.text import normalise
from assist.events import Language
from assist.knowledge.language import detect
from assist.knowledge.passage import Passage
from assist.knowledge.words import Words

LONGEST_QUERY: Final = 600
"""Characters of a query that are looked at."""
LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")

_WORDS_WEIGHT: Final = np.float32(0.5)  # of words beside meaning; chosen on bench/judge/data/knowledge.tsv, odd lines
_HUB_SHARE: Final = np.float32(0.25)  # of how near a passage lies to everything; across languages, XQuAD's first half
_PIECE_SHARE: Final = np.float32(0.5)  # of the nearest piece beside the whole passage; XQuAD's first half
_STEP: Final = 0.01  # of cosine
_ODDS: Final = {True: (0.6, 1.3, -4.6), False: (0.8, 1.0, -1.0)}
"""Log odds that a passage answers, by whether question and passage are in one language: for each `_STEP` nearer than
any everyday line is to a passage, for each standard deviation before the best passage of another article, constant.
Learnt on questions about XQuAD's first 24 articles, of which a few at a time were to be found (`bench.judge
knowledge` measures on the others)."""
_FOREIGN: Final = 0.85
"""What a passage in the other language must be surer by, in log odds, where there are articles in the caller's."""
_MARGIN: Final = {True: -0.003, False: 0.007}
"""Of cosine above every everyday line, within a language and across; chosen on bench/judge/data/knowledge.tsv, odd
lines."""


class PassageEncoder(Protocol):
    """Questions and passages to points; a question lies near what answers it, across languages too."""

    name: str
    size: int

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), size], rows of length 1."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), size], rows of length 1."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, the probability 0..1 that it answers, and whether it lies nearer than small talk lies to any passage.

    Who asks is shown what is `sure`; before somebody who did not ask, the probability counts.
    """

    passage: Passage
    confidence: float
    sure: bool


class Knowledge:
    """Passages that can be searched.

    ``vectors``: float32 [passages, size] of `Passage.searched`; ``everyday``: of the lines of :func:`everyday_lines`,
    as queries; ``pieces``: of each passage's `Passage.pieces`, none of a passage without. Rows are of length 1. How
    sure a passage is depends on the articles and on both languages: on how much nearer it lies than any everyday line
    lies to a passage, and on how far it stands out from other articles.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: NDArray[np.float32],
        encoder: PassageEncoder,
        everyday: Mapping[Language, NDArray[np.float32]],
        pieces: Sequence[NDArray[np.float32]] = (),
    ) -> None:
        self.passages = tuple(passages)
        self._encoder = encoder
        self._of: dict[Language, NDArray[np.int64]] = {
            language: np.array([i for i, p in enumerate(passages) if p.language == language], np.int64)
            for language in LANGUAGES
        }
        self._words = {language: Words([passages[i].searched for i in where]) for language, where in self._of.items()}
        # A passage without pieces is one piece.
        parts = [
            rows if len(rows) else vectors[n : n + 1] for n, rows in enumerate(pieces or [vectors[:0]] * len(vectors))
        ]
        self._wholes = {language: vectors[where] for language, where in self._of.items()}
        self._pieces = {
            language: np.concatenate([parts[n] for n in where]) if len(where) else vectors[:0]
            for language, where in self._of.items()
        }
        self._starts = {
            language: np.cumsum([0, *(len(parts[n]) for n in where)])[:-1] for language, where in self._of.items()
        }
        pairs = {
            (asked, answered): self._near(lines, answered)
            for asked, lines in everyday.items()
            for answered, where in self._of.items()
            if len(where)
        }
        self._floors = {pair: float(near.max()) for pair, near in pairs.items()}
        self._hubs = {pair: near.mean(axis=0) for pair, near in pairs.items()}
        self._articles = np.array([hash((p.file, p.title)) for p in passages], np.int64)

    def search(
        self, query: str, language: Language | None = None, *, limit: int = 3, unsure: bool = False
    ) -> list[Found]:
        """The passages that answer ``query``, best first, none when none is sure; with ``unsure`` also those that are
        merely the nearest. Passages in the query's language come first.

        ``language`` of the query is found out when it is not given.
        """
        query = query[:LONGEST_QUERY]
        if not normalise(query) or not self.passages:
            return []
        asked = language or detect(query)
        point = self._encoder.encode_queries([query])[0]
        found: list[Found] = []
        for answered in sorted(LANGUAGES, key=lambda other: other != asked):
            found += self.ranked(query, point, asked, answered, limit)
        found.sort(key=lambda one: not one.sure)  # stable: the order within stays
        return [one for one in found if unsure or one.sure][:limit]

    def order(self, query: str, point: NDArray[np.float32], asked: Language, answered: Language) -> NDArray[np.int64]:
        """Numbers of the passages in the language ``answered``, best first.

        By the sum of standardised scores of meaning and words. Across languages by meaning alone, for the few words
        that match there are names and accidents; and passages that lie near to everything are put back a little.
        """
        score = self._scores(query, self._near(point[None], answered)[0], asked, answered)
        ordered: NDArray[np.int64] = self._of[answered][np.argsort(-score, kind="stable")]
        return ordered

    def _near(self, points: NDArray[np.float32], answered: Language) -> NDArray[np.float32]:
        """float32 [points, passages in ``answered``]: the mean cosine to the whole and to the nearest piece."""
        wholes = points @ self._wholes[answered].T
        if not wholes.shape[1]:
            return wholes
        nearest = np.maximum.reduceat(points @ self._pieces[answered].T, self._starts[answered], axis=1)
        return np.asarray((1 - _PIECE_SHARE) * wholes + _PIECE_SHARE * nearest, np.float32)

    def _scores(
        self, query: str, near: NDArray[np.float32], asked: Language, answered: Language
    ) -> NDArray[np.float32]:
        if asked == answered:
            return _standard(near) + _WORDS_WEIGHT * _standard(self._words[answered].scores(query))
        return _standard(near - _HUB_SHARE * self._hubs[asked, answered]) if len(near) else near

    def ranked(
        self, query: str, point: NDArray[np.float32], asked: Language, answered: Language, limit: int
    ) -> Iterator[Found]:
        """The ``limit`` best passages in the language ``answered``, as :meth:`order`, each with how sure it is."""
        where = self._of[answered]
        near = self._near(point[None], answered)[0]
        score = self._scores(query, near, asked, answered)
        nearer, apart, constant = _ODDS[asked == answered]
        for place in np.argsort(-score, kind="stable")[:limit]:
            number = where[place]
            others = score[self._articles[where] != self._articles[number]]
            ahead = float(score[place] - (others.max() if len(others) else 0.0))
            distance = float(near[place]) - self._floors[asked, answered]
            odds = nearer * distance / _STEP + apart * ahead + constant
            if asked != answered and len(self._of[asked]):
                odds -= _FOREIGN
            yield Found(
                self.passages[number],
                1 / (1 + math.exp(-max(-50.0, min(50.0, odds)))),
                distance >= _MARGIN[asked == answered],
            )


@cache
def everyday_lines() -> Mapping[Language, tuple[str, ...]]:
    """Lines of calls that no article answers, by language."""
    text = resources.files("assist.knowledge").joinpath("everyday.yaml").read_text(encoding="utf-8")
    stored = yaml.safe_load(text)
    return {language: tuple(map(str, stored[language])) for language in LANGUAGES}


def _standard(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = float(scores.std()) if scores.size else 0.0
    if spread <= 0:
        return np.zeros_like(scores)
    return np.asarray((scores - scores.mean()) / spread, np.float32)
