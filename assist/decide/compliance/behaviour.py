"""How people talk: silence that nobody announced, and an agent who talks into the customer's words.

Both are measured on the media clock, from when words were spoken, not from when they were recognised.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from assist.decide.compliance.common import LEAST_CONFIDENCE, Change
from assist.decide.kit import Kit
from assist.decide.playbook import Rule
from assist.decide.state import Item, SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import Heard

WARN_SHARE: Final = 0.6
"""Share of the allowed silence after which the item is due: the agent can still say something."""
_ANNOUNCED_S: Final = 15.0
"""An announcement excuses a silence that begins within this many seconds of it."""
_HEARD_LATE_S: Final = 1.2
"""Words that were spoken may take this long to be heard of: silence is judged that much later."""
_LOOK_BACK: Final = 8
_BREATH_S: Final = 0.8
"""A pause inside an utterance that is no speech."""
_AT_ONCE_S: Final = 0.3
"""Who begins this little after the other does not interrupt: both began at once."""


def look(state: SessionState, rule: Rule, item: Item, stimulus: Stimulus, kit: Kit) -> Change | None:
    """What the event, or the time that has passed, does to a silence or talk-over rule."""
    if item.state in ("met", "missed") or not state.live or rule.most_s is None:
        return None
    if rule.kind == "talk_over":
        return _talked_over(state, rule.most_s, stimulus) if isinstance(stimulus, Heard) else None
    return _silent(state, rule, rule.most_s, item, stimulus, kit)


def quiet_since(state: SessionState) -> float:
    """When somebody last spoke, or the call was last taken off hold, or answered."""
    partials = [heard.t1 for heard in (state.open_customer, state.open_agent) if heard is not None]
    return max(state.talk.until, state.answered_at or 0.0, state.resumed_at or 0.0, *partials)


def _silent(state: SessionState, rule: Rule, most_s: float, item: Item, stimulus: Stimulus, kit: Kit) -> Change | None:
    if stimulus.at < item.at:
        return None  # an event that came again says nothing of now
    since = quiet_since(state)
    quiet = 0.0 if state.held_since is not None else stimulus.at - since
    # The same silence may warn before a hold and be forgiven by it: each has a name of its own, or it is stored once.
    mark = f"{(state.held_since or since) - (state.answered_at or 0.0):.1f}"
    if quiet < most_s * WARN_SHARE or _announced(state, rule, since, kit):
        return Change("pending", mark=mark) if item.state == "due" else None
    if quiet >= most_s + _HEARD_LATE_S:
        last = max(state.lines[-_LOOK_BACK:], key=lambda line: line.t1, default=None)
        return Change("missed", (last.utterance_id,) if last is not None else (), mark=mark)
    return Change("due", mark=mark) if item.state == "pending" else None


def _announced(state: SessionState, rule: Rule, since: float, kit: Kit) -> bool:
    if not (rule.phrases or rule.examples):
        return False
    return any(
        line.party == rule.speaker
        and line.t1 >= since - _ANNOUNCED_S
        and kit.spotted(rule.spot, settled_text(line), whole=line.final) >= LEAST_CONFIDENCE
        for line in state.lines[-_LOOK_BACK:]
    )


def _talked_over(state: SessionState, most_s: float, heard: Heard) -> Change | None:
    mine = heard if heard.party == "agent" else None
    agents = [mine] if mine is not None else [line for line in _recent(state) if line.party == "agent"]
    customers = [heard] if mine is None else [line for line in _recent(state) if line.party == "customer"]
    for agent in agents:
        for customer in customers:
            if agent.t0 > customer.t0 + _AT_ONCE_S and _overlap(agent, customer) > most_s:
                return Change("missed", (customer.utterance_id, agent.utterance_id))
    return None


def _recent(state: SessionState) -> Iterator[Heard]:
    yield from state.lines[-_LOOK_BACK:]
    yield from (line for line in (state.open_customer, state.open_agent) if line is not None)


def _overlap(one: Heard, other: Heard) -> float:
    """Seconds in which both speak."""
    return sum(
        max(0.0, min(end, other_end) - max(start, other_start))
        for start, end in _speech(one)
        for other_start, other_end in _speech(other)
    )


def _speech(heard: Heard) -> list[tuple[float, float]]:
    """When words were spoken; the whole utterance where the recogniser told no times."""
    if not heard.words:
        return [(heard.t0, heard.t1)]
    spans = [[heard.words[0].t0, heard.words[0].t1]]
    for before, word in pairwise(heard.words):
        if word.t0 - before.t1 > _BREATH_S:
            spans.append([word.t0, word.t1])
        else:
            spans[-1][1] = max(spans[-1][1], word.t1)
    return [(start, end) for start, end in spans]
