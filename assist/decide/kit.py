"""What every decider is given besides the state: the playbook, the mood model, the language's data, the time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo

from assist.decide.language import LanguageData, language_data
from assist.decide.phrases import PhraseIndex, compile_phrase
from assist.decide.playbook import Playbook
from assist.events import Event, Heard, Language

Decision: TypeAlias = tuple[Event, str]
"""An event and the name of its meaning within the call; the broker stores one meaning once."""


class SentimentModel(Protocol):
    """A model of how a customer feels."""

    name: str

    def score(self, text: str, language: Language) -> float:
        """Mood of ``text``, -1 (furious) .. 1 (delighted); the same text always has the same score."""
        ...


@dataclass(frozen=True)
class Kit:
    """One language's deciders' tools. ``timezone`` is the call centre's (IANA name)."""

    playbook: Playbook
    sentiment: SentimentModel
    timezone: str = "America/Bogota"

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
    def _scores(self) -> dict[str, float]:
        return {}

    def mood(self, heard: Heard) -> float:
        """The model's score of a line, remembered: the trend looks at the last lines again and again."""
        known = self._scores.get(heard.text)
        if known is None:
            if len(self._scores) > 256:
                self._scores.pop(next(iter(self._scores)))
            known = self._scores[heard.text] = self.sentiment.score(heard.text, self.playbook.language)
        return known

    def found(self, phrases: Iterable[str], unless: Iterable[str], text: str) -> float:
        """Confidence 0..1 that one of ``phrases`` and none of ``unless`` is in ``text``."""
        best = self.index.best(phrases, text)
        return 0.0 if best and self.index.best(unless, text) else best
