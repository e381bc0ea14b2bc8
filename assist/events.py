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
Emotion: TypeAlias = Literal["frustration_anger", "worry_sadness", "joy_relief", "neutral"]
MoodTurn: TypeAlias = Literal["none", "better", "worse"]
EndReason: TypeAlias = Literal[
    "customer_hangup", "agent_hangup", "ended", "cancelled", "rejected", "failed", "lost", "transfer_failed"
]
"""``ended``: who bridges the call says it is over, not who hung up. ``transfer_failed``: neither the target of a
transfer nor the agent who wanted it took the customer."""
RuleState: TypeAlias = Literal["pending", "due", "met", "missed", "forbidden_said"]
WithdrawalReason: TypeAlias = Literal[
    "taken", "dismissed", "replaced", "expired", "no_longer_true", "said", "call_ended"
]
RuleKind: TypeAlias = Literal["required", "forbidden", "consent", "behaviour"]
ConsentState: TypeAlias = Literal["", "asked", "given", "refused"]
SummarySlot: TypeAlias = Literal["reason", "done", "promise", "amount", "reference", "outcome", "next_step", "mood"]
Outcome: TypeAlias = Literal["resolved", "follow_up", "unresolved", "transferred"]
DegradedLevel: TypeAlias = Literal["down", "late", "reduced", "stalled", "ok"]
TextChangeKind: TypeAlias = Literal[
    "name", "number", "digits", "money", "percent", "date", "time", "code", "email", "case", "punctuation"
]
FactKind: TypeAlias = Literal["number", "phone", "order", "money", "date", "code", "email"]
AgentAction: TypeAlias = Literal[
    "card_taken",
    "card_dismissed",
    "card_not_useful",
    "rule_ticked",
    "summary_edited",
    "summary_accepted",
    "score_disputed",
    "listening_paused",
    "listening_resumed",
    "hand_over",
    "note",
]
LeadMode: TypeAlias = Literal["listen", "whisper", "barge", "take_over"]
EarsState: TypeAlias = Literal["calling", "listening", "whispering", "barging", "taken_over", "left", "refused"]
EarsReason: TypeAlias = Literal[
    "",
    "asked",
    "hung_up",
    "call_ended",
    "not_allowed",
    "speaking",
    "taken_over",
    "wait",
    "not_there",
    "not_answered",
    "listen_only",
    "no_booth",
    "phone_busy",
    "phone_declined",
    "phone_silent",
    "phone_unreachable",
    "lost",
]
"""Why a lead left or was refused (docs/ears.md)."""
SurveyKind: TypeAlias = Literal["csat", "nps", "ces"]
SurveyOutcome: TypeAlias = Literal["completed", "unanswered", "hung_up", "broken_off"]

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
    """A trunk INVITE was accepted for routing. ``caller`` and ``callee`` are the numbers or user parts.

    The customer is the caller of an inbound call and the callee of an outbound one. ``agent_id`` may be empty.
    """

    trunk: str
    caller: str
    callee: str
    queue: str
    agent_id: str
    language: CallLanguage
    direction: Literal["inbound", "outbound"] = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRinging(CallEvent):
    """Who is called hears it ring. ``agent_id`` is the agent, where it is no longer whom CallStarted named."""

    agent_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(CallEvent):
    """Both legs are up; the conversation's clock starts here. ``agent_id`` as in CallRinging."""

    agent_id: str = ""


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
    """The customer was handed to ``target`` (a SIP URI).

    ``agent_id`` has the call from here on, where the target is one of our agents; else it is empty. ``by_agent`` handed
    it over (empty where nobody can tell).
    """

    target: str
    agent_id: str = ""
    by_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(CallEvent):
    """The call is over. ``sip_code`` is the status that ended it, 200 after a normal BYE."""

    reason: EndReason
    sip_code: int
    answered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuality:
    """How well ``party`` is heard: what came of its voice over the network.

    ``lost`` packets never came, ``discarded`` ones came too late or too early to be played; ``loss`` is both, percent
    of what was sent. ``jitter_ms`` as of RFC 3550; ``round_trip_ms`` and the ``reported…`` figures (what the party's
    phone said in RTCP of what we sent) are None where it sends no reports. ``mos`` is 1..4.5 by the E-model (ITU-T
    G.107, simplified: gateway/quality/emodel.py), None without packets.
    """

    party: Party
    codec: str
    packets: int
    lost: int
    discarded: int
    loss: float
    jitter_ms: float
    round_trip_ms: float | None
    mos: float | None
    reported_loss: float | None
    reported_jitter_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasured(CallEvent):
    """The legs' quality since the last measurement; the ``final`` one, before ``CallEnded``, is of the whole call."""

    legs: tuple[LegQuality, ...]
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EarsChanged(CallEvent):
    """What a team lead hears and says in the call from now on; ``LeadDid`` is what the lead asked for.

    ``refused``: it could not be, for ``reason``, and stays as it was. ``by`` is the lead who is in the way.
    """

    lead_id: str
    state: EarsState
    reason: EarsReason = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswered(CallEvent):
    """After the call: the customer keyed ``score``, between ``low`` and ``high``, to a question of the survey."""

    question_id: str
    kind: SurveyKind
    low: int
    high: int
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyEnded(CallEvent):
    """The survey is over. ``unanswered``: the customer was there but keyed nothing; ``broken_off``: by us."""

    outcome: SurveyOutcome
    asked: int
    answered: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFound(CallEvent):
    """The company's articles were searched for a customer's final, and a passage is likely to answer it.

    Searching reads files and models, so it is done beside the deciders; what it found is an input, so that a session
    that is played again decides the same. ``text`` are sentences of the article as they stand, one after
    another, with "…" where some are left out; ``file`` and ``line`` say where, ``confidence`` is the probability 0..1
    that they answer.
    """

    utterance_id: str
    title: str
    heading: str
    file: str
    line: int
    text: str
    language: Language
    confidence: float


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


WORD_LIST: Final = "lexicon-baseline"
"""The ``model`` of a mood that was judged by a list of words, for want of a trained model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentChanged(CallEvent):
    """``score`` is this turn's mood in -1..1, ``trend`` the smoothed mood of the call, ``evidence`` utterance ids.

    ``probabilities`` are this turn's of negative, neutral and positive; ``intensity``, ``urgency`` and ``effort`` (how
    much trouble the matter has been) are this turn's too, 0..1, and count from 0.5 on. ``turn`` says that the mood of
    the call turned here. ``model`` names what judged: a word list where the model could not be opened.
    """

    party: Party
    mood: Mood
    score: float
    trend: float
    evidence: tuple[str, ...]
    probabilities: tuple[float, ...] = ()
    emotion: Emotion = "neutral"
    intensity: float = 0.0
    urgency: float = 0.0
    effort: float = 0.0
    turn: MoodTurn = "none"
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOffered(CallEvent):
    """One suggestion on the agent's screen. ``offer_id`` names this offer, ``card_id`` the playbook's card.

    Of a quoted article ``card_id`` is ``article:<file>:<line>`` and ``source`` where it stands, for people to read;
    else ``source`` is empty.
    """

    offer_id: str
    card_id: str
    title: str
    say: str
    priority: int
    confidence: float
    evidence: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWithdrawn(CallEvent):
    """The offer is no longer on the screen."""

    offer_id: str
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceChanged(CallEvent):
    """One checklist item changed. ``due_at`` is seconds UTC, None without a time window.

    A ``forbidden`` item is pending as long as it has not been said, and met when the call has ended without it; so is
    a ``behaviour`` (silence, talking over the customer), which is missed when it was not kept. A ``consent`` is due
    once it was asked for and met when it was answered; ``consent`` tells what the customer said.
    """

    rule_id: str
    label: str
    state: RuleState
    due_at: float | None
    evidence: tuple[str, ...]
    kind: RuleKind = "required"
    consent: ConsentState = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentHeard(CallEvent):
    """A moment of the playbook has come: ``party`` said what it listens for, or told such a number."""

    moment_id: str
    party: Party
    confidence: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitiveChanged(CallEvent):
    """Payment data begins or ends to be told: between the two the gateway lets nothing of it through.

    ``reason`` is the playbook's name for it (``card_number``, ``security_code``), ``agent`` when the agent asked for
    it; no digit is ever in this event.
    """

    state: Literal["begin", "end"]
    reason: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookChosen(CallEvent):
    """The playbook that serves the call; ``version`` is the fingerprint of its text."""

    name: str
    version: str
    language: Language


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
    """One sentence of the summary and the utterances it rests on.

    For machines: ``party`` is who did or owes it (empty where that is nobody's), ``value`` the sum (``349.00 pesos``)
    or the reference (``774102``), ``due`` the ISO date or minute a promise falls due at, in the call centre's zone.
    """

    slot: SummarySlot
    text: str
    evidence: tuple[str, ...]
    party: Party | Literal[""] = ""
    value: str = ""
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryDrafted(CallEvent):
    """The finished summary; ``revision`` grows with every draft of the call.

    ``outcome`` is how the call ended (empty: nothing tells), ``message`` a draft to the customer made of the items.
    """

    revision: int
    items: tuple[SummaryItem, ...]
    disposition: str
    mood_start: Mood
    mood_end: Mood
    tags: tuple[Tag, ...]
    outcome: Outcome | Literal[""] = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverDrafted(CallEvent):
    """What a colleague has to know who takes the call over: the summary so far. It is no case's summary.

    ``cause`` is who wanted it: somebody asked on a screen, or the call was transferred to ``target`` (a SIP URI).
    ``from_call`` is the transferred call whose hand-over this is, where the call is the next agent's own: this very
    call where the case followed the customer to the next agent.
    """

    cause: Literal["asked", "transferred"]
    items: tuple[SummaryItem, ...]
    mood_start: Mood
    mood_end: Mood
    tags: tuple[Tag, ...]
    target: str = ""
    from_call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreItem:
    """One line of the scorecard. ``points`` of ``of`` were reached; None: the call gave no occasion for it.

    ``evidence`` are the utterances that earned or cost the points; ``why`` says it in a sentence.
    """

    item_id: str
    label: str
    group: str
    critical: bool
    points: float | None
    of: float
    why: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScored(CallEvent):
    """The call's quality by scorecard ``card``, 0..100; None when no item applied.

    ``failed`` are the critical items that were missed, which hold the score at ``cap``. ``revision`` grows with every
    scoring of the call.
    """

    revision: int
    card: str
    score: float | None
    items: tuple[ScoreItem, ...]
    failed: tuple[str, ...] = ()
    cap: float = 0.0


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
    """What the agent did on the screen. ``target`` is an offer id, a rule id, a summary revision or, of a dispute, the
    scorecard's item id (``text`` says why)."""

    agent_id: str
    action: AgentAction
    target: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDid(CallEvent):
    """What a team lead did. Of the answer to a dispute ``target`` is the scorecard's item id, ``text`` the reason."""

    lead_id: str
    action: Literal[
        "listen",
        "whisper",
        "barge",
        "take_over",
        "leave",
        "hand_over",
        "note",
        "alert_cleared",
        "dispute_upheld",
        "dispute_rejected",
    ]
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
    | QualityMeasured
    | EarsChanged
    | SurveyAnswered
    | SurveyEnded
    | Heard
    | TranscriptSettled
    | ArticleFound
    | FactHeard
    | SentimentChanged
    | CardOffered
    | CardWithdrawn
    | ComplianceChanged
    | MomentHeard
    | SensitiveChanged
    | PlaybookChosen
    | TagsChanged
    | MetricsChanged
    | SummaryDrafted
    | HandOverDrafted
    | CallScored
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
    | ArticleFound
    | Degraded
    | AgentDid
    | LeadDid
)
"""What a session listens to; everything else in the union is decided or reported, most of it by the assist core."""
