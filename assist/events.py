"""The spine: every event a call can have, as frozen dataclasses in one closed union.

Each event carries:

- ``call_id``: the call it belongs to (a token of ``[A-Za-z0-9_-]``; empty for an event about the whole system),
- ``at``: seconds UTC; from the media clock where the event has one (``Heard.at`` is the time of its last sample),
- ``seq``: 0 until the broker has stored the event, then its stream sequence. It grows strictly within a call;
  gaps are normal. Partials are never stored and keep 0.

Producers: the gateway (``Call…``), the transcriber (``Heard``), the session (everything decided), the case
store (``Case…``), the hub on behalf of people (``AgentDid``, ``LeadDid``), and any of them ``Degraded``.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Party: TypeAlias = Literal["customer", "agent"]
Language: TypeAlias = Literal["es", "en"]
CallLanguage: TypeAlias = Literal["es", "en", "auto"]
"""What a call's parties are expected to speak; auto: it is found out of each, and may change."""
Mood: TypeAlias = Literal["negative", "neutral", "positive"]
EndReason: TypeAlias = Literal["customer_hangup", "agent_hangup", "cancelled", "rejected", "failed", "lost"]
RuleState: TypeAlias = Literal["pending", "due", "met", "missed", "forbidden_said"]
WithdrawalReason: TypeAlias = Literal[
    "taken", "dismissed", "replaced", "expired", "no_longer_true", "said", "call_ended"
]
SummarySlot: TypeAlias = Literal["reason", "done", "promise", "amount", "reference", "outcome", "next_step", "mood"]
DegradedLevel: TypeAlias = Literal["down", "late", "reduced", "stalled", "ok"]
TextChangeKind: TypeAlias = Literal[
    "name", "number", "digits", "money", "percent", "date", "time", "code", "email", "case", "punctuation"
]
FactKind: TypeAlias = Literal["number", "phone", "order", "money", "date", "code", "email"]
AgentAction: TypeAlias = Literal[
    "card_taken", "card_dismissed", "card_not_useful", "rule_ticked", "summary_edited", "summary_accepted", "note"
]

PARTIES: Final[tuple[Party, ...]] = get_args(Party)
CARD_ACTIONS: Final[tuple[AgentAction, ...]] = ("card_taken", "card_dismissed", "card_not_useful")
"""Actions that answer the card on the screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """What every event has; see the module's docstring."""

    call_id: str
    at: float
    seq: int = 0


# --- telephony -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(CallEvent):
    """A trunk INVITE was accepted for routing. ``caller`` and ``callee`` are the numbers or user parts."""

    trunk: str
    caller: str
    callee: str
    queue: str
    agent_id: str
    language: CallLanguage
    direction: Literal["inbound", "outbound"] = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRinging(CallEvent):
    """The agent's phone rings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """Both legs are up; the conversation's clock starts here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld(CallEvent):
    """``by`` put the other party on hold."""

    by: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResumed(CallEvent):
    """``by`` took the other party off hold."""

    by: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred(CallEvent):
    """The customer was handed to ``target`` (a SIP URI)."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The call is over. ``sip_code`` is the status that ended it, 200 after a normal BYE."""

    reason: EndReason
    sip_code: int
    answered: bool


# --- recognition ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """One word; ``t0`` and ``t1`` in seconds UTC on the media clock."""

    text: str
    t0: float
    t1: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """One place where a final's text is not what was recognised.

    Characters ``start`` to ``end`` of the text stand for the recognised ``spoken``, which is empty where a mark was
    added. ``value`` is the same for a machine (docs/text.md), e.g. ``45102`` or ``--11-05``.
    """

    kind: TextChangeKind
    start: int
    end: int
    spoken: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(CallEvent):
    """What a party said. Partials replace each other; a party has at most one open utterance.

    A partial's text is the recognised words; ``text[:stable_chars]`` of them will not change any more. A final's text
    is written for people (numerals, names, marks): ``spoken`` holds the recognised words where they differ, for which
    the promise of ``stable_chars`` was made, and ``changes`` each difference, in order. ``words`` are as recognised.
    ``t0``/``t1`` are seconds UTC of the speech's start and end. A final with empty text takes back a partial that
    turned out to be no speech.
    """

    party: Party
    utterance_id: str
    text: str
    stable_chars: int
    final: bool
    t0: float
    t1: float
    language: Language
    confidence: float
    words: tuple[HeardWord, ...] = ()
    spoken: str = ""
    changes: tuple[TextChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSettled(CallEvent):
    """After the call's end: every word of it that will ever be heard has been published."""


# --- decisions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FactHeard(CallEvent):
    """A number, sum, date or address that ``party`` told, put together from all the pieces it was said in.

    A later piece or a correction comes under the same ``fact_id`` and replaces it. ``value`` is for machines
    (docs/text.md), ``text`` for people, ``label`` what it was asked for or called by ("Folio"), ``spoken`` the words.
    A card number is masked but for its last four digits, a long number of unknown meaning wholly; ``spoken`` is then
    empty. An empty ``text`` takes the fact back. ``evidence`` are utterance ids.
    """

    fact_id: str
    party: Party
    kind: FactKind
    label: str
    value: str
    text: str
    spoken: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentChanged(CallEvent):
    """``score`` is this turn's mood in -1..1, ``trend`` the smoothed mood of the call, ``evidence`` utterance ids."""

    party: Party
    mood: Mood
    score: float
    trend: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOffered(CallEvent):
    """One suggestion on the agent's screen. ``offer_id`` names this offer, ``card_id`` the playbook's card."""

    offer_id: str
    card_id: str
    title: str
    say: str
    priority: int
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWithdrawn(CallEvent):
    """The offer is no longer on the screen."""

    offer_id: str
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceChanged(CallEvent):
    """One checklist item changed. ``due_at`` is seconds UTC, None without a time window.

    A ``forbidden`` item is pending as long as it has not been said, and met when the call has ended without it.
    """

    rule_id: str
    label: str
    state: RuleState
    due_at: float | None
    evidence: tuple[str, ...]
    kind: Literal["required", "forbidden"] = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One tag of a contact, e.g. kind ``reason``, value ``double_charge``."""

    kind: str
    value: str
    label: str
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsChanged(CallEvent):
    """The call's tags, all of them."""

    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsChanged(CallEvent):
    """Running figures of the conversation, in seconds."""

    customer_talk: float
    agent_talk: float
    silence: float
    overlap: float
    hold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryItem:
    """One sentence of the summary and the utterances it rests on."""

    slot: SummarySlot
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryDrafted(CallEvent):
    """The finished summary; ``revision`` grows with every draft of the call."""

    revision: int
    items: tuple[SummaryItem, ...]
    disposition: str
    mood_start: Mood
    mood_end: Mood
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSaved(CallEvent):
    """The case history holds the call."""

    case_id: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePosted(CallEvent):
    """``target`` (a helpdesk or CRM) took the case under ``reference``."""

    case_id: str
    target: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePostFailed(CallEvent):
    """``target`` did not take the case; it is tried again when ``retry_at`` is set."""

    case_id: str
    target: str
    detail: str
    retry_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded(CallEvent):
    """A part is in trouble, or ``ok`` again. The call itself goes on.

    ``down``: it does nothing. ``late``: it lags, the recogniser by ``lag_s`` seconds. Only the recogniser is
    ``reduced`` (text at the end of each sentence, no partials) or ``stalled`` (speech gives no text). ``lost_s``:
    seconds of the call's audio that will never be transcribed.
    """

    component: Literal["broker", "recogniser", "assist", "case_store", "gateway"]
    level: DegradedLevel
    detail: str
    lag_s: float = 0.0
    lost_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(CallEvent):
    """Something a team lead should look at."""

    alert_id: str
    kind: str
    severity: Literal["info", "warning", "critical"]
    reason: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCleared(CallEvent):
    """The alert no longer holds."""

    alert_id: str


# --- people (the only upstream types) ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDid(CallEvent):
    """What the agent did on the screen. ``target`` is an offer id, a rule id or a summary revision."""

    agent_id: str
    action: AgentAction
    target: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDid(CallEvent):
    """What a team lead did."""

    lead_id: str
    action: Literal["listen", "whisper", "barge", "take_over", "leave", "note", "alert_cleared"]
    target: str = ""
    text: str = ""


Event: TypeAlias = (
    CallStarted
    | CallRinging
    | CallAnswered
    | CallHeld
    | CallResumed
    | CallTransferred
    | CallEnded
    | Heard
    | TranscriptSettled
    | FactHeard
    | SentimentChanged
    | CardOffered
    | CardWithdrawn
    | ComplianceChanged
    | TagsChanged
    | MetricsChanged
    | SummaryDrafted
    | CaseSaved
    | CasePosted
    | CasePostFailed
    | Degraded
    | AlertRaised
    | AlertCleared
    | AgentDid
    | LeadDid
)

Input: TypeAlias = (
    CallStarted
    | CallRinging
    | CallAnswered
    | CallHeld
    | CallResumed
    | CallTransferred
    | CallEnded
    | Heard
    | TranscriptSettled
    | Degraded
    | AgentDid
    | LeadDid
)
"""What a session listens to; everything else in the union is decided or reported by the assist core."""
