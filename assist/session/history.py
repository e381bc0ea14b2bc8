"""What agents did after what, read back from stored cases: the material of ``apuntador playbook learn``."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from assist.decide.cards.articles import PREFIX
from assist.decide.cards.triggers import said_in
from assist.decide.kit import Kit
from assist.decide.next_action import NOTHING, TURNS, Turn
from assist.events import TextChange
from assist.store.reader import CaseFile, Row
from assist.text.polish import restored

_HELPED: Final = ("taken", "said")
_SAME_S: Final = 20.0
"""A card used and its words said within this are one action."""
LEAST_CASES: Final = 3
"""A word said in fewer calls than this is left out: names, addresses and numbers must not end up in a model."""
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Moment:
    """After a customer's turn: the last lines, what had been done, and the card that came of it or `NOTHING`."""

    turns: tuple[Turn, ...]
    taken: tuple[str, ...]
    action: str


def moments(case: CaseFile, kit: Kit) -> list[Moment]:
    """One moment for each turn of the customer. A card counts when it was taken or when its words were said."""
    lines = sorted(case.lines, key=lambda row: (row["t1"], row["t0"]))
    texts = [(str(row["party"]), _as_said(row), float(row["t1"])) for row in lines]
    used = [
        (float(row["closed_at"] or row["offered_at"]), str(row["card_id"]))
        for row in case.cards
        if row["outcome"] in _HELPED and not str(row["card_id"]).startswith(PREFIX)
    ]
    met = [(float(row["at"]), f"rule.{row['rule_id']}") for row in case.checklist if row["state"] == "met"]
    context = sorted(used + met)
    actions = sorted(used + _unasked(texts, used, kit))
    starts = [at for at, (party, _, _) in enumerate(texts) if party == "customer"]
    found: list[Moment] = []
    for place, at in enumerate(starts):
        since = texts[at][2]
        until = texts[starts[place + 1]][2] if place + 1 < len(starts) else float("inf")
        action = next((name for when, name in actions if since < when <= until), NOTHING)
        turns = tuple((party, text) for party, text, _ in texts[max(0, at + 1 - TURNS) : at + 1])
        found.append(Moment(turns, tuple(name for when, name in context if when <= since), action))
    return found


def without_rare_words(cases: Sequence[Sequence[Moment]]) -> list[list[Moment]]:
    """The moments with numbers and words of fewer than `LEAST_CASES` cases taken out of what was said."""
    spread: Counter[str] = Counter()
    for case in cases:
        spread.update({word for moment in case for _, text in moment.turns for word in _words(text)})

    def plain(text: str) -> str:
        return " ".join(
            word for word in _words(text) if spread[word] >= LEAST_CASES and not any(map(str.isdigit, word))
        )

    return [
        [Moment(tuple((who, plain(text)) for who, text in one.turns), one.taken, one.action) for one in case]
        for case in cases
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _as_said(row: Row) -> str:
    text = str(row["text"])
    changes: Iterable[dict[str, object]] = row["changes"] or ()
    return restored(text, tuple(TextChange(**change) for change in changes), names=False) if changes else text  # type: ignore[arg-type]


def _unasked(
    texts: Sequence[tuple[str, str, float]], used: Sequence[tuple[float, str]], kit: Kit
) -> list[tuple[float, str]]:
    """Cards whose words an agent said without having been shown them, or long after."""
    found: list[tuple[float, str]] = []
    for party, text, at in texts:
        if party != "agent":
            continue
        for card in kit.playbook.cards:
            if any(name == card.id and abs(at - when) <= _SAME_S for when, name in [*used, *found]):
                continue
            if said_in(text, card, kit):
                found.append((at, card.id))
    return found
