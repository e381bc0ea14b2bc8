"""The hand-over: what the next colleague has to know, when somebody asks for it or the call is transferred."""

from dataclasses import replace

from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus
from assist.decide.summary import following, moods, told
from assist.decide.transcript import Transcript
from assist.events import AgentDid, CallTransferred, HandOverDrafted, LeadDid


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """A hand-over of the call as it stands, once for each time it is asked for or transferred."""
    if state.answered_at is None:
        return []
    if isinstance(stimulus, CallTransferred):
        made = hand_over(state, kit, stimulus.at, target=stimulus.target)
        if stimulus.agent_id:
            made = replace(made, from_call=state.call_id)
    elif isinstance(stimulus, AgentDid | LeadDid) and stimulus.action == "hand_over" and state.live:
        made = hand_over(state, kit, stimulus.at)
    else:
        return []
    if state.handed_over is not None and state.handed_over >= stimulus.at:
        return []
    return [(made, f"handover.{round(stimulus.at * 1000)}")]


def hand_over(state: SessionState, kit: Kit, at: float, *, target: str = "") -> HandOverDrafted:
    """What was told by ``at`` (seconds UTC); ``target`` is the SIP URI of whoever the call is transferred to.

    The call goes on, so there is no outcome; nothing is stored with the case.
    """
    lines = [line for line in state.in_order() if line.t0 <= at]
    transcript = Transcript(lines, kit, state.facts.values())
    items, owed = told(state, transcript)
    start, end, mood = moods(lines, kit)
    return HandOverDrafted(
        call_id=state.call_id,
        at=at,
        cause="transferred" if target else "asked",
        items=(*items, *following(transcript, owed), *mood),
        mood_start=start,
        mood_end=end,
        tags=state.tags,
        target=target,
    )
