"""Rules about what is said: required and forbidden words, by when, in which order, under which condition."""

from collections.abc import Iterator, Mapping
from typing import Final

from assist.decide.compliance.common import LEAST_CONFIDENCE, Change, due_at, happened, opens_at, over
from assist.decide.kit import Kit
from assist.decide.playbook import BEHAVIOURS, Rule
from assist.decide.state import Item, SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import AgentDid, Heard

DUE_SHARE: Final = 0.4
"""The last share of a time window, in which a rule is ``due``."""
_SLACK_S: Final = 0.5
"""A line may have been begun this much before the line that opened its window had ended."""


def look(state: SessionState, rule: Rule, item: Item, stimulus: Stimulus, kit: Kit) -> Change | None:
    """What the words, or the agent's key, do to a required or forbidden rule."""
    if isinstance(stimulus, AgentDid):
        ticked = stimulus.action == "rule_ticked" and stimulus.target == rule.id and rule.kind == "required"
        return Change("met") if ticked and item.state != "met" else None
    if rule.kind == "forbidden":
        if item.state == "forbidden_said":
            return None
        heard = line_of(state, rule, stimulus, kit)
        return Change("forbidden_said", (heard.utterance_id,)) if heard is not None else None
    if item.state == "met" or (item.state == "missed" and item.evidence):
        return None
    heard = line_of(state, rule, stimulus, kit)
    if heard is None:
        return None
    deadline = due_at(rule, state)
    return None if deadline is not None and heard.t0 > deadline else Change("met", (heard.utterance_id,))


def line_of(state: SessionState, rule: Rule, stimulus: Stimulus, kit: Kit) -> Heard | None:
    """The line that has what the rule listens for: the event's own, or on a late announcement any line so far."""
    if isinstance(stimulus, Heard) and rule.id in state.checklist:
        lines: tuple[Heard, ...] = (stimulus,)
    elif rule.id not in state.checklist:
        # A rule that a tag has just put on the list may have been met before the tag was clear.
        lines = (*state.lines, *((stimulus,) if isinstance(stimulus, Heard) else ()))
    else:
        return None
    since = opens_at(rule, state) if rule.after is not None or (rule.when and rule.within_s is not None) else None
    for line in lines:
        if line.party != rule.speaker or (since is not None and line.t1 <= since - _SLACK_S):
            continue
        if kit.spotted(rule.spot, settled_text(line), whole=line.final) >= LEAST_CONFIDENCE:
            return line
    return None


def by_clock(state: SessionState, rule: Rule, item: Item, stimulus: Stimulus) -> Change | None:
    """What the time does to a rule of any kind."""
    if item.state in ("met", "missed", "forbidden_said"):
        return None
    kept = rule.kind == "forbidden" or rule.kind in BEHAVIOURS
    if state.ended_at is not None:
        if not over(state, stimulus.at):
            return None
        if kept:
            return Change("met")
        # Nothing was due where the window's beginning never came.
        never = rule.within_s is not None and rule.after is not None and happened(rule.after, state) is None
        return None if never else Change("missed", item.evidence if item.consent else (), item.consent)
    deadline = due_at(rule, state)
    if kept or item.consent or deadline is None or rule.within_s is None:
        return None
    if stimulus.at >= deadline:
        return Change("missed")
    due = item.state == "pending" and stimulus.at >= deadline - DUE_SHARE * rule.within_s
    return Change("due") if due else None


def out_of_order(
    state: SessionState, rules: list[Rule], known: Mapping[str, Item], changes: Mapping[str, Change]
) -> Iterator[tuple[str, Change]]:
    """Rules whose successor came first: too late for them now; the successor's line is the evidence.

    Only whole lines judge: in the middle of one, the words that keep the order may still be to come.
    """
    for rule in rules:
        item = known[rule.id]
        if not rule.before or (item.state == "missed" and item.evidence):
            continue
        consent, now = (
            (changes[rule.id].consent, changes[rule.id].state) if rule.id in changes else (item.consent, item.state)
        )
        if now == "met" and (rule.kind != "consent" or consent == "given"):
            continue
        for name in rule.before:
            evidence = _said(name, state, known, changes)
            if evidence and state.line(evidence[0]) is not None:
                yield rule.id, Change("missed", evidence[:1], consent)
                break


def _said(name: str, state: SessionState, known: Mapping[str, Item], changes: Mapping[str, Change]) -> tuple[str, ...]:
    """The line in which a rule was met or a moment came first; empty when it has not."""
    moment = state.moments.get(name)
    if moment is not None:
        return moment.evidence[:1]
    if name in changes:
        return changes[name].evidence if changes[name].state in ("met", "forbidden_said") else ()
    item = known.get(name) or state.checklist.get(name)
    return item.evidence if item is not None and item.state in ("met", "forbidden_said") else ()
