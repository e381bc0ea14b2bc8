"""Learn from a company's history which card comes next, and say honestly how good that is on calls not learnt from.

Cases are split by time: the oldest 70 % teach, the next 15 % choose the floor, the newest 15 % give the figures. The
model that is kept is then learnt from all of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from assist.decide.next_action import NOTHING, NextActions
from assist.decide.playbook import Playbook
from assist.decide.topics import Encode
from assist.errors import ConfigError
from assist.session.history import Moment, without_rare_words
from models.text.linear import Recipe
from models.text.next_action import NextActionModel, learn

LEAST_CASES: Final = 40
LEAST_ACTED: Final = 120
LEAST_OF_ONE: Final = 10
"""Times the two commonest cards must have been used."""
WANTED_PRECISION: Final = 0.8
"""Share of right cards among those told that the floor is chosen for."""
_TEACH, _CHOOSE = 0.7, 0.85
_FLOORS: Final = tuple(step / 100 for step in range(30, 96, 5))


@dataclass(frozen=True, slots=True)
class Figures:
    """On moments in which a card was used: how often it was the first, or among the first three, of all cards."""

    first: float
    three: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was learnt from and what it gives on the newest calls."""

    cases: int
    moments: int
    acted: int
    cards: tuple[tuple[str, int], ...]
    held_out: int
    learnt: Figures
    playbook: Figures
    popular: Figures
    floor: float
    precision: float
    told: float
    """Share of all held-out moments in which a card reaches the floor."""

    @property
    def better(self) -> bool:
        """Whether history beats the playbook alone."""
        return self.learnt.first > self.playbook.first or (
            self.learnt.first == self.playbook.first and self.learnt.three > self.playbook.three
        )


def learn_from(
    cases: Sequence[Sequence[Moment]], playbook: Playbook, encode: Encode | None, everyday: Sequence[str] = ()
) -> tuple[NextActionModel, Report]:
    """The model and its report; ``cases`` are moments by case, the oldest case first.

    Raises:
        ConfigError: there is too little history; the message says how much there is and how much it takes.
    """
    known = {card.id for card in playbook.cards} | {NOTHING}
    kept = [[moment for moment in case if moment.action in known] for case in cases]
    kept = without_rare_words([case for case in kept if case])
    counts = Counter(moment.action for case in kept for moment in case if moment.action != NOTHING)
    _enough(len(kept), counts)
    teach, choose = int(len(kept) * _TEACH), int(len(kept) * _CHOOSE)
    trial = _model(kept[:teach])
    actions = NextActions(playbook, encode, trial, everyday)
    alone = NextActions(playbook, encode, None, everyday)
    floor = _floor(actions, _flat(kept[teach:choose]))
    held_out = _flat(kept[choose:])
    precision, told = _quiet(actions, held_out, floor)
    popular = [card for card, _ in counts.most_common()]
    report = Report(
        cases=len(kept),
        moments=sum(map(len, kept)),
        acted=sum(counts.values()),
        cards=tuple(counts.most_common()),
        held_out=sum(moment.action != NOTHING for moment in held_out),
        learnt=_figures(actions, held_out),
        playbook=_figures(alone, held_out),
        popular=_ranked([(popular, moment.action) for moment in held_out if moment.action != NOTHING]),
        floor=floor,
        precision=precision,
        told=told,
    )
    return replace(_model(kept), about=_about(report, playbook)), report


def _enough(cases: int, counts: Counter[str]) -> None:
    acted = sum(counts.values())
    common = [number for _, number in counts.most_common(2)]
    if cases >= LEAST_CASES and acted >= LEAST_ACTED and len(common) == 2 and common[1] >= LEAST_OF_ONE:
        return
    raise ConfigError(
        f"too little history to learn from: {cases} cases with {acted} uses of {len(counts)} cards; it takes "
        f"{LEAST_CASES} cases, {LEAST_ACTED} uses, and two cards used {LEAST_OF_ONE} times. Until then the playbook "
        "alone decides; try again when more calls are stored"
    )


def _model(cases: Sequence[Sequence[Moment]]) -> NextActionModel:
    flat = _flat(cases)
    model = learn(((one.turns, one.taken, one.action) for one in flat), Recipe(epochs=5))
    return replace(model, about={"moments": len(flat)})


def _about(report: Report, playbook: Playbook) -> dict[str, Any]:
    return {
        "moments": report.moments,
        "cases": report.cases,
        "floor": report.floor,
        "playbook": playbook.name,
        "language": playbook.language,
        "first": round(report.learnt.first, 4),
        "three": round(report.learnt.three, 4),
    }


def _flat(cases: Sequence[Sequence[Moment]]) -> list[Moment]:
    return [moment for case in cases for moment in case]


def _figures(actions: NextActions, held_out: Sequence[Moment]) -> Figures:
    ranked: list[tuple[list[str], str]] = []
    for moment in held_out:
        if moment.action != NOTHING:
            scores = actions.score(moment.turns, moment.taken)
            ranked.append((sorted(scores, key=lambda card: -scores[card]), moment.action))
    return _ranked(ranked)


def _ranked(ranked: Sequence[tuple[Sequence[str], str]]) -> Figures:
    total = max(1, len(ranked))
    return Figures(
        sum(answer in order[:1] for order, answer in ranked) / total,
        sum(answer in order[:3] for order, answer in ranked) / total,
    )


def _quiet(actions: NextActions, moments: Sequence[Moment], floor: float) -> tuple[float, float]:
    """Precision of the likeliest card where it reaches the floor, and in what share of moments it does."""
    shown = right = 0
    for moment in moments:
        scores = actions.score(moment.turns, moment.taken)
        best = max(scores, key=lambda card: scores[card], default="")
        if best and scores[best] >= floor:
            shown += 1
            right += best == moment.action
    return right / max(1, shown), shown / max(1, len(moments))


def _floor(actions: NextActions, moments: Sequence[Moment]) -> float:
    """The lowest floor at which enough of what is told is right."""
    for floor in _FLOORS:
        precision, told = _quiet(actions, moments, floor)
        if told and precision >= WANTED_PRECISION:
            return floor
    return _FLOORS[-1]
