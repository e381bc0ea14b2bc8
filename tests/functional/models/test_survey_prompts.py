"""The survey's recordings say what their text says, as far as the recogniser can tell over a telephone."""

from pathlib import Path

import numpy as np
import pytest
import yaml

import gateway.prompts
from assist.config import Survey
from assist.events import Language
from bench.g711 import from_ulaw, to_ulaw
from bench.text import word_errors
from gateway.prompts import PACKAGED, load_prompts
from models.asr.registry import open_recogniser
from models.asr.types import Urgency
from models.errors import ModelMissing

TEXTS = yaml.safe_load((Path(next(iter(gateway.prompts.__path__))) / "texts.yaml").read_text("utf-8"))


@pytest.mark.models
@pytest.mark.parametrize("language", ["es", "en"])
def test_every_recording_is_understood(language: Language) -> None:
    try:
        recogniser = open_recogniser(language)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    assert set(TEXTS[language]) == set(PACKAGED)
    pause = np.zeros(4000, np.int16)
    wrong = words = 0
    for name, frames in load_prompts(Survey())[language].items():
        if name not in TEXTS[language]:
            continue  # a question of the settings: the same recording again
        pcm = np.concatenate([pause, np.frombuffer(b"".join(frames), "<i2"), pause])
        stream = recogniser.stream(8000)
        stream.feed(from_ulaw(to_ulaw(pcm)))
        stream.finish()
        heard = []
        while stream.urgency() is not Urgency.NONE:
            heard += [t.text for t in stream.step() if t.final]
        errors, count = word_errors([TEXTS[language][name]], [" ".join(heard)], language)
        wrong, words = wrong + errors, words + count
        assert errors <= count / 3, f"{name}: {' '.join(heard)}"
    recogniser.close()
    assert wrong / words < 0.15
