"""What a line is about, told by words and by meaning.

Two classifiers of the same make over a taxonomy: contact reasons, and signals (complaints, signs of leaving, a
repeated contact). Words are the taxonomy's phrases. Meaning is a sentence encoder: a ridge regression on the vectors
of all examples, which learns what sets topics apart, plus the mean likeness of the two nearest examples, which knows
what a rare one sounds like. Everyday lines are a class of their own, so that a line may be about nothing.

The examples of a taxonomy in another language count too where ids are the same: the encoder knows both languages.
The constants were chosen on bench/judge/data/{reasons,signals}/dev.*.yaml (docs/tags.md).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assist.decide.phrases import PhraseIndex, compile_phrase
from assist.decide.taxonomy import Taxonomy, Topic
from assist.decide.text import normalise, sentences

_RIDGE: Final = 0.3
_NEAREST: Final = 2
_WORDS_WEIGHT: Final = 0.4
_TEMPERATURE: Final = 0.11
WORDS_ALONE: Final = 0.8
"""Confidence of a phrase that was found as written, where no encoder is there to agree."""
_SHARED: Final = 0.5
"""The same where phrases of several topics were found: the longest phrase is likeliest, but not told."""
_LEAST_WORDS: Final = 2
_SEGMENT_WORDS: Final = 30
_MOST_SEGMENTS: Final = 8
_JOINED_WORDS: Final = 12
_SHORT_WORDS: Final = 4
_MEMO_LINES: Final = 256
_MARKS: Final = re.compile(r"[¿?¡!.,;:…\"“”«»]")

Vectors = NDArray[np.float32]


Encode: TypeAlias = Callable[[Sequence[str]], NDArray[np.float32]]
"""Sentences to float32 [sentences, size], each row of length 1."""


@dataclass(frozen=True, slots=True)
class Found:
    """A topic of a line and how sure that is, 0..1."""

    id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line tells, the surest first in each list; only what is above nothing at all."""

    reasons: tuple[Found, ...] = ()
    signals: tuple[Found, ...] = ()
    products: tuple[Found, ...] = ()


class Topics:
    """A taxonomy made ready. The first is that of the calls' language, the others lend their examples."""

    def __init__(self, taxonomies: Sequence[Taxonomy], encode: Encode | None) -> None:
        own = taxonomies[0]
        self.taxonomy = own
        self._encode = encode
        self._index = PhraseIndex(compile_phrase(source) for source in dict.fromkeys(own.phrases()))
        everyday = [line for one in taxonomies for line in one.background or ()]
        contrast = [line for one in taxonomies for line in one.contrast or ()]
        contrast += [line for one in taxonomies for why in one.reasons if not why.leaving for line in why.examples]
        self._reasons = TopicClassifier(own.reasons, [one.reasons for one in taxonomies], everyday, encode)
        self._signals = TopicClassifier(signals(own), [signals(one) for one in taxonomies], everyday + contrast, encode)
        self._memo: dict[str, Reading] = {}

    def read(self, text: str) -> Reading:
        """What ``text`` tells; the same text always tells the same."""
        known = self._memo.get(text)
        if known is None:
            if len(self._memo) >= _MEMO_LINES:
                self._memo.pop(next(iter(self._memo)))
            known = self._memo[text] = self._read(text)
        return known

    def _read(self, text: str) -> Reading:
        parts = segments(text)
        if not parts:
            return Reading()
        vectors = self._encode([bare(part) for part in parts]) if self._encode is not None else None
        return Reading(
            self._reasons.found(parts, vectors, self._index),
            self._signals.found(parts, vectors, self._index),
            self._products(parts),
        )

    def _products(self, parts: Sequence[str]) -> tuple[Found, ...]:
        best: dict[str, float] = {}
        for part in parts:
            for name, score in _words(self.taxonomy.products, part, self._index).items():
                best[name] = max(best.get(name, 0.0), score)
        return tuple(Found(name, score) for name, score in best.items())


def signals(taxonomy: Taxonomy) -> tuple[Topic, ...]:
    """Complaints, signs of leaving and the repeated contact, as topics whose ids begin with their kind."""
    kinds: list[tuple[str, Iterable[Topic]]] = [
        ("complaint", taxonomy.complaints or ()),
        ("churn", taxonomy.churn or ()),
        ("risk", () if taxonomy.repeat_contact is None else (taxonomy.repeat_contact,)),
    ]
    return tuple(topic.model_copy(update={"id": f"{kind}.{topic.id}"}) for kind, topics in kinds for topic in topics)


def segments(text: str) -> list[str]:
    """The parts of a turn that are judged one by one: its sentences, long ones cut; of a few words, all of it.

    At most eight, the first of a longer turn: what a call is about is said at once, and time is bounded.
    """
    parts: list[str] = []
    for sentence in sentences(text[: _MOST_SEGMENTS * _SEGMENT_WORDS * 12]):
        words = sentence.split()
        parts += [" ".join(words[at : at + _SEGMENT_WORDS]) for at in range(0, len(words), _SEGMENT_WORDS)]
        if len(parts) >= _MOST_SEGMENTS:
            break
    parts = [part for part in parts if spoken_words(part) >= _LEAST_WORDS][:_MOST_SEGMENTS]
    # "My internet. It doesn't work." is about one thing.
    if 1 < len(parts) < _MOST_SEGMENTS and min(len(part.split()) for part in parts) < _SHORT_WORDS:
        parts = [text] if len(text.split()) <= _JOINED_WORDS else parts
    return parts


def bare(text: str) -> str:
    """Small letters and no marks, so that a written example and recognised speech look alike to an encoder."""
    return _MARKS.sub("", text.lower()).strip() or text


def spoken_words(text: str) -> int:
    """How many words that are no numbers."""
    return sum(1 for word in normalise(text).split() if word.isalpha())


def _words(topics: Iterable[Topic], part: str, index: PhraseIndex) -> dict[str, float]:
    """Confidence by id of the topics whose phrases are in ``part`` and not undone."""
    if not index.hits(part):
        return {}
    found = ((topic, index.best(topic.phrases, part)) for topic in topics)
    return {topic.id: score for topic, score in found if score and not index.best(topic.unless, part)}


class TopicClassifier:
    """Which of several topics a sentence is about. ``own`` are the topics, ``all_topics`` lists that lend examples to
    those of the same id (``own`` among them), ``everyday`` lines that are about nothing, ``form`` how a sentence is
    given to the encoder, ``nearest`` how many of a topic's examples tell how like it a sentence is."""

    def __init__(
        self,
        own: Sequence[Topic],
        all_topics: Sequence[Sequence[Topic]],
        everyday: Sequence[str],
        encode: Encode | None,
        form: Callable[[str], str] = bare,
        nearest: int = _NEAREST,
    ) -> None:
        self._topics = tuple(own)
        self._form = form
        self._nearest = nearest
        place = {topic.id: at for at, topic in enumerate(own)}
        said: list[tuple[str, int]] = []
        for topics in all_topics:
            said += [(line, place[topic.id]) for topic in topics if topic.id in place for line in topic.examples]
        if encode is None or not said:
            self._examples: Vectors | None = None
            return
        nothing = len(self._topics)
        said += [(line, nothing) for line in everyday]
        vectors = encode([form(line) for line, _ in said])
        classes = np.array([at for _, at in said])
        self._examples = vectors
        members = [np.flatnonzero(classes == at) for at in range(nothing + 1)]
        # One row a class, filled up with a row that is like nothing.
        self._members = np.full((nothing + 1, max(nearest, *map(len, members))), len(said))
        for row, places in zip(self._members, members, strict=True):
            row[: len(places)] = places
        wanted = np.where(classes[:, None] == np.arange(nothing + 1), 1.0, -1.0)
        wide = vectors.astype(np.float64)
        self._weights = np.linalg.solve(wide.T @ wide + _RIDGE * np.eye(wide.shape[1]), wide.T @ wanted).astype(
            np.float32
        )

    def found_in(self, text: str, encode: Encode | None, index: PhraseIndex) -> tuple[Found, ...]:
        """What a whole turn is about, the surest first."""
        parts = segments(text)
        return self.found(
            parts, encode([self._form(part) for part in parts]) if encode is not None and parts else None, index
        )

    def found(self, parts: Sequence[str], vectors: Vectors | None, index: PhraseIndex) -> tuple[Found, ...]:
        """The same of ``parts`` and their vectors; what is surest in any part counts."""
        best: dict[str, float] = {}
        for at, part in enumerate(parts):
            words = _words(self._topics, part, index)
            if vectors is None or self._examples is None:
                made = self._by_words(words, part, index)
            else:
                made = self._by_meaning(words, vectors[at])
                # An encoder hardly hears a "not"; what undoes a phrase undoes a likeness too.
                undone = {topic.id for topic in self._topics if index.hits(part) and index.best(topic.unless, part)}
                made = {name: share for name, share in made.items() if name not in undone}
            for name, confidence in made.items():
                best[name] = max(best.get(name, 0.0), confidence)
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Found(name, round(confidence, 3)) for name, confidence in ranked)

    def _by_words(self, words: Mapping[str, float], part: str, index: PhraseIndex) -> dict[str, float]:
        if not words:
            return {}
        hits = index.hits(part)
        longest = {
            topic.id: max(len(source) for source in topic.phrases if source in hits)
            for topic in self._topics
            if topic.id in words
        }
        first = max(words, key=lambda name: (words[name], longest[name]))
        return {first: words[first] * (WORDS_ALONE if len(words) == 1 else _SHARED)}

    def _by_meaning(self, words: Mapping[str, float], vector: Vectors) -> dict[str, float]:
        assert self._examples is not None
        alike = np.append(self._examples @ vector, -np.inf)
        near = np.partition(alike[self._members], -self._nearest, axis=1)[:, -self._nearest :]
        real = np.isfinite(near)
        scores = (vector @ self._weights + 1.0) / 2.0
        scores = scores + np.where(real, near, 0.0).sum(axis=1) / np.maximum(real.sum(axis=1), 1)
        for at, topic in enumerate(self._topics):
            scores[at] += _WORDS_WEIGHT * words.get(topic.id, 0.0)
        raised = np.exp((scores - scores.max()) / _TEMPERATURE)
        shares = raised / raised.sum()
        return {topic.id: float(shares[at]) for at, topic in enumerate(self._topics) if shares[at] >= 0.05}
