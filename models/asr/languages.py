"""Which language is spoken on a leg, found out while recognising it.

Each language's recogniser hears the utterance, and the one that is surer of its own words is right. On 658 telephone
prompts (µ-law, 1 to 15 s) that errs on seven, all of them shorter than four seconds and most of them spelled letters.
Once a language is known the others listen only when it is not sure: one utterance in twelve in the right language,
nearly every one in another. So a caller who goes over to the other language is understood from the first utterance on,
each leg by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.asr.recogniser import VadRecogniser
from models.asr.stream import Hypothesis, LegDecoder

AUTO: Final = "auto"
_RATE: Final = 16000


@dataclass(frozen=True, slots=True)
class LanguageConfig:
    """trusted: confidence (geometric mean over the words) from which on a final's language is not questioned;
    doubtful: below it a partial's is.
    margin: by how much surer (natural logarithm) another language must be; margin_short: of an utterance shorter than
        `short` seconds, which both languages may well understand ("no", "okay").
    first: seconds of an utterance from which on a guess is worth anything.
    silence: weight of the probability that there is speech at all.
    """

    trusted: float = 0.75
    doubtful: float = 0.5
    margin: float = 0.15
    margin_short: float = 0.4
    short: float = 1.0
    first: float = 0.8
    silence: float = 0.2


class AnyLanguageLeg:
    """`models.asr.stream.LegDecoder` of a leg in one of several languages; the first is what is usually spoken."""

    def __init__(self, decoders: Mapping[str, LegDecoder], config: LanguageConfig | None = None) -> None:
        self._decoders = dict(decoders)
        self._config = config or LanguageConfig()
        self._usual = next(iter(self._decoders))
        self._known: str | None = None  # by the finals so far
        self._guess: str | None = None  # by the open utterance's partials
        self._ended: tuple[int, str] | None = None  # samples of the utterance when its language was decided, and that

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        if paused:
            language, hypothesis = self._decide(audio, final=True)
            self._ended = (audio.size, language)
            return hypothesis
        language, hypothesis = self._decide(audio, final=False)
        self._guess = language
        return hypothesis

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        ahead = self._ended and self._ended[0] == audio.size
        language = self._ended[1] if self._ended and ahead else self._decide(audio, final=True)[0]
        hypothesis = self._said(language, self._decoders[language].finish(audio))
        for other, decoder in self._decoders.items():
            if other != language:
                decoder.reset()
        if hypothesis.words:
            self._known = language
        self._guess = self._ended = None
        return hypothesis

    def reset(self) -> None:
        for decoder in self._decoders.values():
            decoder.reset()
        self._guess = self._ended = None

    def _decide(self, audio: NDArray[np.float32], *, final: bool) -> tuple[str, Hypothesis]:
        """The language of an utterance and what was heard in it."""
        config, seconds = self._config, audio.size / _RATE
        first = self._guess or self._known or self._usual
        heard = self._hear(first, audio, final)
        if seconds < config.first and not final:
            return first, heard
        enough = config.trusted if final else config.doubtful
        if self._known and heard.words and heard.confidence >= enough:
            return first, heard
        margin = 0.0
        if self._known:
            margin = config.margin_short if seconds < config.short else config.margin
        best, score = (first, heard), self._score(heard) + margin
        for language in self._decoders:
            if language == first:
                continue
            other = self._hear(language, audio, final)
            if self._score(other) > score:
                best, score = (language, other), self._score(other)
        return best

    def _hear(self, language: str, audio: NDArray[np.float32], final: bool) -> Hypothesis:
        return self._said(language, self._decoders[language].hear(audio, paused=final))

    @staticmethod
    def _said(language: str, hypothesis: Hypothesis) -> Hypothesis:
        return replace(hypothesis, language=language)

    def _score(self, hypothesis: Hypothesis) -> float:
        if not hypothesis.words:
            return -10.0
        speech = max(1e-3, 1.0 - hypothesis.no_speech)
        return log(max(1e-6, hypothesis.confidence)) + self._config.silence * log(speech)


def any_language(recognisers: Sequence[VadRecogniser]) -> VadRecogniser:
    """One recogniser of all their languages, the first of which is what is usually spoken. It shares their models."""
    first = recognisers[0]

    def leg() -> AnyLanguageLeg:
        return AnyLanguageLeg({recogniser.language: recogniser.leg() for recogniser in recognisers})

    name = " + ".join(recogniser.name for recogniser in recognisers)
    return VadRecogniser(name, AUTO, leg, first.vad, first.config, usual=first.language)
