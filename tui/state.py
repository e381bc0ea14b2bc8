"""What a screen knows of one call: a pure fold over its events.

>>> state = CallState("c1")
>>> for event in events:
...     state = fold(state, event)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from assist import quality
from assist.corrections import place_of
from assist.events import (
    CARD_ACTIONS,
    AgentDid,
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
    CasePosted,
    CasePostFailed,
    CaseSaved,
    ComplianceChanged,
    Degraded,
    EarsChanged,
    EarsState,
    Event,
    FactHeard,
    HandOverDrafted,
    Heard,
    LeadDid,
    MetricsChanged,
    Party,
    RuleState,
    SensitiveChanged,
    SentimentChanged,
    SummaryDrafted,
    Tag,
    TagsChanged,
)

Phase: TypeAlias = Literal["ringing", "talking", "held", "wrap_up", "unanswered"]


@dataclass(frozen=True, slots=True)
class Line:
    """One final utterance; times in seconds UTC."""

    party: Party
    utterance_id: str
    text: str
    t0: float
    t1: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One item of the checklist; ``due_at`` in seconds UTC."""

    rule_id: str
    label: str
    state: RuleState
    due_at: float | None
    forbidden: bool = False

    @property
    def open(self) -> bool:
        """Whether the agent can still meet it."""
        return self.state in ("pending", "due") and not self.forbidden

    def remaining(self, now: float) -> int | None:
        """Whole seconds left at ``now``; None without a time window or when it no longer matters."""
        if not self.open or self.due_at is None:
            return None
        return max(0, round(self.due_at - now))


@dataclass(frozen=True, slots=True)
class CallState:
    """One call as a screen shows it; all times in seconds UTC."""

    call_id: str
    phase: Phase = "ringing"
    caller: str = ""
    queue: str = ""
    agent_id: str = ""
    language: str = ""
    started_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    transferred_to: str = ""
    lines: tuple[Line, ...] = ()
    open: Mapping[Party, Heard] = field(default_factory=dict)
    closed: Mapping[Party, tuple[str, float]] = field(default_factory=dict)
    """Per party the last final utterance's id and end: a partial that comes later than its final is old news."""
    rules: tuple[Rule, ...] = ()
    card: CardOffered | None = None
    sentiment: Mapping[Party, SentimentChanged] = field(default_factory=dict)
    facts: Mapping[str, FactHeard] = field(default_factory=dict)
    """What was told, by fact id, the latest last."""
    tags: tuple[Tag, ...] = ()
    metrics: MetricsChanged | None = None
    summary: SummaryDrafted | None = None
    score: CallScored | None = None
    acts: tuple[AgentDid | LeadDid, ...] = ()
    """What people did about the score."""
    handed_over: HandOverDrafted | None = None
    """The call as it stood when somebody last asked for it or it was transferred."""
    received: HandOverDrafted | None = None
    """What the agent before handed over."""
    unheard: bool = False
    """Payment data is told: nobody listens but the two people."""
    accepted: bool = False
    notes: tuple[str, ...] = ()
    case_id: str = ""
    postings: Mapping[str, CasePosted | CasePostFailed] = field(default_factory=dict)
    degraded: Mapping[str, Degraded] = field(default_factory=dict)
    leads: Mapping[str, EarsState] = field(default_factory=dict)
    """Team leads at the call, and what they do there."""

    @property
    def speaking(self) -> tuple[str, EarsState] | None:
        """The lead whom the agent hears, or who has taken the call over."""
        heard = ("whispering", "barging", "taken_over")
        return next(((lead, state) for lead, state in self.leads.items() if state in heard), None)

    @property
    def live(self) -> bool:
        """Whether the two people are still connected or about to be."""
        return self.phase in ("ringing", "talking", "held")

    @property
    def disputes(self) -> dict[str, quality.Dispute]:
        """By item of the score the dispute that counts."""
        return quality.standing(self.acts)

    def elapsed(self, now: float) -> float:
        """Seconds of ringing, of the conversation, or of the wrap-up."""
        since = {"ringing": self.started_at, "talking": self.answered_at, "held": self.answered_at}
        return max(0.0, now - (since.get(self.phase, self.ended_at) or now))


def fold_all(call_id: str, events: Iterable[Event]) -> CallState:
    """The state after ``events``."""
    state = CallState(call_id)
    for event in events:
        state = fold(state, event)
    return state


def fold(state: CallState, event: Event) -> CallState:
    """The state after one more event."""
    match event:
        case Heard():
            return _heard(state, event)
        case SentimentChanged():
            return replace(state, sentiment={**state.sentiment, event.party: event})
        case FactHeard():
            others = {fact_id: fact for fact_id, fact in state.facts.items() if fact_id != event.fact_id}
            return replace(state, facts={**others, event.fact_id: event} if event.text else others)
        case CardOffered():
            return replace(state, card=event)
        case CardWithdrawn():
            return _without_card(state, event.offer_id)
        case ComplianceChanged():
            return replace(state, rules=_with_rule(state.rules, event))
        case TagsChanged():
            return replace(state, tags=event.tags)
        case MetricsChanged():
            return replace(state, metrics=event)
        case SummaryDrafted():
            older = state.summary is not None and state.summary.revision > event.revision
            return state if older else replace(state, summary=event)
        case CallScored():
            return replace(state, score=event)
        case HandOverDrafted():
            return replace(state, received=event) if event.from_call else replace(state, handed_over=event)
        case SensitiveChanged():
            return replace(state, unheard=event.state == "begin")
        case CaseSaved():
            return replace(state, case_id=event.case_id)
        case CasePosted() | CasePostFailed():
            return replace(state, postings={**state.postings, event.target: event})
        case Degraded():
            return replace(state, degraded=with_degraded(state.degraded, event))
        case AgentDid() | LeadDid() if event.action in quality.ACTIONS:
            return state if event in state.acts else replace(state, acts=(*state.acts, event))
        case AgentDid():
            return _agent_did(state, event)
        case _:
            return _telephony(state, event)


def with_degraded(known: Mapping[str, Degraded], event: Degraded) -> dict[str, Degraded]:
    """``known`` parts in trouble after ``event``."""
    others = {name: value for name, value in known.items() if name != event.component}
    return others if event.level == "ok" else {**others, event.component: event}


def _telephony(state: CallState, event: Event) -> CallState:
    match event:
        case CallStarted():
            return replace(
                state,
                caller=event.caller if event.direction == "inbound" else event.callee,
                queue=event.queue,
                agent_id=event.agent_id,
                language=event.language,
                started_at=event.at,
            )
        case CallRinging():
            return replace(state, agent_id=event.agent_id or state.agent_id)
        case CallAnswered():
            agent_id = event.agent_id or state.agent_id
            return replace(state, phase="talking", answered_at=event.at, agent_id=agent_id)
        case CallHeld():
            return replace(state, phase="held") if state.phase == "talking" else state
        case CallResumed():
            return replace(state, phase="talking") if state.phase == "held" else state
        case CallTransferred():
            if event.agent_id:
                return replace(state, agent_id=event.agent_id)
            return replace(state, transferred_to=event.target)
        case CallEnded():
            phase: Phase = "wrap_up" if event.answered else "unanswered"
            return replace(state, phase=phase, ended_at=event.at, open={}, card=None)
        case EarsChanged():
            return _leads(state, event)
        case _:
            return state


def _leads(state: CallState, event: EarsChanged) -> CallState:
    others = {lead: does for lead, does in state.leads.items() if lead != event.lead_id}
    if event.state == "refused" and state.leads.get(event.lead_id) != "calling":
        return state
    gone = event.state in ("left", "refused")
    return replace(state, leads=others if gone else {**others, event.lead_id: event.state})


def _heard(state: CallState, event: Heard) -> CallState:
    party = event.party
    if not event.final:
        last_id, last_end = state.closed.get(party, ("", 0.0))
        if not event.text or event.utterance_id == last_id or event.t1 <= last_end or state.ended_at is not None:
            return state
        return replace(state, open={**state.open, party: event})
    still_open = {
        who: heard
        for who, heard in state.open.items()
        # A newer utterance may be open already; its partials travel faster than a final.
        if who != party or (heard.utterance_id != event.utterance_id and heard.t0 >= event.t1)
    }
    state = replace(state, open=still_open, closed={**state.closed, party: (event.utterance_id, event.t1)})
    if not event.text:
        return state
    line = Line(party, event.utterance_id, event.text, event.t0, event.t1)
    return replace(state, lines=_with_line(state.lines, line))


def _with_line(lines: tuple[Line, ...], line: Line) -> tuple[Line, ...]:
    """``lines`` in the order in which people began to speak; an utterance heard again replaces itself."""
    rest = tuple(other for other in lines if (other.party, other.utterance_id) != (line.party, line.utterance_id))
    index = len(rest)
    while index and rest[index - 1].t0 > line.t0:
        index -= 1
    return (*rest[:index], line, *rest[index:])


def _with_rule(rules: tuple[Rule, ...], event: ComplianceChanged) -> tuple[Rule, ...]:
    rule = Rule(event.rule_id, event.label, event.state, event.due_at, event.kind in ("forbidden", "behaviour"))
    if all(other.rule_id != rule.rule_id for other in rules):
        return (*rules, rule)
    return tuple(rule if other.rule_id == rule.rule_id else other for other in rules)


def _without_card(state: CallState, offer_id: str) -> CallState:
    if state.card is None or state.card.offer_id != offer_id:
        return state
    return replace(state, card=None)


def _agent_did(state: CallState, event: AgentDid) -> CallState:
    if event.action in CARD_ACTIONS:
        return _without_card(state, event.target)
    if event.action == "note":
        return replace(state, notes=(*state.notes, event.text))
    if event.action == "summary_accepted":
        return replace(state, accepted=True)
    if event.action == "summary_edited" and state.summary is not None:
        return replace(state, summary=edited(state.summary, event.target, event.text))
    return state


def edited(summary: SummaryDrafted, target: str, text: str) -> SummaryDrafted:
    """The summary with one item (see :mod:`assist.corrections`) or the ``disposition`` replaced.

    Empty text removes an item. The session does the same and drafts anew; this shows the correction in the moment
    between.
    """
    text = text.strip()
    if target == "disposition":
        return replace(summary, disposition=text or summary.disposition)
    at = place_of(summary.items, target)
    if at is None:
        return summary
    new = (replace(summary.items[at], text=text),) if text else ()
    return replace(summary, items=(*summary.items[:at], *new, *summary.items[at + 1 :]))
