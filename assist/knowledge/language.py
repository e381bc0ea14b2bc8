"""Spanish or English, by the small words. Enough to choose how to search; nothing is shown of it."""

import re
from typing import Final

from assist.events import Language

_WORD: Final = re.compile(r"[^\W\d_]+")
_SPANISH: Final = frozenset(
    """
    el la los las un una unos unas de del al que y en es son por para con sin su sus mi tu se no si como cuando
    donde qué cómo cuándo dónde cuál cuánto quién más muy pero este esta esto ese esa hay ser está están me te le
    lo nos les ya también tiene puede puedo quiero hace desde hasta sobre entre o ni porque
    """.split()  # noqa: SIM905 - a list of words is read more easily so
)
_ENGLISH: Final = frozenset(
    """
    the a an of to and in is are was for with without your my you i we they it its on at by as be been this that
    these those how what when where which who why do does did can could will would should not no if or from have
    has had more than there their our me about into but any please
    """.split()  # noqa: SIM905 - a list of words is read more easily so
)
_LETTERS: Final = re.compile(r"[ñáéíóú¿¡]")


def detect(text: str, default: Language = "es") -> Language:
    """The language of a text; ``default`` when its words don't tell."""
    words = [word.lower() for word in _WORD.findall(text[:4000])]
    spanish = sum(word in _SPANISH for word in words) + 0.5 * len(_LETTERS.findall(text[:4000].lower()))
    english = sum(word in _ENGLISH for word in words)
    if spanish == english:
        return default
    return "es" if spanish > english else "en"
