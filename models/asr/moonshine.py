"""Moonshine on onnxruntime: 16 kHz audio of one utterance in, words with times out.

Source: Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands"
(arXiv 2410.15608); graphs as written by `models.optimise`. Partials are decoded greedily, the previous hypothesis
being verified in one pass; finals by a small beam search whose hypotheses are compared by their mean log-probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.asr.runtime import open_session
from models.asr.stream import Hypothesis, StreamConfig, VadStream
from models.asr.types import Word
from models.asr.vad import SileroModel
from models.asr.words import to_words
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
_ALIGNMENT: Final = "alignment"
# Digital silence behind a finished utterance, seconds. Without it Moonshine mishears last words: on telephone prompts
# it lowers the word error rate by 0.7 (es) to 1.6 (en) points.
_TAIL: Final = 0.2
# Seconds of an utterance that a partial decodes at most (about), and at least after what is agreed was cut off.
_WINDOW_LONGEST: Final = 5.0
_WINDOW_SHORTEST: Final = 2.5
# Three beams cost a fifth more than one: a step is bound by reading the weights. More than three gain nothing.
BEAMS: Final = 3

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Token ids without BOS and EOS, the log-probability of each, what the decoder looked at for each and for the end
    (float32 [len(tokens) + 1, frames]), and the probability of no token at all."""

    tokens: list[int]
    scores: list[float]
    attention: FloatArray
    no_speech: float


@dataclass(slots=True)
class _Beam:
    tokens: list[int]
    scores: list[float]
    rows: list[FloatArray]  # attention: one row per token
    total: float

    def grown(self, token: int, score: float, row: FloatArray) -> _Beam:
        return _Beam([*self.tokens, token], [*self.scores, score], [*self.rows, row], self.total + score)

    def cut(self, length: int) -> _Beam:
        scores = self.scores[:length]
        return _Beam(self.tokens[:length], scores, self.rows[:length], sum(scores))

    @property
    def mean(self) -> float:
        """Mean log-probability; sums would favour short texts, and a lost sentence is worse than a wrong word."""
        return self.total / max(1, len(self.rows))


class MoonshineDecoder:
    """One loaded model: three graphs and the tokenizer. Not for two threads at a time.

    `folder` holds encoder_model.onnx, decoder_init.onnx, decoder_step.onnx. Raises `ModelDamaged`.
    """

    def __init__(self, folder: Path, tokenizer: Path, *, threads: int = 1) -> None:
        self._encoder = open_session(folder / "encoder_model.onnx", threads=threads)
        self._init = open_session(folder / "decoder_init.onnx", threads=threads)
        self._step = open_session(folder / "decoder_step.onnx", threads=threads)
        try:
            self.tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the Rust side raises bare Exception
            name = tokenizer.parent.name
            what = say("damaged.what", name=name, reason=error)
            raise ModelDamaged(what, where=str(tokenizer), do=say("damaged.do", name=name)) from error
        self._init_outputs = [o.name for o in self._init.get_outputs()]
        self._step_outputs = [o.name for o in self._step.get_outputs()]
        self._step_inputs = {i.name for i in self._step.get_inputs()}

    def decode(self, audio: FloatArray, *, draft: Sequence[int] = (), beams: int = 1) -> Decoded:
        """What was said in one utterance: float32 [n] in -1..1 at 16 kHz, trimmed to about 200 ms around the speech.

        draft: token ids of an earlier hypothesis for the same utterance; the part of it that greedy decoding would
        repeat is taken over in one pass. Quantisation is per tensor, so a draft may change a token in rare cases:
        decode finals without. beams: 1 decodes greedily; more ignore the draft. `no_speech` of the answer is the
        probability of the end of the text before its first token; the text is what the model would say if there were
        speech, so judge it by that (`models.asr.voice`).
        """
        if audio.size < _SHORTEST:
            audio = np.pad(audio, (0, _SHORTEST - audio.size))
        cap = max(_FEWEST_TOKENS, int(audio.size / _RATE * _TOKENS_PER_SECOND))
        states = self._encoder.run(None, {"input_values": audio[None]})[0]
        ids = [_BOS, *draft[: cap - 1]] if beams == 1 else [_BOS]
        log_probs, attention, past = self._prime(states, ids)
        no_speech = float(np.exp(log_probs[0, _EOS]))
        log_probs[0, _EOS] = -np.inf
        # The part of the draft that greedy decoding would repeat.
        best = log_probs.argmax(-1)
        kept = 0
        while kept < len(ids) - 1 and best[kept] == ids[kept + 1]:
            kept += 1
        past = {n: value[:, :, : kept + 1] if ".decoder." in n else value for n, value in past.items()}
        tokens = ids[1 : kept + 1]
        scores = [float(log_probs[k, t]) for k, t in enumerate(tokens)]
        start = _Beam(tokens, scores, list(attention[:kept]), float(sum(scores)))
        found, rows = self._search(start, log_probs[kept], attention[kept], past, cap, beams)
        return Decoded(found.tokens, found.scores, np.stack(rows), no_speech)

    def words(self, decoded: Decoded) -> tuple[Hypothesis, tuple[int, ...]]:
        """As text and words, with the tokens as a draft for the next time."""
        kept = sure_length([self.tokenizer.decode([token]) for token in decoded.tokens], decoded.scores)
        tokens, scores = decoded.tokens[:kept], decoded.scores[:kept]
        words = to_words(self.tokenizer, tokens, scores, decoded.attention[: kept + 1])
        if not words:
            return Hypothesis((), 0.0, decoded.no_speech), ()
        return Hypothesis(words, float(np.exp(np.mean(scores))), decoded.no_speech), tuple(tokens)

    def _prime(self, states: FloatArray, ids: list[int]) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
        """Log-probabilities [S, V], attention [S, T] and the cache after `ids`, S tokens."""
        outputs = self._init.run(None, {"input_ids": np.array([ids], np.int64), "encoder_hidden_states": states})
        named = dict(zip(self._init_outputs, outputs, strict=True))
        past = {_past(n): v for n, v in named.items() if _past(n) in self._step_inputs}
        return _log_softmax(named["logits"][0]), named[_ALIGNMENT][0], past

    def _advance(
        self, tokens: list[int], past: dict[str, FloatArray]
    ) -> tuple[FloatArray, FloatArray, dict[str, FloatArray]]:
        """One token for each of B beams: log-probabilities [B, V], attention [B, T], the new cache."""
        outputs = self._step.run(None, {"input_ids": np.array(tokens, np.int64)[:, None], **past})
        named = dict(zip(self._step_outputs, outputs, strict=True))
        grown = {_past(n): v for n, v in named.items() if _past(n) in self._step_inputs}
        return _log_softmax(named["logits"][:, 0]), named[_ALIGNMENT][:, 0], {**past, **grown}

    def _search(
        self, start: _Beam, row: FloatArray, looked: FloatArray, past: dict[str, FloatArray], cap: int, beams: int
    ) -> tuple[_Beam, list[FloatArray]]:
        """Go on from `start`, whose next token has log-probabilities `row` [V]; `looked` [T] is where to.

        Returns the best text, without its end, and what the decoder looked at for each token and for the end."""
        rows, attention = row[None], looked[None]
        live, done = [start], list[_Beam]()
        encoder = {name: value for name, value in past.items() if ".decoder." not in name}
        cache = {name: value for name, value in past.items() if ".decoder." in name}
        while True:
            ranked = sorted(
                (
                    (beam.total + float(rows[b, token]), b, int(token))
                    for b, beam in enumerate(live)
                    for token in np.argpartition(rows[b], -beams - 1)[-beams - 1 :]
                ),
                reverse=True,
            )
            grown: list[_Beam] = []
            parents: list[int] = []
            for rank, (_, b, token) in enumerate(ranked):
                beam = live[b].grown(token, float(rows[b, token]), attention[b])
                if token != _EOS:
                    grown.append(beam)
                    parents.append(b)
                elif rank < beams:  # an end that lost to as many continuations is none
                    done.append(beam)
                if len(grown) == beams:
                    break
            loop = loop_length(grown[0].tokens) if grown else 0
            if loop:
                kept = len(grown[0].tokens) - loop
                return grown[0].cut(kept), grown[0].rows[: kept + 1]
            # Enough ends, and none of the live texts is better: they would have to be to win.
            ended = len(done) >= beams and max(b.mean for b in done) >= max(b.mean for b in grown)
            if not grown or ended or len(grown[0].tokens) >= cap:
                break
            live = grown
            cache = {name: value[parents] for name, value in cache.items()}
            repeated = {name: np.repeat(value, len(live), 0) for name, value in encoder.items()}
            rows, attention, grown_past = self._advance([beam.tokens[-1] for beam in live], {**repeated, **cache})
            cache = {name: grown_past[name] for name in cache}
        best = max(done or grown, key=lambda beam: beam.mean)
        if best.tokens[-1] == _EOS:
            return best.cut(len(best.tokens) - 1), best.rows
        return best, [*best.rows, best.rows[-1]]


@dataclass(slots=True)
class _Window:
    """The part of an open utterance that partials decode, and the words before it.

    A partial costs as much as the audio it decodes is long; what two hypotheses agree on need not be heard again.
    """

    start: float = 0.0  # seconds into the utterance
    before: tuple[Word, ...] = ()
    words: tuple[Word, ...] = ()  # of the last hypothesis, seconds into the utterance
    draft: tuple[int, ...] = ()

    def heard(self, words: tuple[Word, ...], draft: tuple[int, ...], end: float) -> None:
        """A new hypothesis for the window, up to `end`; moves the window on when it has grown long."""
        agreed = 0
        for old, new in zip(self.words, words, strict=False):
            if old.text != new.text:
                break
            agreed += 1
        self.words, self.draft = words, draft
        if end - self.start < _WINDOW_LONGEST:
            return
        # Behind the last agreed word that leaves enough to hear; a sentence's end is the best place.
        fit = [k for k in range(1, agreed) if words[k].t0 <= end - _WINDOW_SHORTEST]
        sentence = [k for k in fit if words[k - 1].text.endswith(_SENTENCE_ENDS)]
        if fit:
            cut = max(sentence or fit)
            self.before += words[:cut]
            self.start, self.words, self.draft = words[cut].t0, words[cut:], ()


class MoonshineLeg:
    """`models.asr.stream.LegDecoder`: one leg's utterances."""

    def __init__(self, decoder: MoonshineDecoder) -> None:
        self._decoder = decoder
        self._window = _Window()
        self._settled: tuple[int, Hypothesis] | None = None

    def hear(self, audio: FloatArray, *, paused: bool) -> Hypothesis:
        if paused:
            hypothesis = self._final(audio)
            self._settled = (audio.size, hypothesis)
            return hypothesis
        window = self._window
        part = audio[round(window.start * _RATE) :]
        heard, draft = self._decoder.words(self._decoder.decode(part, draft=window.draft))
        words = tuple(replace(w, t0=w.t0 + window.start, t1=w.t1 + window.start) for w in heard.words)
        before = window.before
        window.heard(words, draft, audio.size / _RATE)
        return Hypothesis((*before, *words), heard.confidence, heard.no_speech)

    def finish(self, audio: FloatArray) -> Hypothesis:
        # The utterance most often ends where the speaker paused, and then its text is known.
        settled, self._settled, self._window = self._settled, None, _Window()
        return settled[1] if settled and settled[0] == audio.size else self._final(audio)

    def _final(self, audio: FloatArray) -> Hypothesis:
        padded = np.pad(audio, (0, round(_TAIL * _RATE)))
        return self._decoder.words(self._decoder.decode(padded, beams=BEAMS))[0]


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
        leg = MoonshineLeg(self._decoder)
        return VadStream(leg, vad, self.language, sample_rate, self._config, start_sample=start_sample)

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


def _past(output: str) -> str:
    """Name under which the step graph takes an output of the cache."""
    return output.replace("present", "past_key_values")


def _log_softmax(logits: FloatArray) -> FloatArray:
    """Over the last axis of float32 [S, V]."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: FloatArray = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
