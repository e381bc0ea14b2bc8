"""What all kinds of rules share: whether they are on the list, until when they have time, and how a change is told."""

from dataclasses import dataclass
from typing import Final

from assist.decide.kit import Decision
from assist.decide.playbook import BEHAVIOURS, Rule
from assist.decide.state import Item, SessionState
from assist.events import ComplianceChanged, ConsentState, RuleKind, RuleState

SETTLE_S: Final = 1.5
"""Seconds after the call's end at which the checklist is closed even if the transcript is not settled."""
LEAST_CONFIDENCE: Final = 0.86


@dataclass(frozen=True, slots=True)
class Change:
    """Where a rule moves. ``mark`` tells changes to a state apart that may come more than once in a call."""

    state: RuleState
    evidence: tuple[str, ...] = ()
    consent: ConsentState = ""
    mark: str = ""

    def differs(self, item: Item) -> bool:
        """Whether it is news."""
        return self.state != item.state or self.consent != item.consent


def happened(ref: str, state: SessionState) -> float | None:
    """When a rule was met or a moment came, or ``rule.missed``, ``consent.given`` and so on held; None until then."""
    base, _, wanted = ref.partition(".")
    moment = state.moments.get(base)
    if moment is not None:
        return moment.first_at
    item = state.checklist.get(base)
    if item is None:
        return None
    if wanted in ("given", "refused"):
        return item.at if item.consent == wanted else None
    if wanted == "missed":
        return item.at if item.state in ("missed", "forbidden_said") else None
    return item.at if item.state in ("met", "forbidden_said") else None


def applies(rule: Rule, state: SessionState) -> bool:
    """Whether the rule is on this call's checklist. What is on it stays on it."""
    if rule.id in state.checklist:
        return True
    if rule.when_tags and not any(tag.value in rule.when_tags for tag in state.tags):
        return False
    return not rule.when or any(happened(ref, state) is not None for ref in rule.when)


def opens_at(rule: Rule, state: SessionState) -> float | None:
    """When the rule's time window opens: with ``after``, else with its condition, else with the answer."""
    if rule.after is not None:
        return happened(rule.after, state)
    if rule.when:
        times = [at for ref in rule.when if (at := happened(ref, state)) is not None]
        return min(times, default=None)
    return state.answered_at


def due_at(rule: Rule, state: SessionState) -> float | None:
    """The deadline in seconds UTC; None without a window or before it opens."""
    opens = opens_at(rule, state) if rule.within_s is not None else None
    return None if opens is None or rule.within_s is None else opens + rule.within_s


def over(state: SessionState, at: float) -> bool:
    """Whether the checklist is to be closed; what was said last may still be on its way through the recogniser."""
    return state.ended_at is not None and (state.settled or at >= state.ended_at + SETTLE_S)


def change(state: SessionState, rule: Rule, to: Change, at: float) -> Decision:
    """The event of a change and its meaning's name."""
    kind: RuleKind = "behaviour" if rule.kind in BEHAVIOURS else rule.kind  # type: ignore[assignment]
    event = ComplianceChanged(
        call_id=state.call_id,
        at=at,
        rule_id=rule.id,
        label=rule.label,
        state=to.state,
        due_at=due_at(rule, state),
        evidence=to.evidence,
        kind=kind,
        consent=to.consent,
    )
    return event, ".".join(part for part in (rule.id, to.state, to.consent, to.mark) if part)
