"""Yes and no as customers say them, and the payment data that is asked for by default. Data: ``data/answers.yaml``."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

import yaml

from assist.decide.phrases import compile_phrase
from assist.decide.playbook import Sensitive
from assist.decide.text import normalise
from assist.events import Language

Answer: TypeAlias = Literal["given", "refused"]


@dataclass(frozen=True, slots=True)
class Answers:
    """One language's ways of answering, tried in this order.

    ``harmless`` is a no that means yes; ``yes`` and ``no`` count at the beginning only.
    """

    harmless: re.Pattern[str]
    refused: re.Pattern[str]
    given: re.Pattern[str]
    yes: re.Pattern[str]
    no: re.Pattern[str]

    def read(self, text: str) -> Answer | None:
        """What ``text`` answers to a question for consent; None when it answers nothing."""
        line = normalise(text)
        if self.harmless.search(line):
            return "given"  # "no hay problema": a "no" that means yes
        if self.refused.search(line) or self.no.match(line):
            return "refused"
        return "given" if self.given.search(line) or self.yes.match(line) else None


@cache
def answers(language: Language) -> Answers:
    """The lists of ``language``."""
    raw = _raw()[language]
    return Answers(
        harmless=_any(raw["harmless"]),
        refused=_any(raw["refused"]),
        given=_any(raw["given"]),
        yes=_any(raw["yes"]),
        no=_any(raw["no"]),
    )


@cache
def default_sensitive(language: Language) -> tuple[Sensitive, ...]:
    """Card number and security code, for playbooks that say nothing of payment data."""
    return tuple(Sensitive.model_validate(topic) for topic in _raw()[language]["sensitive"])


@cache
def _raw() -> dict[str, Any]:
    text = resources.files("assist.decide").joinpath("data", "answers.yaml").read_text(encoding="utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    return raw


def _any(phrases: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(compile_phrase(phrase).pattern.pattern for phrase in phrases))
