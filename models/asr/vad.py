"""Silero VAD on onnxruntime: how likely a 32 ms frame is speech.

Source: snakers4/silero-vad, `silero_vad.onnx` of package silero-vad 6.2.3 (MIT).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.errors import BadAudio
from models.runtime import open_session

FRAME_SECONDS: Final = 0.032
SAMPLE_RATES: Final = (8000, 16000)
_CONTEXT: Final = {8000: 32, 16000: 64}  # samples of the previous frame that the model wants in front of each


class SileroModel:
    """The loaded network, shared by all legs. `file`: silero_vad.onnx. Raises `ModelDamaged`."""

    def __init__(self, file: Path) -> None:
        self.session: ort.InferenceSession = open_session(file, threads=1)

    def leg(self, sample_rate: int) -> SileroVad:
        """The state of one leg at 8000 or 16000 Hz. Raises `BadAudio`."""
        return SileroVad(self, sample_rate)


class SileroVad:
    """One leg's state: recurrent memory float32 [2, 1, 128] and the end of the previous frame."""

    def __init__(self, model: SileroModel, sample_rate: int) -> None:
        if sample_rate not in SAMPLE_RATES:
            raise BadAudio(f"sample rate {sample_rate} Hz", where="VAD", do=f"use one of {SAMPLE_RATES}")
        self.frame_samples = round(sample_rate * FRAME_SECONDS)
        self._session = model.session
        self._rate = np.array(sample_rate, np.int64)
        self._context_size = _CONTEXT[sample_rate]
        self.reset()

    def reset(self) -> None:
        """Forget what was heard, as after a gap."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros(self._context_size, np.float32)

    def probability(self, frame: NDArray[np.float32]) -> float:
        """Probability of speech, 0..1, in the next frame: float32 [frame_samples] in -1..1."""
        window = np.concatenate((self._context, frame))[None]
        output, self._state = self._session.run(None, {"input": window, "state": self._state, "sr": self._rate})
        self._context = window[0, -self._context_size :]
        return float(output[0, 0])
