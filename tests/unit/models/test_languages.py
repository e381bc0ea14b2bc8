"""Finding out the language, with scripted decoders: each is sure of what is in its own language."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr.languages import AnyLanguageLeg, LanguageConfig
from models.asr.stream import Hypothesis
from models.asr.types import Word

RATE = 16000
SPANISH, ENGLISH, MUMBLED, SILENT = 0.1, 0.2, 0.3, 0.4  # the level of the audio says what is spoken
SURE, UNSURE = 0.9, 0.45


class Decoder:
    def __init__(self, language: str, level: float) -> None:
        self.language, self.level = language, level
        self.calls: list[str] = []

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        self.calls.append("paused" if paused else "partial")
        return self.heard(audio)

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        self.calls.append("finish")
        return self.heard(audio)

    def reset(self) -> None:
        self.calls.append("reset")

    def heard(self, audio: NDArray[np.float32]) -> Hypothesis:
        level = float(audio[-1])
        if level == pytest.approx(SILENT):
            return Hypothesis((), 0.0, 0.99)
        own = level == pytest.approx(self.level)
        confidence = SURE if own else 0.6 if level == pytest.approx(MUMBLED) else UNSURE
        return Hypothesis((Word(self.language, 0.0, 0.5, confidence),), confidence)


def say(level: float, seconds: float = 2.0) -> NDArray[np.float32]:
    return np.full(round(seconds * RATE), level, np.float32)


@pytest.fixture
def decoders() -> dict[str, Decoder]:
    return {"es": Decoder("es", SPANISH), "en": Decoder("en", ENGLISH)}


@pytest.fixture
def leg(decoders: dict[str, Decoder]) -> AnyLanguageLeg:
    return AnyLanguageLeg(decoders)


@pytest.mark.parametrize(("level", "language"), [(SPANISH, "es"), (ENGLISH, "en")])
def test_the_first_utterance_tells_the_language(
    leg: AnyLanguageLeg, decoders: dict[str, Decoder], level: float, language: str
) -> None:
    partial = leg.hear(say(level), paused=False)
    final = leg.finish(say(level))
    assert partial.language == final.language == language
    assert [w.text for w in final.words] == [language]
    assert all("partial" in decoder.calls for decoder in decoders.values())


def test_the_first_moments_cost_one_decoder_only(leg: AnyLanguageLeg, decoders: dict[str, Decoder]) -> None:
    assert leg.hear(say(ENGLISH, 0.5), paused=False).language == "es"
    assert decoders["en"].calls == []


def test_a_known_language_that_is_sure_is_not_questioned(leg: AnyLanguageLeg, decoders: dict[str, Decoder]) -> None:
    leg.finish(say(SPANISH))
    decoders["en"].calls.clear()
    for _ in range(3):
        leg.hear(say(SPANISH), paused=False)
        leg.hear(say(SPANISH), paused=True)
        assert leg.finish(say(SPANISH)).language == "es"
    assert set(decoders["en"].calls) == {"reset"}


def test_a_caller_who_changes_the_language_is_followed_at_once(leg: AnyLanguageLeg) -> None:
    languages = [leg.finish(say(level)).language for level in (SPANISH, SPANISH, ENGLISH, ENGLISH, SPANISH)]
    assert languages == ["es", "es", "en", "en", "es"]


def test_partials_follow_too(leg: AnyLanguageLeg) -> None:
    leg.finish(say(SPANISH))
    assert leg.hear(say(ENGLISH), paused=False).language == "en"
    assert leg.finish(say(ENGLISH)).language == "en"


def test_what_neither_is_sure_of_stays_in_the_known_language(leg: AnyLanguageLeg) -> None:
    leg.finish(say(ENGLISH))
    assert leg.finish(say(MUMBLED)).language == "en"
    assert leg.finish(say(SPANISH)).language == "es"
    assert leg.finish(say(MUMBLED)).language == "es"


def test_a_short_word_needs_more_to_change_the_language(decoders: dict[str, Decoder]) -> None:
    leg = AnyLanguageLeg(decoders, LanguageConfig(margin=0.15, margin_short=1.0, short=1.0))
    leg.finish(say(SPANISH))
    assert leg.finish(say(ENGLISH, 0.7)).language == "es"
    assert leg.finish(say(ENGLISH, 1.5)).language == "en"


def test_silence_tells_nothing(leg: AnyLanguageLeg) -> None:
    assert leg.finish(say(SILENT)).words == ()
    assert leg.finish(say(ENGLISH)).language == "en"
    assert leg.finish(say(SILENT)).words == ()
    assert leg.finish(say(MUMBLED)).language == "en"


def test_what_was_decoded_ahead_is_not_decoded_again(leg: AnyLanguageLeg, decoders: dict[str, Decoder]) -> None:
    leg.hear(say(ENGLISH), paused=True)
    before = {name: len(decoder.calls) for name, decoder in decoders.items()}
    leg.finish(say(ENGLISH))
    assert decoders["en"].calls[before["en"] :] == ["finish"]
    assert decoders["es"].calls[before["es"] :] == ["reset"]
