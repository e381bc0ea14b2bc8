"""A rough key of how a word sounds, so that spellings a recogniser may choose for one name compare equal.

Not a standard algorithm: consonants that sound alike on the telephone fall together, silent letters go.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from assist.events import Language

_SPANISH: Final = (
    (r"ch", "C"), (r"ph", "f"), (r"sh", "C"), (r"h", ""), (r"qu", "k"), (r"gu(?=[ei])", "g"), (r"c(?=[eiy])", "s"),
    (r"[cq]", "k"), (r"z", "s"), (r"ll", "y"), (r"g(?=[ei])", "j"), (r"x", "ks"), (r"v", "b"), (r"w", "u"),
    (r"y(?![aeiou])", "i"), (r"m(?=[bpf]|$)", "n"),
)  # fmt: skip
_ENGLISH: Final = (
    (r"^kn", "n"), (r"^wr", "r"), (r"tch|ch|sh", "C"), (r"ph", "f"), (r"gh(?=t|$)", ""), (r"ck", "k"), (r"qu", "kw"),
    (r"c(?=[eiy])", "s"), (r"[cq]", "k"), (r"z", "s"), (r"x", "ks"), (r"(?<!^)h", ""), (r"j|g(?=[ei])", "j"),
    (r"(?<=.)e$", ""), (r"(?<=.)[aeiouy]+", "a"),
)  # fmt: skip


def _compiled(rules: Sequence[tuple[str, str]]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), sound) for pattern, sound in rules)


_RULES: Final[dict[Language, tuple[tuple[re.Pattern[str], str], ...]]] = {
    "es": _compiled(_SPANISH),
    "en": _compiled(_ENGLISH),
}
_DOUBLE: Final = re.compile(r"(.)\1+")


@lru_cache(maxsize=4096)
def phonetic(word: str, language: Language) -> str:
    """Key of a plain word.

    >>> phonetic("hogar", "es") == phonetic("ogar", "es")
    True
    """
    for pattern, sound in _RULES[language]:
        word = pattern.sub(sound, word)
    return _DOUBLE.sub(r"\1", word)
