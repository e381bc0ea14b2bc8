"""Word lists of a language, packaged beside this module (``data/<language>.yaml``) and read once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from assist.decide.phrases import Phrase, compile_phrase
from assist.decide.text import normalise
from assist.events import Language


@dataclass(frozen=True, slots=True)
class Cues:
    """Phrases that together tell one thing, matched as written; ``pattern`` is any of them."""

    phrases: tuple[Phrase, ...]
    pattern: re.Pattern[str]

    def count(self, line: str) -> int:
        """How many of them are in ``line``, which is normalised."""
        return sum(1 for phrase in self.phrases if phrase.pattern.search(line))

    def __contains__(self, line: str) -> bool:
        return self.pattern.search(line) is not None


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Mood words. Weights -3..3; the factors multiply the weight of the words that follow."""

    words: Mapping[str, float]
    stems: tuple[tuple[str, float], ...]
    phrases: tuple[tuple[Phrase, float], ...]
    negations: frozenset[str]
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LanguageData:
    """Everything the deciders know of a language."""

    lexicon: Lexicon
    cues: Mapping[str, Cues]
    currencies: Mapping[str, str]
    references: tuple[tuple[Phrase, str], ...]
    mentions: tuple[tuple[Phrase, str], ...]
    weekdays: Mapping[str, int]
    fillers: frozenset[str]
    corrections: frozenset[str]


@cache
def language_data(language: Language) -> LanguageData:
    """The lists of ``language``.

    Raises:
        PhraseError: a packaged list is damaged.
    """
    raw: dict[str, Any] = yaml.safe_load(
        resources.files("assist.decide").joinpath("data", f"{language}.yaml").read_text(encoding="utf-8")
    )
    return LanguageData(
        lexicon=_lexicon(raw["sentiment"]),
        cues={name: _cues(phrases) for name, phrases in raw["cues"].items()},
        currencies={normalise(word): shown for shown, words in raw["currencies"].items() for word in words},
        references=tuple(
            (compile_phrase(phrase), shown) for shown, phrases in raw["references"].items() for phrase in phrases
        ),
        mentions=tuple(
            (compile_phrase(phrase), shown) for shown, phrases in raw["mentions"].items() for phrase in phrases
        ),
        weekdays={normalise(word): day for day, word in enumerate(raw["weekdays"])},
        fillers=frozenset(normalise(word) for word in raw["fillers"]),
        corrections=frozenset(normalise(word) for word in raw["corrections"]),
    )


def _cues(sources: Iterable[str]) -> Cues:
    phrases = tuple(compile_phrase(source) for source in sources)
    return Cues(phrases, re.compile("|".join(phrase.pattern.pattern for phrase in phrases)))


def _lexicon(raw: dict[str, Any]) -> Lexicon:
    words: dict[str, float] = {}
    stems: list[tuple[str, float]] = []
    phrases: list[tuple[Phrase, float]] = []
    for weight, entries in raw["weights"].items():
        for entry in entries:
            if " " in entry:
                phrases.append((compile_phrase(entry), float(weight)))
            elif entry.endswith("*"):
                stems.append((normalise(entry), float(weight)))
            else:
                words[normalise(entry)] = float(weight)
    return Lexicon(
        words=words,
        stems=tuple(sorted(stems, key=lambda stem: -len(stem[0]))),
        phrases=tuple(phrases),
        negations=frozenset(normalise(word) for word in raw["negations"]),
        factors={normalise(word): float(factor) for factor, group in raw["factors"].items() for word in group},
    )
