"""One team lead as a state machine without I/O: wishes, the phone and the worker's answers go in, commands come out.

::

    DOWN ──wish──▶ look at the call ──there──▶ CALLING ──answers──▶ join ──granted──▶ UP ──leaves, call ends──▶ DOWN
                        └── refused                └── busy, silent        └── refused ──▶ DOWN

Whatever a lead wants is asked of the worker that has the call, which alone knows who speaks there; one question at a
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal, TypeAlias

from assist.config import Lead
from assist.events import EarsChanged, EarsReason, EarsState, Event, LeadDid, LeadMode
from assist.wire import EarsAnswer, EarsOrder, LeadWish

KEYS: Final[dict[str, LeadWish]] = {"4": "listen", "5": "whisper", "6": "barge", "*": "leave"}
"""On the lead's phone. Taking over is not among them: it can't be undone, so nobody should do it by a slip."""
BEEPS: Final[dict[LeadMode, int]] = {"listen": 1, "whisper": 2, "barge": 3, "take_over": 4}
NORMAL: Final = 200
CANCEL: Final = 487
_STATES: Final[dict[LeadMode, EarsState]] = {
    "listen": "listening",
    "whisper": "whispering",
    "barge": "barging",
    "take_over": "taken_over",
}


class Phone(Enum):
    """Where the lead's phone is."""

    DOWN = auto()
    CALLING = auto()
    UP = auto()


@dataclass(frozen=True, slots=True)
class Dial:
    """Call the lead's phone; ``queue`` may stand in its display."""

    queue: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the dialog with the phone."""

    code: int


@dataclass(frozen=True, slots=True)
class Order:
    """Put this to the worker that has the call; the answer goes to :meth:`Seat.ordered`."""

    call_id: str
    order: EarsOrder


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer whoever asked on the lead's behalf."""

    answer: EarsAnswer


@dataclass(frozen=True, slots=True)
class Attend:
    """Let the lead hear this call, and be heard in it as ``mode`` says."""

    call_id: str
    mode: LeadMode


@dataclass(frozen=True, slots=True)
class Depart:
    """Let the lead hear nothing."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A tone for the lead alone: what was keyed is done, or, without a mode, is not."""

    mode: LeadMode | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a durable event."""

    event: Event


SeatCommand: TypeAlias = Dial | HangUp | Order | Reply | Attend | Depart | Signal | Publish


class Seat:
    """One lead. ``now`` in the methods is seconds UTC.

    Args:
        lead: who, and what he may.
        ring_s: seconds the phone rings.
    """

    def __init__(self, lead: Lead, *, ring_s: float) -> None:
        self.lead = lead
        self._ring_s = ring_s
        self.phone = Phone.DOWN
        self.call_id = ""
        """The call the lead is at, or is being called for."""
        self.mode: LeadMode | None = None
        """What the worker has granted there."""
        self._want: LeadMode = "listen"
        self._pending: Order | None = None
        self._replying = False
        self._keyed = False
        self._deadline: float | None = None

    # --- inputs --------------------------------------------------------------------------------------------------

    def ask(self, call_id: str, wish: LeadWish, now: float) -> Sequence[SeatCommand]:
        """The lead wants this of that call; whatever is decided, one :class:`Reply` follows."""
        if wish == "leave":
            if self.phone is Phone.DOWN or call_id != self.call_id:
                return self._refuse(call_id, "not_there", now, reply=True)
            return [Reply(EarsAnswer(accepted=True)), *self._leave("asked", now)]
        if wish not in self.lead.may:
            return self._refuse(call_id, "not_allowed", now, reply=True)
        if self._pending is not None or (self.phone is Phone.CALLING and call_id != self.call_id):
            return self._refuse(call_id, "wait", now, reply=True)
        if self.phone is Phone.CALLING:
            self._want = wish
            return [Reply(EarsAnswer(accepted=True))]
        if self.mode == "take_over" and call_id != self.call_id:
            return self._refuse(call_id, "taken_over", now, reply=True, by=self.lead.id)
        self._replying = True
        if call_id != self.call_id:
            # Looking first: a call of another queue must not notice that somebody wanted in.
            self._want = wish
            return [self._order(call_id, "look")]
        return [self._order(call_id, wish)]

    def key(self, key: str, now: float) -> Sequence[SeatCommand]:
        """The lead pressed a key of the phone."""
        wish = KEYS.get(key)
        if wish is None or self.phone is not Phone.UP or self._pending is not None or self.mode is None:
            return []
        asked = Publish(LeadDid(call_id=self.call_id, at=now, lead_id=self.lead.id, action=wish))
        if wish == "leave":
            return [asked, *self._leave("asked", now)]
        if wish not in self.lead.may:
            return [asked, *self._refuse(self.call_id, "not_allowed", now), Signal(None)]
        self._keyed = True
        return [asked, self._order(self.call_id, wish)]

    def ordered(self, order: Order, answer: EarsAnswer | None, now: float) -> Sequence[SeatCommand]:
        """The worker's answer; None: nobody has the call any more."""
        if order is not self._pending:
            return []  # overtaken: the phone is down, or the call has ended
        self._pending = None
        if answer is None:
            answer = EarsAnswer(accepted=False, reason="call_ended")
        wish = order.order.wish
        if wish == "look":
            return self._looked(order.call_id, answer, now)
        if wish == "leave" or wish == "keep":
            return []  # never pending
        return self._granted(order.call_id, wish, now) if answer.accepted else self._not_granted(order, answer, now)

    def phone_up(self, now: float) -> Sequence[SeatCommand]:
        """The lead answered."""
        if self.phone is not Phone.CALLING:
            return []
        self.phone, self._deadline = Phone.UP, None
        return [self._order(self.call_id, self._want)]

    def phone_gone(self, code: int, now: float) -> Sequence[SeatCommand]:
        """The dialog with the phone has ended."""
        if self.phone is Phone.CALLING:
            unanswered, call_id = self._unanswered(_trouble(code)), self._reset()
            return [*unanswered, self._changed(call_id, "refused", now, _trouble(code))]
        if self.phone is Phone.UP:
            return self._go("hung_up", now, hang_up=False)
        return []

    def call_ended(self, call_id: str, now: float) -> Sequence[SeatCommand]:
        """A call has ended."""
        if call_id != self.call_id or self.phone is Phone.DOWN:
            return []
        unanswered, joined = self._unanswered("call_ended"), self.mode is not None
        ringing = self.phone is Phone.CALLING
        self._reset()
        if joined:
            return [*unanswered, Depart(), self._changed(call_id, "left", now, "call_ended"), HangUp(NORMAL)]
        code = CANCEL if ringing else NORMAL
        return [*unanswered, HangUp(code), self._changed(call_id, "refused", now, "call_ended")]

    def silent(self, now: float) -> Sequence[SeatCommand]:
        """Nothing has come of the call for too long: ask again for what was granted."""
        if self.phone is not Phone.UP or self.mode is None or self._pending is not None:
            return []
        self._replying = self._keyed = False
        return [self._order(self.call_id, self.mode)]

    def tick(self, now: float) -> Sequence[SeatCommand]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        unanswered, call_id = self._unanswered("phone_silent"), self._reset()
        return [*unanswered, HangUp(CANCEL), self._changed(call_id, "refused", now, "phone_silent")]

    def shut_down(self, now: float) -> Sequence[SeatCommand]:
        """The booth stops."""
        return [] if self.phone is Phone.DOWN else self._leave("lost", now)

    # --- parts ---------------------------------------------------------------------------------------------------

    def _order(self, call_id: str, wish: Literal[LeadMode, "look"]) -> Order:
        self._pending = Order(call_id, EarsOrder(lead_id=self.lead.id, wish=wish))
        return self._pending

    def _looked(self, call_id: str, answer: EarsAnswer, now: float) -> Sequence[SeatCommand]:
        if not answer.accepted or not self.lead.hears(answer.queue):
            self._replying = False
            return self._refuse(call_id, answer.reason or "not_allowed", now, reply=True, by=answer.by)
        if self.phone is Phone.UP:
            return [self._order(call_id, self._want)]
        self.phone, self.call_id, self._deadline = Phone.CALLING, call_id, now + self._ring_s
        self._replying = False
        return [Reply(EarsAnswer(accepted=True)), self._changed(call_id, "calling", now), Dial(answer.queue)]

    def _granted(self, call_id: str, mode: LeadMode, now: float) -> Sequence[SeatCommand]:
        commands: list[SeatCommand] = [Reply(EarsAnswer(accepted=True))] if self._replying else []
        self._replying = self._keyed = False
        moved = call_id != self.call_id
        if moved and self.mode is not None:
            commands += [
                Order(self.call_id, EarsOrder(lead_id=self.lead.id, wish="leave")),
                Depart(),
                self._changed(self.call_id, "left", now, "asked"),
            ]
        again = not moved and mode == self.mode
        self.call_id, self.mode = call_id, mode
        commands.append(Attend(call_id, mode))
        if not again:
            commands += [self._changed(call_id, _STATES[mode], now), Signal(mode)]
        return commands

    def _not_granted(self, order: Order, answer: EarsAnswer, now: float) -> Sequence[SeatCommand]:
        refusal = self._refuse(order.call_id, answer.reason, now, reply=self._replying, by=answer.by)
        if self._keyed:
            refusal.append(Signal(None))
        self._replying = self._keyed = False
        if order.call_id != self.call_id:
            return refusal  # the lead stays where he is
        if answer.reason == "call_ended":
            return [*refusal, *(self.call_ended(order.call_id, now) if self.mode else self._quit())]
        if self.mode is None:
            # The phone is up and the call is there: the lead hears it, at least.
            if order.order.wish == "listen":
                return [*refusal, *self._quit()]
            return [*refusal, self._order(order.call_id, "listen")]
        return refusal

    def _refuse(
        self, call_id: str, reason: EarsReason, now: float, *, reply: bool = False, by: str = ""
    ) -> list[SeatCommand]:
        answer = Reply(EarsAnswer(accepted=False, reason=reason, by=by))
        return [*([answer] if reply else []), self._changed(call_id, "refused", now, reason, by)]

    def _leave(self, reason: EarsReason, now: float) -> list[SeatCommand]:
        return self._go(reason, now, hang_up=True)

    def _go(self, reason: EarsReason, now: float, *, hang_up: bool) -> list[SeatCommand]:
        joined, ringing, call_id = self.mode is not None, self.phone is Phone.CALLING, self.call_id
        asked_to_join = self._pending is not None and self._pending.call_id == call_id
        commands: list[SeatCommand] = [*self._unanswered(reason), *([Depart()] if joined else [])]
        self._reset()
        if joined or asked_to_join:
            commands.append(Order(call_id, EarsOrder(lead_id=self.lead.id, wish="leave")))
        commands.append(self._changed(call_id, "left", now, reason))
        if hang_up:
            commands.append(HangUp(CANCEL if ringing else NORMAL))
        return commands

    def _unanswered(self, reason: EarsReason) -> list[SeatCommand]:
        """The answer to a wish that can't be carried out any more."""
        return [Reply(EarsAnswer(accepted=False, reason=reason))] if self._replying else []

    def _quit(self) -> list[SeatCommand]:
        self._reset()
        return [HangUp(NORMAL)]

    def _reset(self) -> str:
        call_id, self.call_id = self.call_id, ""
        self.phone, self.mode, self._pending, self._deadline = Phone.DOWN, None, None, None
        self._replying = self._keyed = False
        return call_id

    def _changed(self, call_id: str, state: EarsState, now: float, reason: EarsReason = "", by: str = "") -> Publish:
        event = EarsChanged(call_id=call_id, at=now, lead_id=self.lead.id, state=state, reason=reason, by=by)
        return Publish(event)


def _trouble(code: int) -> EarsReason:
    """Why a phone could not be had, from the final status of its INVITE (RFC 3261, section 21)."""
    if code in (486, 600):
        return "phone_busy"
    if code in (403, 603):
        return "phone_declined"
    if code in (408, 480, CANCEL):
        return "phone_silent"
    return "phone_unreachable"
