"""Who transcribes a call: claiming an owner, noticing its death, replaying what it had not settled.

Pure: time, audio, beats and answers go in, orders come out; :mod:`gateway.publisher` does the talking.

::

              ┌────────── declined, nobody answers: again after 0.5 s ─────┐
              │           (at once when another has more room)             │
              ▼                                                            │
    UNOWNED ──Ask(claim, resume)──▶ accepted ──▶ OWNED: replay from resume, then live
       ▲                                           │
       └── no beat names the call for 2 s, or the broker went away ◀──┘      (resume = first unsettled sample)

The broker's stay-away counts as the owner's death: core NATS lost the chunks published meanwhile, and only a replay
brings them back. A transcriber that is asked for a call it already holds starts its streams again at ``resume``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from assist.events import PARTIES, CallLanguage, Party
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer, ServiceLevel
from gateway.fork import RATE, Kept, Piece

ASK_EVERY_S: Final = 0.5
ASK_ELSEWHERE_S: Final = 0.05
BEAT_LIMIT_S: Final = 2.0
SECOND_LEG_S: Final = 0.5
"""How long a claim waits for the other leg's first frame; the claim carries both epochs."""
AFTER_END_S: Final = 30.0
"""After its end a call waits so long for a transcriber that may be on its way back; one that has it may take longer."""
_LEVELS: Final[Mapping[ServiceLevel, Literal["ok", "reduced"]]] = {
    "full": "ok",
    "finals": "reduced",
    "late": "reduced",  # nothing is late yet; the transcriber says so when it is
}


@dataclass(frozen=True, slots=True)
class Ask:
    """Put this claim to the transcribers, and give the answer to :meth:`Transcription.answered`."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Publish this chunk."""

    party: Party
    chunk: AudioChunk


@dataclass(frozen=True, slots=True)
class Tell:
    """Report the recogniser's state for this call as a durable event."""

    level: Literal["down", "ok", "reduced"]
    detail: str


Order: TypeAlias = Ask | SendAudio | Tell


@dataclass(slots=True)
class _Leg:
    kept: Kept
    epoch: float | None = None
    done: int = 0
    end: int | None = None


@dataclass(slots=True)
class _Owner:
    worker_id: str
    last_beat: float
    named: bool = field(default=False)


class Transcription:
    """One call's audio and its owner. Times are seconds on any one clock, unless a name says UTC.

    Args:
        call_id: the call.
        language: language its trunk's callers speak.
        keep_s: seconds of each leg kept for a replay.
    """

    def __init__(self, call_id: str, language: CallLanguage, *, keep_s: float) -> None:
        self.call_id = call_id
        self._language = language
        self._legs: dict[Party, _Leg] = {party: _Leg(Kept(int(keep_s * RATE))) for party in PARTIES}
        self._owner: _Owner | None = None
        self._asked: Claim | None = None
        self._next_ask = 0.0
        self._attempt = 0
        self._unowned_since: float | None = None
        self._degraded = False
        self._ended_at: float | None = None
        self._finished = False

    @property
    def owner(self) -> str | None:
        """Transcriber that holds the call."""
        return self._owner.worker_id if self._owner else None

    @property
    def finished(self) -> bool:
        """Nothing is left to do: settled, or too long after the call's end."""
        return self._finished and self._asked is None

    def kept_samples(self, party: Party) -> int:
        """Samples of a leg that would be replayed at most."""
        return self._legs[party].kept.samples

    # --- inputs --------------------------------------------------------------------------------------------------

    def leg_began(self, party: Party, epoch: float, now: float) -> None:
        """A leg's first frame has come; ``epoch`` is the UTC time of its sample 0."""
        self._legs[party].epoch = epoch
        if self._unowned_since is None:
            self._unowned_since = now
            self._next_ask = now + SECOND_LEG_S
        if all(leg.epoch is not None for leg in self._legs.values()):
            self._next_ask = now

    def audio(self, party: Party, piece: Piece) -> list[Order]:
        """A piece of a leg is complete."""
        leg = self._legs[party]
        leg.kept.add(piece)
        return [self._send(party, piece)] if self._owner else []

    def leg_ended(self, party: Party, end: int) -> list[Order]:
        """No audio comes after sample ``end``."""
        leg = self._legs[party]
        if leg.end is not None:
            return []
        leg.end = end
        return [self._send_end(party)] if self._owner and leg.epoch is not None else []

    def call_ended(self, now: float) -> None:
        """The call is over; both legs have ended or never began."""
        if self._ended_at is None:
            self._ended_at = now

    def beat(self, beat: Beat, now: float) -> None:
        """A heartbeat came, from whichever transcriber."""
        owner = self._owner
        if owner is None or beat.worker_id != owner.worker_id:
            return
        done = beat.done.get(self.call_id)
        if done is None:
            # A transcriber that no longer names an ended call has settled all of it.
            if owner.named and self._ended_at is not None:
                self._finished = True
            return
        owner.named = True
        owner.last_beat = now
        for party, sample in done.items():
            leg = self._legs[party]
            leg.done = max(leg.done, sample)
            leg.kept.discard(leg.done)

    def broker_lost(self, now: float) -> None:
        """The broker is away: whatever is published from here on nobody gets."""
        self._owner = None
        self._asked = None
        self._next_ask = now
        if self._unowned_since is None and self._has_media:
            self._unowned_since = now

    def answered(self, claim: Claim, answer: ClaimAnswer | None, now: float) -> list[Order]:
        """The transcribers' answer to ``claim``; None when nobody answered."""
        if claim is not self._asked:
            return []  # asked before the broker went away; nobody can tell what came of it
        self._asked = None
        if answer is None or not answer.accepted:
            self._attempt += 1
            self._next_ask = now + (ASK_ELSEWHERE_S if answer is not None and answer.elsewhere else ASK_EVERY_S)
            return []
        self._attempt = 0
        self._owner = _Owner(answer.worker_id, now)
        self._unowned_since = None
        orders: list[Order] = []
        if self._degraded:
            self._degraded = False
            orders.append(Tell(_LEVELS[answer.level], f"transcriber {answer.worker_id} took the call"))
        for party, leg in self._legs.items():
            if leg.epoch is None:
                continue
            # A leg that began while the claim was on its way isn't in it: all of it is news.
            resume = claim.resume.get(party, 0)
            orders += [self._send(party, piece, replay=True) for piece in leg.kept.since(resume)]
            if leg.end is not None:
                orders.append(self._send_end(party, replay=True))
        return orders

    def tick(self, now: float, *, connected: bool) -> list[Order]:
        """Time has passed; ``connected``: the broker answers."""
        if self._finished:
            return []
        if self._is_finished(now):
            self._finished = True
            return []
        orders: list[Order] = []
        owner = self._owner
        if owner is not None and now - owner.last_beat > BEAT_LIMIT_S:
            self._owner = None
            self._unowned_since = now
            self._next_ask = now
            self._degraded = True
            orders.append(Tell("down", f"transcriber {owner.worker_id} is silent; asking for another"))
        if self._owner is not None or self._unowned_since is None:
            return orders
        if not self._degraded and now - self._unowned_since > BEAT_LIMIT_S:
            self._degraded = True
            orders.append(Tell("down", "no transcriber takes the call; its audio is kept"))
        if self._asked is None and connected and now >= self._next_ask:
            self._asked = self._claim()
            orders.append(Ask(self._asked))
        return orders

    # --- parts ---------------------------------------------------------------------------------------------------

    @property
    def _has_media(self) -> bool:
        return any(leg.epoch is not None for leg in self._legs.values())

    def _is_finished(self, now: float) -> bool:
        if self._ended_at is None:
            return False
        if not self._has_media:
            return True
        began = [leg for leg in self._legs.values() if leg.epoch is not None]
        if all(leg.end is not None and leg.done >= leg.end for leg in began):
            return True
        # A transcriber that is late may need longer than the call took; without one there is an end to waiting.
        unowned_since = now if self._unowned_since is None else self._unowned_since
        return now - max(self._ended_at, unowned_since) > AFTER_END_S

    def _claim(self) -> Claim:
        epoch: dict[Party, float] = {}
        resume: dict[Party, int] = {}
        for party, leg in self._legs.items():
            if leg.epoch is None:
                continue
            epoch[party] = leg.epoch
            resume[party] = max(leg.done, leg.kept.oldest or 0)
        return Claim(
            call_id=self.call_id,
            language=self._language,
            rate=RATE,
            epoch=epoch,
            resume=resume,
            attempt=self._attempt,
        )

    def _send(self, party: Party, piece: Piece, *, replay: bool = False) -> SendAudio:
        epoch = self._legs[party].epoch
        assert epoch is not None  # a leg's first frame precedes its first piece
        return SendAudio(party, AudioChunk(RATE, piece.start, epoch, piece.pcm, replay=replay))

    def _send_end(self, party: Party, *, replay: bool = False) -> SendAudio:
        leg = self._legs[party]
        assert leg.end is not None
        return SendAudio(party, AudioChunk(RATE, leg.end, leg.epoch or 0.0, b"", end=True, replay=replay))
