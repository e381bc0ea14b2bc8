"""How much of the recogniser's doubt a voice outweighs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.asr.stream import Hypothesis
from models.asr.voice import VoiceConfig, most_doubt
from tests.unit.models.test_stream import RATE, Counting, LoudnessVad, drain, loud, quiet

SURE, UNSURE = [0.97] * 12, [0.55, 0.7, 0.6, 0.52]


def test_a_sure_voice_outweighs_much_doubt_once_it_pauses() -> None:
    assert most_doubt(SURE, paused=True) == most_doubt(SURE, paused=False, ended=True) == VoiceConfig().doubt_strong
    assert most_doubt(SURE, paused=False) == VoiceConfig().doubt


def test_an_unsure_voice_waits_for_the_end_and_needs_a_sure_recogniser() -> None:
    assert most_doubt(UNSURE, paused=True) < 0
    assert most_doubt(UNSURE, paused=True, ended=True) == VoiceConfig().doubt_weak
    assert most_doubt([], paused=True, ended=True) == VoiceConfig().doubt_weak


@given(st.lists(st.floats(0, 1), max_size=60), st.booleans(), st.booleans())
def test_more_voice_never_means_less_belief(probabilities: list[float], paused: bool, ended: bool) -> None:
    surer = [min(1.0, p + 0.1) for p in probabilities]
    assert most_doubt(surer, paused=paused, ended=ended) >= most_doubt(probabilities, paused=paused, ended=ended)


class Doubting(Counting):
    def __init__(self, no_speech: float) -> None:
        super().__init__()
        self.no_speech = no_speech

    def text(self, audio: NDArray[np.float32]) -> Hypothesis:
        return replace(super().text(audio), no_speech=self.no_speech)


class Flute(LoudnessVad):
    def probability(self, frame: NDArray[np.float32]) -> float:
        return 0.6 * super().probability(frame)


@pytest.mark.parametrize(
    ("vad", "no_speech", "partials", "finals"),
    [
        (LoudnessVad(), 0.1, True, True),
        (LoudnessVad(), 0.7, False, True),  # a word said alone
        (LoudnessVad(), 0.99, False, False),
        (Flute(), 0.3, False, False),
        (Flute(), 0.1, False, True),
    ],
)
def test_the_stream_shows_what_is_believed(vad: LoudnessVad, no_speech: float, partials: bool, finals: bool) -> None:
    from models.asr.stream import VadStream

    stream = VadStream(Doubting(no_speech), vad, "es", RATE)
    out = []
    for chunk in (loud(0.7), loud(0.6), quiet(1.0)):
        stream.feed(chunk)
        out += drain(stream)
    shown = {t.final for t in out if t.text and not (not t.final and t.t1 >= 1.29)}
    assert (False in shown) == partials
    assert (True in shown) == finals
