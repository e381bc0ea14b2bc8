"""A leg of a call as a stream of transcripts: VAD, endpointing, resampling and an utterance decoder put together.

Each `step` does one thing, in this order: a final that is due, listening to what was fed, decoding ahead at the first
short silence, a partial. Listening comes before decoding ahead because it costs a hundredth of a decode and may show
that the speaker has gone on. Finals depend on the audio only; scheduling changes which partials appear.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from models.asr.agreement import ShowConfig, ShownText
from models.asr.endpoint import Closed, EndpointConfig, Endpointer, Event, Opened, Paused, Resumed, Span
from models.asr.framer import End, Frame, Framer, Gap
from models.asr.types import Transcript, Urgency, Word
from models.asr.voice import most_doubt
from models.asr.words import trim

_MODEL_RATE: Final = 16000
_LISTEN_FRAMES: Final = 64  # about 2 s of audio and 15 ms of CPU: a replayed backlog does not starve other legs


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a decoder heard in a piece of audio: words, in seconds from its start, and confidence 0..1 of the whole.

    no_speech: the decoder's probability, 0..1, that the audio holds no speech at all. language: of the words, where
    the decoder knows more than one.
    """

    words: tuple[Word, ...]
    confidence: float
    no_speech: float = 0.0
    language: str = ""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class LegDecoder(Protocol):
    """One leg's decoder, for one utterance after the other: hear* finish, hear* finish, and so on."""

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        """Text of the open utterance so far.

        audio: all of it so far, float32 [n] in -1..1 at 16 kHz; within an utterance each call hands over at least
        what the one before did. paused: the speaker pauses, the last word is whole, and `finish` most likely gets the
        same audio and should then cost next to nothing.
        """

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        """Final text of the utterance, all of its audio. Usually what `hear` had or a bit more; less when a long
        utterance is split; `hear` need not have been called. The next call belongs to another utterance."""

    def reset(self) -> None:
        """The utterance's final is not wanted; the next call belongs to another one."""


class FrameVad(Protocol):
    frame_samples: int

    def probability(self, frame: NDArray[np.float32]) -> float:
        """Probability of speech in float32 [frame_samples] in -1..1."""

    def reset(self) -> None:
        """Forget what was heard."""


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """partial: seconds of new speech between partials, when the machine is free."""

    partial: float = 0.24
    endpoint: EndpointConfig = field(default_factory=EndpointConfig)
    show: ShowConfig = field(default_factory=ShowConfig)


@dataclass(slots=True)
class _Utterance:
    """The open utterance's texts so far."""

    heard_to: int  # frame up to which it has been decoded
    text: ShownText
    shown: tuple[str, int] = ("", 0)  # as last handed out: text, length of its stable part
    worded_to: int = 0  # frame up to which the last hypothesis that had words went, shown or not
    due: Span | None = None  # decode this ahead
    ahead: Span | None = None  # decoded ahead: the final's, unless speech resumes


@dataclass(frozen=True, slots=True)
class _Closed:
    """An utterance that waits for its final decode, with its audio."""

    span: Span
    utterance: _Utterance
    audio: NDArray[np.float32]
    doubt: float  # its words count up to this probability of no speech


class VadStream:
    """`models.asr.types.Stream` over any utterance decoder. Raises `BadAudio` from feed, skip and the constructor."""

    def __init__(
        self,
        decoder: LegDecoder,
        vad: FrameVad,
        language: str,
        sample_rate: int,
        config: StreamConfig | None = None,
        *,
        start_sample: int = 0,
    ) -> None:
        self.sample_rate, self.pace = sample_rate, 1.0
        self._decoder, self._vad, self._language = decoder, vad, language
        self._config = config or StreamConfig()
        self._size = vad.frame_samples
        self._start_sample = start_sample
        self._framer = Framer(self._size, start_sample)
        self._endpointer = Endpointer(self._config.endpoint, first_frame=start_sample // self._size)
        self._audio: deque[NDArray[np.int16]] = deque()
        self._audio_first = start_sample // self._size
        self._probabilities: deque[float] = deque()  # of speech, one for each frame of `_audio`
        self._utterance: _Utterance | None = None
        self._closed: deque[_Closed] = deque()

    def feed(self, pcm: NDArray[np.int16]) -> None:
        self._framer.feed(pcm)

    def skip(self, samples: int) -> None:
        self._framer.skip(samples)

    def finish(self) -> None:
        self._framer.finish()

    @property
    def done(self) -> int:
        frame = self._closed[0].span.begin if self._closed else self._endpointer.needed
        return max(self._start_sample, frame * self._size)

    @property
    def unheard_since(self) -> float | None:
        span, utterance = self._endpointer.current, self._utterance
        if span is None:
            return None
        frame = max(span.speech_begin, utterance.worded_to if utterance else 0)
        return frame * self._size / self.sample_rate

    def urgency(self) -> Urgency:
        if self._closed or self._framer.ready() or (self._utterance and self._utterance.due):
            return Urgency.FINAL
        return Urgency.PARTIAL if self._partial_due() else Urgency.NONE

    def step(self) -> list[Transcript]:
        if self._closed:
            return self._decode_final()
        if self._framer.ready():
            return self._listen()
        if self._utterance and self._utterance.due:
            return self._decode_ahead(self._utterance, self._utterance.due)
        if self._utterance and self._partial_due():
            return self._decode_partial(self._utterance)
        return []

    def _listen(self) -> list[Transcript]:
        """Frames to the endpointer, until an utterance closes, so that finals come out in order."""
        published: list[Transcript] = []
        for _ in range(_LISTEN_FRAMES):
            match self._framer.next():
                case None:
                    break
                case Frame(samples=samples):
                    pcm = samples.astype(np.float32) / 32768.0
                    level = float(np.sqrt(np.dot(pcm, pcm) / self._size))
                    self._audio.append(samples)
                    self._probabilities.append(self._vad.probability(pcm))
                    events = self._endpointer.push(self._probabilities[-1], level)
                case Gap(index=index):
                    events = self._endpointer.flush()
                    published += self._take(events)
                    self._endpointer.jump(index)
                    self._vad.reset()
                    self._audio.clear()
                    self._probabilities.clear()
                    self._audio_first = index
                    events = []
                case End():
                    events = self._endpointer.flush()
            published += self._take(events)
            if self._closed:
                break
        self._forget()
        return published

    def _take(self, events: list[Event]) -> list[Transcript]:
        published: list[Transcript] = []
        for event in events:
            match event:
                case Opened(span=span):
                    self._utterance = _Utterance(span.speech_begin, ShownText(self._config.show))
                case Paused(span=span) if self._utterance:
                    self._utterance.due = span
                case Resumed() if self._utterance:
                    self._utterance.due = self._utterance.ahead = None
                case Closed(span=span) if self._utterance:
                    utterance, self._utterance = self._utterance, None
                    self._closed.append(_Closed(span, utterance, self._cut(span), self._doubt(span, ended=True)))
        if self._closed and self._closed[0].utterance.ahead == self._closed[0].span:
            published += self._decode_final()  # there is next to nothing to decode: it need not wait for its turn
        return published

    def _decode_final(self) -> list[Transcript]:
        closed = self._closed[0]
        hypothesis = self._decoder.finish(closed.audio)
        if hypothesis.no_speech > closed.doubt:
            hypothesis = Hypothesis((), 0.0, language=hypothesis.language)
        self._closed.popleft()  # only now, so that `done` never runs ahead of a decode that fails
        return self._publish_final(closed, hypothesis)

    def _publish_final(self, closed: _Closed, hypothesis: Hypothesis) -> list[Transcript]:
        words = closed.utterance.text.finish(trim(hypothesis.words, closed.audio, _MODEL_RATE))
        if not words and not closed.utterance.shown[0]:
            return []
        text = " ".join(word.text for word in words)
        timed = self._on_clock(words, closed.span)
        return [self._transcript(closed.span, text, len(text), hypothesis, timed)]

    def _decode_ahead(self, utterance: _Utterance, span: Span) -> list[Transcript]:
        hypothesis = self._decoder.hear(self._cut(span), paused=True)
        utterance.due, utterance.ahead = None, span
        return self._show(utterance, span, hypothesis, paused=True)

    def _decode_partial(self, utterance: _Utterance) -> list[Transcript]:
        span = self._endpointer.current
        assert span is not None
        return self._show(utterance, span, self._decoder.hear(self._cut(span), paused=False), paused=False)

    def _show(self, utterance: _Utterance, span: Span, hypothesis: Hypothesis, *, paused: bool) -> list[Transcript]:
        utterance.heard_to = span.end
        if hypothesis.words:
            utterance.worded_to = span.end
        if hypothesis.no_speech > self._doubt(span, paused=paused):
            return []  # what is shown stays until the end: the next sounds may be plain
        seconds = (span.end - span.begin) * self._size / self.sample_rate
        utterance.text.update(hypothesis.words, seconds, paused=paused)
        shown = utterance.text.text, utterance.text.stable_chars
        if shown == utterance.shown or not shown[0]:
            return []
        utterance.shown = shown
        return [self._transcript(span, *shown, hypothesis)]

    def _partial_due(self) -> bool:
        span, utterance = self._endpointer.current, self._utterance
        if span is None or utterance is None or self._endpointer.silent:
            return False
        wait = self._config.endpoint.frames(self._config.partial * self.pace)
        return span.end - utterance.heard_to >= wait

    def _transcript(
        self, span: Span, text: str, stable: int, hypothesis: Hypothesis, words: tuple[Word, ...] | None = None
    ) -> Transcript:
        """A final when there are `words`, on the stream clock."""
        scale = self._size / self.sample_rate
        return Transcript(
            utterance=max(self._start_sample, span.speech_begin * self._size),
            text=text,
            stable_chars=stable,
            final=words is not None,
            t0=span.speech_begin * scale,
            t1=span.speech_end * scale,
            words=words or (),
            confidence=hypothesis.confidence,
            language=hypothesis.language or self._language,
        )

    def _on_clock(self, words: tuple[Word, ...], span: Span) -> tuple[Word, ...]:
        """Words in seconds of the stream, within the speech: the detector knows its ends better than an aligner."""
        scale = self._size / self.sample_rate
        first, last, offset = span.speech_begin * scale, span.speech_end * scale, span.begin * scale
        return tuple(
            replace(w, t0=min(max(w.t0 + offset, first), last), t1=min(max(w.t1 + offset, first), last)) for w in words
        )

    def _cut(self, span: Span) -> NDArray[np.float32]:
        """The span's audio as float32 [n] in -1..1 at 16 kHz."""
        frames = islice(self._audio, span.begin - self._audio_first, span.end - self._audio_first)
        audio = np.concatenate(list(frames)).astype(np.float32) / 32768.0
        if self.sample_rate == _MODEL_RATE:
            return audio
        resampled: NDArray[np.float32] = soxr.resample(audio, self.sample_rate, _MODEL_RATE)
        return resampled

    def _doubt(self, span: Span, *, paused: bool = False, ended: bool = False) -> float:
        first = self._audio_first
        speech = islice(self._probabilities, span.speech_begin - first, span.speech_end - first)
        return most_doubt(list(speech), paused=paused, ended=ended)

    def _forget(self) -> None:
        """Drop audio that no utterance can need any more."""
        while self._audio and self._audio_first < self._endpointer.needed:
            self._audio.popleft()
            self._probabilities.popleft()
            self._audio_first += 1
