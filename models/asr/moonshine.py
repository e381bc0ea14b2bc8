"""Moonshine on onnxruntime: 16 kHz audio of one utterance in, words with times out.

Source: Jeffries et al. 2024, "Moonshine: Speech Recognition for Live Transcription and Voice Commands"
(arXiv 2410.15608); graphs as written by `models.graphs.moonshine`. Texts are decoded greedily, the previous hypothesis
being verified in one pass; a final the model is not sure of by a small beam search, whose hypotheses are compared by
their mean log-probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.asr.stream import Hypothesis
from models.asr.types import Word
from models.asr.words import FRAME_SECONDS, to_words
from models.cpu import dot_product
from models.errors import ModelDamaged
from models.graphs.moonshine import graph_names
from models.runtime import open_session
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
_PAST: Final = "past_"
# Digital silence behind what is decoded, seconds. Without it Moonshine mishears last words: on telephone prompts it
# lowers the word error rate of finals by 0.7 (es) to 1.6 (en) points, and partials take fewer words back.
_TAIL: Final = 0.2
# Seconds of an utterance that a partial decodes: from when on it lets go of full sentences, from when on of any words,
# and what it keeps at least.
_WINDOW_LONG: Final = 5.0
_WINDOW_LONGEST: Final = 9.0
_WINDOW_SHORTEST: Final = 2.5
# Seconds of an open utterance behind the last word that nothing is written for: longer than a slow word's end.
_UNCOVERED: Final = 0.45
# A partial keeps a token of the one before unless another is twice as likely: commas and full stops, "son" and
# "con" take turns otherwise, and all that follows has to be decoded again.
_LENIENCE: Final = 0.7
# Frames (24 ms): how far a token may look back, how long it usually lasts from where it is looked for.
_BACK_FRAMES: Final = 12
_TOKEN_FRAMES: Final = 6
# A final whose tokens' mean probability (geometric) is below this is searched for once more, with beams. On the
# development prompts that is half of the Spanish finals; searching for all of them lowers no error rate, and below 0.9
# the Spanish one rises by half a point.
_SURE: Final = 0.93
# Three beams cost a fifth more than one: a step is bound by reading the weights. More than three gain nothing.
BEAMS: Final = 3

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Token ids without BOS and EOS, the log-probability of each, what the decoder looked at for each and for the end
    (float32 [len(tokens) + 1, frames]), and the probability of no token at all. covered: seconds of the audio that the
    tokens write down, about."""

    tokens: list[int]
    scores: list[float]
    attention: FloatArray
    no_speech: float

    @property
    def mean(self) -> float:
        """Mean log-probability of the tokens; without any, doubt."""
        return float(np.mean(self.scores)) if self.scores else -np.inf

    @property
    def covered(self) -> float:
        if not self.tokens:
            return 0.0
        return (max(int(row.argmax()) for row in self.attention[:-1]) + _TOKEN_FRAMES) * FRAME_SECONDS


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


@dataclass(frozen=True, slots=True)
class _Next:
    """What may follow each place, and what the decoder looked at: candidates int64 and scores float32 (log-probability)
    [B, S, K], best first; end float32 [B, S], that of the end of the text; alignment float32 [B, S, T]."""

    candidates: NDArray[np.int64]
    scores: FloatArray
    end: FloatArray
    alignment: FloatArray
    past: dict[str, FloatArray]  # the cache after these places

    def ranked(self, row: int, place: int, *, first: bool) -> list[tuple[int, float]]:
        """Tokens and scores, best first. `first`: there is text, so its first token is not its end."""
        pairs = zip(self.candidates[row, place].tolist(), self.scores[row, place].tolist(), strict=True)
        return [(token, score) for token, score in pairs if not (first and token == _EOS)]


class MoonshineDecoder:
    """One loaded model: two graphs and the tokenizer. Not for two threads at a time.

    `folder` holds the graphs of `models.graphs.moonshine`; signed: which of them, by default what this processor does
    best. Raises `ModelDamaged`.
    """

    def __init__(self, folder: Path, tokenizer: Path, *, threads: int = 1, signed: bool | None = None) -> None:
        names = graph_names(signed=dot_product() if signed is None else signed)
        self._encoder, self._decoder = (open_session(folder / name, threads=threads) for name in names)
        try:
            self.tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the Rust side raises bare Exception
            name = tokenizer.parent.name
            what = say("damaged.what", name=name, reason=error)
            raise ModelDamaged(what, where=str(tokenizer), do=say("damaged.do", name=name)) from error
        self._cross_names = [o.name for o in self._encoder.get_outputs()]
        self._output_names = [o.name for o in self._decoder.get_outputs()]
        self._nothing = {
            i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32)
            for i in self._decoder.get_inputs()
            if i.name.startswith(_PAST)
        }

    def decode(self, audio: FloatArray, *, draft: Sequence[int] = (), beams: int = 1) -> Decoded:
        """What was said in one utterance: float32 [n] in -1..1 at 16 kHz, trimmed to about 200 ms around the speech.

        draft: token ids of an earlier hypothesis for the same utterance; the part of it that is still nearly as likely
        as what greedy decoding would say is taken over in one pass. beams: 1 decodes greedily and stops where the
        speech does; more ignore the draft. `no_speech` of the answer is the probability of the end of the text before
        its first token; the text is what the model would say if there were speech, so judge it by that
        (`models.asr.voice`).
        """
        return self._decode(*self._hear(audio), draft, beams)

    def final(self, audio: FloatArray, *, draft: Sequence[int] = ()) -> Decoded:
        """As `decode`, and with beams where greedy decoding leaves doubt: for the last word on an utterance."""
        heard = self._hear(audio)
        one = self._decode(*heard, draft, 1)
        if one.mean >= np.log(_SURE):
            return one
        best = self._decode(*heard, (), BEAMS)
        return best if best.mean >= one.mean else one

    def _hear(self, audio: FloatArray) -> tuple[dict[str, FloatArray], int]:
        """What the decoder sees of the audio, and how many tokens it may have at most."""
        if audio.size < _SHORTEST:
            audio = np.pad(audio, (0, _SHORTEST - audio.size))
        cap = max(_FEWEST_TOKENS, int(audio.size / _RATE * _TOKENS_PER_SECOND))
        return dict(zip(self._cross_names, self._encoder.run(None, {"audio": audio[None]}), strict=True)), cap

    def _decode(self, cross: dict[str, FloatArray], cap: int, draft: Sequence[int], beams: int) -> Decoded:
        ids = [_BOS, *draft[: cap - 1]] if beams == 1 else [_BOS]
        after = self._advance(np.array([ids]), self._nothing, cross)
        no_speech = float(np.exp(after.end[0, 0]))
        # The part of the draft that greedy decoding would repeat, or nearly.
        start = _Beam([], [], [], 0.0)
        while len(start.tokens) < len(ids) - 1:
            place = len(start.tokens)
            ranked = after.ranked(0, place, first=not place)
            token, score = next((pair for pair in ranked if pair[0] == ids[place + 1]), (_EOS, -np.inf))
            if score < ranked[0][1] - _LENIENCE:
                break
            start = start.grown(token, score, after.alignment[0, place])
        found, rows = self._search(start, after, cross, cap, beams)
        return Decoded(found.tokens, found.scores, np.stack(rows), no_speech)

    def words(self, decoded: Decoded) -> tuple[Hypothesis, tuple[int, ...]]:
        """As text and words, with the tokens as a draft for the next time."""
        kept = sure_length([self.tokenizer.decode([token]) for token in decoded.tokens], decoded.scores)
        tokens, scores = decoded.tokens[:kept], decoded.scores[:kept]
        words = to_words(self.tokenizer, tokens, scores, decoded.attention[: kept + 1])
        if not words:
            return Hypothesis((), 0.0, decoded.no_speech), ()
        return Hypothesis(words, float(np.exp(np.mean(scores))), decoded.no_speech), tuple(tokens)

    def _advance(self, tokens: NDArray[np.int64], past: dict[str, FloatArray], cross: dict[str, FloatArray]) -> _Next:
        """Take in tokens [B, S] after those in the cache."""
        outputs = self._decoder.run(None, {"tokens": tokens, **past, **cross})
        named = dict(zip(self._output_names, outputs, strict=True))
        cache = {name: named[name.removeprefix(_PAST)] for name in past}
        return _Next(named["candidates"], named["scores"], named["end"], named["alignment"], cache)

    def _search(
        self, start: _Beam, after: _Next, cross: dict[str, FloatArray], cap: int, beams: int
    ) -> tuple[_Beam, list[FloatArray]]:
        """Go on from `start`; `after` is what may follow it and more of a draft.

        Returns the best text, without its end, and what the decoder looked at for each token and for the end."""
        live, done, place = [start], list[_Beam](), len(start.tokens)
        past = {name: value[:, :, : place + 1] for name, value in after.past.items()}
        while True:
            ranked = sorted(
                (
                    (beam.total + score, b, token, score)
                    for b, beam in enumerate(live)
                    for token, score in after.ranked(b, place, first=not beam.tokens)
                ),
                reverse=True,
            )
            grown: list[_Beam] = []
            parents: list[int] = []
            for rank, (_, b, token, score) in enumerate(ranked):
                beam = live[b].grown(token, score, after.alignment[b, place])
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
            if beams == 1 and looks_back((grown or done)[-1].rows):
                # What follows is how the sentence might go on, or its end: nothing that has been said.
                return live[0], [*live[0].rows, _end_row(live[0].rows, after.alignment[0, place])]
            # Enough ends, and none of the live texts is better: they would have to be to win.
            ended = len(done) >= beams and max(b.mean for b in done) >= max(b.mean for b in grown)
            if not grown or ended or len(grown[0].tokens) >= cap:
                break
            live, place = grown, 0
            if parents != list(range(len(after.candidates))):
                past = {name: value[parents] for name, value in past.items()}
            after = self._advance(np.array([[beam.tokens[-1]] for beam in live]), past, cross)
            past = after.past
        best = max(done or grown, key=lambda beam: beam.mean)
        if best.tokens[-1] == _EOS:
            return best.cut(len(best.tokens) - 1), best.rows
        return best, [*best.rows, best.rows[-1]]


@dataclass(slots=True)
class Window:
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
        if end - self.start < _WINDOW_LONG:
            return
        # Behind an agreed word that leaves enough to hear: at a sentence's end, or anywhere when there is none.
        fit = [k for k in range(1, agreed) if words[k].t0 <= end - _WINDOW_SHORTEST]
        sentence = [k for k in fit if words[k - 1].text.endswith(_SENTENCE_ENDS)]
        if sentence or (fit and end - self.start >= _WINDOW_LONGEST):
            cut = max(sentence or fit)
            self.move(words[cut].t0, words[:cut])
            self.words = words[cut:]

    def move(self, start: float, before: tuple[Word, ...]) -> None:
        """Listen from `start` on, after the words `before`."""
        self.before += before
        self.start, self.words, self.draft = start, (), ()


class MoonshineLeg:
    """`models.asr.stream.LegDecoder`: one leg's utterances."""

    def __init__(self, decoder: MoonshineDecoder) -> None:
        self._decoder = decoder
        self._window = Window()
        self._text = ""  # of the last hypothesis for the open utterance
        self._settled: tuple[int, Hypothesis] | None = None

    def hear(self, audio: FloatArray, *, paused: bool) -> Hypothesis:
        if paused:
            hypothesis = self._final(audio)
            self._settled = (audio.size, hypothesis)
            return hypothesis
        window, end = self._window, audio.size / _RATE
        decoded, heard, draft, words = self._listen(audio)
        if words and end - window.start - decoded.covered > _UNCOVERED:
            # After a full sentence the decoder likes to stop, though speech goes on: hear the rest by itself.
            window.move(window.start + decoded.covered, words)
            decoded, heard, draft, words = self._listen(audio)
        before = window.before
        window.heard(words, draft, end)
        hypothesis = Hypothesis((*before, *words), heard.confidence, heard.no_speech)
        self._text = hypothesis.text
        return hypothesis

    def _listen(self, audio: FloatArray) -> tuple[Decoded, Hypothesis, tuple[int, ...], tuple[Word, ...]]:
        """Decode the window, greedily; the words in seconds of the utterance."""
        start = self._window.start
        decoded = self._decoder.decode(_with_tail(audio[round(start * _RATE) :]), draft=self._window.draft)
        heard, draft = self._decoder.words(decoded)
        return decoded, heard, draft, tuple(replace(w, t0=w.t0 + start, t1=w.t1 + start) for w in heard.words)

    def finish(self, audio: FloatArray) -> Hypothesis:
        # The utterance most often ends where the speaker paused, and then its text is known.
        settled = self._settled
        hypothesis = settled[1] if settled and settled[0] == audio.size else self._final(audio)
        self.reset()
        return hypothesis

    def reset(self) -> None:
        self._settled, self._window, self._text = None, Window(), ""

    def _final(self, audio: FloatArray) -> Hypothesis:
        # Moonshine begins a text with a bare space token.
        draft = self._decoder.tokenizer.encode(" " + self._text, add_special_tokens=False).ids if self._text else ()
        return self._decoder.words(self._decoder.final(_with_tail(audio), draft=draft))[0]


def _with_tail(audio: FloatArray) -> FloatArray:
    return np.pad(audio, (0, round(_TAIL * _RATE)))


def looks_back(rows: Sequence[FloatArray]) -> bool:
    """Whether the audio is used up and the last of the rows, each what the decoder looked at for a token, lies before.

    That is how a guess at the rest of a sentence looks: there is no audio for it. In the midst of the audio a token may
    look back: "$" comes before the number that is said before "dollars".
    """
    front = max((int(row.argmax()) for row in rows[:-1]), default=0)
    return front >= rows[-1].size - _BACK_FRAMES and int(rows[-1].argmax()) < front - _BACK_FRAMES


def _end_row(rows: Sequence[FloatArray], like: FloatArray) -> FloatArray:
    """A row for the end of a text whose own says nothing: a usual token's length behind the last one."""
    row = np.zeros_like(like)
    row[min(row.size - 1, int(rows[-1].argmax()) + _TOKEN_FRAMES if rows else row.size - 1)] = 1.0
    return row


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
