"""Dialled numbers as settings write them: prefixes, patterns, allowances. Pure.

A pattern is what a number begins with (``57``, ``+5491``, ``*8``), or a regular expression for all of it between
slashes (``/9(\\d{7,10})/``). An allowance is an international prefix (``+57``) or one whole number in which ``x`` is
any digit (``112``, ``6xx``).
"""

import re
from collections.abc import Callable
from typing import Final

LONGEST: Final = 32
"""Characters of a number; E.164 has 15 digits at most, an access code and a carrier's come before."""

_DIALABLE: Final = re.compile(r"\+?[0-9*#]*")
_ALLOWANCE: Final = re.compile(r"\+[0-9]{1,15}|[0-9*#xX]{1,15}")
_NESTED: Final = re.compile(r"[*+}]\??\)[*+{]")


def is_dialable(text: str) -> bool:
    """Whether ``text`` is digits, ``*`` and ``#``, with at most a ``+`` in front, or that alone."""
    return bool(text) and _DIALABLE.fullmatch(text) is not None


def is_allowance(text: str) -> bool:
    """Whether ``text`` says what may be called."""
    return _ALLOWANCE.fullmatch(text) is not None


def compile_pattern(text: str) -> Callable[[str], bool]:
    """What tells whether a number fits the pattern; an empty one fits every number.

    Raises:
        ValueError: it is neither a prefix nor a regular expression that can be tried in bounded time.
    """
    if not text:
        return lambda number: True
    if text.startswith("/"):
        return _expression(text)
    if not re.fullmatch(r"\+?[0-9A-Za-z*#._-]*", text):
        raise ValueError(f"{text!r} is neither the beginning of a number nor /a regular expression/ between slashes")
    return lambda number: len(number) <= LONGEST and number.startswith(text)


def _expression(text: str) -> Callable[[str], bool]:
    if len(text) < 3 or not text.endswith("/"):
        raise ValueError(f"{text!r}: a regular expression stands between slashes, such as /9\\d{{7,10}}/")
    if _NESTED.search(text):
        raise ValueError(f"{text!r}: a repeat within a repeated group can take for ever on some numbers")
    try:
        found = re.compile(text[1:-1])
    except re.error as err:
        raise ValueError(f"{text!r} is no regular expression: {err}") from None
    return lambda number: len(number) <= LONGEST and found.fullmatch(number) is not None


def covers(allowance: str, number: str) -> bool:
    """Whether an allowance holds ``number``: E.164 with ``+``, or a number of the trunk's own."""
    if allowance.startswith("+"):
        return number.startswith(allowance)
    return len(allowance) == len(number) and all(
        a == n or (a in "xX" and n.isascii() and n.isdigit()) for a, n in zip(allowance, number, strict=True)
    )
