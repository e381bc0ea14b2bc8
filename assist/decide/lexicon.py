"""The mood by a list of words: what judges where the trained model can't be opened."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from assist.decide.language import Lexicon, language_data
from assist.decide.text import normalise
from assist.events import WORD_LIST, Language

_NEGATION_REACH: Final = 3
_NEGATED: Final = -0.6
_SOFTENING: Final = 25.0
_CERTAIN: Final = 0.4
"""A score this far from 0 is called certain."""


@dataclass(frozen=True, slots=True)
class Tendency:
    """What a list of words can tell of a line; nothing of emotion, urgency or effort."""

    negative: float
    neutral: float
    positive: float
    intensity: float
    urgency: float = 0.0
    effort: float = 0.0
    emotions: Mapping[str, float] = field(default_factory=lambda: {"neutral": 1.0})


class LexiconBaseline:
    """A word list with negation and intensifiers: honest, quick, and no model. See ``data/<language>.yaml``.

    Weights of the words found are summed and squashed, ``s / sqrt(s² + 25)``: one mild word alone is no mood yet. A
    negation within three words before turns a word round at six tenths; an intensifier directly before multiplies it.
    """

    name = WORD_LIST

    def __init__(self) -> None:
        self._last: tuple[str, Language, float] = ("", "es", 0.0)  # a line is read and scored, one after the other

    def read(self, text: str, language: Language) -> Tendency:
        """The score as if it were probabilities: they are not calibrated."""
        score = self.score(text, language)
        certain = min(1.0, abs(score) / _CERTAIN)
        return Tendency(
            negative=certain if score < 0 else 0.0,
            neutral=1.0 - certain,
            positive=certain if score > 0 else 0.0,
            intensity=abs(score),
        )

    def score(self, text: str, language: Language) -> float:
        """Mood of ``text`` in -1..1; 0 when no word of it is known."""
        if self._last[:2] != (text, language):
            self._last = (text, language, self._sum(text, language))
        return self._last[2]

    def _sum(self, text: str, language: Language) -> float:
        lexicon = language_data(language).lexicon
        line = normalise(text)
        total = 0.0
        for phrase, weight in lexicon.phrases:
            if phrase.pattern.search(line):
                total += weight
                # Its words are spent: "no me solucionan" must not count "solucionan" again.
                line = phrase.pattern.sub(" ", line)
        words = line.split()
        for index, word in enumerate(words):
            weight = _weight(lexicon, word)
            if not weight or word in lexicon.negations:
                continue
            if index and words[index - 1] in lexicon.factors:
                weight *= lexicon.factors[words[index - 1]]
            if any(before in lexicon.negations for before in words[max(0, index - _NEGATION_REACH) : index]):
                weight *= _NEGATED
            total += weight
        return total / math.sqrt(total * total + _SOFTENING) if total else 0.0


def _weight(lexicon: Lexicon, word: str) -> float:
    known = lexicon.words.get(word)
    if known is not None:
        return known
    return next((weight for stem, weight in lexicon.stems if word.startswith(stem)), 0.0)
