"""The playbook: what a call centre wants said, offered, avoided and counted. YAML text in, typed objects out.

Errors name the file, the line and the remedy. Reading the file is :mod:`assist.session.playbooks`' work.
"""

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from assist.decide.phrases import PhraseError, compile_phrase
from assist.errors import ConfigError
from assist.events import Language

Outcome: TypeAlias = Literal["resolved", "follow_up", "unresolved", "transferred"]


def _phrase(value: str) -> str:
    try:
        compile_phrase(value)
    except PhraseError as err:
        raise ValueError(str(err)) from None
    return value


PhraseText = Annotated[str, AfterValidator(_phrase)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class When(_Part):
    """Any of these offers the card."""

    customer: tuple[PhraseText, ...] = ()
    """Phrases of the customer."""
    agent: tuple[PhraseText, ...] = ()
    """Phrases of the agent."""
    sentiment_below: float | None = Field(default=None, ge=-1, le=1)
    """The call's mood trend is below this."""
    silence_s: float | None = Field(default=None, gt=0)
    """Nobody has spoken for this many seconds, hold not counted."""
    after_s: float | None = Field(default=None, gt=0)
    """This many seconds have passed since the answer."""


class Card(_Part):
    """One suggestion."""

    id: Id
    title: str = Field(min_length=1, max_length=60)
    """What the card is about, in a few words."""
    say: str = Field(min_length=1, max_length=400)
    """What the agent may say."""
    priority: int = Field(default=50, ge=1, le=100)
    """Higher comes first and may replace a card that is much lower."""
    when: When
    """What offers it."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that keep it away."""
    said: tuple[PhraseText, ...] = ()
    """Phrases of the agent that show it has been said; the text of ``say`` counts by itself."""
    min_confidence: float = Field(default=0.8, ge=0, le=1)
    """Matches less certain than this are ignored."""
    ttl_s: float = Field(default=25, gt=0)
    """Seconds it stays on the screen."""
    max_per_call: int = Field(default=1, ge=1)
    """Times it may be offered in one call."""


class Rule(_Part):
    """One item of the checklist."""

    id: Id
    label: str = Field(min_length=1, max_length=80)
    """What the screen shows."""
    kind: Literal["required", "forbidden"] = "required"
    """Something to say, or never to say."""
    speaker: Literal["agent", "customer"] = "agent"
    """Whose words count."""
    phrases: tuple[PhraseText, ...] = Field(min_length=1)
    """Any of these meets (or breaks) the rule."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo the match."""
    within_s: float | None = Field(default=None, gt=0)
    """Seconds after the answer in which it must be said."""
    before: Id | None = None
    """Rule that may only be met after this one."""
    when_tags: tuple[Id, ...] = ()
    """Only for calls with one of these tags; empty is every call."""
    critical: bool = False
    """Missing or breaking it alerts the team lead."""


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
    cards: tuple[Card, ...] = ()
    rules: tuple[Rule, ...] = ()
    tags: tuple[TagRule, ...] = ()
    dispositions: tuple[Disposition, ...] = ()

    def phrases(self) -> Iterator[str]:
        """Every phrase in it."""
        for card in self.cards:
            yield from (*card.when.customer, *card.when.agent, *card.unless, *card.said)
        for rule in self.rules:
            yield from (*rule.phrases, *rule.unless)
        for tag in self.tags:
            yield from (*tag.phrases, *tag.unless)

    def card(self, card_id: str) -> Card | None:
        """The card with this id."""
        return next((card for card in self.cards if card.id == card_id), None)

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


def parse(text: str, source: str) -> Playbook:
    """The playbook in ``text``; ``source`` is the file's name for messages.

    Raises:
        ConfigError: not YAML, an unknown or repeated key, a wrong value, a duplicate id or a name that refers to
            nothing. Every fault found is listed, one a line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 1
        raise ConfigError(f"{source}:{line}: not YAML: {err.problem}; check indentation and quotes") from None
    except yaml.YAMLError as err:
        raise ConfigError(f"{source}: not YAML: {err}") from None
    if node is None or not isinstance(data, dict):
        raise ConfigError(f"{source}:1: a playbook is a mapping with name, language, cards, rules and tags")
    faults = [f"{source}:{line}: {what}" for line, what in _repeated_keys(node)]
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as err:
        faults += [_explain(source, node, item["loc"], item["type"], item["msg"]) for item in err.errors()]
        raise ConfigError("\n".join(faults)) from None
    faults += [f"{source}:{_line(node, loc)}: {what}" for loc, what in _inconsistencies(playbook)]
    if faults:
        raise ConfigError("\n".join(faults))
    return playbook


_Loc: TypeAlias = tuple[int | str, ...]


def _line(node: yaml.Node, loc: _Loc) -> int:
    """The line of a path, or of the deepest part of it that exists."""
    line = node.start_mark.line + 1
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == step), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, f"key {key.value!r} stands twice in one place; keep one"
            seen.add(key.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value)


def _explain(source: str, node: yaml.Node, loc: _Loc, kind: str, message: str) -> str:
    path = ".".join(str(part) for part in loc)
    where = f"{source}:{_line(node, loc)}: {path}"
    if kind == "extra_forbidden":
        known = _keys_at(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    if kind == "missing":
        return f"{where}: required key is missing; add it"
    if kind == "string_pattern_mismatch":
        return f"{where}: must be small letters, digits and _, beginning with a letter"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _keys_at(loc: _Loc) -> list[str]:
    model: type[BaseModel] = Playbook
    parts: dict[Any, type[BaseModel]] = {
        "cards": Card,
        "rules": Rule,
        "tags": TagRule,
        "dispositions": Disposition,
        "when": When,
    }
    for step in loc:
        model = parts.get(step, model)
    return list(model.model_fields)


def _inconsistencies(playbook: Playbook) -> Iterator[tuple[_Loc, str]]:
    for section, ids in (
        ("cards", [card.id for card in playbook.cards]),
        ("rules", [rule.id for rule in playbook.rules]),
        ("tags", [f"{tag.kind}.{tag.value}" for tag in playbook.tags]),
    ):
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield (section, index), f"{section[:-1]} id {name!r} is taken already; rename one of the two"
    rules = {rule.id for rule in playbook.rules}
    tags = {tag.value for tag in playbook.tags}
    for index, rule in enumerate(playbook.rules):
        if rule.before is not None and (rule.before not in rules or rule.before == rule.id):
            yield ("rules", index, "before"), _unknown("rule", rule.before, rules - {rule.id})
        if rule.kind == "forbidden" and (rule.within_s is not None or rule.before is not None):
            yield ("rules", index), f"rule {rule.id!r} is forbidden: it takes neither within_s nor before; remove them"
        for tag in rule.when_tags:
            if tag not in tags:
                yield ("rules", index, "when_tags"), _unknown("tag", tag, tags)
    for index, disposition in enumerate(playbook.dispositions):
        for tag in disposition.tags:
            if tag not in tags:
                yield ("dispositions", index, "tags"), _unknown("tag", tag, tags)
    for index, card in enumerate(playbook.cards):
        if not any(value not in (None, ()) for value in card.when.model_dump().values()):
            yield ("cards", index, "when"), f"card {card.id!r} has nothing under 'when'; it could never be offered"


def _unknown(kind: str, name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return f"no {kind} {name!r}; {hint}"
