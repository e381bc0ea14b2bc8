"""The bank of wordings: what people say when they do one of the common acts of a call, near and far from the script.

``data/wordings/<group>.yaml``::

    recording_notice:          # an act: a thing somebody does by saying it; unique among all files
      party: agent             # agent | customer
      near: [monitoring_notice]  # acts of which many wordings would do for this one, too; they are no contrast to it
      es: |                    # one wording a line
        ...
      en: |
        ...

Neighbours are kept apart on purpose (asking for an identity, asking for an order number), so that the wordings of one
act show what another does not mean. :mod:`assist.decide.borrowing` says what a playbook has from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from assist.decide.playbook import Id, Sentence
from assist.errors import ConfigError
from assist.events import Language

LEAST_WORDINGS: Final = 12
"""Fewer in a language do not show how differently an act is worded."""
_FOLDER: Final = "wordings"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quicker one where libyaml is there: the bank is ten thousand lines."""

Actor: TypeAlias = Literal["agent", "customer"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    party: Actor
    near: tuple[Id, ...] = ()
    es: tuple[Sentence, ...]
    en: tuple[Sentence, ...]

    @field_validator("es", "en", mode="before")
    @classmethod
    def _lines(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("must be a text with one wording a line")
        return tuple(line.strip() for line in value.splitlines() if line.strip())

    @field_validator("es", "en")
    @classmethod
    def _enough(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) < LEAST_WORDINGS:
            raise ValueError(f"has {len(value)} wordings; write at least {LEAST_WORDINGS}")
        twice = sorted({line for line in value if value.count(line) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice; keep one")
        return value


_FILE: Final = TypeAdapter(dict[Id, _Entry])


@dataclass(frozen=True, slots=True)
class Act:
    """One act, its wordings by language, and the ids of the acts near it."""

    id: str
    party: Actor
    wordings: Mapping[Language, tuple[str, ...]]
    near: tuple[str, ...] = ()


def parse(text: str, source: str) -> tuple[Act, ...]:
    """The acts in ``text``; ``source`` names it in messages.

    Raises:
        ConfigError: not YAML, an unknown key, too few wordings, or one twice.
    """
    try:
        raw = yaml.load(text, _LOADER)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise ConfigError(f"{source}:{line}: not YAML; check indentation and quotes") from None
    try:
        entries = _FILE.validate_python(raw)
    except ValidationError as err:
        faults = (
            f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}" for item in err.errors()
        )
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in faults)) from None
    return tuple(
        Act(name, entry.party, {"es": entry.es, "en": entry.en}, entry.near) for name, entry in entries.items()
    )


def joined(files: Mapping[str, str]) -> tuple[Act, ...]:
    """The acts of several texts by their names, in the order of the names.

    Raises:
        ConfigError: as `parse`, or two acts have one id, or one wording of a language belongs to two.
    """
    acts: dict[str, Act] = {}
    said: dict[tuple[Language, str], str] = {}
    faults: list[str] = []
    for source in sorted(files):
        for act in parse(files[source], source):
            if act.id in acts:
                faults.append(f"{source}: act {act.id!r} is in another file too; rename one of the two")
            acts[act.id] = act
            for language, line in _said(act):
                other = said.setdefault((language, line.lower()), act.id)
                if other != act.id:
                    faults.append(f"{source}: {line!r} belongs to {other!r} and {act.id!r}; keep it in one of the two")
    for act in acts.values():
        for other in act.near:
            if act.id not in (acts[other].near if other in acts else ()):
                faults.append(
                    f"act {act.id!r} is near {other!r}, which is none or does not say so; name each at the other"
                )
    if faults:
        raise ConfigError("\n".join(faults))
    return tuple(acts.values())


def _said(act: Act) -> Iterator[tuple[Language, str]]:
    for language, lines in act.wordings.items():
        yield from ((language, line) for line in lines)


@cache
def packaged_acts() -> tuple[Act, ...]:
    """The bank that comes with the product."""
    folder = resources.files("assist.decide").joinpath("data", _FOLDER)
    return joined(
        {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".yaml")}
    )
