"""This product's recogniser as a worker: `python -m bench.peers.apuntador [--offline]`.

Streamed as a call is: 20 ms at a time, every step that is wanted. With `--offline` the whole recording is one
utterance, trimmed to its speech and decoded once: what streaming must not lose against.
"""

from __future__ import annotations

import sys

from bench.peers.protocol import Heard, MediaClock, Pcm, Text, UnavailableError, serve
from models.asr.endpoint import EndpointConfig
from models.asr.moonshine import MoonshineDecoder, MoonshineLeg
from models.asr.recogniser import VadRecogniser
from models.asr.registry import TOKENIZER, VAD, available, open_recogniser
from models.asr.stream import StreamConfig
from models.asr.types import Recogniser, Stream, Transcript, Urgency
from models.asr.vad import SileroModel
from models.store import Store

_CHUNK = 0.02
_NEVER = 3600.0  # seconds: no pause and no length ends an utterance


class Streamed:
    rate = 0

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = recogniser.name
        self._recogniser = recogniser

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        stream, clock, shown = self._recogniser.stream(rate), MediaClock(), []
        size = round(rate * _CHUNK)
        for begin in range(0, pcm.size + size, size):
            stream.feed(pcm[begin : begin + size])
            if begin >= pcm.size:
                stream.finish()
            while stream.urgency() is not Urgency.NONE:
                clock.begin(min(begin + size, pcm.size) / rate)
                published = stream.step()
                at = clock.end()
                shown += [_text(at, transcript) for transcript in published]
        return Heard(_joined(shown), tuple(shown))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> object:
        streams = [self._recogniser.stream(rate) for _ in range(count)]
        for stream in streams:
            stream.feed(pcm)
            while stream.urgency() is not Urgency.NONE:
                stream.step()
        return streams


class Offline:
    rate = 0

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = f"{recogniser.name}, one decode"
        self._recogniser = recogniser

    def hear(self, pcm: Pcm, rate: int) -> Heard:
        stream: Stream = self._recogniser.stream(rate)
        stream.feed(pcm)
        stream.finish()
        texts = []
        while stream.urgency() is Urgency.FINAL:  # no partials
            texts += [_text(0.0, transcript) for transcript in stream.step()]
        return Heard(_joined(texts))

    def hold_streams(self, pcm: Pcm, rate: int, count: int) -> None:
        return None


def _text(at: float, transcript: Transcript) -> Text:
    t = transcript
    words = tuple((word.text, word.t0, word.t1) for word in t.words)
    return Text(at, t.utterance, t.text, t.stable_chars, t.final, t.t0, t.t1, words)


def _joined(texts: list[Text]) -> str:
    return " ".join(text.text for text in sorted(texts, key=lambda text: text.t0) if text.final)


def open_streamed(language: str) -> Streamed:
    return Streamed(open_recogniser(language))


def open_offline(language: str) -> Offline:
    names = [model.name for model in available() if model.language == language and model.engine == "moonshine"]
    if not names:
        raise UnavailableError(f"no Moonshine model for {language!r} (apuntador models fetch --language {language})")
    name, store = names[0], Store()
    decoder = MoonshineDecoder(store.require(name, language), store.require(TOKENIZER, language) / "tokenizer.json")
    vad = SileroModel(store.require(VAD, language) / "silero_vad.onnx")
    config = StreamConfig(endpoint=EndpointConfig(hangover=_NEVER, longest=_NEVER))
    return Offline(VadRecogniser(name, language, lambda: MoonshineLeg(decoder), vad, config))


if __name__ == "__main__":
    serve(open_offline if "--offline" in sys.argv[1:] else open_streamed)
