"""A company's taxonomy: why people call, about what, what they complain of, and signs that a customer is leaving.

YAML text in, typed objects out; reading the file is :mod:`assist.session.taxonomies`' work. A taxonomy may leave the
lists out that are the same in every trade; :func:`completed` takes them from the packaged common one.
"""

from collections.abc import Iterator
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assist.decide.playbook.locate import Loc, Locator, in_yaml, read_yaml
from assist.decide.playbook.model import Id, PhraseText, Sentence
from assist.errors import ConfigError
from assist.events import Language

MOST_BYTES: Final = 2_000_000
"""A taxonomy is some pages of text; anything larger is another file by mistake."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Topic(_Part):
    """One thing a customer's line may be about."""

    id: Id
    """The tag's value; the same in every language."""
    label: str = Field(min_length=1, max_length=60)
    """What people read."""
    description: str = ""
    """When it applies, for who keeps the taxonomy."""
    phrases: tuple[PhraseText, ...] = ()
    """Words that tell it, with the marks of a playbook's phrases."""
    unless: tuple[PhraseText, ...] = ()
    """Phrases in the same line that undo a match."""
    examples: tuple[Sentence, ...] = ()
    """Whole sentences as customers say them, four to eight; others of the same meaning count too."""

    leaving: bool = False
    """Of a reason: who calls for it is about to leave, so it is a churn risk by itself."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.phrases and not self.examples:
            raise ValueError(f"{self.id!r} has neither phrases nor examples; nothing could ever tell it")
        return self


class Taxonomy(_Part):
    """All of it, in one language."""

    name: str
    """Shown in logs and settings."""
    language: Language
    """Language of the calls it serves."""
    reasons: tuple[Topic, ...] = ()
    """Why people call; a call gets one, and others as alternatives."""
    products: tuple[Topic, ...] = ()
    """What it is about."""
    complaints: tuple[Topic, ...] | None = None
    """What is complained of; default: the packaged list."""
    churn: tuple[Topic, ...] | None = None
    """Signs that a customer is leaving, each a reason for it; default: the packaged list."""
    repeat_contact: Topic | None = None
    """How customers say that they have called before; default: the packaged one."""
    contrast: tuple[Sentence, ...] | None = None
    """Lines that sound like a complaint, leaving or a repeat and are none; default: the packaged list."""
    background: tuple[Sentence, ...] | None = None
    """Everyday lines that tell nothing; default: the packaged list."""

    def topics(self) -> Iterator[Topic]:
        """Every topic in it."""
        yield from (*self.reasons, *self.products, *(self.complaints or ()), *(self.churn or ()))
        if self.repeat_contact is not None:
            yield self.repeat_contact

    def phrases(self) -> Iterator[str]:
        """Every phrase in it."""
        for topic in self.topics():
            yield from (*topic.phrases, *topic.unless)


def completed(own: Taxonomy, common: Taxonomy) -> Taxonomy:
    """``own`` with the lists it leaves out taken from ``common``."""
    names = ("complaints", "churn", "repeat_contact", "contrast", "background")
    missing = {name: getattr(common, name) for name in names if getattr(own, name) is None}
    return own.model_copy(update=missing)


def parse(text: str, source: str) -> Taxonomy:
    """The taxonomy in ``text``; ``source`` is the file's name for messages.

    Raises:
        ConfigError: not YAML, an unknown key, a wrong value or an id that stands twice; every fault found is named
            with its line.
    """
    if len(text) > MOST_BYTES or "\0" in text:
        raise ConfigError(f"{source}: is no taxonomy (binary, or over {MOST_BYTES // 1_000_000} MB); name another file")
    data, node = read_yaml(text, source, "a taxonomy is a mapping with name, language and reasons")
    where = in_yaml(node)
    try:
        taxonomy = Taxonomy.model_validate(data)
    except ValidationError as err:
        raise ConfigError("\n".join(_explain(source, where, item) for item in err.errors())) from None
    faults = [f"{source}:{where(loc)}: {what}" for loc, what in _repeated(taxonomy)]
    if faults:
        raise ConfigError("\n".join(faults))
    return taxonomy


def _repeated(taxonomy: Taxonomy) -> Iterator[tuple[Loc, str]]:
    for section in ("reasons", "products", "complaints", "churn"):
        seen: set[str] = set()
        for index, topic in enumerate(getattr(taxonomy, section) or ()):
            if topic.id in seen:
                yield (section, index), f"{section} has id {topic.id!r} already; rename one of the two"
            seen.add(topic.id)


def _explain(source: str, where: Locator, item: Any) -> str:
    loc: Loc = item["loc"]
    place = f"{source}:{where(loc)}: {'.'.join(str(part) for part in loc)}"
    if item["type"] == "extra_forbidden":
        model: type[BaseModel] = Topic if len(loc) > 1 else Taxonomy
        return f"{place}: unknown key; known keys: {', '.join(model.model_fields)}"
    if item["type"] == "missing":
        return f"{place}: required key is missing; add it"
    if item["type"] == "string_pattern_mismatch":
        return f"{place}: must be small letters, digits and _, beginning with a letter"
    return f"{place}: {str(item['msg']).removeprefix('Value error, ')}"
