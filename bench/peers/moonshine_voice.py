"""The vendor's own library: `python -m bench.peers.moonshine_voice MODELS [--stream]`.

It loads .ort files only; these are converted from the published .onnx files of the base models, which it cuts into
lines with its own VAD and decodes again as a line grows. Its newer models with a streaming encoder come from the
vendor's own server alone, so they cannot be measured from packages.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import moonshine_voice as library
import numpy as np
from moonshine_voice.moonshine_api import ModelArch
from moonshine_voice.transcriber import Transcriber

from bench.peers.protocol import Heard, MediaClock, Pcm, Text, UnavailableError, serve

_CHUNK = 0.02


class Whole:
    rate = 16000
    name = "moonshine-base"

    def __init__(self, transcriber: Any) -> None:
        self._transcriber = transcriber

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        transcript = self._transcriber.transcribe_without_streaming(_floats(pcm), rate)
        return Heard(" ".join(line.text for line in transcript.lines))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> object | None:
        return None


class Streamed(Whole):
    name = "moonshine-base, re-decoded every 0.5 s"

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        clock, shown = MediaClock(), []
        lines: dict[int, Any] = {}
        changed: set[int] = set()

        def on_event(event: Any) -> None:
            lines[event.line.line_id] = event.line
            changed.add(event.line.line_id)

        stream = self._transcriber.create_stream()
        stream.add_listener(on_event)
        stream.start()
        size = round(rate * _CHUNK)
        for begin in range(0, pcm.size + size, size):
            clock.begin(min(begin + size, pcm.size) / rate)
            if begin < pcm.size:
                stream.add_audio(_floats(pcm[begin : begin + size]), rate)
            else:
                stream.stop()
            at = clock.end()
            shown += [_text(at, lines[number], final=begin >= pcm.size) for number in sorted(changed)]
            changed.clear()
        stream.close()
        return Heard(" ".join(lines[number].text for number in sorted(lines)), tuple(shown))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> object:
        streams = [self._transcriber.create_stream() for _ in range(count)]
        for stream in streams:
            stream.start()
            stream.add_audio(_floats(pcm), rate)
        return streams


def _text(at: float, line: Any, *, final: bool) -> Text:
    done = bool(line.is_complete) or final
    stable = len(line.text) if done else 0
    return Text(at, line.line_id, line.text, stable, done, line.start_time, line.start_time + line.duration)


def _floats(pcm: Pcm) -> list[float]:
    floats: list[float] = (pcm.astype(np.float32) / 32768.0).tolist()
    return floats


def open_engine(language: str) -> Whole:
    folder = Path(sys.argv[1]) / language
    if not (folder / "encoder_model.ort").exists():
        raise UnavailableError(f"no converted Moonshine files for {language!r} (make bench-peers)")
    # The tokenizer of all Moonshine models, in the library's own form.
    shutil.copy(Path(library.__file__).parent / "assets" / "tiny-en" / "tokenizer.bin", folder)
    transcriber = Transcriber(folder, ModelArch.BASE)
    return Streamed(transcriber) if "--stream" in sys.argv else Whole(transcriber)


if __name__ == "__main__":
    serve(open_engine)
