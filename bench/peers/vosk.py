"""Vosk, streamed: `python -m bench.peers.vosk`, with the model folder in APUNTADOR_TEST_VOSK_MODEL.

The loop of vosk-server's WebSocket (a recogniser per connection, a result or a partial result for each message),
without the socket: vosk-server is in no package registry.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import vosk

from bench.peers.protocol import Heard, MediaClock, Pcm, Text, UnavailableError, serve

_VARIABLE = "APUNTADOR_TEST_VOSK_MODEL"
_MESSAGE = 0.2  # seconds of audio


class Streamed:
    rate = 16000

    def __init__(self, model: Any, name: str) -> None:
        self.name = name
        self._model = model

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        recogniser, clock = vosk.KaldiRecognizer(self._model, rate), MediaClock()
        recogniser.SetWords(True)
        shown: list[Text] = []
        size, began = round(rate * _MESSAGE), 0.0
        for begin in range(0, pcm.size, size):
            piece = pcm[begin : begin + size]
            there = (begin + piece.size) / rate
            clock.begin(there)
            final = bool(recogniser.AcceptWaveform(piece.tobytes()))
            answer = json.loads(recogniser.Result() if final else recogniser.PartialResult())
            text = str(answer["text" if final else "partial"])
            shown += [_text(clock.end(), began, there, text, answer, final)] if text else []
            began = there if final else began
        clock.begin(pcm.size / rate)
        answer = json.loads(recogniser.FinalResult())
        shown += [_text(clock.end(), began, pcm.size / rate, str(answer["text"]), answer, final=True)]
        return Heard(" ".join(text.text for text in shown if text.final), tuple(shown))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> object:
        recognisers = [vosk.KaldiRecognizer(self._model, rate) for _ in range(count)]
        for recogniser in recognisers:
            recogniser.AcceptWaveform(pcm.tobytes())
        return recognisers


def _text(at: float, t0: float, t1: float, text: str, answer: dict[str, Any], final: bool) -> Text:
    words = tuple((word["word"], word["start"], word["end"]) for word in answer.get("result", ()))
    begin, end = (words[0][1], words[-1][2]) if words else (t0, t1)
    return Text(at, round(t0 * 1000), text, len(text) if final else 0, final, begin, end, words)


def open_engine(language: str) -> Streamed:
    folder = os.environ.get(_VARIABLE, "")
    if not folder:
        raise UnavailableError(f"{_VARIABLE} names no model folder; no {language!r} model is packaged")
    name = Path(folder).name
    if f"-{language}" not in name:
        raise UnavailableError(f"{name} is not a model for {language!r}")
    vosk.SetLogLevel(-1)
    return Streamed(vosk.Model(folder), name)


if __name__ == "__main__":
    serve(open_engine)
