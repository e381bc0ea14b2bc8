"""Which card a customer's line is about: the cards of a playbook compete, and ordinary talk with them.

Whether a line is near a card's examples says little where another card's are nearer still: "my order hasn't arrived" is
near to "the refund hasn't arrived". So a match by meaning counts only with its share among all cards and neutral talk.

A supervisor writes a handful of examples for a card. Where they clearly are about one subject of the calls' taxonomy
(:mod:`assist.decide.taxonomy`), its examples of every language count as the card's too. How clearly, and how much a
share must be, was chosen on bench/judge/data/cards/dev.*.yaml.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from assist.decide.borrowing import Vectors, unit
from assist.decide.meaning import background, plain
from assist.decide.next_action import exemplars
from assist.decide.phrases import PhraseIndex, compile_phrase
from assist.decide.playbook import Card
from assist.decide.taxonomy import Taxonomy, Topic
from assist.decide.topics import Encode, TopicClassifier, segments, signals
from assist.events import Language

_MEMO_LINES: Final = 256
_NEAREST: Final = 1
"""Examples are few and each may be another way to say it: the nearest alone tells."""
_BELONGS: Final = 0.5
"""Cosine of the middles of a card's and a subject's examples, seen from ordinary talk, from which it borrows."""
_LEAD: Final = 0.04
"""By how much that must be above the cosine with any other subject."""
AGREED: Final = 0.35
"""Least share of a line, among all cards and neutral talk, with which a match by meaning counts where a customer says
what they call for..."""
AGREED_LATER: Final = 0.55
"""...and later in the call, when most of what they say answers the agent."""
CLEARLY: Final = 0.93
"""Confidence of a match by meaning from which, where they say what they call for, it is enough that no other card has a
greater share..."""
TRACE: Final = 0.05
"""...and that the card has one at all."""


class CardContest:
    """The cards that wait for a customer's words. Neutral talk is that of :func:`assist.decide.meaning.background`;
    ``taxonomies`` are those of the calls, in any language."""

    def __init__(
        self, cards: Iterable[Card], encode: Encode, language: Language, taxonomies: Sequence[Taxonomy] = ()
    ) -> None:
        named = [(card, topic) for card in cards if (topic := exemplars(card)) is not None]
        topics = [topic for _, topic in named]
        self._encode = encode
        self._index = PhraseIndex(compile_phrase(said) for topic in topics for said in (*topic.phrases, *topic.unless))
        self._loans = _loans([card for card, _ in named], taxonomies, encode, language)
        self._classes = TopicClassifier(
            topics, [topics, list(self._loans.values())], background(language), encode, plain, nearest=_NEAREST
        )
        self._against: dict[str, tuple[Vectors, Vectors]] = {
            card.id: (encode([plain(text) for text in topic.examples]), encode([plain(t) for t in card.not_examples]))
            for card, topic in named
            if card.not_examples and topic.examples
        }
        self._memo: dict[str, Mapping[str, float]] = {}

    def loans(self) -> Mapping[str, str]:
        """By card id the subject of the taxonomy whose examples count as the card's."""
        return {card: topic.label for card, topic in self._loans.items()}

    def agrees(self, card_id: str, text: str, near: float, *, opening: bool) -> bool:
        """Whether a match by meaning of confidence ``near`` counts for a line, seeing what else it may be about.

        ``opening``: the customer is saying what they call for.
        """
        shares = self.shares(text)
        mine = shares.get(card_id, 0.0)
        if not opening:
            return mine >= AGREED_LATER
        return mine >= AGREED or (near >= CLEARLY and mine >= TRACE and mine == max(shares.values()))

    def shares(self, text: str) -> Mapping[str, float]:
        """Probability by card id, of the cards that ``text`` may be about; what is left is neutral talk's.

        A card whose counter-examples are nearer than its examples has none.
        """
        known = self._memo.get(text)
        if known is None:
            if len(self._memo) >= _MEMO_LINES:
                self._memo.pop(next(iter(self._memo)))
            known = self._memo[text] = self._shares(text)
        return known

    def _shares(self, text: str) -> Mapping[str, float]:
        parts = segments(text)
        if not parts:
            return {}
        rows = self._encode([plain(part) for part in parts])
        shares = {found.id: found.confidence for found in self._classes.found(parts, rows, self._index)}
        for card, (mine, against) in self._against.items():
            if card in shares and float((rows @ against.T).max()) >= float((rows @ mine.T).max()):
                del shares[card]
        return shares


def _loans(
    cards: Sequence[Card], taxonomies: Sequence[Taxonomy], encode: Encode, language: Language
) -> dict[str, Topic]:
    """By card id the subject that the card's own examples are about, with the examples of all languages."""
    known: dict[str, Topic] = {}
    for taxonomy in taxonomies:
        for topic in (*taxonomy.reasons, *signals(taxonomy)):
            first = known.setdefault(topic.id, topic)
            if first is not topic:
                known[topic.id] = first.model_copy(update={"examples": (*first.examples, *topic.examples)})
    subjects = [topic for topic in known.values() if topic.examples]
    own = [card for card in cards if card.borrow and card.when.customer_examples]
    if len(subjects) < 2 or not own:
        return {}
    middle = encode(background(language)).mean(axis=0)

    def way(texts: Sequence[str]) -> Vectors:
        return unit(encode([plain(text) for text in texts]).mean(axis=0) - middle)

    ways = np.stack([way(topic.examples) for topic in subjects])
    loans: dict[str, Topic] = {}
    for card in own:
        alike = ways @ way(card.when.customer_examples)
        second, first = np.argsort(alike)[-2:]
        if alike[first] >= _BELONGS and alike[first] - alike[second] >= _LEAD:
            loans[card.id] = subjects[first].model_copy(update={"id": card.id})
    return loans
