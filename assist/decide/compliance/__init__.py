"""The checklist: what must be said, by when and in which order, what must never be said, and how people talk.

A rule's state moves ``pending → due → met | missed``; a forbidden one from ``pending`` to ``forbidden_said``. A rule
that was missed turns to met when a line arrives late that was *begun* in time, or when the agent ticks it. A forbidden
rule that was kept to the end is met, without evidence.

- ``words``: rules about what is said, with their windows, conditions and order,
- ``consent``: what was asked for and what the customer answered,
- ``behaviour``: silence and talking over the customer, on the media clock.
"""

from assist.decide.compliance import behaviour, consent, words
from assist.decide.compliance.common import SETTLE_S, Change, applies, change, due_at
from assist.decide.kit import Decision, Kit
from assist.decide.state import Item, SessionState, Stimulus

__all__ = ["SETTLE_S", "applies", "decide", "due_at"]


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """All checklist changes ``stimulus`` brings."""
    if state.answered_at is None:
        return []
    rules = [rule for rule in kit.playbook.rules if applies(rule, state)]
    announced = [
        change(state, rule, Change("pending"), stimulus.at) for rule in rules if rule.id not in state.checklist
    ]
    known = {rule.id: state.checklist.get(rule.id, Item("pending", stimulus.at, ())) for rule in rules}
    changes: dict[str, Change] = {}
    for rule in rules:
        item = known[rule.id]
        if rule.kind in ("silence", "talk_over"):
            moved = behaviour.look(state, rule, item, stimulus, kit)
        elif rule.kind == "consent":
            moved = consent.look(state, rule, item, stimulus, kit)
        else:
            moved = words.look(state, rule, item, stimulus, kit)
        # The words of the event come first: what was said in time is met, whatever the clock says now.
        moved = moved or words.by_clock(state, rule, item, stimulus)
        if moved is not None:
            changes[rule.id] = moved
    changes.update(words.out_of_order(state, rules, known, changes))
    decided = [
        change(state, rule, changes[rule.id], stimulus.at)
        for rule in rules
        if rule.id in changes and changes[rule.id].differs(known[rule.id])
    ]
    return announced + decided
