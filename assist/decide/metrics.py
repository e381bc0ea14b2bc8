"""Running figures of the conversation: who talks how much, silence, overlap, hold."""

from typing import Final

from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus
from assist.events import CallEnded, MetricsChanged, TranscriptSettled

_EVERY_S: Final = 5.0


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """At most every five seconds while the call is up, once at its end and once when the transcript is settled."""
    if state.answered_at is None:
        return []
    last = state.metrics
    if isinstance(stimulus, CallEnded | TranscriptSettled):
        if state.ended_at is None:
            return []
        figures = measure(state, state.ended_at)
        return [(figures, "end" if isinstance(stimulus, CallEnded) else "settled")]
    if state.ended_at is not None or stimulus.at - (last.at if last is not None else state.answered_at) < _EVERY_S:
        return []
    return [(measure(state, stimulus.at), f"{stimulus.at - state.answered_at:.0f}")]


def measure(state: SessionState, now: float) -> MetricsChanged:
    """The figures at ``now``; silence is time since the answer in which nobody spoke and nobody was on hold."""
    answered = state.answered_at if state.answered_at is not None else now
    hold = state.hold_s + (max(0.0, now - state.held_since) if state.held_since is not None else 0.0)
    talk = state.talk
    return MetricsChanged(
        call_id=state.call_id,
        at=now,
        customer_talk=round(talk.customer, 2),
        agent_talk=round(talk.agent, 2),
        silence=round(max(0.0, now - answered - hold - talk.spoken), 2),
        overlap=round(talk.overlap, 2),
        hold=round(hold, 2),
    )
