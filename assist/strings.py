"""The catalogue: every sentence a person reads on a screen or a command line, in Spanish and English.

Keys are ``part.what``: file ``locale/<language>/<part>.yaml``, key ``what``. Both languages must have
every key with the same placeholders (a test checks it).
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
    flat: dict[str, str] = {}
    for entry in resources.files("assist").joinpath("locale", language).iterdir():
        part = entry.name.removesuffix(".yaml")
        for key, value in yaml.safe_load(entry.read_text(encoding="utf-8")).items():
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
