"""What of a growing text is shown, and which of it will not change.

A recogniser that hears half a sentence guesses how it goes on, and guesses again with every piece of audio. Three rules
keep the screen quiet without holding words back for long:

- A new word is shown when it ends within the audio and the model is sure of it, or when two hypotheses in a row agree
  on it and on everything before it (LocalAgreement-2: Liu et al. 2020, "Low-latency sequence-to-sequence speech
  recognition and translation by partial hypothesis selection", section 3) and the model is not unsure.
- A shown word is taken back only when the hypotheses of more than half a second contradict it in the same way.
- A shown word on which two hypotheses agree to the letter, of which the model is very sure and which lies well behind,
  is stable: it keeps its place and spelling in everything that comes after, the final included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.asr.types import Word


@dataclass(frozen=True, slots=True)
class ShowConfig:
    """Seconds behind the end of the audio, and word confidences 0..1. They were chosen on the demo calls and on the
    telephone prompts of the development set: earlier means more words that are taken back.

    sure: confidence to be shown at the first hearing; agreed: when two hypotheses agree, but from `late` on they need
    none. contradicted: for so long, to be taken back. settle, certain: of a word that may become stable.
    """

    sure: float = 0.75
    agreed: float = 0.5
    late: float = 0.8
    contradicted: float = 0.6
    settle: float = 0.5
    certain: float = 0.9


_PLAIN: Final = 2  # words without digits that show that a number is over


class ShownText:
    """The texts of one utterance, from its first partial to its final."""

    def __init__(self, config: ShowConfig | None = None) -> None:
        self._config = config or ShowConfig()
        self._shown: list[Word] = []
        self._stable = 0
        self._heard: deque[tuple[float, list[Word]]] = deque()  # the hypotheses of late, by the end of their audio

    @property
    def text(self) -> str:
        """The words on the screen."""
        return _text(self._shown)

    @property
    def stable_chars(self) -> int:
        """How much of `text` will not change."""
        return len(_text(self._shown[: self._stable]))

    @property
    def _previous(self) -> list[Word]:
        return self._heard[-1][1] if self._heard else []

    def update(self, hypothesis: Sequence[Word], end: float, *, paused: bool = False) -> None:
        """Take in a new hypothesis of the audio up to `end`, in the words' own seconds.

        `paused` says that the speaker has paused: the words are whole, wherever they end.
        """
        words = list(hypothesis)
        agreed = _common(words, self._previous)
        kept = _common(words, self._shown)
        begin = kept
        if kept < len(self._shown) and (kept < self._stable or not self._insists(words, kept, end)):
            kept, begin = len(self._shown), _covered(self._shown, words)
        count = begin
        while count < len(words) and self._visible(words[count], end, agreed=count < agreed, paused=paused):
            count += 1
        self._shown = self._shown[:kept] + words[begin:count]
        while self._stable < min(agreed, len(self._shown)) and self._settled(words, agreed, end):
            self._stable += 1
        self._heard.append((end, words))
        while len(self._heard) > 1 and end - self._heard[1][0] >= self._config.contradicted:
            self._heard.popleft()

    def finish(self, hypothesis: Sequence[Word]) -> tuple[Word, ...]:
        """The final's words: the hypothesis, behind what is stable."""
        stable = self._shown[: self._stable]
        if [w.text for w in hypothesis[: len(stable)]] == [w.text for w in stable]:
            return tuple(hypothesis)
        return (*stable, *hypothesis[_covered(stable, hypothesis) :])

    def _insists(self, words: list[Word], kept: int, end: float) -> bool:
        """Whether it has been said for long that `words[:kept]` go on as they do, or that they are all."""
        for then, before in reversed(self._heard):
            if _common(words, before) <= kept and not kept == len(words) == len(before):
                return False
            if end - then >= self._config.contradicted:
                return True
        return False

    def _visible(self, word: Word, end: float, *, agreed: bool, paused: bool) -> bool:
        """Whether a word that follows the shown ones joins them."""
        config, behind = self._config, end - word.t1
        if behind < 0.0 and not paused:
            return False
        return word.confidence >= config.sure or (
            agreed and (word.confidence >= config.agreed or behind >= config.late)
        )

    def _settled(self, words: Sequence[Word], agreed: int, end: float) -> bool:
        """Whether the first word of this hypothesis that is not stable joins the stable ones."""
        place, config = self._stable, self._config
        word = words[place]
        if any(c.isdigit() for c in word.text):
            # A number goes on growing, through pauses too, until plain words follow it.
            after = words[place + 1 : min(agreed, place + 1 + _PLAIN)]
            if len(after) < _PLAIN or any(c.isdigit() for w in after for c in w.text):
                return False
        return (
            word.text == self._previous[place].text == self._shown[place].text
            and word.t1 <= end - config.settle
            and word.confidence >= config.certain
        )


def _text(words: Sequence[Word]) -> str:
    return " ".join(w.text for w in words)


def _key(word: Word) -> str:
    """What counts as the same word: case and the punctuation around it come and go between hypotheses."""
    return "".join(c for c in word.text.casefold() if c.isalnum()) or word.text


def _common(a: Sequence[Word], b: Sequence[Word]) -> int:
    """Length of the common prefix of two lists of words."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if _key(x) != _key(y):
            break
        count += 1
    return count


def _covered(shown: Sequence[Word], words: Sequence[Word]) -> int:
    """How many of `words` say what `shown` already says: the prefix with the smallest edit distance to it."""
    row = list(range(len(words) + 1))  # edit distance between the shown words so far and words[:k]
    for i, ours in enumerate(shown, 1):
        above, row = row, [i]
        for k, theirs in enumerate(words, 1):
            row.append(min(above[k] + 1, row[k - 1] + 1, above[k - 1] + (_key(ours) != _key(theirs))))
    return min(range(len(row)), key=lambda k: (row[k], abs(k - len(shown))))
