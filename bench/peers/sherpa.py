"""sherpa-onnx with the published Moonshine graphs, whole files: `python -m bench.peers.sherpa MODELS`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import sherpa_onnx

from bench.peers.protocol import Heard, Pcm, UnavailableError, serve


class Offline:
    rate = 16000
    name = "moonshine-base, merged decoder"

    def __init__(self, recognizer: Any) -> None:
        self._recognizer = recognizer

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        stream = self._recognizer.create_stream()
        stream.accept_waveform(rate, pcm.astype(np.float32) / 32768.0)
        self._recognizer.decode_stream(stream)
        return Heard(str(stream.result.text))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> None:
        return None


def open_engine(language: str) -> Offline:
    folder = Path(sys.argv[1]) / language
    names = ("encoder_model.onnx", "decoder_model_merged.onnx", "tokens.txt")
    files = [str(folder / name) for name in names]
    if not all(Path(file).exists() for file in files):
        raise UnavailableError(f"no Moonshine files for {language!r} (make bench-peers)")
    return Offline(sherpa_onnx.OfflineRecognizer.from_moonshine_v2(*files, num_threads=1))


if __name__ == "__main__":
    serve(open_engine)
