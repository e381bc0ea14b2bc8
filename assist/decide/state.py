"""The session as a fold over its events.

Two kinds of event, two kinds of field. **Inputs** (the call, the words, the people) fold into what was observed;
**outputs** (everything a decider made) fold into what was decided. Neither fold reads the other's fields, so it does
not matter how inputs and outputs interleave: a live session, which folds an output at once, and a session recovered
from the broker, where the same output is stored a little later, reach the same state.

Folding the same event twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeAlias, get_args

from assist.events import (
    AgentDid,
    AlertCleared,
    AlertRaised,
    ArticleFound,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    CallScored,
    CallStarted,
    CallTransferred,
    CardOffered,
    CardWithdrawn,
    CaseSaved,
    ComplianceChanged,
    ConsentState,
    Event,
    FactHeard,
    HandOverDrafted,
    Heard,
    Input,
    Language,
    LeadDid,
    MetricsChanged,
    MomentHeard,
    Party,
    PlaybookChosen,
    RuleState,
    SensitiveChanged,
    SentimentChanged,
    SummaryDrafted,
    Tag,
    TagsChanged,
    TranscriptSettled,
)

LOW_TREND: Final = -0.5
"""A mood trend below this for long calls for the team lead."""
_OVERLAP_LOOKBACK: Final = 12


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has come to ``at`` (seconds UTC) and nothing else happened."""

    at: float


Stimulus: TypeAlias = Event | Tick


@dataclass(frozen=True, slots=True)
class Offer:
    """A card that was offered; ``closed`` says why it is gone, None while it is on the screen."""

    offer_id: str
    card_id: str
    at: float
    priority: int
    evidence: tuple[str, ...]
    closed: str | None = None
    closed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist as last announced."""

    state: RuleState
    at: float
    evidence: tuple[str, ...]
    consent: ConsentState = ""
    due_at: float | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """A moment that has come: when first and last, and the lines in which it did, the newest last."""

    first_at: float
    last_at: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that was raised; ``open`` until it is cleared."""

    alert_id: str
    kind: str
    open: bool
    at: float


@dataclass(frozen=True, slots=True)
class Talk:
    """Running sums in seconds. ``spoken`` is time in which anybody spoke, ``until`` the end of the last speech."""

    customer: float = 0.0
    agent: float = 0.0
    overlap: float = 0.0
    spoken: float = 0.0
    until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """One call. Times are seconds UTC; None where it has not happened."""

    call_id: str
    # Observed: written by inputs only.
    started: bool = False
    language: Language = "es"
    queue: str = ""
    agent_id: str = ""
    customer: str = ""
    """Number or user part of the other end, as the gateway told it."""
    started_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ended_reason: str = ""
    settled: bool = False
    transferred_to: str = ""
    held_since: float | None = None
    resumed_at: float | None = None
    hold_s: float = 0.0
    lines: tuple[Heard, ...] = ()
    open_customer: Heard | None = None
    open_agent: Heard | None = None
    talk: Talk = Talk()
    agent_did: tuple[AgentDid, ...] = ()
    lead_did: tuple[LeadDid, ...] = ()
    articles: tuple[ArticleFound, ...] = ()
    last_input_seq: int = 0
    # Decided: written by outputs only.
    offers: tuple[Offer, ...] = ()
    checklist: Mapping[str, Item] = field(default_factory=lambda: MappingProxyType({}))
    moments: Mapping[str, Happened] = field(default_factory=lambda: MappingProxyType({}))
    sensitive: SensitiveChanged | None = None
    playbook: PlaybookChosen | None = None
    sentiment: SentimentChanged | None = None
    low_since: float | None = None
    facts: Mapping[str, FactHeard] = field(default_factory=lambda: MappingProxyType({}))
    tags: tuple[Tag, ...] = ()
    metrics: MetricsChanged | None = None
    summary: SummaryDrafted | None = None
    handed_over: float | None = None
    score: CallScored | None = None
    alerts: tuple[Alert, ...] = ()
    case_id: str = ""

    @property
    def live(self) -> bool:
        """Two people are talking (or one is on hold)."""
        return self.answered_at is not None and self.ended_at is None

    @property
    def card(self) -> Offer | None:
        """The card on the screen."""
        last = self.offers[-1] if self.offers else None
        return last if last is not None and last.closed is None else None

    def open_line(self, party: Party) -> Heard | None:
        """The utterance ``party`` is in the middle of, as far as recognised."""
        return self.open_customer if party == "customer" else self.open_agent

    def line(self, utterance_id: str) -> Heard | None:
        """The final with this id."""
        return next((line for line in reversed(self.lines) if line.utterance_id == utterance_id), None)

    def in_order(self) -> list[Heard]:
        """The finals by the time they were begun."""
        return sorted(self.lines, key=lambda line: (line.t0, line.t1))


def fold(state: SessionState, event: Event) -> SessionState:
    """The state after ``event``."""
    if isinstance(event, _INPUTS):
        if event.seq:
            if event.seq <= state.last_input_seq:
                return state
            state = replace(state, last_input_seq=event.seq)
        return _observe(state, event)
    return _remember(state, event)


_KEPT_MOMENTS: Final = 64
_KEPT_ARTICLES: Final = 16
"""More than a call may have cards, and than may be news at once."""
_INPUTS: Final[tuple[type[Event], ...]] = get_args(Input)


def _observe(state: SessionState, event: Event) -> SessionState:
    match event:
        case Heard():
            return _hear(state, event)
        case CallStarted():
            return replace(
                state,
                started=True,
                language=state.language if event.language == "auto" else event.language,
                queue=event.queue,
                agent_id=event.agent_id,
                customer=event.caller if event.direction == "inbound" else event.callee,
                started_at=event.at,
            )
        case CallRinging():
            return replace(state, agent_id=event.agent_id or state.agent_id)
        case CallAnswered():
            if state.answered_at is not None:
                return state
            return replace(state, answered_at=event.at, agent_id=event.agent_id or state.agent_id)
        case CallHeld():
            return state if state.held_since is not None else replace(state, held_since=event.at)
        case CallResumed():
            return _resume(state, event.at)
        case CallTransferred():
            # To a colleague the case goes along; anywhere else it ends with whoever had it.
            if event.agent_id:
                return replace(state, agent_id=event.agent_id)
            return replace(state, transferred_to=event.target)
        case CallEnded():
            if state.ended_at is not None:
                return state
            state = replace(_resume(state, event.at), ended_at=event.at, ended_reason=event.reason)
            # A session that missed the answer (broker away) learns from the end that there was one.
            if event.answered and state.answered_at is None:
                began = min((line.t0 for line in state.lines), default=event.at)
                state = replace(state, answered_at=began)
            return state
        case TranscriptSettled():
            return replace(state, settled=True, open_customer=None, open_agent=None)
        case AgentDid():
            return state if event in state.agent_did else replace(state, agent_did=(*state.agent_did, event))
        case ArticleFound():
            others = [found for found in state.articles if found.utterance_id != event.utterance_id]
            return replace(state, articles=(*others, event)[-_KEPT_ARTICLES:])
        case LeadDid():
            return state if event in state.lead_did else replace(state, lead_did=(*state.lead_did, event))
        case _:
            return state


def _resume(state: SessionState, at: float) -> SessionState:
    if state.held_since is None:
        return state
    return replace(state, held_since=None, resumed_at=at, hold_s=state.hold_s + max(0.0, at - state.held_since))


def _hear(state: SessionState, heard: Heard) -> SessionState:
    known = state.line(heard.utterance_id)
    if not heard.final:
        if known is not None or state.settled:
            return state  # a partial that was overtaken by its own final
        return _with_open(state, heard.party, heard)
    now_open = state.open_line(heard.party)
    if now_open is not None and now_open.utterance_id == heard.utterance_id:
        state = _with_open(state, heard.party, None)
    if known is not None:
        # Recognised again after a transcriber died: the newer text counts, its seconds are counted already.
        kept = tuple(heard if line is known else line for line in state.lines)
        if not heard.text.strip():
            kept = tuple(line for line in state.lines if line is not known)
        return replace(state, lines=kept)
    if not heard.text.strip():
        return state
    return replace(state, lines=(*state.lines, heard), talk=_talk(state, heard))


def _with_open(state: SessionState, party: Party, heard: Heard | None) -> SessionState:
    if party == "customer":
        return replace(state, open_customer=heard)
    return replace(state, open_agent=heard)


def _talk(state: SessionState, heard: Heard) -> Talk:
    talk = state.talk
    length = max(0.0, heard.t1 - heard.t0)
    covered = 0.0
    for other in state.lines[-_OVERLAP_LOOKBACK:]:
        covered += max(0.0, min(heard.t1, other.t1) - max(heard.t0, other.t0)) if other.party != heard.party else 0.0
    covered = min(covered, length)
    return Talk(
        customer=talk.customer + (length if heard.party == "customer" else 0.0),
        agent=talk.agent + (length if heard.party == "agent" else 0.0),
        overlap=talk.overlap + covered,
        spoken=talk.spoken + length - covered,
        until=max(talk.until, heard.t1),
    )


def _remember(state: SessionState, event: Event) -> SessionState:
    match event:
        case SentimentChanged():
            low = (state.low_since or event.at) if event.trend < LOW_TREND else None
            return replace(state, sentiment=event, low_since=low)
        case FactHeard():
            fact = state.facts.get(event.fact_id)
            if fact is not None and fact.at > event.at:
                return state
            return replace(state, facts=MappingProxyType({**state.facts, event.fact_id: event}))
        case CardOffered():
            if any(offer.offer_id == event.offer_id for offer in state.offers):
                return state
            offer = Offer(event.offer_id, event.card_id, event.at, event.priority, event.evidence)
            return replace(state, offers=(*state.offers, offer))
        case CardWithdrawn():
            return replace(
                state,
                offers=tuple(
                    replace(offer, closed=event.reason, closed_at=event.at)
                    if offer.offer_id == event.offer_id and offer.closed is None
                    else offer
                    for offer in state.offers
                ),
            )
        case ComplianceChanged():
            item = Item(event.state, event.at, event.evidence, event.consent, event.due_at)
            return replace(state, checklist=MappingProxyType({**state.checklist, event.rule_id: item}))
        case MomentHeard():
            return _happen(state, event)
        case SensitiveChanged():
            return replace(state, sensitive=event)
        case PlaybookChosen():
            return replace(state, playbook=event)
        case TagsChanged():
            return replace(state, tags=event.tags)
        case MetricsChanged():
            return replace(state, metrics=event)
        case SummaryDrafted():
            known = state.summary
            return state if known is not None and known.revision >= event.revision else replace(state, summary=event)
        case HandOverDrafted():
            # One that came from another call is not of this one.
            own = event.from_call in ("", event.call_id)
            return replace(state, handed_over=event.at) if own else state
        case CallScored():
            scored = state.score
            return state if scored is not None and scored.revision >= event.revision else replace(state, score=event)
        case AlertRaised():
            alert = Alert(event.alert_id, event.kind, True, event.at)
            others = tuple(old for old in state.alerts if old.alert_id != event.alert_id)
            known_open = any(old.alert_id == event.alert_id for old in state.alerts)
            return state if known_open else replace(state, alerts=(*others, alert))
        case AlertCleared():
            return replace(
                state,
                alerts=tuple(
                    replace(old, open=False) if old.alert_id == event.alert_id else old for old in state.alerts
                ),
            )
        case CaseSaved():
            return replace(state, case_id=event.case_id)
        case _:
            return state


def _happen(state: SessionState, event: MomentHeard) -> SessionState:
    known = state.moments.get(event.moment_id)
    if known is None:
        seen = Happened(event.at, event.at, event.evidence)
    elif set(event.evidence) <= set(known.evidence):
        return state
    else:
        lines = tuple(dict.fromkeys((*known.evidence, *event.evidence)))[-_KEPT_MOMENTS:]
        seen = Happened(min(known.first_at, event.at), max(known.last_at, event.at), lines)
    return replace(state, moments=MappingProxyType({**state.moments, event.moment_id: seen}))


def revisit(state: SessionState, history: list[Event]) -> SessionState:
    """The state after a whole stored history."""
    for event in history:
        state = fold(state, event)
    return state
