"""What offers a card: words and their meaning, moments, numbers, tags, the checklist, the mood, silence, the clock,
and the model of next actions. Each finding comes with a confidence and the lines it rests on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from rapidfuzz import fuzz

from assist.decide.cards.articles import PREFIX, told_in
from assist.decide.compliance.behaviour import quiet_since
from assist.decide.kit import Kit
from assist.decide.playbook import Card
from assist.decide.state import Offer, SessionState, Stimulus
from assist.decide.text import normalise, settled_text, words_in
from assist.events import Heard, Party

_FRESH_S: Final = 12.0
"""A trigger older than this is history."""
_WAITS_S: Final = 25.0
"""But for one that came while another card was up: it waits so long."""
_OPENING: Final = 2
"""A customer's lines, of at least so many words, in which they say what they call for."""
_TELLING_WORDS: Final = 4
_LATER_WORDS: Final = 8
"""Later in the call shorter lines answer the agent ("no, nobody's in tomorrow") and are matched by phrases alone."""
_SAID_SIMILARITY: Final = 72.0
_SAID_LEAST_WORDS: Final = 4
_LOOKBACK_LINES: Final = 12
_UNSURE: Final = 0.5
"""Recognition confidence below this lowers a match's confidence."""
_BETTER: Final = 0.2
"""The mood must rise this far above a card's line before the card goes."""
_LASTING: Final = ("pending", "due")
"""States of a rule that go on until something changes; the others are news for a moment."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A card that something speaks for."""

    card: Card
    confidence: float
    evidence: tuple[str, ...]
    enough: bool = False
    """A threshold of its own was reached; the card's ``min_confidence``, which is for words, does not count."""
    share: float = 0.0
    """How much of a customer's line it is about the card, among all cards and neutral talk; 0 where nothing tells."""
    worded: bool = False
    """One of its phrases was said as it is written."""


def trigger(state: SessionState, card: Card, now: float, kit: Kit, likely: Mapping[str, float]) -> Candidate | None:
    """What speaks for ``card`` at ``now``; ``likely`` are the next-action model's probabilities by card id."""
    since = fresh_since(state, now, kit)
    words = _words(state, card, since, kit)
    if words is not None:
        return words
    found = _heard_of(state, card, since) or _situation(state, card, now)
    if found is None and card.when.likely is not None and likely.get(card.id, 0.0) >= card.when.likely:
        found = Candidate(card, likely[card.id], _last(state), enough=True)
    return found


def matches(line: Heard, card: Card, kit: Kit, *, opening: bool) -> bool:
    """Whether a line by itself offers ``card``; ``opening``: it is one of those in which the customer says what they
    call for."""
    return _match(line, card, kit, lambda: opening) >= card.min_confidence


def _opens(state: SessionState, line: Heard) -> bool:
    """Whether ``line`` is one of the customer's first that tell anything."""
    telling = 0
    for one in state.lines:
        if one.utterance_id == line.utterance_id:
            break
        telling += one.party == "customer" and words_in(one.text) >= _TELLING_WORDS
        if telling >= _OPENING:
            return False
    return True


def holds(state: SessionState, card: Card, offer: Offer, stimulus: Stimulus, kit: Kit) -> bool:
    """Whether what offered the card still is so: what was said stays said, a state may pass."""
    when = card.when
    if card.id.startswith(PREFIX):
        return True
    if _undone(state, card, offer, kit):
        return False
    lasting = bool(when.rules) or when.sentiment_below is not None or when.silence_s is not None
    events = (when.moments, when.facts, when.tags, when.emotion, when.after_s, when.likely)
    only_words = not lasting and not any(events)
    if only_words and isinstance(stimulus, Heard) and stimulus.final and stimulus.utterance_id in offer.evidence:
        # The words of a partial came out differently in the end.
        return matches(stimulus, card, kit, opening=_opens(state, stimulus))
    spoken = when.customer or when.agent or when.customer_examples or when.agent_examples
    if spoken or not lasting or any(value not in (None, ()) for value in events):
        return True
    mood = state.sentiment
    return (
        any(rule in state.checklist and state.checklist[rule].state == wanted for rule, wanted in when.rules.items())
        or (when.sentiment_below is not None and mood is not None and mood.trend < when.sentiment_below + _BETTER)
        or (when.silence_s is not None and state.talk.until <= offer.at)
    )


def _undone(state: SessionState, card: Card, offer: Offer, kit: Kit) -> bool:
    """Whether the customer has since said what keeps the card away."""
    if not card.unless:
        return False
    lines = _recent(state, "customer", offer.at)
    return any(line.utterance_id not in offer.evidence and kit.index.best(card.unless, settled_text(line))
               for line in lines)  # fmt: skip


def said(state: SessionState, card: Card, since: float, kit: Kit) -> bool:
    """Whether the agent has said it since then."""
    return any(said_in(settled_text(line), card, kit) for line in _recent(state, "agent", since))


def said_in(text: str, card: Card, kit: Kit) -> bool:
    """Whether an agent's line says it: one of its phrases, or nearly its own words; of an article, a sentence."""
    if card.id.startswith(PREFIX):
        return told_in(text, card.say)
    if kit.index.best(card.said, text) >= card.min_confidence:
        return True
    wanted, spoken = normalise(card.say), normalise(text)
    return (
        len(spoken.split()) >= _SAID_LEAST_WORDS
        and len(spoken) >= len(wanted) * 0.6
        and fuzz.token_sort_ratio(wanted, spoken, score_cutoff=_SAID_SIMILARITY) > 0
    )


def _recent(state: SessionState, party: Party, since: float) -> Iterator[Heard]:
    """The party's finals that ended after ``since`` and its open utterance, newest first."""
    now_open = state.open_line(party)
    if now_open is not None:
        yield now_open
    for line in state.lines[: -_LOOKBACK_LINES - 1 : -1]:
        if line.party == party and line.t1 >= since:
            yield line


def fresh_since(state: SessionState, now: float, kit: Kit) -> float:
    """Since when a trigger is news. What was said while a card was up, or in the peace after it, has been waiting."""
    since = now - _FRESH_S
    if not state.offers:
        return since
    last = state.offers[-1]
    free = now if last.closed is None else min(now, last.closed_at + kit.playbook.cooldown_s)
    return since if now - free > _FRESH_S else max(now - _WAITS_S, min(since, last.at))


def _words(state: SessionState, card: Card, since: float, kit: Kit) -> Candidate | None:
    when = card.when
    for party, listens in (
        ("customer", when.customer or when.customer_examples),
        ("agent", when.agent or when.agent_examples),
    ):
        if not listens:
            continue
        for line in _recent(state, "customer" if party == "customer" else "agent", since):
            heard = min(1.0, 0.5 + line.confidence) if line.confidence < _UNSURE else 1.0
            confidence = _match(line, card, kit, partial(_opens, state, line)) * heard
            if confidence >= card.min_confidence:
                worded = kit.worded(kit.card_spots[card.id, line.party], settled_text(line)) == 1.0
                share = _share(line, card, kit)
                return Candidate(card, confidence, (line.utterance_id,), share=share, worded=worded)
    return None


def _share(line: Heard, card: Card, kit: Kit) -> float:
    """What `Candidate.share` says of a whole line of the customer's."""
    if kit.contest is None or not line.final or line.party != "customer":
        return 0.0
    return kit.contest.shares(settled_text(line)).get(card.id, 0.0)


def _match(line: Heard, card: Card, kit: Kit, opening: Callable[[], bool]) -> float:
    if card.language not in (None, line.language):
        return 0.0
    spot, text = kit.card_spots[card.id, line.party], settled_text(line)
    words = kit.worded(spot, text)
    if words is None:
        return 0.0
    if words >= 1.0 or not line.final or not spot.examples:
        return words
    near = kit.resembled(spot, text)
    if line.party != "customer" or kit.contest is None:
        return max(words, near)
    # By meaning a card competes with the others: near to its examples is not enough where another's are nearer.
    if near <= words:
        return words
    opens = opening()
    if not opens and words_in(text) < _LATER_WORDS:
        return words
    return near if kit.contest.agrees(card.id, text, near, opening=opens) else words


def _heard_of(state: SessionState, card: Card, since: float) -> Candidate | None:
    """Moments, numbers and tags that have just come."""
    when = card.when
    for name in when.moments:
        moment = state.moments.get(name)
        if moment is not None and moment.last_at >= since:
            return Candidate(card, 1.0, moment.evidence[-1:])
    if when.facts:
        for fact in state.facts.values():
            if fact.party == "customer" and fact.kind in when.facts and fact.text and fact.at >= since:
                return Candidate(card, 1.0, fact.evidence[-1:])
    if when.tags:
        for tag in state.tags:
            line = state.line(tag.evidence[-1]) if tag.value in when.tags and tag.evidence else None
            if line is not None and line.t1 >= since:
                return Candidate(card, tag.confidence, (line.utterance_id,))
    return None


def _situation(state: SessionState, card: Card, now: float) -> Candidate | None:
    """Triggers that are no words: the checklist, the mood, silence, the clock."""
    when = card.when
    for name, wanted in when.rules.items():
        item = state.checklist.get(name)
        if item is not None and item.state == wanted and (wanted in _LASTING or item.at >= now - _FRESH_S):
            return Candidate(card, 1.0, item.evidence[-1:] or _last(state))
    mood = state.sentiment
    if mood is not None and mood.evidence:
        low = when.sentiment_below is not None and mood.trend < when.sentiment_below
        # A mood model that tells emotions says so in a field of its own.
        if low or (when.emotion and getattr(mood, "emotion", "") in when.emotion):
            felt = state.line(mood.evidence[-1])
            if felt is not None and felt.t1 >= now - _FRESH_S:
                return Candidate(card, 1.0, (felt.utterance_id,))
    if when.silence_s is not None and state.answered_at is not None and now - quiet_since(state) >= when.silence_s:
        return Candidate(card, 1.0, _last(state))
    if when.after_s is not None and state.answered_at is not None and now - state.answered_at >= when.after_s:
        return Candidate(card, 1.0, _last(state))
    return None


def _last(state: SessionState) -> tuple[str, ...]:
    return (state.lines[-1].utterance_id,) if state.lines else ()
