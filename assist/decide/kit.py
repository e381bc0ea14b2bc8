"""What every decider is given besides the state: the playbook, the mood model, the language's data, the time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from assist.decide.language import LanguageData, language_data
from assist.decide.phrases import PhraseIndex, compile_phrase
from assist.decide.playbook import Playbook
from assist.decide.text import as_said
from assist.events import Event, Heard, Language
from assist.text.entities import Entity, find_entities
from assist.text.numbers import Run, find_numbers
from assist.text.style import NumberFormat, Style, style_of

Decision: TypeAlias = tuple[Event, str]
"""An event and the name of its meaning within the call; the broker stores one meaning once."""


Meaning: TypeAlias = Literal["order", "phone", "secret", ""]
"""What a number is, as the words before it tell."""


class SentimentModel(Protocol):
    """A model of how a customer feels."""

    name: str

    def score(self, text: str, language: Language) -> float:
        """Mood of ``text``, -1 (furious) .. 1 (delighted); the same text always has the same score."""
        ...


@dataclass(frozen=True)
class Kit:
    """One language's deciders' tools.

    ``timezone`` is the call centre's (IANA name), ``number_format`` its separators where they are not the usual ones.
    """

    playbook: Playbook
    sentiment: SentimentModel
    timezone: str = "America/Bogota"
    number_format: NumberFormat | None = None

    def warm(self) -> "Kit":
        """Compile everything now rather than on the first words of a call."""
        self.index.hits(self.playbook.name)
        self.sentiment.score(self.playbook.name, self.playbook.language)
        _ = self.data, self.zone
        return self

    @cached_property
    def index(self) -> PhraseIndex:
        """The playbook's phrases, compiled once."""
        return PhraseIndex(compile_phrase(source) for source in self.playbook.phrases())

    @cached_property
    def data(self) -> LanguageData:
        """Word lists of the playbook's language."""
        return language_data(self.playbook.language)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The call centre's time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def style(self) -> Style:
        """How numbers are written."""
        return style_of(self.playbook.language, self.number_format)

    @cached_property
    def fillers(self) -> frozenset[str]:
        """Words that neither add to what is told nor interrupt it."""
        return self.data.fillers | self.data.corrections

    def corrects(self, words: Iterable[str]) -> bool:
        """Whether nothing but a correction is said in ``words``: "no, perdón"."""
        said = list(words)
        return bool(self.data.corrections.intersection(said)) and all(word in self.fillers for word in said)

    def numbers(self, text: str) -> tuple[tuple[Run, ...], tuple[Entity, ...]]:
        """The numbers in ``text`` and what they mean, remembered for the lines read last."""
        known = self._read.get(text)
        if known is None:
            if len(self._read) > 256:
                self._read.pop(next(iter(self._read)))
            language = self.playbook.language
            known = self._read[text] = (tuple(find_numbers(text, language)), tuple(find_entities(text, self.style)))
        return known

    @cached_property
    def meanings(self) -> dict[str, tuple[Meaning, str] | None]:
        """What words name, by the words: facts look at the same lines again and again."""
        return {}

    @cached_property
    def _read(self) -> dict[str, tuple[tuple[Run, ...], tuple[Entity, ...]]]:
        return {}

    @cached_property
    def _scores(self) -> dict[str, float]:
        return {}

    def mood(self, heard: Heard) -> float:
        """The model's score of a line, remembered: the trend looks at the last lines again and again."""
        said = as_said(heard)
        known = self._scores.get(said)
        if known is None:
            if len(self._scores) > 256:
                self._scores.pop(next(iter(self._scores)))
            known = self._scores[said] = self.sentiment.score(said, self.playbook.language)
        return known

    def found(self, phrases: Iterable[str], unless: Iterable[str], text: str) -> float:
        """Confidence 0..1 that one of ``phrases`` and none of ``unless`` is in ``text``."""
        best = self.index.best(phrases, text)
        return 0.0 if best and self.index.best(unless, text) else best
