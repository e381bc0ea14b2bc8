"""The catalogue: every sentence a person reads on a screen or a command line, in Spanish and English.

Keys are ``part.what``. Both languages must have every key with the same placeholders (a test checks it).
:func:`say` falls back to nothing: an unknown key is a programming error.
"""

from functools import cache
from importlib import resources
from string import Formatter
from typing import Any

import yaml

from assist.events import Language


@cache
def catalogue(language: Language) -> dict[str, str]:
    """All sentences of a language by key."""
    text = resources.files("assist").joinpath("locale", f"{language}.yaml").read_text(encoding="utf-8")
    flat: dict[str, str] = {}
    for part, entries in yaml.safe_load(text).items():
        for key, value in entries.items():
            flat[f"{part}.{key}"] = value
    return flat


def say(language: Language, key: str, **values: Any) -> str:
    """The sentence ``key`` in ``language`` with its placeholders filled.

    Raises:
        KeyError: no such key or placeholder.
    """
    return catalogue(language)[key].format(**values)


def placeholders(text: str) -> set[str]:
    """Names of the placeholders in a sentence."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}
