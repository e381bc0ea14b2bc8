"""The team leads at one call, as the call's worker sees them: who is there, who speaks, whom that reaches. Pure.

One lead speaks at a time, so that the agent never hears two prompters: a second whisper or barge is refused, listening
never is. Who has taken the call over stays until it ends.
"""

from dataclasses import dataclass, field
from typing import Final

from assist.events import PARTIES, EarsReason, LeadMode, Party
from assist.wire import EarsAnswer, EarsOrder

LOST_S: Final = 4.0
"""A booth says every second that its lead is still there; after so long without, the lead is gone."""

_REACHES: Final[dict[LeadMode, tuple[Party, ...]]] = {
    "listen": (),
    "whisper": ("agent",),
    "barge": PARTIES,
    "take_over": ("customer",),
}


@dataclass(slots=True)
class _Seat:
    mode: LeadMode
    seen: float


@dataclass(slots=True)
class Gallery:
    """One call's leads.

    ``queue`` is the call's; ``voice``: this process bridges it, so that a lead can be heard in it. ``now`` in the
    methods is seconds on any one clock.
    """

    queue: str
    voice: bool
    _seats: dict[str, _Seat] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def leads(self) -> tuple[str, ...]:
        """Who is there, in the order they came."""
        return tuple(self._seats)

    @property
    def speaker(self) -> str | None:
        """The lead who can be heard."""
        return next((lead for lead, seat in self._seats.items() if seat.mode != "listen"), None)

    @property
    def taken_by(self) -> str | None:
        """The lead who talks instead of the agent."""
        return next((lead for lead, seat in self._seats.items() if seat.mode == "take_over"), None)

    @property
    def reach(self) -> frozenset[Party]:
        """Who hears the speaker."""
        speaker = self.speaker
        return frozenset(_REACHES[self._seats[speaker].mode]) if speaker is not None else frozenset()

    def mode(self, lead_id: str) -> LeadMode | None:
        """What this lead does there."""
        seat = self._seats.get(lead_id)
        return None if seat is None else seat.mode

    def order(self, order: EarsOrder, now: float) -> EarsAnswer:
        """Carry an order out, or say why not."""
        lead, wish = order.lead_id, order.wish
        seat = self._seats.get(lead)
        if wish == "look":
            return self._yes()
        if wish == "keep":
            if seat is None:
                return self._no("lost")
            seat.seen = now
            return self._yes()
        if wish == "leave":
            self._seats.pop(lead, None)
            return self._yes() if seat is not None else self._no("not_there")
        if wish != "listen":
            if not self.voice:
                return self._no("listen_only")
            speaker = self.speaker
            if speaker is not None and speaker != lead:
                return self._no("taken_over" if self.taken_by == speaker else "speaking", speaker)
        if seat is not None and seat.mode == "take_over" and wish != "take_over":
            return self._no("taken_over", lead)  # there is no agent to give the call back to
        if seat is None:
            self._seats[lead] = _Seat(wish, now)
        else:
            seat.mode, seat.seen = wish, now
        return self._yes()

    def lost(self, now: float) -> list[str]:
        """Forget the leads whose booth has gone silent; says who."""
        gone = [lead for lead, seat in self._seats.items() if now - seat.seen > LOST_S]
        for lead in gone:
            del self._seats[lead]
        return gone

    def all_seen(self, now: float) -> None:
        """The broker was away: nobody could say that he is there."""
        for seat in self._seats.values():
            seat.seen = now

    def _yes(self) -> EarsAnswer:
        return EarsAnswer(accepted=True, queue=self.queue)

    def _no(self, reason: EarsReason, by: str = "") -> EarsAnswer:
        return EarsAnswer(accepted=False, reason=reason, by=by, queue=self.queue)
