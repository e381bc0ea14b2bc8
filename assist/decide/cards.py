"""Cards: at most one on the screen, few in a call, each resting on something that was said.

The decider looks at the state, not at the one event: a trigger spoken while another card was up, or within the
cool-down, still counts while it is fresh.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from assist.decide.kit import Decision, Kit
from assist.decide.playbook import Card
from assist.decide.state import Offer, SessionState, Stimulus
from assist.decide.text import normalise, settled_text
from assist.events import AgentDid, CardOffered, CardWithdrawn, Heard, Party, WithdrawalReason

_FRESH_S: Final = 12.0
"""A trigger older than this is history."""
_ALREADY_SAID_S: Final = 30.0
_SAID_SIMILARITY: Final = 72.0
_SAID_LEAST_WORDS: Final = 4
_REPLACE_MARGIN: Final = 20
"""A card this much more important may replace the one on the screen and does not wait for the cool-down."""
_SHORT_COOLDOWN: Final = 0.5
_REPLACE_AFTER_S: Final = 3.0
_LOOKBACK_LINES: Final = 12
_UNSURE: Final = 0.5
"""Recognition confidence below this lowers a match's confidence."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    card: Card
    confidence: float
    evidence: tuple[str, ...]


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
    best = max(_candidates(state, now, kit), key=lambda found: (found.card.priority, found.confidence), default=None)
    if best is None:
        return []
    if shown is not None:
        urgent = best.card.priority >= shown.priority + _REPLACE_MARGIN and now - shown.at >= _REPLACE_AFTER_S
        if not urgent:
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
    )
    return [*decisions, (offer, f"offer.{number}")]


def _now(state: SessionState, stimulus: Stimulus) -> float:
    """The latest time known of: a final that comes late must not turn the clock back and make old words fresh."""
    offers = [max(offer.at, offer.closed_at) for offer in state.offers[-1:]]
    return max(stimulus.at, *offers, state.metrics.at if state.metrics is not None else stimulus.at)


def _withdraw(state: SessionState, offer: Offer, reason: WithdrawalReason, now: float) -> Decision:
    event = CardWithdrawn(call_id=state.call_id, at=now, offer_id=offer.offer_id, reason=reason)
    return event, f"withdrawn.{offer.offer_id}"


def _cooling(state: SessionState, best: _Candidate, now: float, kit: Kit) -> bool:
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
    card = kit.playbook.card(offer.card_id)
    if card is not None and _said(state, card, offer.at - 1.0, kit):
        return "said"
    if card is None or now - offer.at >= card.ttl_s:
        return "expired"
    if isinstance(stimulus, Heard) and stimulus.final and not stimulus.text.strip():
        return "no_longer_true" if stimulus.utterance_id in offer.evidence else None
    return None


def _by_agent(action: AgentDid) -> WithdrawalReason | None:
    if action.action == "card_taken":
        return "taken"
    return "dismissed" if action.action in ("card_dismissed", "card_not_useful") else None


def _recent(state: SessionState, party: Party, since: float) -> Iterator[Heard]:
    """The party's finals that ended after ``since`` and its open utterance, newest first."""
    now_open = state.open_line(party)
    if now_open is not None:
        yield now_open
    for line in state.lines[: -_LOOKBACK_LINES - 1 : -1]:
        if line.party == party and line.t1 >= since:
            yield line


def _said(state: SessionState, card: Card, since: float, kit: Kit) -> bool:
    wanted = normalise(card.say)
    for line in _recent(state, "agent", since):
        text = settled_text(line)
        if kit.index.best(card.said, text) >= card.min_confidence:
            return True
        spoken = normalise(text)
        if (
            len(spoken.split()) >= _SAID_LEAST_WORDS
            and len(spoken) >= len(wanted) * 0.6
            and fuzz.token_sort_ratio(wanted, spoken, score_cutoff=_SAID_SIMILARITY)
        ):
            return True
    return False


def _candidates(state: SessionState, now: float, kit: Kit) -> Iterator[_Candidate]:
    for card in kit.playbook.cards:
        offered = [offer for offer in state.offers if offer.card_id == card.id]
        if len(offered) >= card.max_per_call or any(offer.closed in ("dismissed", "said") for offer in offered):
            continue
        found = _trigger(state, card, now, kit)
        if found is None or found.confidence < card.min_confidence:
            continue
        if any(offer.evidence == found.evidence for offer in offered):
            continue
        if _said(state, card, now - _ALREADY_SAID_S, kit):
            continue
        yield found


def _trigger(state: SessionState, card: Card, now: float, kit: Kit) -> _Candidate | None:
    speakers: tuple[tuple[Party, tuple[str, ...]], ...] = (
        ("customer", card.when.customer),
        ("agent", card.when.agent),
    )
    for party, phrases in speakers:
        if not phrases:
            continue
        for line in _recent(state, party, now - _FRESH_S):
            confidence = kit.found(phrases, card.unless, settled_text(line))
            if confidence:
                heard = min(1.0, 0.5 + line.confidence) if line.confidence < _UNSURE else 1.0
                return _Candidate(card, confidence * heard, (line.utterance_id,))
    return _situation(state, card, now)


def _situation(state: SessionState, card: Card, now: float) -> _Candidate | None:
    """Triggers that are no words: the mood, silence, the clock."""
    when = card.when
    last = (state.lines[-1].utterance_id,) if state.lines else ()
    mood = state.sentiment
    if when.sentiment_below is not None and mood is not None and mood.trend < when.sentiment_below:
        felt = state.line(mood.evidence[-1])
        if felt is not None and felt.t1 >= now - _FRESH_S:
            return _Candidate(card, 1.0, (felt.utterance_id,))
    if when.silence_s is not None and state.answered_at is not None:
        partials = [heard.t1 for heard in (state.open_customer, state.open_agent) if heard is not None]
        quiet_since = max(state.talk.until, state.answered_at, *partials)
        if now - quiet_since >= when.silence_s:
            return _Candidate(card, 1.0, last)
    if when.after_s is not None and state.answered_at is not None and now - state.answered_at >= when.after_s:
        return _Candidate(card, 1.0, last)
    return None
