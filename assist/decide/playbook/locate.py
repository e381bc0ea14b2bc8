"""Where in a file a value stands, so that an error can name the line: YAML from its nodes, TOML from its headers."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import yaml

from assist.errors import ConfigError

Loc: TypeAlias = tuple[int | str, ...]
"""A path into the playbook: ``("rules", 3, "before")``."""
Locator: TypeAlias = Callable[[Loc], int]
"""The line, from 1, of a path or of the deepest part of it that can be found."""

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


def in_yaml(root: yaml.Node) -> Locator:
    """Lines of a YAML document by its composed nodes."""

    def line_of(loc: Loc) -> int:
        node, line = root, root.start_mark.line + 1
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
        return int(line)

    return line_of


def in_toml(text: str) -> Locator:
    """Lines of a TOML document by its table headers and the keys below them; tomllib tells no places."""
    lines: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            table = ()
            parts = [part.strip().strip("\"'") for part in header.group(2).split(".")]
            for place, part in enumerate(parts, start=1):
                table = (*table, part)
                if header.group(1) == "[[" and place == len(parts):
                    lines.setdefault(table, number)
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    table = (*table, counts[table])
            lines[table] = number
            continue
        key = _KEY.match(line)
        if key is not None:
            path = table
            for part in key.group(1).split("."):
                path = (*path, part.strip("\"'"))
                lines.setdefault(path, number)

    def line_of(loc: Loc) -> int:
        while loc and loc not in lines:
            loc = loc[:-1]
        return lines.get(loc, 1)

    return line_of


def read_yaml(text: str, source: str, wanted: str) -> tuple[dict[Any, Any], yaml.Node]:
    """The mapping in ``text`` and the nodes it was read from; ``wanted`` says what it ought to be.

    Raises:
        ConfigError: it is not YAML or no mapping; the message names ``source``, line and remedy.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 1
        raise ConfigError(f"{source}:{line}: not YAML: {err.problem}; check indentation and quotes") from None
    except (yaml.YAMLError, RecursionError, ValueError) as err:
        raise ConfigError(f"{source}: not YAML: {type(err).__name__}; check indentation and quotes") from None
    if node is None or not isinstance(data, dict):
        raise ConfigError(f"{source}:1: {wanted}")
    return data, node
