"""Lines as the real recogniser writes them down: espeak-ng says them, G.711 carries them, the recogniser hears them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from assist.events import Language
from bench import g711
from bench.corpus import resample
from bench.espeak import Espeak, EspeakError
from models.asr.registry import open_recogniser
from models.asr.types import Urgency
from models.errors import ModelsError

_VOICES: Final[dict[Language, str]] = {"en": "en-us", "es": "es-419"}
"""The plain voices. Short lines in a synthetic voice are hard to recognise: the table tells the error rate."""
_WORDS_PER_MINUTE: Final = (150, 165, 180)
_SILENCE_S: Final = 0.3


def recognised(language: Language, texts: Sequence[str]) -> list[str] | None:
    """What the recogniser makes of each text; None where espeak-ng or the speech model is missing (it says so)."""
    try:
        voice, recogniser = Espeak(), open_recogniser(language)
    except (EspeakError, ModelsError) as err:
        print(f"compliance: no spoken lines in {language}: {err}", file=sys.stderr)
        return None
    heard: list[str] = []
    for number, text in enumerate(texts):
        spoken = voice.speak(text, _VOICES[language], _WORDS_PER_MINUTE[number % len(_WORDS_PER_MINUTE)])
        narrow = g711.from_ulaw(g711.to_ulaw(resample(spoken.pcm, spoken.rate, g711.RATE)))
        quiet = np.zeros(round(_SILENCE_S * g711.RATE), np.int16)
        stream = recogniser.stream(g711.RATE)
        stream.feed(np.concatenate([quiet, narrow, quiet]))
        stream.finish()
        finals: list[str] = []
        while stream.urgency() is Urgency.FINAL:
            finals += [said.text for said in stream.step() if said.final]
        heard.append(" ".join(finals))
    return heard
