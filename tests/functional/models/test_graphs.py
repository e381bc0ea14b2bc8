"""The graphs written at install time, run for real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from models.asr.moonshine import Decoded, MoonshineDecoder
from models.asr.registry import TOKENIZER
from models.catalog import load_catalog
from models.cpu import dot_product
from models.errors import ModelMissing
from models.store import Store
from tests.functional.models.test_transcription import SAID, telephone

pytestmark = pytest.mark.models


def decoder(language: str, *, signed: bool | None = None) -> MoonshineDecoder:
    store, model = Store(), load_catalog().get(f"moonshine-base-{language}")
    try:
        folder = store.require(model.name, language, model.recipe)
        return MoonshineDecoder(folder, store.require(TOKENIZER) / "tokenizer.json", signed=signed)
    except ModelMissing as missing:
        pytest.skip(str(missing))


def audio(language: str, folder: Path) -> NDArray[np.float32]:
    voice, text, _ = SAID[language]
    pcm = telephone(voice, text, folder)
    wide: NDArray[np.float32] = soxr.resample(pcm.astype(np.float32) / 32768, 8000, 16000)
    return wide


def text(decoder: MoonshineDecoder, decoded: Decoded) -> str:
    return decoder.words(decoded)[0].text


@pytest.mark.parametrize("language", ["es", "en"])
def test_signed_and_unsigned_weights_say_the_same(language: str, tmp_path: Path) -> None:
    if not dot_product():
        pytest.skip("this processor has no dot product: signed products overflow")
    said, heard = audio(language, tmp_path), []
    for signed in (True, False):
        engine = decoder(language, signed=signed)
        heard.append(engine.decode(said, beams=3))
    assert heard[0].tokens == heard[1].tokens
    np.testing.assert_allclose(heard[0].scores, heard[1].scores, atol=1e-3)
    np.testing.assert_allclose(heard[0].attention, heard[1].attention, atol=1e-3)


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_draft_saves_steps_and_may_be_nonsense(language: str, tmp_path: Path) -> None:
    engine, said = decoder(language), audio(language, tmp_path)
    alone = engine.decode(said)
    assert engine.decode(said, draft=alone.tokens).tokens == alone.tokens
    assert text(engine, engine.decode(said, draft=[31000, 5, 77, 31999])) == text(engine, alone)
    assert text(engine, engine.decode(said, draft=[*alone.tokens[:4], 31000])) == text(engine, alone)


def test_beams_find_a_text_at_least_as_likely(tmp_path: Path) -> None:
    engine, said = decoder("es"), audio("es", tmp_path)
    one, three = engine.decode(said, beams=1), engine.decode(said, beams=3)
    assert np.mean(three.scores) >= np.mean(one.scores) - 0.05
    assert three.attention.shape == (len(three.tokens) + 1, three.attention.shape[1])


def test_hardly_any_audio_gives_hardly_any_text() -> None:
    engine = decoder("en")
    for samples in (0, 1, 160, 4000):
        assert len(engine.decode(np.zeros(samples, np.float32)).tokens) <= 8
