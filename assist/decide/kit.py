"""What every decider is given besides the state: the playbook, the mood model, the language's data, the time zone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from assist.decide.answers import default_sensitive
from assist.decide.borrowing import Bank
from assist.decide.contest import CardContest
from assist.decide.language import LanguageData, language_data
from assist.decide.likeness import LikenessIndex
from assist.decide.meaning import MeaningIndex
from assist.decide.phrases import PhraseIndex, compile_phrase
from assist.decide.playbook import Playbook, Sensitive, Spot
from assist.decide.priors import CardPrior
from assist.decide.taxonomy import Taxonomy
from assist.decide.text import as_said
from assist.decide.topics import Topics
from assist.events import PARTIES, Event, Heard, Language, Party
from assist.text.entities import Entity, find_entities
from assist.text.numbers import Run, find_numbers
from assist.text.style import NumberFormat, Style, style_of

if TYPE_CHECKING:
    from assist.decide.score.card import Scorecard
    from assist.decide.state import SessionState

_ROWS: Final = 1024

Decision: TypeAlias = tuple[Event, str]
"""An event and the name of its meaning within the call; the broker stores one meaning once."""


Meaning: TypeAlias = Literal["order", "phone", "secret", ""]
"""What a number is, as the words before it tell."""


class Feeling(Protocol):
    """How a line sounds, in probabilities. The first three add up to 1, ``emotions`` (by `Emotion`) too."""

    @property
    def negative(self) -> float: ...
    @property
    def neutral(self) -> float: ...
    @property
    def positive(self) -> float: ...
    @property
    def emotions(self) -> Mapping[str, float]: ...
    @property
    def intensity(self) -> float: ...
    @property
    def urgency(self) -> float: ...
    @property
    def effort(self) -> float: ...


class SentimentModel(Protocol):
    """A model of how a customer feels."""

    name: str

    def read(self, text: str, language: Language) -> Feeling:
        """How ``text`` sounds; the same text always sounds the same."""
        ...

    def score(self, text: str, language: Language) -> float:
        """Mood of ``text``, -1 (furious) .. 1 (delighted), 0 where nothing can be told; what `read` comes down to."""
        ...


class SentenceEncoder(Protocol):
    """Turns sentences into points so that those of like meaning lie close, across languages too."""

    name: str
    size: int
    """Numbers per sentence."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), size], each row of length 1; the same text always has the same row."""
        ...


class NextCards(Protocol):
    """A model of what an agent does next in calls like this one."""

    def likely(self, state: "SessionState") -> Mapping[str, float]:
        """Probability 0..1 by card id, at this moment of the call; the same state always has the same answer."""
        ...


@dataclass(frozen=True, slots=True)
class ArticleCards:
    """When a passage of an article may be put before the agent: how sure it must be to answer, how many of a call, and
    its priority among the playbook's cards."""

    confidence: float = 0.7
    per_call: int = 2
    priority: int = 45


@dataclass(frozen=True)
class Kit:
    """One language's deciders' tools.

    ``meaning`` is None where no encoder is installed: then words alone decide. ``next_cards`` is None where no model of
    next actions was learnt. ``priors`` tell by card id how agents of this company took it so far. ``taxonomies`` tell
    what calls are about: the first in the playbook's language, others lend their examples; without any only the
    playbook's own tags are given.
    ``bank`` lends wordings to what is listened for by examples; its rows are of the encoder in ``meaning``.
    ``timezone`` is the call centre's (IANA name), ``number_format`` its separators where they are not the usual ones.
    """

    playbook: Playbook
    sentiment: SentimentModel
    timezone: str = "America/Bogota"
    number_format: NumberFormat | None = None
    meaning: SentenceEncoder | None = None
    bank: Bank | None = None
    next_cards: NextCards | None = None
    priors: Mapping[str, CardPrior] = field(default_factory=dict)
    taxonomies: tuple[Taxonomy, ...] = ()
    scorecard: "Scorecard | None" = None
    """None: the packaged one."""
    articles: ArticleCards | None = None
    """None: no passage is ever offered."""

    def warm(self) -> "Kit":
        """Compile everything now rather than on the first words of a call."""
        self.index.hits(self.playbook.name)
        self.sentiment.score(self.playbook.name, self.playbook.language)
        _ = self.data, self.zone, self.alike, self.meant, self.contest, self.topics, self.score_index
        return self

    @cached_property
    def index(self) -> PhraseIndex:
        """The playbook's phrases, compiled once."""
        phrases = [*self.playbook.phrases()]
        for topic in self.sensitive:
            phrases += [*topic.phrases, *topic.unless, *topic.ends]
        return PhraseIndex(compile_phrase(source) for source in phrases)

    @cached_property
    def sensitive(self) -> tuple[Sensitive, ...]:
        """What payment data the playbook, or else the language, listens for."""
        known = self.playbook.sensitive
        return known if known is not None else default_sensitive(self.playbook.language)

    @cached_property
    def meant(self) -> MeaningIndex | None:
        """The playbook's examples, learnt once; None without an encoder."""
        if self.meaning is None:
            return None
        return MeaningIndex(self.playbook.spots(), self.rows, self.playbook.language, self.bank)

    @cached_property
    def contest(self) -> CardContest | None:
        """What tells the cards' subjects from each other, learnt once; None without an encoder."""
        if self.meaning is None:
            return None
        return CardContest(self.playbook.cards, self.rows, self.playbook.language, self.taxonomies)

    @cached_property
    def card_spots(self) -> Mapping[tuple[str, Party], Spot]:
        """What each card listens for in each party's words: asked for several times a second."""
        return {(card.id, party): card.spot(party) for card in self.playbook.cards for party in PARTIES}

    @cached_property
    def alike(self) -> LikenessIndex:
        """The playbook's examples as letters: needs no encoder."""
        return LikenessIndex(self.playbook.spots(), self.playbook.language)

    @cached_property
    def topics(self) -> Topics | None:
        """The taxonomy made ready, once; None without one."""
        return Topics(self.taxonomies, self.rows if self.meaning is not None else None) if self.taxonomies else None

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), size] of an encoder that must be there; each text is encoded once, all in one batch."""
        if self.meaning is None:
            raise ValueError("no sentence encoder is installed")
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            while len(self._rows) > max(0, _ROWS - len(new)):
                self._rows.pop(next(iter(self._rows)))
            fresh = dict(zip(new, self.meaning.encode(new), strict=True))
            self._rows.update(fresh)
        known = self._rows
        if any(text not in known for text in texts):
            return self.meaning.encode(texts)  # more at once than is remembered
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, self.meaning.size), np.float32)

    @cached_property
    def card(self) -> "Scorecard":
        """The scorecard the call is judged by."""
        if self.scorecard is not None:
            return self.scorecard
        from assist.decide.score.card import packaged_card

        return packaged_card(self.playbook.language)

    @cached_property
    def score_index(self) -> PhraseIndex:
        """The scorecard's phrases, compiled once."""
        return PhraseIndex(compile_phrase(source) for item in self.card.item for source in item.phrases)

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

    @cached_property
    def _feelings(self) -> dict[str, Feeling]:
        return {}

    def feeling(self, heard: Heard) -> Feeling:
        """How a line sounds to the model, remembered: the summary looks at the first and the last lines again."""
        said = as_said(heard)
        known = self._feelings.get(said)
        if known is None:
            if len(self._feelings) > 256:
                self._feelings.pop(next(iter(self._feelings)))
            known = self._feelings[said] = self.sentiment.read(said, self.playbook.language)
        return known

    def mood(self, heard: Heard) -> float:
        """The model's score of a line, remembered: the trend looks at the last lines again and again."""
        said = as_said(heard)
        known = self._scores.get(said)
        if known is None:
            if len(self._scores) > 256:
                self._scores.pop(next(iter(self._scores)))
            known = self._scores[said] = self.sentiment.score(said, self.playbook.language)
        return known

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.float32]]:
        return {}

    def spotted(self, spot: Spot, text: str, *, whole: bool) -> float:
        """Confidence 0..1 that ``spot`` is in ``text``: as words or, of a whole utterance, by its letters or meaning.

        The words of a partial come several times a second: they are not encoded.
        """
        words = self.worded(spot, text)
        if words is None:
            return 0.0
        return max(words, self.resembled(spot, text)) if words < 1.0 and whole else words

    def worded(self, spot: Spot, text: str) -> float | None:
        """Confidence 0..1 that the phrases of ``spot`` are in ``text``; None where a phrase undoes any match."""
        if spot.unless and self.index.best(spot.unless, text):
            return None
        return self.index.best(spot.phrases, text) if spot.phrases else 0.0

    def resembled(self, spot: Spot, text: str) -> float:
        """Confidence 0..1 that a whole utterance is like the examples of ``spot``, by its letters or its meaning."""
        if not spot.examples:
            return 0.0
        by_letters = self.alike.hits(text).get(spot.key, 0.0)
        return by_letters if self.meant is None else max(by_letters, self.meant.hits(text).get(spot.key, 0.0))

    def found(self, phrases: Iterable[str], unless: Iterable[str], text: str) -> float:
        """Confidence 0..1 that one of ``phrases`` and none of ``unless`` is in ``text``."""
        best = self.index.best(phrases, text)
        return 0.0 if best and self.index.best(unless, text) else best
