"""What a score and its disputes add up to. Pure; the decider, the case store and the screens share it.

An agent disputes an item of their call's score, a team lead upholds or rejects it. Upheld is final and gives the item's
points; rejected, a lead may still uphold it and the agent may dispute the item again. Whoever said what and when stays
in the call's events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from assist.events import AgentDid, Language, LeadDid, ScoreItem
from assist.strings import say

DisputeState: TypeAlias = Literal["open", "upheld", "rejected"]
DISPUTED: Final = "score_disputed"
ANSWERS: Final[dict[str, DisputeState]] = {"dispute_upheld": "upheld", "dispute_rejected": "rejected"}
ACTIONS: Final = (DISPUTED, *ANSWERS)
"""What people do about a score; the target is the item's id, the text the reason."""
_WHOLE: Final = 0.999


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute and its answer; ``at`` and ``answered_at`` in seconds UTC."""

    item_id: str
    agent_id: str
    at: float
    reason: str
    state: DisputeState = "open"
    lead_id: str = ""
    answered_at: float = 0.0
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Pillar:
    """One group of the card: points reached ``of`` those that the call gave occasion for (None: it gave none)."""

    label: str
    points: float | None
    of: float


def disputes(acts: Iterable[AgentDid | LeadDid]) -> tuple[Dispute, ...]:
    """All disputes, oldest first, each with its answer.

    An item has one open dispute at most. What makes no sense is passed over: the same item disputed again while its
    dispute is open or was upheld, an answer to what nobody disputes.
    """
    found: list[Dispute] = []
    last: dict[str, int] = {}
    for act in sorted(acts, key=lambda one: (one.at, one.seq)):
        place = last.get(act.target)
        before = found[place] if place is not None else None
        if isinstance(act, AgentDid):
            if act.action == DISPUTED and (before is None or before.state == "rejected"):
                last[act.target] = len(found)
                found.append(Dispute(act.target, act.agent_id, act.at, act.text))
        elif act.action in ANSWERS and place is not None and before is not None and before.state != "upheld":
            found[place] = replace(
                before, state=ANSWERS[act.action], lead_id=act.lead_id, answered_at=act.at, answer=act.text
            )
    return tuple(found)


def standing(acts: Iterable[AgentDid | LeadDid]) -> dict[str, Dispute]:
    """By item the dispute that counts: its last."""
    return {one.item_id: one for one in disputes(acts)}


def disputable(item: ScoreItem, dispute: Dispute | None) -> bool:
    """Whether there is anything to dispute: points were lost, and no dispute of the item is open or upheld."""
    lost = item.points is not None and item.points < item.of
    return lost and (dispute is None or dispute.state == "rejected")


def objection(item: ScoreItem, dispute: Dispute | None) -> str:
    """Key of the sentence (``quality.…``) that says why the item can't be disputed; empty when it can."""
    if disputable(item, dispute):
        return ""
    return {"open": "already_open", "upheld": "already_upheld"}.get(dispute.state if dispute else "", "not_lost")


def upheld(item: ScoreItem, dispute: Dispute, language: Language) -> ScoreItem:
    """The item with the points that its dispute won; what the call gave no occasion for stays without."""
    if item.points is None:
        return item
    return replace(item, points=item.of, why=say(language, "score.upheld", lead=dispute.lead_id))


def failed(items: Iterable[ScoreItem]) -> tuple[str, ...]:
    """Critical items that were not met in full."""
    return tuple(
        item.item_id for item in items if item.critical and item.points is not None and item.points < _WHOLE * item.of
    )


def total(items: Sequence[ScoreItem], cap: float) -> float | None:
    """Score 0..100 to one decimal; None when no item applied. A failed critical item holds it at ``cap``."""
    of = sum(item.of for item in items if item.points is not None)
    if not of:
        return None
    reached = 100 * sum(item.points for item in items if item.points is not None) / of
    return round(min(reached, cap) if failed(items) else reached, 1)


def pillars(items: Iterable[ScoreItem]) -> tuple[Pillar, ...]:
    """The card's groups in its order."""
    sums: dict[str, Pillar] = {}
    for item in items:
        known = sums.get(item.group, Pillar(item.group, None, 0.0))
        if item.points is not None:
            known = Pillar(item.group, (known.points or 0.0) + item.points, known.of + item.of)
        sums[item.group] = known
    return tuple(sums.values())


def told_points(reached: float | None, of: float) -> str:
    """``8/14``; a dash where the call gave no occasion."""
    return "—" if reached is None else f"{round(reached, 1):g}/{of:g}"


def told_total(score: float | None, language: Language) -> str:
    """The total in a sentence."""
    return (
        say(language, "quality.not_scored") if score is None else say(language, "quality.total", score=f"{score:.1f}")
    )
