"""Cards: at most one on the screen, few in a call, each resting on something that was said.

The decider looks at the state, not at the one event: a trigger spoken while another card was up, or within the
cool-down, still counts while it is fresh. What offers a card is in ``triggers``.
"""

from collections.abc import Iterator
from typing import Final

from assist.decide.cards import articles
from assist.decide.cards.triggers import Candidate, fresh_since, holds, said, trigger
from assist.decide.kit import Decision, Kit
from assist.decide.priors import QUIET_BELOW
from assist.decide.state import Offer, SessionState, Stimulus
from assist.events import AgentDid, CardOffered, CardWithdrawn, Heard, WithdrawalReason

_ALREADY_SAID_S: Final = 30.0
_REPLACE_MARGIN: Final = 20
"""A card this much more important may replace the one on the screen and does not wait for the cool-down."""
_READ_S: Final = 8.0
"""A card that has been up so long has been read (25 words at reading pace are six seconds): what is said after it may
take its place, for the talk has gone on."""
_URGENT: Final = 90
_URGENT_S: Final = 20.0
"""A card of this priority is kept longer against those that matter so much less."""
_ABOUT: Final = 20.0
"""What a card that the line is about gains over another that the same line speaks for; one that matters more by as much
comes first all the same."""
_SHORT_COOLDOWN: Final = 0.5
_REPLACE_AFTER_S: Final = 3.0
_SURE: Final = 0.95
"""Confidence that a card needs which agents hardly ever found useful."""
_PRIOR_WEIGHT: Final = 20.0
"""What a card that always helped gains in priority over one that never did."""


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """Withdraw the card on the screen if its time is over; offer the best one if there is room."""
    decisions: list[Decision] = []
    now = _now(state, stimulus)
    shown = state.card
    if shown is not None:
        reason = _why_withdraw(state, shown, stimulus, now, kit)
        if reason is not None:
            return [_withdraw(state, shown, reason, now)]
    if not state.live or state.held_since is not None or len(state.offers) >= kit.playbook.cards_per_call:
        return []
    best = max(_candidates(state, stimulus, now, kit), key=lambda found: _rank(found, kit), default=None)
    if best is None:
        return []
    if shown is not None:
        if not _may_replace(state, shown, best, now):
            return []
        decisions.append(_withdraw(state, shown, "replaced", now))
    elif _cooling(state, best, now, kit):
        return []
    number = len(state.offers) + 1
    offer = CardOffered(
        call_id=state.call_id,
        at=now,
        offer_id=f"{state.call_id}-{number}",
        card_id=best.card.id,
        title=best.card.title,
        say=best.card.say,
        priority=best.card.priority,
        confidence=round(best.confidence, 3),
        evidence=best.evidence,
        source=articles.source(state, best.card),
    )
    return [*decisions, (offer, f"offer.{number}")]


def _now(state: SessionState, stimulus: Stimulus) -> float:
    """The latest time known of: a final that comes late must not turn the clock back and make old words fresh."""
    offers = [max(offer.at, offer.closed_at) for offer in state.offers[-1:]]
    return max(stimulus.at, *offers, state.metrics.at if state.metrics is not None else stimulus.at)


def _may_replace(state: SessionState, shown: Offer, best: Candidate, now: float) -> bool:
    if best.card.priority >= shown.priority + _REPLACE_MARGIN:
        return now - shown.at >= _REPLACE_AFTER_S
    line = state.line(best.evidence[-1]) if best.evidence else None
    if line is None or now - shown.at < _READ_S:
        return False
    minor = best.card.priority <= shown.priority - _REPLACE_MARGIN
    if best.worded:
        # Said as it is written, be it in the same breath: it has its turn.
        return not (minor and shown.priority >= _URGENT and now - shown.at < _URGENT_S)
    return line.t0 >= shown.at and not minor


def _rank(found: Candidate, kit: Kit) -> tuple[float, float]:
    prior = kit.priors.get(found.card.id)
    helped = _PRIOR_WEIGHT * (prior.useful - 0.5) if prior else 0.0
    return found.card.priority + helped + _ABOUT * found.share, found.confidence


def _withdraw(state: SessionState, offer: Offer, reason: WithdrawalReason, now: float) -> Decision:
    event = CardWithdrawn(call_id=state.call_id, at=now, offer_id=offer.offer_id, reason=reason)
    return event, f"withdrawn.{offer.offer_id}"


def _cooling(state: SessionState, best: Candidate, now: float, kit: Kit) -> bool:
    if not state.offers:
        return False
    last = state.offers[-1]
    if last.closed == "no_longer_true" or best.card.priority >= last.priority + _REPLACE_MARGIN:
        return False
    # Put into use, the last card helped and the next may come soon; ignored or refused, it asks for peace.
    share = _SHORT_COOLDOWN if last.closed in ("taken", "said") else 1.0
    return now - last.closed_at < kit.playbook.cooldown_s * share


def _why_withdraw(
    state: SessionState, offer: Offer, stimulus: Stimulus, now: float, kit: Kit
) -> WithdrawalReason | None:
    for action in reversed(state.agent_did):
        if action.target == offer.offer_id:
            reason = _by_agent(action)
            if reason is not None:
                return reason
    if not state.live:
        return "call_ended"
    passage = articles.behind(state, offer.card_id)
    card = articles.as_card(passage, kit) if passage is not None else kit.playbook.card(offer.card_id)
    if card is not None and said(state, card, offer.at - 1.0, kit):
        return "said"
    if card is None or now - offer.at >= card.ttl_s:
        return "expired"
    taken_back = isinstance(stimulus, Heard) and stimulus.final and not stimulus.text.strip()
    if taken_back and isinstance(stimulus, Heard) and stimulus.utterance_id in offer.evidence:
        return "no_longer_true"
    return None if holds(state, card, offer, stimulus, kit) else "no_longer_true"


def _by_agent(action: AgentDid) -> WithdrawalReason | None:
    if action.action == "card_taken":
        return "taken"
    return "dismissed" if action.action in ("card_dismissed", "card_not_useful") else None


def _candidates(state: SessionState, stimulus: Stimulus, now: float, kit: Kit) -> Iterator[Candidate]:
    likely: dict[str, float] | None = None
    for card in kit.playbook.cards:
        offered = [offer for offer in state.offers if offer.card_id == card.id]
        if len(offered) >= card.max_per_call or any(offer.closed in ("dismissed", "said") for offer in offered):
            continue
        if offered and now - offered[-1].closed_at < card.cooldown_s:
            continue
        if card.when.likely is not None and likely is None:
            likely = dict(kit.next_cards.likely(state)) if kit.next_cards is not None and _whole(stimulus) else {}
        found = trigger(state, card, now, kit, likely or {})
        if found is None or found.confidence < _floor(found, kit):
            continue
        if any(offer.evidence == found.evidence for offer in offered):
            continue
        if said(state, card, now - _ALREADY_SAID_S, kit):
            continue
        yield found
    for card, passage in articles.waiting(state, fresh_since(state, now, kit), kit):
        shown = any(offer.card_id == card.id for offer in state.offers)
        if not shown and not said(state, card, now - _ALREADY_SAID_S, kit):
            yield Candidate(card, passage.confidence, (passage.utterance_id,))


def _whole(stimulus: Stimulus) -> bool:
    return isinstance(stimulus, Heard) and stimulus.final


def _floor(found: Candidate, kit: Kit) -> float:
    prior = kit.priors.get(found.card.id)
    least = 0.0 if found.enough else found.card.min_confidence
    return max(least, _SURE) if prior is not None and prior.useful < QUIET_BELOW else least
