"""What a playbook may say: what a call centre wants said, offered, avoided and counted, as typed objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from assist.decide.phrases import PhraseError, compile_phrase
from assist.events import FactKind, Language, Outcome, RuleState

RuleKind: TypeAlias = Literal["required", "forbidden", "consent", "silence", "talk_over"]

BEHAVIOURS: Final[tuple[RuleKind, ...]] = ("silence", "talk_over")
"""Rules about how people talk, not about what they say."""


def _phrase(value: str) -> str:
    try:
        compile_phrase(value)
    except PhraseError as err:
        raise ValueError(str(err)) from None
    return value


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


PhraseText = Annotated[str, AfterValidator(_phrase)]
Sentence = Annotated[str, Field(min_length=2, max_length=400)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Ref = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.(given|refused|missed))?$")]
"""A rule or a moment; of a rule also ``identity.missed``, of a consent ``offers.given`` and ``offers.refused``."""
Ids = Annotated[tuple[Id, ...], BeforeValidator(_one_or_many)]
Refs = Annotated[tuple[Ref, ...], BeforeValidator(_one_or_many)]


@dataclass(frozen=True, slots=True)
class Spot:
    """One thing to listen for: ``key`` names it within the playbook (``rule.identity``, ``card.refund.customer``).

    ``phrases`` are matched as words, ``examples`` by meaning; ``unless`` and ``not_examples`` undo a match. ``strict``
    where a wrong match accuses somebody. ``party``: whose words they are (agent, customer, any); ``borrow``: whether
    wordings of the bank may serve as further examples.
    """

    key: str
    phrases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    not_examples: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    strict: bool = False
    party: str = "any"
    borrow: bool = True


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Moment(_Part):
    """Something that may happen in the call and is no duty by itself; rules and cards refer to it by its id."""

    id: Id
    speaker: Literal["agent", "customer", "any"] = "agent"
    """Whose words count."""
    phrases: tuple[PhraseText, ...] = ()
    """Any of these words."""
    examples: tuple[Sentence, ...] = ()
    """Sentences as people say them; others of the same meaning count too."""
    not_examples: tuple[Sentence, ...] = ()
    """Sentences that sound alike and do not count."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo the match."""
    borrow: bool = True
    """Whether common wordings of the act that the examples belong to count as examples too."""
    facts: tuple[FactKind, ...] = ()
    """The speaker tells a number of this kind: a sum of money, a date, an order number."""

    @property
    def spot(self) -> Spot:
        """What to listen for."""
        return Spot(
            f"moment.{self.id}",
            self.phrases,
            self.examples,
            self.not_examples,
            self.unless,
            party=self.speaker,
            borrow=self.borrow,
        )


class When(_Part):
    """Any of these offers the card."""

    customer: tuple[PhraseText, ...] = ()
    """Phrases of the customer."""
    agent: tuple[PhraseText, ...] = ()
    """Phrases of the agent."""
    customer_examples: tuple[Sentence, ...] = ()
    """Sentences of the customer; others of the same meaning count too."""
    agent_examples: tuple[Sentence, ...] = ()
    """Sentences of the agent; others of the same meaning count too."""
    moments: Ids = ()
    """One of these moments has just happened."""
    facts: tuple[FactKind, ...] = ()
    """The customer has just told a number of this kind."""
    tags: Ids = ()
    """The call has just got one of these tags."""
    rules: dict[Id, RuleState] = Field(default_factory=dict)
    """A rule is in this state, e.g. ``{identity: due}``; the card goes when it no longer is."""
    emotion: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    """The customer sounds like this, where the mood model tells emotions."""
    sentiment_below: float | None = Field(default=None, ge=-1, le=1)
    """The call's mood trend is below this."""
    silence_s: float | None = Field(default=None, gt=0)
    """Nobody has spoken for this many seconds, hold not counted."""
    after_s: float | None = Field(default=None, gt=0)
    """This many seconds have passed since the answer."""
    likely: float | None = Field(default=None, ge=0, le=1)
    """The model of next actions gives this card at least this probability."""


class Card(_Part):
    """One suggestion."""

    id: Id
    title: str = Field(min_length=1, max_length=60)
    """What the card is about, in a few words."""
    say: str = Field(min_length=1, max_length=400)
    """What the agent may say."""
    language: Language | None = None
    """Only lines heard in this language offer it; default: any."""
    priority: int = Field(default=50, ge=1, le=100)
    """Higher comes first and may replace a card that is much lower."""
    when: When
    """What offers it."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that keep it away."""
    not_examples: tuple[Sentence, ...] = ()
    """Sentences that sound alike and must not offer it."""
    borrow: bool = True
    """Whether common wordings of the act that the examples belong to count as examples too."""
    said: tuple[PhraseText, ...] = ()
    """Phrases of the agent that show it has been said; the text of ``say`` counts by itself."""
    min_confidence: float = Field(default=0.8, ge=0, le=1)
    """Matches less certain than this are ignored."""
    ttl_s: float = Field(default=25, gt=0)
    """Seconds it stays on the screen."""
    max_per_call: int = Field(default=1, ge=1)
    """Times it may be offered in one call."""
    cooldown_s: float = Field(default=60, ge=0)
    """Seconds before the same card may come again, where ``max_per_call`` allows it."""

    def spot(self, party: str) -> Spot:
        """What to listen for in a party's words."""
        phrases, examples = (
            (self.when.customer, self.when.customer_examples)
            if party == "customer"
            else (self.when.agent, self.when.agent_examples)
        )
        return Spot(
            f"card.{self.id}.{party}",
            phrases,
            examples,
            self.not_examples,
            self.unless,
            party=party,
            borrow=self.borrow,
        )


class Rule(_Part):
    """One item of the checklist."""

    id: Id
    label: str = Field(min_length=1, max_length=80)
    """What the screen shows."""
    kind: RuleKind = "required"
    """required: to say; forbidden: never to say; consent: to ask, and the customer's answer counts; silence: nobody
    speaks for ``most_s``; talk_over: the agent speaks into the customer's words for ``most_s``."""
    speaker: Literal["agent", "customer"] = "agent"
    """Whose words count."""
    phrases: tuple[PhraseText, ...] = ()
    """Any of these meets (or breaks) the rule. Of a silence: what announces it, and so excuses it."""
    examples: tuple[Sentence, ...] = ()
    """Sentences as people say them, three to six; others of the same meaning count too."""
    not_examples: tuple[Sentence, ...] = ()
    """Sentences that sound alike and do not count."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo the match."""
    borrow: bool = True
    """Whether common wordings of the act that the examples belong to count as examples too."""
    within_s: float | None = Field(default=None, gt=0)
    """Seconds in which it must be said, from the answer or from ``after``."""
    after: Ref | None = None
    """The rule or moment from which ``within_s`` counts; until it happens nothing is due."""
    before: Ids = ()
    """Rules and moments that may only come after this one."""
    when: Refs = ()
    """Only once one of these rules is met or moments has happened; empty is from the start."""
    when_tags: tuple[Id, ...] = ()
    """Only for calls with one of these tags; empty is every call."""
    most_s: float | None = Field(default=None, gt=0)
    """Seconds of silence, or of talking over the customer, that are still all right."""
    critical: bool = False
    """Missing or breaking it alerts the team lead."""

    @property
    def spot(self) -> Spot:
        """What to listen for."""
        strict = self.kind == "forbidden"
        return Spot(
            f"rule.{self.id}",
            self.phrases,
            self.examples,
            self.not_examples,
            self.unless,
            strict,
            self.speaker,
            self.borrow,
        )


class TagRule(_Part):
    """One tag and the phrases that tell it."""

    kind: Literal["reason", "product", "risk"]
    value: Id
    label: str = Field(min_length=1, max_length=60)
    """What people read."""
    speaker: Literal["customer", "agent", "any"] = "customer"
    """Whose words count."""
    phrases: tuple[PhraseText, ...] = Field(min_length=1)
    """Any of these sets the tag."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo the match."""


class Disposition(_Part):
    """A code the call can end with; the first that fits is suggested."""

    label: str = Field(min_length=1, max_length=80)
    """The code as the helpdesk knows it."""
    tags: tuple[Id, ...] = ()
    """Any of these tags; empty fits every call."""
    outcome: tuple[Outcome, ...] = ()
    """Any of these outcomes; empty fits every outcome."""


class Sensitive(_Part):
    """Payment data that is about to be told: recording and transcript can pause while it is."""

    id: Id
    """The reason that is reported, e.g. ``card_number``."""
    speaker: Literal["agent", "customer", "any"] = "any"
    """Whose words begin it."""
    phrases: tuple[PhraseText, ...] = ()
    """Any of these words begins it."""
    examples: tuple[Sentence, ...] = ()
    """Sentences that begin it; others of the same meaning count too."""
    not_examples: tuple[Sentence, ...] = ()
    """Sentences that sound alike and do not."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo the match."""
    borrow: bool = True
    """Whether common wordings of the act that the examples belong to count as examples too."""
    ends: tuple[PhraseText, ...] = ()
    """Phrases of the agent that end it."""
    timeout_s: float = Field(default=45, gt=0)
    """Seconds after the last sign of it at which it ends by itself."""

    @property
    def spot(self) -> Spot:
        """What to listen for."""
        return Spot(
            f"sensitive.{self.id}",
            self.phrases,
            self.examples,
            self.not_examples,
            self.unless,
            party=self.speaker,
            borrow=self.borrow,
        )


class Line(_Part):
    """One line of a test; exactly one of the two."""

    agent: str | None = None
    """What the agent says."""
    customer: str | None = None
    """What the customer says."""


class Check(_Part):
    """A test that the playbook brings along: what is said, what must come of it and what must not."""

    agent: str | None = None
    """What the agent says."""
    customer: str | None = None
    """What the customer says."""
    lines: tuple[Line, ...] = ()
    """Or several lines in order."""
    wait_s: float = Field(default=0, ge=0, le=3600)
    """Seconds of silence after the last line."""
    fires: tuple[str, ...] = ()
    """Cards, rules, moments and tags that must come of it; ``card.refund`` where a name is used twice."""
    never: tuple[str, ...] = ()
    """Those that must not."""

    def said(self) -> tuple[tuple[Literal["agent", "customer"], str], ...]:
        """Who says what, in order."""
        first: tuple[Line, ...] = (Line(agent=self.agent, customer=self.customer),)
        found: list[tuple[Literal["agent", "customer"], str]] = []
        for line in (*first, *self.lines):
            found += [("agent", line.agent)] if line.agent is not None else []
            found += [("customer", line.customer)] if line.customer is not None else []
        return tuple(found)


class Playbook(_Part):
    """All of it, in one language."""

    name: str
    """Shown in logs and settings."""
    language: Language
    """Language of the calls it serves."""
    cards_per_call: int = Field(default=3, ge=0)
    """Most cards in one call."""
    cooldown_s: float = Field(default=15, ge=0)
    """Seconds between the end of a card and the next."""
    moments: tuple[Moment, ...] = ()
    cards: tuple[Card, ...] = ()
    rules: tuple[Rule, ...] = ()
    sensitive: tuple[Sensitive, ...] | None = None
    """Payment data; default: card number and security code, as they are asked for in the language."""
    tags: tuple[TagRule, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    tests: tuple[Check, ...] = ()
    """What ``apuntador playbook test`` runs."""
    _version: str = PrivateAttr("")

    @property
    def version(self) -> str:
        """Fingerprint of the text it was read from; empty where it was made otherwise."""
        return self._version

    def phrases(self) -> Iterator[str]:
        """Every phrase in it."""
        for spot in self.spots():
            yield from (*spot.phrases, *spot.unless)
        for card in self.cards:
            yield from card.said
        for tag in self.tags:
            yield from (*tag.phrases, *tag.unless)
        for topic in self.sensitive or ():
            yield from topic.ends

    def spots(self) -> Iterator[Spot]:
        """Everything to listen for but tags."""
        for moment in self.moments:
            yield moment.spot
        for rule in self.rules:
            yield rule.spot
        for card in self.cards:
            yield from (card.spot("customer"), card.spot("agent"))
        for topic in self.sensitive or ():
            yield topic.spot

    def card(self, card_id: str) -> Card | None:
        """The card with this id."""
        return next((card for card in self.cards if card.id == card_id), None)

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def moment(self, moment_id: str) -> Moment | None:
        """The moment with this id."""
        return next((moment for moment in self.moments if moment.id == moment_id), None)
