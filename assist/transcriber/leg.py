"""One leg of one call: audio chunks in, ``Heard`` events out, on the leg's media clock."""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias, cast

import numpy as np

from assist.events import Heard, HeardWord, Language, Party
from assist.text.polish import Polished, Polisher
from assist.transcriber.crosstalk import Trace, is_leak
from assist.transcriber.tape import Tape
from assist.wire import AudioChunk
from models.asr.types import Recogniser, Stream, Transcript, Urgency

KEPT_S: Final = 600.0
"""Audio of a leg held in memory at most, 9.6 MB at 8 kHz; what is older and not yet heard is skipped and counted."""
STALL_S: Final = 5.0
"""Speech without a text after which the engine counts as stalled."""
GIVEN_UP_S: Final = 2.0
"""Audio that is given up at a time where the recogniser fails again and again."""
_HAND_S: Final = 2.0
_MOST_FAILURES: Final = 3
_MOST_GIVEN_UP: Final = 10
_LONGEST_GAP_S: Final = 3600.0
_SIGN_SHARE: Final = 0.6

Remedy: TypeAlias = Literal["again", "replayed", "given_up", "abandoned"]


class Leg:
    """Puts chunks in order onto a recogniser's stream and turns its transcripts into events.

    ``start`` is the first sample to recognise, ``epoch`` the UTC time of sample 0. Chunks that were already fed are
    cut, missing ones move the clock on: times stay true whatever was lost. Utterances that end before
    ``settled_until`` (a sample) are already in the case and are not published again. ``polishers`` write the finals
    of their language for people; partials stay as recognised.

    The stream gets audio as it works it off, so a backlog is held once and its length is known. What has not become
    final stays here: a stream that stalls or fails is replaced by a fresh one that hears it again.

    :meth:`step` may run while any thread calls :meth:`feed` and :meth:`finish`; :meth:`urgency` and :meth:`failed` are
    called by the thread that steps, and not while :meth:`feed` runs. The rest is plain data that any thread may read.

    Raises:
        BadAudio: no stream at this ``rate``.
    """

    def __init__(
        self,
        call_id: str,
        party: Party,
        recogniser: Recogniser,
        *,
        rate: int,
        start: int,
        epoch: float,
        settled_until: int = 0,
        polishers: Mapping[Language, Polisher] | None = None,
    ) -> None:
        self.call_id = call_id
        self.party = party
        self.rate = rate
        self.epoch = epoch
        self.ended = False
        self.settled = False
        """The leg has ended and every word of it has been handed out."""
        self.given_up = 0
        """Samples that the recogniser could not get past."""
        self.refused = 0
        """Chunks that were no audio of this leg."""
        self.restarts = 0
        """Times the stream was replaced because it stalled or failed."""
        self.trace = Trace(rate, start=start, epoch=epoch)
        self.other: Leg | None = None
        """The other party's leg: what leaks from it is not heard here."""
        self._shown = -1  # the utterance of the last text handed out
        self._tape = Tape(start, int(KEPT_S * rate))
        self._settled_until = settled_until
        self._recogniser = recogniser
        self._polishers = polishers or {}
        self._stream: Stream = recogniser.stream(rate, start_sample=start)
        self._stream_done = start
        self._stream_finished = False
        self._unstored: list[int] = []
        self._urgency = Urgency.NONE
        self._handed = 0  # samples the stream got since it last had nothing but partials to do
        self._torn = self.abandoned = False
        self._failures = self._in_vain = 0
        self._replayed_from: int | None = None
        # Signs of life: where the last text came out (seconds), whether a text was asked for and tried since.
        self._text_at = start / rate
        self._wanted = self._tried = False
        self._watched_from: float | None = None  # since when nothing but a text of the open speech was to be done
        self._stall_after = STALL_S

    @property
    def fed(self) -> int:
        """Next sample expected."""
        return self._tape.end

    @property
    def lost(self) -> int:
        """Samples nobody will ever transcribe: never came, had no room, or could not be got past."""
        return self._tape.lost + self._tape.skipped + self.given_up

    @property
    def skipped(self) -> int:
        """Samples that came and had no room."""
        return self._tape.skipped

    @property
    def stalled(self) -> bool:
        """The engine was replaced and the speech still gives no text."""
        return self._stall_after > 2 * STALL_S

    @property
    def lag(self) -> float:
        """Seconds of audio not yet listened to, at most."""
        return (self._tape.backlog + (self._handed if self._urgency is Urgency.FINAL else 0)) / self.rate

    @property
    def next_is_partial(self) -> bool:
        """Whether :meth:`step` would make a partial, by the last :meth:`urgency`."""
        return self._urgency is Urgency.PARTIAL

    @property
    def mute(self) -> bool:
        """Somebody has been talking for long and no text came."""
        return self._unheard >= STALL_S

    def feed(self, chunk: AudioChunk) -> bool:
        """Buffer one chunk; never blocks. False when it can be no audio of this leg, which changes nothing."""
        if self.ended:
            return True
        fed = self._tape.end
        if chunk.rate != self.rate or chunk.start - fed > _LONGEST_GAP_S * self.rate:
            self.refused += 1
            return False
        pcm = np.frombuffer(chunk.pcm, "<i2", count=chunk.samples)
        self._tape.add(chunk.start, pcm)
        self.trace.skip(max(0, chunk.start - fed))
        self.trace.feed(pcm[max(0, fed - chunk.start) :])
        if chunk.end:
            self.finish()
        return True

    def finish(self) -> None:
        """No more audio will come."""
        self.ended = True

    def urgency(self, pace: float = 1.0) -> Urgency:
        """What :meth:`step` would do now; replaces an engine that stalls, finds out when the leg is settled.

        ``pace``: partials are to come so many times less often than configured.

        Raises:
            Exception: whatever the recogniser raises; then call :meth:`failed`.
        """
        if self.abandoned:
            return Urgency.NONE
        self._tape.forget(self._stream_done)
        self._look(pace)
        self._watch()
        if self._is_stalled():
            self._stall_after *= 2
            self._replay(self._stream_done)
            self._look(pace)
        self.settled = self._stream_finished and self._urgency is Urgency.NONE
        return self._urgency

    def step(self) -> list[Heard]:
        """One unit of compute and what came of it. Its finals count as not stored until :meth:`stored`.

        Raises:
            ValueError: the recogniser gave a number that is none.
            Exception: whatever the recogniser raises; then call :meth:`failed`.
        """
        partial, unheard = self._urgency is Urgency.PARTIAL, self._unheard
        transcripts = self._stream.step()
        heard = [event for transcript in transcripts for event in self._publishable(transcript)]
        # Before the stream's own progress shows: a heartbeat in between must not call them done.
        self._unstored += [self._sample(event) for event in heard if event.final]
        self._stream_done = self._stream.done
        self._failures = self._in_vain = 0
        if any(transcript.text for transcript in transcripts):
            self._text_at = self._tape.read / self.rate
            self._wanted = self._tried = False
            self._watched_from = None
            if any(transcript.final and transcript.text for transcript in transcripts):
                self._stall_after = STALL_S
        elif self._unheard < unheard:
            # Words were found, though none is sure enough to be shown.
            self._wanted = self._tried = False
            self._watched_from = None
        elif partial:
            self._tried |= unheard >= _SIGN_SHARE * self._stall_after
        return heard

    def failed(self) -> Remedy:
        """:meth:`step` or :meth:`urgency` raised: try again, then with a fresh stream, then without the next piece.

        When none of it helps, the leg is abandoned.
        """
        self._failures += 1
        if self._failures < _MOST_FAILURES and not self._torn:
            return "again"
        self._failures = 0
        at = self._stream_done
        if self._replayed_from is None or at > self._replayed_from:
            self._replayed_from = at
            self._replay(at)
            return "replayed"
        self._in_vain += 1
        if at >= self.fed or self._in_vain > _MOST_GIVEN_UP:
            # Fresh streams fail too, whatever they hear: trying on would only take time from the others.
            self.abandon()
            return "abandoned"
        beyond = min(at + int(GIVEN_UP_S * self.rate), self.fed)
        self.given_up += beyond - at
        self._replayed_from = beyond
        self._replay(beyond)
        return "given_up"

    def abandon(self) -> None:
        """There is no stream for this leg any more: what is not transcribed stays so."""
        self.given_up += max(0, self.fed - self._stream_done)
        self.abandoned = self.ended = self.settled = True
        self._urgency = Urgency.NONE

    @property
    def done(self) -> int:
        """First sample that a successor would have to recognise again: not final, or final but not yet stored."""
        # A stream that has ended has nothing left, though its last few milliseconds fill no analysis frame.
        return min([self.fed if self.settled else self._stream_done, *self._unstored])

    def stored(self, heard: Heard) -> None:
        """The broker has acknowledged a final, or will never get it."""
        self._unstored.remove(self._sample(heard))

    # --- the stream --------------------------------------------------------------------------------------------

    def _look(self, pace: float) -> None:
        self._stream.pace = pace
        # A hand-over that breaks off leaves the stream's clock behind the tape's.
        self._torn = True
        self._hand_over()
        self._urgency = self._stream.urgency()
        if self._urgency is not Urgency.FINAL:
            self._handed = 0
            # What waits is older than any partial.
            if self._tape.backlog:
                self._hand_over()
                self._urgency = self._stream.urgency()
        self._torn = False

    def _hand_over(self) -> None:
        room = int(_HAND_S * self.rate) - self._handed
        position = self._tape.read
        for piece in self._tape.take(room):
            if piece.start > position:
                self._stream.skip(piece.start - position)
            if len(piece.pcm):
                self._stream.feed(piece.pcm)
            self._handed += piece.stop - position
            position = piece.stop
        if self.ended and not self._tape.backlog and not self._stream_finished:
            self._stream_finished = True
            self._stream.finish()

    def _replay(self, sample: int) -> None:
        """A fresh stream hears the audio from ``sample`` on."""
        begin = self._tape.rewind(sample)
        self.given_up += max(0, begin - sample)
        self._stream = self._recogniser.stream(self.rate, start_sample=begin)
        self.restarts += 1
        self._stream_done = begin
        self._stream_finished = False
        self._handed = 0
        self._text_at = max(self._text_at, begin / self.rate)
        self._wanted = self._tried = False
        self._watched_from = None

    @property
    def _unheard(self) -> float:
        """Seconds of open speech since it began or last gave a text."""
        since = self._stream.unheard_since
        return 0.0 if since is None else self._tape.read / self.rate - max(since, self._text_at)

    def _watch(self) -> None:
        if self._stream.unheard_since is None:
            self._watched_from = None
        elif self._watched_from is None and self._urgency is not Urgency.FINAL and not self._tape.backlog:
            self._watched_from = self._tape.read / self.rate
        self._wanted |= self._urgency is Urgency.PARTIAL

    def _is_stalled(self) -> bool:
        if self._urgency is Urgency.FINAL or self._tape.backlog or self._unheard < self._stall_after:
            return False
        if self._wanted:
            return self._tried  # a machine that is too busy for partials is no stall
        # It never asked to decode. One that has just worked off a backlog had no occasion to.
        watched = 0.0 if self._watched_from is None else self._tape.read / self.rate - self._watched_from
        return watched >= _SIGN_SHARE * self._stall_after

    # --- events ------------------------------------------------------------------------------------------------

    def _sample(self, heard: Heard) -> int:
        return round((heard.t0 - self.epoch) * self.rate)

    def _publishable(self, transcript: Transcript) -> Iterable[Heard]:
        times = [t for word in transcript.words for t in (word.t0, word.t1, word.confidence)]
        if not all(map(math.isfinite, (transcript.t0, transcript.t1, transcript.confidence, *times))):
            raise ValueError(f"the recogniser's utterance {transcript.utterance} has a time or confidence that is none")
        # A replay after a crash may cut an utterance that the predecessor had already published: it is the same
        # one when most of it lies before the last stored final's end.
        middle = (transcript.t0 + transcript.t1) / 2 * self.rate
        if middle < self._settled_until:
            return
        if transcript.final:
            # The same for a stream that is replaced here.
            self._settled_until = max(self._settled_until, min(round(transcript.t1 * self.rate), self._tape.read))
        raw, language = transcript.text, cast(Language, transcript.language)
        t0, t1 = self.epoch + transcript.t0, self.epoch + transcript.t1
        if self.other and is_leak(self.trace, self.other.trace, t0, t1):
            if not transcript.final or self._shown != transcript.utterance:
                return
            raw = ""  # withdraws what was shown before it was plain
        self._shown = transcript.utterance
        polisher = self._polishers.get(language) if transcript.final else None
        written = polisher.polish(raw) if polisher is not None else Polished(raw)
        yield Heard(
            call_id=self.call_id,
            at=t1,
            party=self.party,
            utterance_id=f"{self.party[0]}{transcript.utterance}",
            text=written.text,
            stable_chars=len(written.text) if transcript.final else transcript.stable_chars,
            final=transcript.final,
            t0=t0,
            t1=t1,
            language=language,
            confidence=transcript.confidence,
            words=tuple(
                HeardWord(text=w.text, t0=self.epoch + w.t0, t1=self.epoch + w.t1, confidence=w.confidence)
                for w in (transcript.words if raw else ())
            ),
            spoken=raw if written.text != raw else "",
            changes=written.changes,
        )


def introduce(legs: Iterable[Leg]) -> None:
    """Tell the two legs of a call of each other."""
    found = list(legs)
    if len(found) == 2:
        found[0].other, found[1].other = found[1], found[0]
