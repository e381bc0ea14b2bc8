"""Real models on synthesised telephone speech, and the registry that opens them."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from bench.g711 import from_ulaw, to_ulaw
from models.asr.registry import available, open_recogniser
from models.asr.types import Urgency
from models.errors import EngineUnavailable, ModelMissing, UnknownLanguage, UnknownModel

SAID = {
    "es": ("es-419", "Buenos días. Quiero cancelar mi suscripción porque es muy cara.", {"buenos", "cancelar", "cara"}),
    "en": ("en", "Good morning. I want to cancel my subscription because it is too expensive.",
           {"morning", "cancel", "subscription", "expensive"}),
}  # fmt: skip


def telephone(voice: str, text: str, folder: Path) -> NDArray[np.int16]:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt install espeak-ng)")
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text], check=True)
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        narrow = soxr.resample(pcm, file.getframerate(), 8000)
    pause = np.zeros(4000, np.int16)
    return from_ulaw(to_ulaw(np.concatenate([pause, narrow, pause])))


@pytest.mark.models
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_telephone_sentence_is_understood(language: str, tmp_path: Path) -> None:
    voice, text, words = SAID[language]
    pcm = telephone(voice, text, tmp_path)
    try:
        recogniser = open_recogniser(language)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    stream = recogniser.stream(8000)
    heard, first_partial = [], None
    for k in range(0, pcm.size, 160):
        stream.feed(pcm[k : k + 160])
        while stream.urgency() is not Urgency.NONE:
            for t in stream.step():
                first_partial = first_partial or k / 8000
                heard += [t] if t.final else []
    stream.finish()
    while stream.urgency() is not Urgency.NONE:
        heard += [t for t in stream.step() if t.final]
    recogniser.close()
    said = " ".join(t.text for t in heard)
    assert words <= {w.strip(".,¿?¡!").lower() for w in said.split()}, said
    assert all(t.confidence > 0.5 for t in heard)
    assert first_partial is not None
    assert first_partial < pcm.size / 8000 / 2, "words appear while the person is speaking"
    assert heard[0].t0 == pytest.approx(0.5, abs=0.15)
    assert heard[-1].t1 == pytest.approx(pcm.size / 8000 - 0.5, abs=0.35)


@pytest.mark.models
def test_installed_models_are_listed() -> None:
    if not available():
        pytest.skip("no models installed (apuntador models fetch)")
    assert {a.engine for a in available()} <= {"moonshine", "vosk"}


def test_an_empty_data_folder_says_what_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APUNTADOR_LANG", "en")
    assert available(tmp_path) == ()
    for language in ("es", "en"):
        with pytest.raises(ModelMissing, match=f"apuntador models fetch --language {language}") as caught:
            open_recogniser(language, models_dir=tmp_path)
        assert not caught.value.retryable


def test_mistakes_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguage):
        open_recogniser("fr", models_dir=tmp_path)
    with pytest.raises(EngineUnavailable):
        open_recogniser("es", engine="whisper", models_dir=tmp_path)
    with pytest.raises(UnknownModel):
        open_recogniser("es", model="moonshine-base-en", models_dir=tmp_path)
