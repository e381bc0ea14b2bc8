"""Moonshine on onnxruntime: 16 kHz audio of one utterance in, text out.

Source: Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands"
(arXiv 2410.15608); graphs as written by `models.optimise`. Greedy decoding with a key-value cache. The model has no
word times and its cross-attention is not an output of the published graphs, so transcripts carry no `words`: spreading
the words evenly over the speech would look like a measurement and be none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.asr.runtime import open_session
from models.asr.stream import Hypothesis, StreamConfig, VadStream
from models.asr.vad import SileroModel
from models.errors import ModelDamaged
from models.strings import say

_BOS: Final = 1
_EOS: Final = 2
_RATE: Final = 16000
_SHORTEST: Final = 4000  # samples; the encoder's convolutions need about this much
# Fast counting reaches 12 tokens a second; more than this is a model that talks to itself.
_TOKENS_PER_SECOND: Final = 13
_FEWEST_TOKENS: Final = 8
# Mean log-probability of a last sentence: on 107 telephone prompts no real one is below -0.4, made-up ones are at -1.4.
_DOUBTFUL: Final = -0.9
_SENTENCE_ENDS: Final = (".", "?", "!", "…")

FloatArray = NDArray[np.float32]


class MoonshineDecoder:
    """One loaded model: three graphs and the tokenizer. Not for two threads at a time.

    `folder` holds encoder_model.onnx, decoder_init.onnx, decoder_step.onnx. Raises `ModelDamaged`.
    """

    def __init__(self, folder: Path, tokenizer: Path, *, threads: int = 1) -> None:
        self._encoder = open_session(folder / "encoder_model.onnx", threads=threads)
        self._init = open_session(folder / "decoder_init.onnx", threads=threads)
        self._step = open_session(folder / "decoder_step.onnx", threads=threads)
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the Rust side raises bare Exception
            name = tokenizer.parent.name
            what = say("damaged.what", name=name, reason=error)
            raise ModelDamaged(what, where=str(tokenizer), do=say("damaged.do", name=name)) from error
        self._init_cache = _cache_names(self._init.get_outputs())
        self._step_cache = _cache_names(self._step.get_outputs())
        self._step_inputs = {i.name for i in self._step.get_inputs()}

    def decode(self, audio: FloatArray, draft: Sequence[int] = ()) -> Hypothesis:
        """Text of one utterance: float32 [n] in -1..1 at 16 kHz, trimmed to about 200 ms around the speech.

        `draft`: token ids of an earlier hypothesis for the same utterance; the part of it that greedy decoding would
        repeat is taken over in one pass. Quantisation is per tensor, so a draft may change a token in rare cases:
        decode finals without. `no_speech` of the answer is the probability of the end of the text before its first
        token; the text is what the model would say if there were speech, so judge it by that (`models.asr.voice`).
        """
        if audio.size < _SHORTEST:
            audio = np.pad(audio, (0, _SHORTEST - audio.size))
        cap = max(_FEWEST_TOKENS, int(audio.size / _RATE * _TOKENS_PER_SECOND))
        states = self._encoder.run(None, {"input_values": audio[None]})[0]
        tokens, scores, no_speech = self._greedy(states, cap, list(draft)[: cap - 1])
        kept = sure_length([self._tokenizer.decode([token]) for token in tokens], scores)
        tokens, scores = tokens[:kept], scores[:kept]
        if not tokens:
            return Hypothesis("", (), 0.0, no_speech)
        text = " ".join(self._tokenizer.decode(tokens, skip_special_tokens=True).split())
        return Hypothesis(text, tuple(tokens), float(np.exp(np.mean(scores))), no_speech)

    def _greedy(self, states: FloatArray, cap: int, draft: list[int]) -> tuple[list[int], list[float], float]:
        """Token ids without BOS and EOS, the log-probability of each, and the probability of no token at all."""
        ids = np.array([[_BOS, *draft]], np.int64)
        logits, *cache = self._init.run(None, {"input_ids": ids, "encoder_hidden_states": states})
        log_probs = _log_softmax(logits[0])
        no_speech = float(np.exp(log_probs[0, _EOS]))
        log_probs[0, _EOS] = -np.inf
        best = log_probs.argmax(-1)
        kept = 0
        while kept < len(draft) and best[kept] == draft[kept]:
            kept += 1
        tokens = draft[:kept]
        scores = [float(log_probs[k, t]) for k, t in enumerate(tokens)]
        past = {
            # The decoder's cache has one entry per verified token; those of the rejected ones are cut off.
            name: value[:, :, : kept + 1] if ".decoder." in name else value
            for name, value in zip(self._init_cache, cache, strict=True)
            if name in self._step_inputs
        }
        row = log_probs[kept]
        while (token := int(row.argmax())) != _EOS:
            tokens.append(token)
            scores.append(float(row[token]))
            loop = loop_length(tokens)
            if loop:
                return tokens[:-loop], scores[:-loop], no_speech
            if len(tokens) >= cap:
                break
            logits, *cache = self._step.run(None, {"input_ids": np.array([[token]], np.int64), **past})
            past.update(zip(self._step_cache, cache, strict=True))
            row = _log_softmax(logits[0])[0]
        return tokens, scores, no_speech


class MoonshineRecogniser:
    """A Moonshine model with its VAD, open for any number of legs."""

    def __init__(
        self,
        name: str,
        language: str,
        decoder: MoonshineDecoder,
        vad: SileroModel,
        config: StreamConfig | None = None,
    ) -> None:
        self.name = name
        self.language = language
        self._decoder: MoonshineDecoder | None = decoder
        self._vad = vad
        self._config = config or StreamConfig()

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> VadStream:
        """A new leg at 8000 or 16000 Hz. Raises `BadAudio` for another rate, or after `close`."""
        if self._decoder is None:
            raise ModelDamaged(f"{self.name} is closed", do="open the recogniser again")
        vad = self._vad.leg(sample_rate)
        return VadStream(self._decoder, vad, self.language, sample_rate, self._config, start_sample=start_sample)

    def close(self) -> None:
        """Drop the sessions; their memory goes when the last stream does."""
        self._decoder = None


def sure_length(pieces: Sequence[str], scores: Sequence[float]) -> int:
    """How many tokens to keep: without last sentences that the model itself hardly believes.

    After a complete sentence Moonshine sometimes goes on into the silence ("¡Ay!", a made-up number) with tokens of
    little probability. `pieces` are the tokens' texts, `scores` their log-probabilities.
    """
    kept = len(pieces)
    for end in range(len(pieces) - 1, 0, -1):
        if pieces[end - 1].strip() in _SENTENCE_ENDS and float(np.mean(scores[end:kept])) < _DOUBTFUL:
            kept = end
    return kept


def loop_length(tokens: Sequence[int], *, longest: int = 20) -> int:
    """How many tokens at the end are a repetition gone wild: 0, or all but the first rounds of it.

    A single token six times in a row, a group of two to five tokens four times, of six to `longest` three times.
    """
    for size in range(1, longest + 1):
        rounds = 6 if size == 1 else 4 if size < 6 else 3
        tail = tokens[-size * rounds :]
        if len(tail) == size * rounds and all(tail[k] == tail[k - size] for k in range(size, len(tail))):
            return size * (rounds - (2 if size < 6 else 1))  # people do say things twice
    return 0


def _cache_names(outputs: Sequence[object]) -> list[str]:
    """Names under which the step graph takes the outputs after the first (the logits)."""
    return [str(getattr(o, "name", "")).replace("present", "past_key_values") for o in outputs][1:]


def _log_softmax(logits: FloatArray) -> FloatArray:
    """Over the last axis of float32 [S, V]."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: FloatArray = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
