"""What a sentence does in a call: tells of an act, promises, offers, refuses, sets a condition.

Verb endings tell more than lists of phrases: "generé", "he generado", "acabo de generar" are acts, "generaré", "voy a
generar" are not; "si me lo manda, lo reingreso" and "podría ser el lunes" bind nobody. Lists: ``data/acts.yaml``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

from assist.events import Language

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# First person of the Spanish preterite: "generé", "corregí", "rehíce"; not "qué", "aquí", not the future "llamaré".
_PRETERITE: Final = re.compile(
    r"\b(?:(?:ya|también|le|te|les|se|lo|la|los|las|nos|me) )*"
    r"(?!(?:qué|porqué|sé|té|café|bebé|usté|así|aquí|ahí|allí|mí|sí|casi|también|olé|chalé|josé|rené|podré|tené|poné|volvé|probé|salí|decí|vení|pedí|seguí)\b)"
    r"\w{3,}[éí]\b"
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What was found in a sentence; names as in ``data/acts.yaml``."""

    done: bool
    scheduled: bool
    future: bool
    notify: bool
    contact: bool
    state: bool
    past: bool
    offer: bool
    refused: bool
    condition: bool
    duty: bool
    bill: bool
    waived: bool
    owes: bool
    threat: bool
    when_asked: bool
    objects: bool
    unfit: bool
    meta: bool
    unhappy: bool
    happy: bool

    @property
    def binds(self) -> bool:
        """Whether it is said outright: no offer, no refusal, no condition."""
        return not (self.offer or self.refused or self.condition)


def plain(text: str) -> str:
    """The words in lower case with their accents, one space between them."""
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))


@cache
def _patterns(language: Language) -> Mapping[str, re.Pattern[str]]:
    raw = yaml.safe_load(resources.files("assist.decide").joinpath("data", "acts.yaml").read_text(encoding="utf-8"))
    return {name: re.compile("|".join(sources)) for name, sources in raw[language].items()}


def signs(text: str, language: Language) -> Signs:
    """What ``text``, one sentence or clause, does."""
    # The day after tomorrow is no past ("pasado").
    said = plain(text).replace("pasado mañana", "mañana")
    found = {name: pattern.search(said) is not None for name, pattern in _patterns(language).items()}
    done = found.pop("done") or (language == "es" and _acted(said))
    if done and found.pop("not_done", False):
        # "Ya validé sus datos y bloqueé la tarjeta" still tells of an act.
        rest = _patterns(language)["not_done"].sub(" ", said)
        done = _patterns(language)["done"].search(rest) is not None or (language == "es" and _acted(rest))
    found.pop("not_done", None)
    return Signs(done=done, **found)


def _acted(said: str) -> bool:
    future = _patterns("es")["future"]
    return any(not future.search(match[0]) for match in _PRETERITE.finditer(said))
