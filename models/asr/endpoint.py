"""Where utterances begin and end, decided on speech probabilities. Pure: no audio, no clock, counts frames.

A frame is `EndpointConfig.frame` seconds. The life of an utterance:

    … idle ── min_speech of speech ──▶ Opened ── early of silence ──▶ Paused ── hangover of silence ──▶ Closed
                                          ▲                              │
                                          └────────── Resumed ◀──────────┘

`Paused` is the moment to decode ahead: if nobody speaks again, its span is exactly the span of `Closed`, so the text
computed then is the final text. The span of an utterance depends on the probabilities only, not on when it is asked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Times in seconds, thresholds in probability.

    on, off: speech begins (or resumes) at `on` and goes on down to `off`.
    pre_roll: audio before the first speech frame that belongs to the span; more silence than this makes Moonshine
        return nothing, less clips soft consonants.
    min_speech: shorter bursts are clicks.
    early, hangover: silence before `Paused`, before `Closed`.
    longest: an utterance that reaches this is split at the quietest point of its last `search` seconds.
    """

    frame: float = 0.032
    on: float = 0.5
    off: float = 0.35
    pre_roll: float = 0.2
    min_speech: float = 0.096
    early: float = 0.128
    hangover: float = 0.384
    longest: float = 15.0
    search: float = 4.0

    def frames(self, seconds: float) -> int:
        return max(1, ceil(seconds / self.frame - 1e-9))


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of an utterance: [begin, end) is what to decode, [speech_begin, speech_end) what was speech."""

    begin: int
    speech_begin: int
    speech_end: int
    end: int


@dataclass(frozen=True, slots=True)
class Opened:
    span: Span


@dataclass(frozen=True, slots=True)
class Paused:
    span: Span


@dataclass(frozen=True, slots=True)
class Resumed:
    pass


@dataclass(frozen=True, slots=True)
class Closed:
    span: Span


Event = Opened | Paused | Resumed | Closed


class Endpointer:
    """Feed it one probability per frame with `push`; it answers with what happened."""

    def __init__(self, config: EndpointConfig | None = None, *, first_frame: int = 0) -> None:
        self.config = c = config or EndpointConfig()
        self._pre_roll, self._min_speech = c.frames(c.pre_roll), c.frames(c.min_speech)
        self._early, self._hangover = c.frames(c.early), c.frames(c.hangover)
        self._longest, self._search = c.frames(c.longest), c.frames(c.search)
        self._recent: deque[tuple[float, float]] = deque(maxlen=self._search + 2)
        self._position = first_frame
        self._floor = first_frame  # no span may begin before: those frames belong to an earlier one, or are lost
        self._candidate: int | None = None
        self._open: tuple[int, int] | None = None  # begin, speech_begin
        self._speech_end = 0

    @property
    def position(self) -> int:
        """Index of the next frame to be pushed."""
        return self._position

    @property
    def needed(self) -> int:
        """First frame that may still become part of an utterance. Never decreases."""
        if self._open:
            return self._open[0]
        start = self._position if self._candidate is None else self._candidate
        return max(self._floor, start - self._pre_roll)

    @property
    def current(self) -> Span | None:
        """The open utterance as far as it has come, or None."""
        if self._open is None:
            return None
        return Span(*self._open, self._speech_end, self._position)

    @property
    def silent(self) -> int:
        """Frames of silence since the last speech of the open utterance; 0 when none is open."""
        return self._position - self._speech_end if self._open else 0

    def push(self, probability: float, level: float = 0.0) -> list[Event]:
        """One frame: its speech probability 0..1, and its loudness in any unit (used to place a split)."""
        self._recent.append((level, probability))
        events = self._idle(probability) if self._open is None else self._speaking(probability)
        span = self.current
        if span and span.end - span.begin >= self._longest:
            events += self._split(span)
        return events

    def flush(self) -> list[Event]:
        """End of the audio (or a gap in it): close what is open."""
        self._candidate = None
        return [self._close()] if self._open else []

    def jump(self, frame: int) -> None:
        """Go on at a later frame after a gap. Call `flush` first."""
        self._position = self._floor = max(frame, self._position)
        self._recent.clear()

    def _idle(self, probability: float) -> list[Event]:
        config, frame = self.config, self._position
        self._position += 1
        if self._candidate is None:
            self._candidate = frame if probability >= config.on else None
        elif probability < config.off:
            self._candidate = None
        if self._candidate is None or self._position - self._candidate < self._min_speech:
            return []
        self._open = (max(self._floor, self._candidate - self._pre_roll), self._candidate)
        self._speech_end = self._position
        self._candidate = None
        return [Opened(Span(*self._open, self._speech_end, self._position))]

    def _speaking(self, probability: float) -> list[Event]:
        before = self.silent
        self._position += 1
        if probability >= (self.config.on if before else self.config.off):
            self._speech_end = self._position
            return [Resumed()] if before >= self._early else []
        if self.silent >= self._hangover:
            return [self._close()]
        span = self.current
        return [Paused(span)] if self.silent == self._early and span else []

    def _close(self) -> Closed:
        assert self._open is not None
        span = Span(*self._open, self._speech_end, min(self._position, self._speech_end + self._early))
        self._open = None
        self._floor = span.end
        return Closed(span)

    def _split(self, span: Span) -> list[Event]:
        if self.silent:
            return [self._close()]
        cut = max(self._quietest(), span.speech_begin + 1)
        first = Span(span.begin, span.speech_begin, cut, cut)
        self._open, self._floor = (cut, cut), cut
        return [Closed(first), Opened(Span(cut, cut, span.speech_end, span.end))]

    def _quietest(self) -> int:
        """The frame in the middle of the three quietest neighbours among the last `search`; the latest such."""
        recent = list(self._recent)
        first = self._position - len(recent)
        sums = [
            (sum(level for level, _ in recent[k - 1 : k + 2]), sum(p for _, p in recent[k - 1 : k + 2]), -k)
            for k in range(1, len(recent) - 1)
        ]
        return first - min(sums)[2] if sums else self._position - 1
