"""Moments of the playbook: what rules and cards may wait for without its being a duty."""

from assist.decide.kit import Decision, Kit
from assist.decide.playbook import Moment
from assist.decide.state import SessionState, Stimulus
from assist.decide.text import settled_text
from assist.events import Heard, MomentHeard

_FLOOR = 0.8


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The moments that come with a line; each line counts once for each moment."""
    if not isinstance(stimulus, Heard) or not kit.playbook.moments:
        return []
    uid = stimulus.utterance_id
    decisions: list[Decision] = []
    for moment in kit.playbook.moments:
        known = state.moments.get(moment.id)
        if moment.speaker not in ("any", stimulus.party) or (known is not None and uid in known.evidence):
            continue
        confidence = _confidence(moment, state, stimulus, kit)
        if confidence >= _FLOOR:
            event = MomentHeard(
                call_id=state.call_id,
                at=stimulus.t1,
                moment_id=moment.id,
                party=stimulus.party,
                confidence=round(confidence, 3),
                evidence=(uid,),
            )
            decisions.append((event, f"{moment.id}.{uid}"))
    return decisions


def _confidence(moment: Moment, state: SessionState, heard: Heard, kit: Kit) -> float:
    found = kit.spotted(moment.spot, settled_text(heard), whole=heard.final)
    if found or not moment.facts or not heard.final:
        return found
    told = any(
        fact.kind in moment.facts and fact.text and heard.utterance_id in fact.evidence and fact.party == heard.party
        for fact in state.facts.values()
    )
    return 1.0 if told else 0.0
