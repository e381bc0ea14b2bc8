"""What a playbook has from the bank of wordings (:mod:`assist.decide.wordings`): more examples, and counter-examples.

*Borrowing.* A rule's own examples are compared with all acts; where they clearly belong to one, its wordings of both
languages serve as further examples of the rule. *Contrast.* The wordings of the acts to which the rule does not
belong are ordinary talk for it: what else people say in calls, near neighbours among it.

All figures were chosen by ``python -m bench.wordings``, which holds wordings and whole acts of the bank out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assist.decide.wordings import Act
from assist.events import Language

Vectors = NDArray[np.float32]

LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
NEAREST: Final = 3
"""A sentence lies as near to an act as the mean of so many wordings of it."""
_ENOUGH: Final = (0.45, 0.06)
_ENOUGH_OF_FEW: Final = (0.42, 0.08)
_ENOUGH_TO_ACCUSE: Final = (0.52, 0.10)
"""Cosine of the middle of a rule's examples with an act's, seen from ordinary talk, from which the rule borrows, and by
how much it must be above the one with any other act: usually, with few examples (their middle lies farther off), and
where a wrong match accuses somebody. With five examples and (0.45, 0.05) 70 rules in 100 find their act and two
another; of rules whose act is not in the bank 29 in 100 borrow from a neighbour: about one match in 100 is lost."""
_FEW: Final = 3
_LEAST: Final = 2
"""One sentence alone tells too little of what is meant."""


@dataclass(frozen=True, slots=True)
class Loan:
    """The act that a rule was taken for, and how like it the rule's examples are (a cosine)."""

    act: str
    likeness: float


@dataclass(frozen=True)
class Bank:
    """The acts with their wordings' rows by act and language, and the rows of neutral talk by language.

    ``rows[language][n]`` are float16 [wordings, size], rows of length 1, of the n-th act: there are many, and few are
    ever used at once.
    """

    acts: tuple[Act, ...]
    rows: Mapping[Language, tuple[NDArray[np.float16], ...]]
    neutral: Mapping[Language, Vectors]

    def both(self, at: int) -> Vectors:
        """The rows of an act in both languages: float32 [wordings, size]."""
        return np.concatenate([self.rows[language][at] for language in LANGUAGES]).astype(np.float32)

    @cached_property
    def means(self) -> Vectors:
        """The mean row of each act: float32 [acts, size]."""
        return np.stack([self.both(at).mean(axis=0) for at in range(len(self.acts))])

    @cached_property
    def middle(self) -> Vectors:
        """The middle of all talk that is known: float32 [size]."""
        neutral = [self.neutral[language] for language in LANGUAGES]
        counts = np.array([sum(len(self.rows[language][at]) for language in LANGUAGES) for at in range(len(self.acts))])
        total = counts @ self.means + np.concatenate(neutral).sum(axis=0)
        middle: Vectors = (total / (counts.sum() + sum(map(len, neutral)))).astype(np.float32)
        return middle

    @cached_property
    def near(self) -> tuple[frozenset[int], ...]:
        """Of each act, where those near it stand."""
        places = {act.id: at for at, act in enumerate(self.acts)}
        return tuple(frozenset(places[other] for other in act.near if other in places) for act in self.acts)

    @cached_property
    def directions(self) -> Vectors:
        """Where each act lies, seen from the middle: float32 [acts, size], rows of length 1."""
        return unit(self.means - self.middle)

    def belongs(self, examples: Vectors, party: str, *, strict: bool) -> tuple[Loan | None, frozenset[int]]:
        """The act that a rule with these ``examples`` may borrow from, and the acts that are no contrast for it.

        ``party`` is ``agent``, ``customer`` or ``any``. An act to which even one example alone would belong is no
        contrast.
        """
        if not len(examples) or not self.acts:
            return None, frozenset()
        nearest_acts = {int(at) for at in (unit(examples - self.middle) @ self.directions.T).argmax(axis=1)}
        akin = frozenset(nearest_acts.union(*(self.near[at] for at in nearest_acts)))
        alike = self.directions @ unit(examples.mean(axis=0) - self.middle)
        mine = np.array([party in ("any", act.party) for act in self.acts])
        first = int(np.where(mine, alike, -1.0).argmax())
        others = np.delete(alike, [first, *self.near[first]])
        second = float(others.max()) if len(others) else -1.0
        usual = _ENOUGH_OF_FEW if len(examples) <= _FEW else _ENOUGH
        likeness, lead = _ENOUGH_TO_ACCUSE if strict else usual
        if len(examples) < _LEAST or not mine[first] or alike[first] < likeness or alike[first] - second < lead:
            return None, akin
        return Loan(self.acts[first].id, float(alike[first])), akin

    def place(self, act: str) -> int:
        """Where an act stands among `acts`."""
        return next(at for at, known in enumerate(self.acts) if known.id == act)

    def negated(self, at: int, is_negated: Callable[[str, Language], bool]) -> list[bool]:
        """For each of an act's rows in `both` whether a word of the wording turns its meaning round."""
        act = self.acts[at]
        return [is_negated(line, language) for language in LANGUAGES for line in act.wordings[language]]


def nearest(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the `NEAREST` largest in each row of [rows, wordings]; of all where there are fewer."""
    count = min(NEAREST, cosines.shape[1])
    top: NDArray[np.float32] = np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1)
    return top


def unit(rows: Vectors) -> Vectors:
    """Rows of length 1."""
    made: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return made
