"""A passage of an article, and what may be wrong with an article."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from assist.events import Language

Problem: TypeAlias = Literal["too_large", "binary", "encoding", "table", "unreadable", "too_many", "outside"]

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+|\n+")
_MOST_PIECES: Final = 16


@dataclass(frozen=True, slots=True)
class Passage:
    """Text as it stands in the article, and where: ``file`` within the folder, the headings above it, its line."""

    text: str
    title: str
    file: str
    heading: str
    line: int
    language: Language

    @property
    def searched(self) -> str:
        """What is searched: the text behind its title and headings, each once."""
        above = [part for part in dict.fromkeys((self.title, self.heading)) if part]
        return "\n".join([*above, self.text])

    @property
    def pieces(self) -> list[str]:
        """Every two sentences that follow each other: a question is near to what answers it, and the rest of a long
        passage draws the whole away from it. Empty where there are no more than two; at most 16."""
        sentences = [part for part in _SENTENCE_END.split(self.text) if part.strip()]
        return [f"{a} {b}" for a, b in pairwise(sentences)][:_MOST_PIECES] if len(sentences) > 2 else []


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not searched, and why."""

    file: str
    problem: Problem
    detail: str = ""
