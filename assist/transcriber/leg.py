"""One leg of one call: audio chunks in, ``Heard`` events out, on the leg's media clock."""

from collections.abc import Iterable, Mapping

import numpy as np

from assist.events import Heard, HeardWord, Language, Party
from assist.text.polish import Polished, Polisher
from assist.wire import AudioChunk
from models.asr.types import Recogniser, Stream, Transcript, Urgency


class Leg:
    """Puts chunks in order onto a recogniser's stream and turns its transcripts into events.

    ``start`` is the first sample to recognise, ``epoch`` the UTC time of sample 0. Chunks that were already fed are
    cut, missing ones move the clock on: times stay true whatever was lost. Utterances that end before
    ``settled_until`` (a sample) are already in the case and are not published again. ``polishers`` write the finals
    of their language for people; partials stay as recognised.

    :meth:`feed` and :meth:`finish` may come from another thread than :meth:`urgency` and :meth:`step`; the rest is
    plain data that any thread may read.
    """

    def __init__(
        self,
        call_id: str,
        party: Party,
        recogniser: Recogniser,
        *,
        language: Language,
        rate: int,
        start: int,
        epoch: float,
        settled_until: int = 0,
        polishers: Mapping[Language, Polisher] | None = None,
    ) -> None:
        self.call_id = call_id
        self.party = party
        self.language = language
        self.rate = rate
        self.epoch = epoch
        self.ended = False
        self.lost = 0
        """Samples that never arrived."""
        self.fed = start
        """Next sample expected."""
        self._settled_until = settled_until
        self._recogniser = recogniser
        self._polishers = polishers or {}
        self._stream: Stream = recogniser.stream(rate, start_sample=start)
        self._unstored: list[int] = []
        self._stream_done = start
        self.settled = False
        """The leg has ended and every word of it has been handed out."""

    def feed(self, chunk: AudioChunk) -> None:
        """Buffer one chunk; never blocks."""
        if self.ended:
            return
        pcm = np.frombuffer(chunk.pcm, "<i2")
        if chunk.start > self.fed:
            gap = chunk.start - self.fed
            self.lost += gap
            self._stream.skip(gap)
            self.fed = chunk.start
        fresh = pcm[self.fed - chunk.start :] if chunk.start + len(pcm) > self.fed else pcm[:0]
        if len(fresh):
            self._stream.feed(fresh)
            self.fed += len(fresh)
        if chunk.end:
            self.finish()

    def finish(self) -> None:
        """No more audio will come."""
        if not self.ended:
            self.ended = True
            self._stream.finish()

    def restart(self) -> None:
        """Give up what the stream can't get past: recognition goes on with the next sample that comes.

        Not while :meth:`feed` runs.
        """
        self.lost += self.fed - self._stream_done
        self._stream = self._recogniser.stream(self.rate, start_sample=self.fed)
        self._stream_done = self.fed
        if self.ended:
            self._stream.finish()

    def urgency(self) -> Urgency:
        """What :meth:`step` would do now; finds out when the leg is settled."""
        ended = self.ended
        urgency = self._stream.urgency()
        if ended and urgency is Urgency.NONE:
            self.settled = True
        return urgency

    def step(self) -> list[Heard]:
        """One unit of compute and what came of it. Its finals count as not stored until :meth:`stored`."""
        heard = [event for transcript in self._stream.step() for event in self._publishable(transcript)]
        # Before the stream's own progress shows: a heartbeat in between must not call them done.
        self._unstored += [self._sample(event) for event in heard if event.final]
        self._stream_done = self._stream.done
        return heard

    @property
    def done(self) -> int:
        """First sample that a successor would have to recognise again: not final, or final but not yet stored."""
        # A stream that has ended has nothing left, though its last few milliseconds fill no analysis frame.
        return min([self.fed if self.settled else self._stream_done, *self._unstored])

    def stored(self, heard: Heard) -> None:
        """The broker has acknowledged a final."""
        self._unstored.remove(self._sample(heard))

    def _sample(self, heard: Heard) -> int:
        return round((heard.t0 - self.epoch) * self.rate)

    def _publishable(self, transcript: Transcript) -> Iterable[Heard]:
        # A replay after a crash may cut an utterance that the predecessor had already published: it is the same
        # one when most of it lies before the last stored final's end.
        middle = (transcript.t0 + transcript.t1) / 2 * self.rate
        if middle < self._settled_until:
            return
        polisher = self._polishers.get(self.language) if transcript.final else None
        written = polisher.polish(transcript.text) if polisher is not None else Polished(transcript.text)
        yield Heard(
            call_id=self.call_id,
            at=self.epoch + transcript.t1,
            party=self.party,
            utterance_id=f"{self.party[0]}{transcript.utterance}",
            text=written.text,
            stable_chars=len(written.text) if transcript.final else transcript.stable_chars,
            final=transcript.final,
            t0=self.epoch + transcript.t0,
            t1=self.epoch + transcript.t1,
            language=self.language,
            confidence=transcript.confidence,
            words=tuple(
                HeardWord(text=w.text, t0=self.epoch + w.t0, t1=self.epoch + w.t1, confidence=w.confidence)
                for w in transcript.words
            ),
            spoken=transcript.text if written.text != transcript.text else "",
            changes=written.changes,
        )
