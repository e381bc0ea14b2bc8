"""Ten minutes and more of what is not speech, through the real models: no word is shown, not even for a moment."""

from __future__ import annotations

import functools

import pytest

from models.asr.registry import open_recogniser
from models.asr.types import Recogniser, Urgency
from models.errors import ModelMissing
from tests import nonspeech
from tests.nonspeech import Pcm

RATE = 8000


@functools.cache
def _open(language: str) -> Recogniser:
    return open_recogniser(language)


def shown(language: str, pcm: Pcm) -> list[str]:
    """Every text that a screen would have shown, partial or final."""
    try:
        stream = _open(language).stream(RATE)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    texts = []
    for k in range(0, pcm.size, RATE // 10):
        stream.feed(pcm[k : k + RATE // 10])
        while stream.urgency() is not Urgency.NONE:
            texts += [t.text for t in stream.step() if t.text]
    stream.finish()
    while stream.urgency() is not Urgency.NONE:
        texts += [t.text for t in stream.step() if t.text]
    return texts


@pytest.mark.models
@pytest.mark.parametrize("language", ["es", "en"])
def test_tones_noise_and_made_music_give_no_words(language: str) -> None:
    kinds = nonspeech.kinds(RATE, seconds=7)
    assert sum(pcm.size for pcm in kinds.values()) >= 290 * RATE
    assert {name: texts for name, pcm in kinds.items() if (texts := shown(language, pcm))} == {}


@pytest.mark.models
@pytest.mark.parametrize("language", ["es", "en"])
def test_hold_music_gives_no_words(language: str) -> None:
    tracks = nonspeech.hold_music()
    if not tracks:
        pytest.skip(f"no hold music (apt install {nonspeech.MOH_PACKAGE})")
    assert sum(pcm.size for pcm in tracks.values()) >= 600 * RATE
    # Whether it is speech is asked in the same way for both: each language hears one half of every track.
    parts = {name: pcm[: pcm.size // 2] if language == "es" else pcm[pcm.size // 2 :] for name, pcm in tracks.items()}
    through = {name: nonspeech.through_ulaw(pcm) for name, pcm in parts.items()}
    assert {name: texts for name, pcm in through.items() if (texts := shown(language, pcm))} == {}


def test_the_generator_repeats_itself_and_fills_its_time() -> None:
    once, again = nonspeech.kinds(RATE, seconds=2), nonspeech.kinds(RATE, seconds=2)
    assert all((once[name] == again[name]).all() for name in once)
    assert {pcm.size for pcm in nonspeech.kinds(16000, seconds=2).values()} == {32000}
