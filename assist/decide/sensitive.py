"""When payment data is about to be told: a sign at its beginning and one at its end, so that recording can pause.

It begins when a phrase asks for it or announces it, or when a card's digits are read out, and on a partial already,
for the digits come next; or when the agent says so on the screen. It ends with a phrase of the agent or on the agent's
word, some time after the last sign of it, or with the call.
"""

import re
from typing import Final

from assist.decide.kit import Decision, Kit
from assist.decide.playbook import Sensitive
from assist.decide.state import SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import AgentDid, Heard, SensitiveChanged

_FLOOR: Final = 0.85
AGENT: Final = "agent"
"""The reason given when the agent asked for it."""
_AGENT_TIMEOUT_S: Final = 180.0
"""Who paused and forgot is heard again after this time."""
_READ_OUT: Final = "card_number"
"""The reason given when nobody announced the digits."""
_CARD_DIGITS: Final = 12
"""Digits in one utterance, or in one party's last two, that can only be a card's."""
_SOME_DIGITS: Final = 3
"""Digits in a line that show that it is still going on."""
_DIGIT: Final = re.compile(r"\d")


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """At most one of begin and end."""
    opened = state.sensitive if state.sensitive is not None and state.sensitive.state == "begin" else None
    if isinstance(stimulus, AgentDid):
        return _asked(state, stimulus, opened)
    if opened is None:
        if not state.live or not isinstance(stimulus, Heard):
            return []
        reason = _begins(state, stimulus, kit)
        if reason is None or _ended_with(state, stimulus):
            return []
        return [_change(state, "begin", reason, (stimulus.utterance_id,), stimulus.at)]
    if state.ended_at is not None:
        return [_change(state, "end", opened.reason, (), max(stimulus.at, opened.at))]
    topic = next((one for one in kit.sensitive if one.id == opened.reason), None)
    if isinstance(stimulus, Heard):
        over = stimulus.party == "agent" and stimulus.utterance_id not in opened.evidence
        if topic is not None and over and kit.index.best(topic.ends, settled_text(stimulus)) >= _FLOOR:
            return [_change(state, "end", opened.reason, (stimulus.utterance_id,), stimulus.at)]
        return []
    timeout = topic.timeout_s if topic is not None else Sensitive.model_fields["timeout_s"].default
    timeout = _AGENT_TIMEOUT_S if opened.reason == AGENT else timeout
    if stimulus.at - _last_sign(state, opened, kit) >= timeout:
        return [_change(state, "end", opened.reason, (), stimulus.at)]
    return []


def _asked(state: SessionState, did: AgentDid, opened: SensitiveChanged | None) -> list[Decision]:
    """The agent's own word counts at once, and more than any sign."""
    name = f"agent.{did.seq}"
    if did.action == "listening_paused" and opened is None and state.live:
        event = SensitiveChanged(call_id=state.call_id, at=did.at, state="begin", reason=AGENT, evidence=())
        return [(event, f"begin.{name}")]
    if did.action == "listening_resumed" and opened is not None:
        event = SensitiveChanged(call_id=state.call_id, at=did.at, state="end", reason=opened.reason, evidence=())
        return [(event, f"end.{name}")]
    return []


def _begins(state: SessionState, heard: Heard, kit: Kit) -> str | None:
    text = settled_text(heard)
    for topic in kit.sensitive:
        if topic.speaker in ("any", heard.party) and kit.spotted(topic.spot, text, whole=heard.final) >= _FLOOR:
            return topic.id
    digits = _digits(text, kit)
    if digits >= _SOME_DIGITS:
        before = [line for line in state.lines[-6:] if line.party == heard.party and line is not heard]
        before = [line for line in before if line.utterance_id != heard.utterance_id and line.t1 >= heard.t0 - 8.0]
        digits += _digits(settled_text(before[-1]), kit) if before else 0
    return _READ_OUT if digits > _CARD_DIGITS else None


def _digits(text: str, kit: Kit) -> int:
    """How many digits a line reads out, spoken or written; sums of money and dates do not count."""
    if not text:
        return 0
    _, entities = kit.numbers(text)
    return sum(len(_DIGIT.findall(entity.value)) for entity in entities if entity.kind in ("digits", "number"))


def _ended_with(state: SessionState, heard: Heard) -> bool:
    """The line that ended it, coming again as a final or redelivered, does not begin it anew; nor an old line."""
    last = state.sensitive
    return last is not None and (heard.utterance_id in last.evidence or heard.t1 <= last.at)


def _last_sign(state: SessionState, opened: SensitiveChanged, kit: Kit) -> float:
    signs = [opened.at]
    for line in state.lines[-8:]:
        if line.t1 > opened.at and (
            _digits(settled_text(line), kit) >= _SOME_DIGITS
            or any(kit.spotted(topic.spot, settled_text(line), whole=True) >= _FLOOR for topic in kit.sensitive)
        ):
            signs.append(line.t1)
    return max(signs)


def _change(state: SessionState, to: str, reason: str, evidence: tuple[str, ...], at: float) -> Decision:
    event = SensitiveChanged(
        call_id=state.call_id, at=at, state="begin" if to == "begin" else "end", reason=reason, evidence=evidence
    )
    began = state.sensitive.evidence if to == "end" and state.sensitive is not None else evidence
    when = f"{state.sensitive.at:.3f}" if state.sensitive is not None and not began else ""  # the agent named no line
    return event, f"{to}.{'+'.join(began)}{when}"
