"""Which action comes next in a dialogue: a linear model over what was said lately and what was done so far.

Recency is in the features' names: the last customer turn, the one before, older ones; the last action, the last two,
the last three, everything done. The last action is also crossed with the customer's last words ("yes" means one thing
after an offer and another after a question). `models.text.linear` weighs and learns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

from models.text.linear import Group, Linear, Recipe, Sample, counted, train

Turn: TypeAlias = tuple[str, str]
"""Who (``customer``, ``agent`` or ``system``, such as a database's answer) and what was said."""

CUSTOMER: Final = "customer"
SYSTEM: Final = "system"
_WORD: Final = re.compile(r"\w+")
_NEAR_WORDS: Final = 40
_FAR_WORDS: Final = 30
_CROSSED_WORDS: Final = 20
_FAR_TURNS: Final = 2
_START: Final = ("^", "^", "^")


def sample(turns: Sequence[Turn], taken: Sequence[str]) -> Sample:
    """What the model sees: the last turns (six are plenty), and the names of all actions taken, in order."""
    customer = [_words(text, _NEAR_WORDS) for who, text in turns if who == CUSTOMER]
    last = turns[-1][0] if turns else "-"
    said = customer[-1] if customer else []
    past = [*_START, *taken]
    act = past[-1]
    groups: list[Group] = [counted(_grams("now", said))]
    if last == CUSTOMER:
        groups.append(counted(_grams("fresh", said)))
    if len(customer) > 1:
        groups.append(counted(_grams("before", customer[-2][-_FAR_WORDS:])))
    far = [f"far:{word}" for words in customer[-2 - _FAR_TURNS : -2] for word in words[-_FAR_WORDS:]]
    if far:
        groups.append(counted(far))
    if last == SYSTEM:
        told = list(_grams("told", _words(turns[-1][1], _NEAR_WORDS)))
        groups += [counted(told), counted(f"{name}|{act}" for name in told)]
    speakers = "".join(who[0] for who, _ in turns[-3:])
    groups.append(
        counted(
            (
                f"last:{act}",
                f"last2:{past[-2]}|{act}",
                f"last3:{'|'.join(past[-3:])}",
                f"but1:{past[-2]}",
                f"by:{last}",
                f"by:{last}|{act}",
                f"order:{speakers}|{act}",
                f"done:{min(len(taken), 12)}",
                f"again:{act}|{min(past.count(act), 3)}",
                f"turns:{len(customer)}",
            )
        )
    )
    if taken:
        groups.append(counted(f"did:{name}" for name in set(taken)))
    groups.append(counted(f"{act}|{word}" for word in said[-_CROSSED_WORDS:]))
    return groups


@dataclass(frozen=True)
class NextActionModel:
    """A trained model. ``about`` is what was noted when it was made: how many cases, what it reached on others."""

    linear: Linear
    about: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> NextActionModel:
        """Raises: LinearFileError, OSError."""
        linear, about = Linear.load(path)
        return cls(linear, about)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions it knows."""
        return self.linear.labels

    def probabilities(self, turns: Sequence[Turn], taken: Sequence[str]) -> dict[str, float]:
        """By action; they sum to 1."""
        shares = self.linear.probabilities(sample(turns, taken))
        return {name: float(share) for name, share in zip(self.linear.labels, shares, strict=True)}


def learn(
    moments: Iterable[tuple[Sequence[Turn], Sequence[str], str]], recipe: Recipe | None = None
) -> NextActionModel:
    """A model from moments: the turns, the actions taken before, and the action that followed.

    Raises:
        ValueError: the moments know fewer than two actions.
    """
    samples: list[Sample] = []
    answers: list[str] = []
    for turns, taken, answer in moments:
        samples.append(sample(turns, taken))
        answers.append(answer)
    return NextActionModel(train(samples, answers, recipe or Recipe(epochs=5)), {})


def _words(text: str, most: int) -> list[str]:
    return _WORD.findall(text.lower())[-most:]


def _grams(mark: str, words: Sequence[str]) -> Iterable[str]:
    yield from (f"{mark}:{word}" for word in words)
    yield from (f"{mark}:{first}_{second}" for first, second in pairwise(words))
