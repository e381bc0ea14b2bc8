"""One bridged call as a state machine without I/O: what happened goes in, commands and events come out.

::

    DIALLING ──agent rings──▶ RINGING ──agent answers──▶ ANSWERING ──caller's ACK──▶ UP ──any end──▶ OVER
        └──────────────────── agent answers ─────────────────▲

Whatever the order of inputs, one ``CallEnded`` is published, at the first cause; everything after it only tidies up.
The caller is the dialog we are UAS of, the agent the one we are UAC of (RFC 7092, section 3.1: a B2BUA that ends both
dialogs and their media).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from assist.config import Trunk
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    CallStarted,
    EndReason,
    Event,
    Party,
)

PASSED_TO_CALLER: Final = frozenset({404, 410, 480, 484, 486, 488, 600, 603, 604, 606})
"""Rejections that mean the same to the caller. A 401 or a 302 of the agent's phone is our own affair: see below."""
NORMAL_END: Final = 200
NO_ANSWER: Final = 480
REQUEST_TERMINATED: Final = 487
SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503


class Phase(Enum):
    """Where a call is."""

    DIALLING = auto()
    RINGING = auto()
    ANSWERING = auto()
    UP = auto()
    OVER = auto()


# --- commands: what the switchboard has to do --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dial:
    """Send the INVITE to the agent."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller's INVITE."""

    code: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a leg: BYE, CANCEL or the final response ``code``, whichever its state asks for."""

    party: Party
    code: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """Connect whatever media both legs have, and fork it."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a durable event."""

    event: Event


Command: TypeAlias = Dial | Respond | HangUp | Bridge | Publish


class BridgedCall:
    """One call.

    Args:
        call_id: token of the call.
        trunk: where it came from.
        caller, callee: user parts of its From and To.
        ring_s: seconds the agent's phone rings.
    """

    def __init__(self, call_id: str, trunk: Trunk, *, caller: str, callee: str, ring_s: float) -> None:
        self.call_id = call_id
        self.phase = Phase.DIALLING
        self.deadline: float | None = None
        self._trunk = trunk
        self._caller = caller
        self._callee = callee
        self._ring_s = ring_s
        self._alive: set[Party] = {"customer"}
        self._held_by: set[Party] = set()
        self._answered = False

    @property
    def answered(self) -> bool:
        """Whether both legs have been up."""
        return self._answered

    @property
    def alive(self) -> frozenset[Party]:
        """Legs whose dialog hasn't ended yet."""
        return frozenset(self._alive)

    # --- inputs; ``now`` is seconds UTC -------------------------------------------------------------------------

    def start(self, now: float) -> list[Command]:
        """The INVITE was accepted for routing."""
        self.deadline = now + self._ring_s
        self._alive.add("agent")
        started = CallStarted(
            call_id=self.call_id,
            at=now,
            trunk=self._trunk.name,
            caller=self._caller,
            callee=self._callee,
            queue=self._trunk.queue,
            agent_id=self._trunk.agent,
            language=self._trunk.language,
        )
        return [Publish(started), Dial()]

    def dial_failed(self, now: float, code: int = UNAVAILABLE) -> list[Command]:
        """No INVITE could be sent to the agent."""
        self._alive.discard("agent")
        return self._end(now, "failed", code, to_caller=code)

    def agent_rings(self, now: float) -> list[Command]:
        """A 180 (or 183) came from the agent's phone."""
        if self.phase is not Phase.DIALLING:
            return []
        self.phase = Phase.RINGING
        return [Respond(180), Publish(CallRinging(call_id=self.call_id, at=now))]

    def leg_up(self, party: Party, now: float) -> list[Command]:
        """A dialog is confirmed: the agent's by its 200, the caller's by its ACK."""
        if party == "agent" and self.phase in (Phase.DIALLING, Phase.RINGING):
            self.phase = Phase.ANSWERING
            self.deadline = None
            return [Respond(200)]
        if party == "customer" and self.phase is Phase.ANSWERING:
            self.phase = Phase.UP
            self._answered = True
            held = [CallHeld(call_id=self.call_id, at=now, by=by) for by in sorted(self._held_by)]
            answered = CallAnswered(call_id=self.call_id, at=now)
            return [Bridge(), Publish(answered), *(Publish(event) for event in held)]
        return []

    def media_changed(self, party: Party, now: float, *, held: bool) -> list[Command]:
        """A leg's media was negotiated; ``held``: that party sends sendonly, inactive or to 0.0.0.0."""
        if self.phase is Phase.OVER:
            return []
        commands: list[Command] = []
        if held != (party in self._held_by):
            self._held_by.symmetric_difference_update({party})
            if self.phase is Phase.UP:
                kind = CallHeld if held else CallResumed
                commands.append(Publish(kind(call_id=self.call_id, at=now, by=party)))
        if self.phase in (Phase.ANSWERING, Phase.UP):
            commands.insert(0, Bridge())
        return commands

    def leg_gone(self, party: Party, code: int, now: float) -> list[Command]:
        """A dialog has ended; ``code`` is the last status of it, 200 after a BYE."""
        self._alive.discard(party)
        if self.phase is Phase.OVER:
            return []
        if self.phase is Phase.UP:
            if code != NORMAL_END:
                return self._end(now, "lost", code)
            return self._end(now, "customer_hangup" if party == "customer" else "agent_hangup", NORMAL_END)
        if party == "customer":
            if code in (NORMAL_END, REQUEST_TERMINATED):
                return self._end(now, "cancelled", REQUEST_TERMINATED)
            return self._end(now, "failed", code)
        if self.phase is Phase.ANSWERING:
            # The agent answered and was gone before the caller's ACK: the caller gets a BYE after it.
            return self._end(now, "agent_hangup" if code == NORMAL_END else "lost", code)
        rejected = (400 <= code < 500 and code not in (401, 407, 408, 481)) or code >= 600
        return self._end(now, "rejected" if rejected else "failed", code, to_caller=code_for_caller(code))

    def media_lost(self, party: Party, now: float) -> list[Command]:
        """No RTP has come from ``party`` for too long."""
        return self._end(now, "lost", 408) if self.phase is Phase.UP else []

    def tick(self, now: float) -> list[Command]:
        """Time has passed; ends a call that rings for too long."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._end(now, "rejected", NO_ANSWER, to_caller=NO_ANSWER)

    def shut_down(self, now: float) -> list[Command]:
        """The worker stops; hang up."""
        reason: EndReason = "lost" if self.phase is Phase.UP else "failed"
        return self._end(now, reason, UNAVAILABLE, to_caller=UNAVAILABLE)

    # --- the one end -----------------------------------------------------------------------------------------

    def _end(self, now: float, reason: EndReason, code: int, *, to_caller: int = UNAVAILABLE) -> list[Command]:
        if self.phase is Phase.OVER:
            return []
        self.phase = Phase.OVER
        self.deadline = None
        ended = CallEnded(call_id=self.call_id, at=now, reason=reason, sip_code=code, answered=self._answered)
        hang_ups = [HangUp(party, to_caller) for party in sorted(self._alive)]
        return [Publish(ended), *hang_ups]


def code_for_caller(code: int) -> int:
    """Final response to the caller for the agent's ``code``.

    A rejection that means the same to the caller is passed on; a redirection, an authentication challenge or a
    time-out of the agent's phone is ours to hide.
    """
    if code in PASSED_TO_CALLER:
        return code
    if code >= SERVER_ERROR:
        return UNAVAILABLE
    return NO_ANSWER
