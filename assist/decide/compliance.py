"""The checklist: what must be said, by when and in which order, and what must never be said.

A rule's state moves ``pending → due → met | missed``; a forbidden one from ``pending`` to ``forbidden_said``. A rule
that was missed turns to met when a line arrives late that was *begun* in time, or when the agent ticks it. A forbidden
rule that was kept to the end is met, without evidence.
"""

from collections.abc import Iterator
from typing import Final

from assist.decide.kit import Decision, Kit
from assist.decide.playbook import Rule
from assist.decide.state import Item, SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import AgentDid, ComplianceChanged, Heard, RuleState

DUE_SHARE: Final = 0.4
"""The last share of a time window, in which a rule is ``due``."""
SETTLE_S: Final = 1.5
"""Seconds after the call's end at which the checklist is closed even if the transcript is not settled."""
_LEAST_CONFIDENCE: Final = 0.86


def applies(rule: Rule, state: SessionState) -> bool:
    """Whether the rule is on this call's checklist."""
    return not rule.when_tags or any(tag.value in rule.when_tags for tag in state.tags)


def due_at(rule: Rule, state: SessionState) -> float | None:
    """The deadline in seconds UTC; None without a window or before the answer."""
    if rule.within_s is None or state.answered_at is None:
        return None
    return state.answered_at + rule.within_s


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """All checklist changes ``stimulus`` brings."""
    if state.answered_at is None:
        return []
    changes: dict[str, tuple[RuleState, tuple[str, ...]]] = {}
    rules = [rule for rule in kit.playbook.rules if applies(rule, state)]
    announced: list[Decision] = []
    for rule in rules:
        if rule.id not in state.checklist:
            announced.append(_change(state, rule, "pending", (), stimulus.at))
    known: dict[str, Item] = {rule.id: state.checklist.get(rule.id, Item("pending", stimulus.at, ())) for rule in rules}
    # The words of the event come first: what was said in time is met, whatever the clock says now.
    for rule in rules:
        found = _by_words(state, rule, known[rule.id], stimulus, kit)
        if found is not None:
            changes[rule.id] = found
    for rule in rules:
        if rule.id not in changes:
            moved = _by_clock(state, rule, known[rule.id].state, stimulus)
            if moved is not None:
                changes[rule.id] = (moved, ())
    for rule_id, evidence in _out_of_order(rules, known, changes):
        changes[rule_id] = ("missed", evidence)
    decided = [
        _change(state, rule, *changes[rule.id], stimulus.at)
        for rule in rules
        if rule.id in changes and changes[rule.id][0] != known[rule.id].state
    ]
    return announced + decided


def _change(state: SessionState, rule: Rule, to: RuleState, evidence: tuple[str, ...], at: float) -> Decision:
    event = ComplianceChanged(
        call_id=state.call_id,
        at=at,
        rule_id=rule.id,
        label=rule.label,
        state=to,
        due_at=due_at(rule, state),
        evidence=evidence,
        kind=rule.kind,
    )
    return event, f"{rule.id}.{to}"


def _by_words(
    state: SessionState, rule: Rule, item: Item, stimulus: Stimulus, kit: Kit
) -> tuple[RuleState, tuple[str, ...]] | None:
    if isinstance(stimulus, AgentDid):
        ticked = stimulus.action == "rule_ticked" and stimulus.target == rule.id and rule.kind == "required"
        return ("met", ()) if ticked and item.state != "met" else None
    if rule.kind == "forbidden":
        if item.state == "forbidden_said":
            return None
        heard = _heard(state, rule, stimulus, kit)
        return ("forbidden_said", (heard.utterance_id,)) if heard is not None else None
    if item.state == "met" or (item.state == "missed" and item.evidence):
        return None
    heard = _heard(state, rule, stimulus, kit)
    if heard is None:
        return None
    deadline = due_at(rule, state)
    return None if deadline is not None and heard.t0 > deadline else ("met", (heard.utterance_id,))


def _heard(state: SessionState, rule: Rule, stimulus: Stimulus, kit: Kit) -> Heard | None:
    """The line that has the rule's phrase: the event's own, or on a late announcement any line so far."""
    if isinstance(stimulus, Heard) and rule.id in state.checklist:
        lines: tuple[Heard, ...] = (stimulus,)
    elif rule.id not in state.checklist:
        # A rule that a tag has just put on the list may have been met before the tag was clear.
        lines = (*state.lines, *((stimulus,) if isinstance(stimulus, Heard) else ()))
    else:
        return None
    for line in lines:
        if line.party == rule.speaker:
            score = kit.found(rule.phrases, rule.unless, settled_text(line))
            if score >= _LEAST_CONFIDENCE:
                return line
    return None


def _by_clock(state: SessionState, rule: Rule, now_is: RuleState, stimulus: Stimulus) -> RuleState | None:
    if now_is in ("met", "missed", "forbidden_said"):
        return None
    if state.ended_at is not None:
        # What was said last may still be on its way through the recogniser.
        over = state.settled or stimulus.at >= state.ended_at + SETTLE_S
        return None if not over else "met" if rule.kind == "forbidden" else "missed"
    if rule.kind == "forbidden":
        return None
    deadline = due_at(rule, state)
    if deadline is None or rule.within_s is None:
        return None
    if stimulus.at >= deadline:
        return "missed"
    return "due" if now_is == "pending" and stimulus.at >= deadline - DUE_SHARE * rule.within_s else None


def _out_of_order(
    rules: list[Rule], known: dict[str, Item], changes: dict[str, tuple[RuleState, tuple[str, ...]]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rules whose successor was met first: too late for them now; the successor's line is the evidence."""

    def met(rule_id: str) -> bool:
        return (changes[rule_id][0] if rule_id in changes else known[rule_id].state) == "met"

    for rule in rules:
        said = changes.get(rule.before or "")
        if said is None or said[0] != "met" or not said[1]:
            continue
        if not met(rule.id) and known[rule.id].state != "missed":
            yield rule.id, said[1]
