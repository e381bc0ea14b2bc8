"""A playbook's text into objects. Every fault found is listed, one a line: file, line, what is wrong and the remedy."""

import difflib
import hashlib
import tomllib
from collections.abc import Iterator
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel, ValidationError

from assist.decide.playbook.check import faults as faults_of
from assist.decide.playbook.locate import Loc, Locator, in_toml, in_yaml, read_yaml
from assist.decide.playbook.model import Playbook
from assist.errors import ConfigError

MOST_BYTES: Final = 2_000_000
"""A playbook is some pages of text; anything larger is another file by mistake."""


def parse(text: str, source: str) -> Playbook:
    """The playbook in ``text``; ``source`` is the file's name for messages, and ``.toml`` at its end says TOML.

    Raises:
        ConfigError: neither YAML nor TOML, an unknown or repeated key, a wrong value, a duplicate id, a name that
            refers to nothing, or rules that can't all be kept. Every fault found is listed, one a line.
    """
    if len(text) > MOST_BYTES or "\0" in text:
        raise ConfigError(f"{source}: is no playbook (binary, or over {MOST_BYTES // 1_000_000} MB); name another file")
    data, where, faults = _toml(text, source) if source.endswith(".toml") else _yaml(text, source)
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as err:
        faults += [_explain(source, where, item["loc"], item["type"], item["msg"]) for item in err.errors()]
        raise ConfigError("\n".join(faults)) from None
    faults += [f"{source}:{where(loc)}: {what}" for loc, what in faults_of(playbook)]
    if faults:
        raise ConfigError("\n".join(faults))
    playbook._version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return playbook


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a playbook, for editors that complete and check while typing."""
    schema = Playbook.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Apuntador playbook"}


def _yaml(text: str, source: str) -> tuple[dict[Any, Any], Locator, list[str]]:
    data, node = read_yaml(text, source, "a playbook is a mapping with name, language, cards, rules and tags")
    return data, in_yaml(node), [f"{source}:{line}: {what}" for line, what in _repeated_keys(node)]


def _toml(text: str, source: str) -> tuple[dict[Any, Any], Locator, list[str]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        # The parser's message ends in "(at line 3, column 7)".
        what, _, place = str(err).partition(" (at line ")
        line = place.split(",")[0] if place else "1"
        raise ConfigError(f"{source}:{line}: not TOML: {what}; check quotes and brackets") from None
    except RecursionError:
        raise ConfigError(f"{source}: not TOML: too many brackets; check quotes and brackets") from None
    return data, in_toml(text), []


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


def _explain(source: str, where: Locator, loc: Loc, kind: str, message: str) -> str:
    path = ".".join(str(part) for part in loc)
    place = f"{source}:{where(loc)}: {path}"
    if kind == "extra_forbidden":
        known = _keys_at(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{place}: unknown key; {hint}"
    if kind == "missing":
        return f"{place}: required key is missing; add it"
    if kind == "string_pattern_mismatch":
        return f"{place}: must be small letters, digits and _, beginning with a letter"
    return f"{place}: {message.removeprefix('Value error, ')}"


def _keys_at(loc: Loc) -> list[str]:
    """The keys that may stand at a path."""
    model: type[BaseModel] = Playbook
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models(model.model_fields[step].annotation), model)
    return list(model.model_fields)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
