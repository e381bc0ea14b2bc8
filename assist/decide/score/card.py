"""A scorecard: groups of items with points, what earns them, and what must never fail. TOML text in, typed objects out.

The packaged card (``data/scorecard.<language>.toml``) has the six pillars of customer experience as its groups:
personalisation, integrity, expectations, resolution, time and effort, empathy.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assist.decide.playbook import Id, PhraseText
from assist.errors import ConfigError
from assist.events import Language

Measure: TypeAlias = Literal[
    "rules",
    "says",
    "never_says",
    "names_customer",
    "silence",
    "overlap",
    "talk_share",
    "duration",
    "promises_dated",
    "outcome",
    "mood",
    "empathy",
]
"""How an item is measured; docs/scorecards.md says each in a sentence."""
Where: TypeAlias = Literal["any", "opening", "closing"]
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "says": ("phrases",),
    "never_says": ("phrases",),
    "empathy": ("phrases",),
    "silence": ("most",),
    "overlap": ("most",),
    "duration": ("most",),
    "talk_share": ("least", "most"),
}
_HEADER: Final = re.compile(r"^\s*\[\[?\s*([a-z_]+)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Group(_Part):
    """A heading of the card."""

    id: Id
    label: str = Field(min_length=1, max_length=60)
    """What people read."""


class Item(_Part):
    """One line of the card."""

    id: Id
    group: Id
    """The heading it stands under."""
    label: str = Field(min_length=1, max_length=120)
    """What is asked of the agent."""
    points: float = Field(gt=0, le=100)
    """What it is worth."""
    measure: Measure
    """What earns the points."""
    critical: bool = False
    """When it fails, the whole call is held at the card's ``cap``."""
    rules: tuple[Id, ...] = ()
    """Of ``rules``: checklist items that count; empty is every one of the call."""
    phrases: tuple[PhraseText, ...] = ()
    """Of ``says``, ``never_says``, ``empathy``: any of these."""
    where: Where = "any"
    """Of ``says``: in the agent's first or last three lines, or anywhere."""
    least: float | None = Field(default=None, ge=0)
    """Of ``talk_share``: smallest share (0..1) of the talk that is the agent's."""
    most: float | None = Field(default=None, ge=0)
    """Of ``silence``, ``overlap``, ``talk_share``: largest share (0..1); of ``duration``: seconds."""


class Scorecard(_Part):
    """All of it, in one language."""

    name: str = Field(min_length=1)
    """Shown with the score."""
    language: Language
    """Language of the calls it judges."""
    cap: float = Field(default=0, ge=0, le=100)
    """Most a call may score in which a critical item failed."""
    group: tuple[Group, ...] = Field(min_length=1)
    item: tuple[Item, ...] = Field(min_length=1)

    def label_of(self, group_id: str) -> str:
        """A group's label."""
        return next((group.label for group in self.group if group.id == group_id), group_id)


def parse_card(text: str, source: str, *, known_rules: frozenset[str] | None = None) -> Scorecard:
    """The scorecard in ``text``; ``source`` is the file's name for messages.

    With ``known_rules`` (ids of the playbook's checklist) a rule that does not exist is a fault too.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong or missing value, a repeated id or a name that refers to nothing.
            Every fault found is listed, one a line, with file, line and remedy.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{source}: not TOML: {err}; check quotes and brackets") from None
    try:
        card = Scorecard.model_validate(data)
    except ValidationError as err:
        raise ConfigError("\n".join(_explain(source, text, item) for item in err.errors())) from None  # type: ignore[arg-type]
    faults = [f"{source}:{_line(text, loc)}: {what}" for loc, what in _inconsistencies(card, known_rules)]
    if faults:
        raise ConfigError("\n".join(faults))
    return card


@cache
def packaged_card(language: Language) -> Scorecard:
    """The card that comes with the product."""
    name = f"scorecard.{language}.toml"
    return parse_card(resources.files("assist.decide").joinpath("data", name).read_text(encoding="utf-8"), name)


_Loc: TypeAlias = tuple[int | str, ...]


def _line(text: str, loc: _Loc) -> int:
    """The line of a path such as ("item", 2, "points"), or of its table where the key is not there."""
    table, place = (str(loc[0]), int(loc[1])) if len(loc) > 1 and isinstance(loc[1], int) else ("", 0)
    key = str(loc[2]) if len(loc) > 2 and table else str(loc[0]) if loc and not table else ""
    current, seen, began = "", -1, 1
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            if current == table and seen == place and table:
                break
            current = header[1]
            if current == table:
                seen += 1
                began = number if seen == place else began
            continue
        name = _KEY.match(line)
        if name is not None and name[1] == key and current == table and (not table or seen == place):
            return number
    return began


def _explain(source: str, text: str, item: dict[str, object]) -> str:
    loc: _Loc = item["loc"]  # type: ignore[assignment]
    kind, message = str(item["type"]), str(item["msg"])
    where = f"{source}:{_line(text, loc)}: {'.'.join(str(part) for part in loc)}"
    if kind == "extra_forbidden":
        tables: dict[str, type[BaseModel]] = {"item": Item, "group": Group}
        model: type[BaseModel] = tables.get(str(loc[0]), Scorecard) if len(loc) > 2 else Scorecard
        known = list(model.model_fields)
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        return f"{where}: unknown key; " + (f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}")
    if kind == "missing":
        return f"{where}: required key is missing; add it"
    if kind == "string_pattern_mismatch":
        return f"{where}: must be small letters, digits and _, beginning with a letter"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _inconsistencies(card: Scorecard, known_rules: frozenset[str] | None) -> Iterator[tuple[_Loc, str]]:
    groups = [group.id for group in card.group]
    for table, ids in (("group", groups), ("item", [item.id for item in card.item])):
        for place, name in enumerate(ids):
            if name in ids[:place]:
                yield (table, place, "id"), f"{table} id {name!r} is taken already; rename one of the two"
    for place, item in enumerate(card.item):
        if item.group not in groups:
            yield ("item", place, "group"), f"no group {item.group!r}; {_nearest(item.group, groups)}"
        for key in _NEEDS.get(item.measure, ()):
            if getattr(item, key) in (None, ()):
                yield (
                    ("item", place, "measure"),
                    f"item {item.id!r} measures {item.measure!r}: it needs {key!r}; add it",
                )
        if item.least is not None and item.most is not None and item.least > item.most:
            yield ("item", place, "least"), f"item {item.id!r}: least is above most; swap them"
        for rule in item.rules if known_rules is not None else ():
            if rule not in (known_rules or ()):
                yield (
                    ("item", place, "rules"),
                    f"the playbook has no rule {rule!r}; {_nearest(rule, known_rules or ())}",
                )
    for group in groups:
        if all(item.group != group for item in card.item):
            yield ("group", groups.index(group), "id"), f"group {group!r} has no item; add one or remove the group"


def _nearest(name: str, known: "list[str] | frozenset[str] | tuple[str, ...]") -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
