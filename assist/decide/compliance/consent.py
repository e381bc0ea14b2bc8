"""Consent: the agent asks, the customer answers; both lines are the evidence."""

from typing import Final

from assist.decide.answers import answers
from assist.decide.compliance.common import Change, due_at
from assist.decide.compliance.words import line_of
from assist.decide.kit import Kit
from assist.decide.playbook import Rule
from assist.decide.state import Item, SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import AgentDid, Heard

_ANSWER_S: Final = 30.0
"""Seconds after the question in which an answer is one."""
_BEGUN_S: Final = 1.0
"""An answer may begin this much before the question's last word."""


def look(state: SessionState, rule: Rule, item: Item, stimulus: Stimulus, kit: Kit) -> Change | None:
    """The question asked, or answered. A new question after a refusal asks anew."""
    if isinstance(stimulus, AgentDid):
        ticked = stimulus.action == "rule_ticked" and stimulus.target == rule.id and item.state != "met"
        return Change("met", (), "given", "ticked") if ticked else None
    if not isinstance(stimulus, Heard):
        return None
    if item.state == "missed" and item.evidence and not item.consent:
        return None
    if stimulus.party == "customer":
        return _answer(state, item, stimulus, kit) if item.consent == "asked" else None
    if stimulus.utterance_id in item.evidence or item.consent in ("asked", "given"):
        return None
    heard = line_of(state, rule, stimulus, kit)
    if heard is None:
        return None
    deadline = due_at(rule, state)
    if deadline is not None and heard.t0 > deadline:
        return None
    return Change("due", (heard.utterance_id,), "asked", heard.utterance_id)


def _answer(state: SessionState, item: Item, heard: Heard, kit: Kit) -> Change | None:
    asked = state.line(item.evidence[-1]) if item.evidence else None
    if not heard.final or asked is None or not asked.t1 - _BEGUN_S <= heard.t0 <= asked.t1 + _ANSWER_S:
        return None
    if heard.t1 <= asked.t1:
        return None  # said into the question, not to it; a line that is delivered again must not become its answer
    said = answers(kit.playbook.language).read(settled_text(heard))
    return None if said is None else Change("met", (item.evidence[-1], heard.utterance_id), said, heard.utterance_id)
