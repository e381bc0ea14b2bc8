"""What agents did with each card in the calls so far, as a few counts that the kit may be given.

The counts come from stored events and live in a small JSON file::

    {"refund": {"offered": 40, "taken": 22, "said": 6, "dismissed": 9, "not_useful": 3}}
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from assist.errors import ConfigError
from assist.events import AgentDid, CardOffered, CardWithdrawn, Event

_DOUBT: Final = 6.0
"""Calls' worth of doubt: a card with fewer offers than this keeps close to the middle."""
_MIDDLE: Final = 0.5
QUIET_BELOW: Final = 0.2
"""A card found less useful than this needs a surer match."""


@dataclass(frozen=True, slots=True)
class CardPrior:
    """Counts over calls. ``said``: the agent said it without pressing a key."""

    offered: int = 0
    taken: int = 0
    said: int = 0
    dismissed: int = 0
    not_useful: int = 0

    @property
    def useful(self) -> float:
        """Share 0..1 of offers that helped, drawn towards one half while there are few."""
        return (self.taken + self.said + _MIDDLE * _DOUBT) / (max(self.offered, self.taken + self.said) + _DOUBT)


def count(events: Iterable[Event]) -> dict[str, CardPrior]:
    """The counts in the events of one or many calls."""
    card_of: dict[tuple[str, str], str] = {}
    counts: dict[str, dict[str, int]] = {}
    for event in events:
        match event:
            case CardOffered():
                if (event.call_id, event.offer_id) not in card_of:
                    card_of[event.call_id, event.offer_id] = event.card_id
                    _add(counts, event.card_id, "offered")
            case CardWithdrawn(reason="taken" | "said" as reason):
                _add(counts, card_of.get((event.call_id, event.offer_id)), reason)
            case AgentDid(action="card_dismissed"):
                _add(counts, card_of.get((event.call_id, event.target)), "dismissed")
            case AgentDid(action="card_not_useful"):
                _add(counts, card_of.get((event.call_id, event.target)), "not_useful")
            case _:
                pass
    return {card: CardPrior(**found) for card, found in counts.items()}


def _add(counts: dict[str, dict[str, int]], card: str | None, name: str) -> None:
    if card is not None:
        found = counts.setdefault(card, {})
        found[name] = found.get(name, 0) + 1


def dump(priors: Mapping[str, CardPrior]) -> str:
    """The JSON file's text."""
    return json.dumps({card: asdict(prior) for card, prior in sorted(priors.items())}, indent=1) + "\n"


def load(text: str, source: str) -> dict[str, CardPrior]:
    """The counts in a JSON file's text.

    Raises:
        ConfigError: it is no such file.
    """
    try:
        raw = json.loads(text)
        return {
            str(card): CardPrior(**{name: max(0, int(n)) for name, n in found.items()}) for card, found in raw.items()
        }
    except (ValueError, TypeError, AttributeError) as err:
        raise ConfigError(
            f"{source}: no counts of cards ({type(err).__name__}); make it anew: apuntador playbook feedback -o FILE"
        ) from None
