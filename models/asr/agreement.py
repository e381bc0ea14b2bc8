"""Which words of a growing text will not change: LocalAgreement-2.

A word is committed when two hypotheses in a row agree on it and on everything before it (Liu et al. 2020, "Low-latency
sequence-to-sequence speech recognition and translation by partial hypothesis selection", section 3; the policy of
whisper_streaming). The last word of a hypothesis is never committed while speech goes on: the audio may cut it.
Committed words keep their place and spelling in every later partial, whatever the next hypothesis says.
"""

from __future__ import annotations

from collections.abc import Sequence


class StablePrefix:
    """The partial texts of one utterance."""

    def __init__(self) -> None:
        self._committed: list[str] = []
        self._previous: list[str] = []  # the words of the last hypothesis after the committed ones

    def update(self, hypothesis: str, *, settled: bool = False) -> tuple[str, int]:
        """Take in a new hypothesis; return the text to show and the length of its stable prefix in characters.

        `settled` says that the speaker has paused, so the last word is whole.
        """
        words = hypothesis.split()
        rest = words[_covered(self._committed, words) :]
        agreed = _common(rest, self._previous)
        agreed = min(agreed, len(rest) if settled else max(0, len(rest) - 1))
        self._committed += rest[:agreed]
        self._previous = rest[agreed:]
        return " ".join([*self._committed, *self._previous]), len(" ".join(self._committed))


def _key(word: str) -> str:
    """What counts as the same word: case and the punctuation around it come and go between hypotheses."""
    return "".join(c for c in word.casefold() if c.isalnum()) or word


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the common prefix of two lists of words."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if _key(x) != _key(y):
            break
        count += 1
    return count


def _covered(committed: Sequence[str], words: Sequence[str]) -> int:
    """How many of `words` say what `committed` already says: the prefix with the smallest edit distance to it."""
    if _common(committed, words) == len(committed):
        return len(committed)
    row = list(range(len(words) + 1))  # edit distance between the committed words so far and words[:k]
    for i, ours in enumerate(committed, 1):
        above, row = row, [i]
        for k, theirs in enumerate(words, 1):
            row.append(min(above[k] + 1, row[k - 1] + 1, above[k - 1] + (_key(ours) != _key(theirs))))
    return min(range(len(row)), key=lambda k: (row[k], abs(k - len(committed))))
