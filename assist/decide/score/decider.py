"""The call's score: made once the summary stands, again when the summary, the checklist or a dispute changes it.

A dispute is the agent's (``AgentDid`` ``score_disputed``); a team lead answers it. Upheld, the item's points are given;
rejected, they stay as they are (:mod:`assist.quality`).
"""

from assist import quality
from assist.decide.kit import Decision, Kit
from assist.decide.score.measures import take
from assist.decide.state import SessionState, Stimulus, Tick
from assist.events import CallScored, ScoreItem, SummaryDrafted


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """The score when it is due or has changed."""
    summary = state.summary
    if summary is None or state.answered_at is None or state.ended_at is None:
        return []
    known = state.score
    if known is not None and isinstance(stimulus, Tick):
        return []
    scored = score(state, summary, stimulus.at, kit)
    if known is not None and (known.items, known.score, known.failed) == (scored.items, scored.score, scored.failed):
        return []
    return [(scored, f"score.{scored.revision}")]


def score(state: SessionState, summary: SummaryDrafted, at: float, kit: Kit) -> CallScored:
    """The call by the kit's card. Critical items that failed hold the score at the card's cap."""
    card = kit.card
    disputed = quality.standing((*state.agent_did, *state.lead_did))
    items: list[ScoreItem] = []
    for item in card.item:
        found = take(item, state, kit)
        points = round(item.points * found.share, 2) if found.share is not None else None
        one = ScoreItem(
            item_id=item.id,
            label=item.label,
            group=card.label_of(item.group),
            critical=item.critical,
            points=points,
            of=item.points,
            why=found.why,
            evidence=found.evidence,
        )
        dispute = disputed.get(item.id)
        if dispute is not None and dispute.state == "upheld":
            one = quality.upheld(one, dispute, kit.playbook.language)
        items.append(one)
    return CallScored(
        call_id=state.call_id,
        at=at,
        revision=(state.score.revision if state.score is not None else 0) + 1,
        card=card.name,
        score=quality.total(items, card.cap),
        items=tuple(items),
        failed=quality.failed(items),
        cap=card.cap,
    )
