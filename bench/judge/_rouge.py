"""ROUGE-1, -2 and -L F1 (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"); nothing is stemmed."""

import re
from collections import Counter
from typing import Final, Literal

Kind = Literal["1", "2", "L"]
KINDS: Final[tuple[Kind, ...]] = ("1", "2", "L")
_WORD: Final = re.compile(r"[a-z0-9]+")


def rouge(summary: str, reference: str, kind: Kind) -> float:
    """F1 of the words, pairs of words or longest common subsequence that both texts share; 0..1."""
    ours, theirs = _WORD.findall(summary.lower()), _WORD.findall(reference.lower())
    if kind == "L":
        shared, mine, gold = _subsequence(ours, theirs), len(ours), len(theirs)
    else:
        size = int(kind)
        a = Counter(zip(*(ours[n:] for n in range(size)), strict=False))
        b = Counter(zip(*(theirs[n:] for n in range(size)), strict=False))
        shared, mine, gold = (a & b).total(), a.total(), b.total()
    return 2 * shared / (mine + gold) if shared else 0.0


def _subsequence(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for place, match in enumerate(other, start=1):
            before, row[place] = row[place], before + 1 if word == match else max(row[place], row[place - 1])
    return row[-1]
