"""Which card an agent would need next: from the playbook alone, better with the company's own history.

Without history: the customer's last words against each card's phrases and examples, as :mod:`assist.decide.topics`
tells reasons, with the playbook's order as prior (the card that follows the one used last is likelier than one far
off, one that was used already is not). With history: a model of what agents took or said after what
(``apuntador playbook learn``), the more of it the more it counts. Some moments call for nothing; that share is never
given to a card. What is below the floor is not told at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from assist.decide.phrases import PhraseIndex, compile_phrase, first_wording
from assist.decide.playbook import Card, Playbook
from assist.decide.state import SessionState
from assist.decide.taxonomy import Topic
from assist.decide.text import as_said, words_in
from assist.decide.topics import Encode, TopicClassifier
from assist.events import Heard

NOTHING: Final = "-"
"""The action of a moment in which the agent did nothing of the playbook."""
FLOOR: Final = 0.55
"""Least probability that is told; a learnt model brings its own, chosen on calls it was not learnt from."""
TURNS: Final = 6
"""Lines a model sees."""
_FRESH_TURNS: Final = 3
_NEXT: Final = 1.0
_FADES: Final = 0.5
_USED: Final = 0.25
_DOUBT: Final = 300.0
"""Moments of history at which it counts as much as the playbook alone."""
_MEMO: Final = 128

Turn = tuple[str, str]


class LearnedActions(Protocol):
    """A model learnt from history (:class:`models.text.next_action.NextActionModel` is one)."""

    @property
    def about(self) -> Mapping[str, Any]:
        """``moments`` it was learnt from, the ``floor`` chosen for it."""
        ...

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions it knows, `NOTHING` among them."""
        ...

    def probabilities(self, turns: Sequence[Turn], taken: Sequence[str]) -> Mapping[str, float]:
        """By action, summing to 1; the same input always has the same answer."""
        ...


class NextActions:
    """As :class:`assist.decide.kit.NextCards`. ``encode`` is None where no sentence encoder is installed."""

    def __init__(
        self,
        playbook: Playbook,
        encode: Encode | None = None,
        learned: LearnedActions | None = None,
        everyday: Sequence[str] = (),
    ) -> None:
        self._order = {card.id: at for at, card in enumerate(playbook.cards)}
        topics = [topic for card in playbook.cards if (topic := exemplars(card)) is not None]
        self._index = PhraseIndex(
            compile_phrase(phrase) for topic in topics for phrase in (*topic.phrases, *topic.unless)
        )
        self._encode = encode
        self._classes = TopicClassifier(topics, [topics], everyday, encode)
        self._learned = learned
        moments = float(learned.about.get("moments", 0.0)) if learned is not None else 0.0
        self._trust = moments / (moments + _DOUBT)
        told = learned.about.get("floor") if learned is not None else None
        self.floor = float(told) if isinstance(told, int | float) else FLOOR
        self._memo: dict[tuple[object, ...], Mapping[str, float]] = {}

    def likely(self, state: SessionState) -> Mapping[str, float]:
        """Probability by card id, of the cards that reach the floor."""
        taken = taken_in(state)
        turns = turns_of(state.lines[-TURNS:])
        key = (turns, taken)
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= _MEMO:
                self._memo.pop(next(iter(self._memo)))
            scored = self.score(turns, taken)
            known = self._memo[key] = {card: share for card, share in scored.items() if share >= self.floor}
        return known

    def score(self, turns: Sequence[Turn], taken: Sequence[str]) -> dict[str, float]:
        """Probability of every card after ``turns``, ``taken`` done in that order; what is left is `NOTHING`'s."""
        alone = self._by_playbook(turns, taken)
        if self._learned is None:
            return alone
        shares = self._learned.probabilities(turns, taken)
        known = self._trust
        return {
            card: known * shares.get(card, 0.0) + (1.0 - known) * share if card in shares else (1.0 - known) * share
            for card, share in alone.items()
        }

    def _by_playbook(self, turns: Sequence[Turn], taken: Sequence[str]) -> dict[str, float]:
        heard = [text for who, text in turns[-_FRESH_TURNS:] if who == "customer"]
        shares = dict.fromkeys(self._order, 0.0)
        if heard:
            shares.update((f.id, f.confidence) for f in self._classes.found_in(heard[-1], self._encode, self._index))
        told = sum(shares.values())
        if not told:
            return shares
        used = [name for name in taken if name in self._order]
        weighed = {card: share * self._prior(card, used) for card, share in shares.items()}
        whole = sum(weighed.values()) + max(0.0, 1.0 - told)
        return {card: share / whole for card, share in weighed.items()}

    def _prior(self, card: str, used: Sequence[str]) -> float:
        if not used:
            return 1.0
        if card in used:
            return _USED
        ahead = self._order[card] - self._order[used[-1]] - 1
        return 1.0 + _NEXT * _FADES**ahead if ahead >= 0 else 1.0


def exemplars(card: Card) -> Topic | None:
    """What customers say when the card is needed; None for a card that waits for something else than their words."""
    plain = [text for phrase in card.when.customer if words_in(text := first_wording(phrase)) > 1]
    examples = (*card.when.customer_examples, *plain)
    if not examples and not card.when.customer:
        return None
    return Topic(
        id=card.id,
        label=card.title,
        phrases=card.when.customer,
        unless=card.unless,
        examples=tuple(dict.fromkeys(examples)),
    )


def turns_of(lines: Iterable[Heard]) -> tuple[Turn, ...]:
    """Lines as a model reads them."""
    return tuple((line.party, as_said(line)) for line in lines)


def taken_in(state: SessionState) -> tuple[str, ...]:
    """What the agent has done so far, in order: cards used, and duties of the checklist met (``rule.<id>``)."""
    done = [(offer.closed_at, offer.card_id) for offer in state.offers if offer.closed in ("taken", "said")]
    done += [(item.at, f"rule.{name}") for name, item in state.checklist.items() if item.state == "met"]
    return tuple(name for _, name in sorted(done))
