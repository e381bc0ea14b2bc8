"""The graphs written at install time, run for real."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from rapidfuzz import fuzz

from models.asr.moonshine import Decoded, MoonshineDecoder
from models.asr.registry import TOKENIZER
from models.catalog import load_catalog
from models.cpu import dot_product
from models.errors import ModelMissing
from models.store import Store
from tests.functional.models.test_transcription import SAID, telephone

pytestmark = pytest.mark.models


@pytest.fixture(scope="module", autouse=True)
def _let_models_go() -> Iterator[None]:
    yield
    decoder.cache_clear()


@cache
def decoder(language: str, *, signed: bool | None = None, size: str = "base") -> MoonshineDecoder:
    """Opened once: a decoder keeps nothing from one text to the next."""
    store, model = Store(), load_catalog().get(f"moonshine-{size}-{language}")
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
    # Activations are quantised together with the draft's, so an unsure word may come out in another way; nonsense not.
    for draft in ([31000, 5, 77, 31999], [*alone.tokens[:4], 31000]):
        drafted = engine.decode(said, draft=draft)
        assert not {31000, 31999}.intersection(drafted.tokens)
        assert drafted.tokens[:4] == alone.tokens[:4]
        assert fuzz.ratio(text(engine, drafted), text(engine, alone)) >= 80
        assert np.mean(drafted.scores) >= np.mean(alone.scores) - 0.2


def test_beams_find_a_text_at_least_as_likely(tmp_path: Path) -> None:
    engine, said = decoder("es"), audio("es", tmp_path)
    one, three = engine.decode(said, beams=1), engine.decode(said, beams=3)
    assert np.mean(three.scores) >= np.mean(one.scores) - 0.05
    assert three.attention.shape == (len(three.tokens) + 1, three.attention.shape[1])


def test_hardly_any_audio_gives_hardly_any_text() -> None:
    engine = decoder("en")
    for samples in (0, 1, 160, 4000):
        assert len(engine.decode(np.zeros(samples, np.float32)).tokens) <= 8


@pytest.mark.parametrize(("language", "size"), [("es", "base"), ("en", "base"), ("en", "tiny")])
def test_a_final_is_at_least_as_likely_as_its_draft(language: str, size: str, tmp_path: Path) -> None:
    engine, said = decoder(language, size=size), audio(language, tmp_path)
    greedy, final = engine.decode(said), engine.final(said)
    assert final.mean >= greedy.mean
    # The tiny model mishears espeak-ng's voice; what is wrong with a graph gives no likeness at all.
    like = 60 if size == "tiny" else 80
    assert fuzz.ratio(text(engine, final).lower(), SAID[language][1].lower()) >= like
    # A draft is a way to the text, not a part of it.
    for draft in (greedy.tokens, greedy.tokens[:3], [31000, 5, 77]):
        drafted = engine.final(said, draft=draft)
        assert fuzz.ratio(text(engine, drafted), text(engine, final)) >= like
        assert drafted.mean >= final.mean - 0.2
        assert not {31000}.intersection(drafted.tokens)


def test_a_hypothesis_written_out_becomes_its_tokens_again(tmp_path: Path) -> None:
    """What `MoonshineLeg` counts on to verify a whole utterance in one pass."""
    engine, said = decoder("es"), audio("es", tmp_path)
    tokens = engine.decode(said).tokens
    again = engine.tokenizer.encode(" " + text(engine, engine.decode(said)), add_special_tokens=False).ids
    assert again == tokens
