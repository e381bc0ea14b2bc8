"""Spanish and English on one leg, through the real models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rapidfuzz import fuzz

from models.asr.languages import any_language
from models.asr.recogniser import VadRecogniser
from models.asr.registry import open_recogniser
from models.asr.types import Transcript, Urgency
from models.errors import ModelMissing
from tests.functional.models.test_transcription import telephone

pytestmark = pytest.mark.models
RATE = 8000
SPANISH = (
    "Buenas tardes, quiero preguntar por mi última factura.",
    "Me cobraron dos veces el mismo servicio.",
    "Muchas gracias por su ayuda, hasta luego.",
)
ENGLISH = (
    "Sorry, can we continue in English please?",
    "I was charged twice for the same service.",
    "Thank you very much for your help.",
)


@pytest.fixture(scope="module")
def recogniser() -> VadRecogniser:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt install espeak-ng)")
    try:
        return any_language([open_recogniser("es"), open_recogniser("en")])
    except ModelMissing as missing:
        pytest.skip(str(missing))


def finals(recogniser: VadRecogniser, pcm: NDArray[np.int16]) -> list[Transcript]:
    stream, out = recogniser.stream(RATE), list[Transcript]()
    for k in range(0, pcm.size, RATE // 10):
        stream.feed(pcm[k : k + RATE // 10])
        while stream.urgency() is not Urgency.NONE:
            out += stream.step()
    stream.finish()
    while stream.urgency() is not Urgency.NONE:
        out += stream.step()
    return [t for t in out if t.final and t.text]


def said(language: str, texts: tuple[str, ...], folder: Path) -> NDArray[np.int16]:
    voice = {"es": "es-419", "en": "en-us"}[language]
    pause = np.zeros(RATE // 2, np.int16)
    return np.concatenate([part for text in texts for part in (telephone(voice, text, folder), pause)])


@pytest.mark.parametrize(("language", "texts"), [("es", SPANISH), ("en", ENGLISH)])
def test_a_leg_is_known_from_its_first_words(
    recogniser: VadRecogniser, language: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    heard = finals(recogniser, said(language, texts, tmp_path))
    assert len(heard) >= len(texts)
    assert {t.language for t in heard} == {language}


def test_a_caller_who_goes_over_to_english_is_followed_within_two_utterances(
    recogniser: VadRecogniser, tmp_path: Path
) -> None:
    spanish, english = said("es", SPANISH[:2], tmp_path), said("en", ENGLISH, tmp_path)
    heard = finals(recogniser, np.concatenate([spanish, english, said("es", SPANISH[2:], tmp_path)]))
    before = [t for t in heard if t.t1 < spanish.size / RATE]
    assert {t.language for t in before} == {"es"}
    after = [t for t in heard if spanish.size / RATE < t.t0 and t.t1 < (spanish.size + english.size) / RATE]
    assert {t.language for t in after[2:]} == {"en"}
    assert len(after) >= 3
    # espeak-ng's English is hard to understand; a recogniser of the wrong language has nothing of it.
    assert fuzz.ratio(" ".join(t.text for t in after).lower(), " ".join(ENGLISH).lower()) >= 55
    assert heard[-1].language == "es"


def test_the_other_leg_is_unaffected(recogniser: VadRecogniser, tmp_path: Path) -> None:
    legs = [recogniser.stream(RATE), recogniser.stream(RATE)]
    audio = [said("en", ENGLISH, tmp_path), said("es", SPANISH, tmp_path)]
    heard: list[list[Transcript]] = [[], []]
    for k in range(0, max(pcm.size for pcm in audio), RATE // 10):
        for leg, pcm, out in zip(legs, audio, heard, strict=True):
            leg.feed(pcm[k : k + RATE // 10])
            while leg.urgency() is not Urgency.NONE:
                out += leg.step()
    assert {t.language for t in heard[0] if t.final and t.text} == {"en"}
    assert {t.language for t in heard[1] if t.final and t.text} == {"es"}
