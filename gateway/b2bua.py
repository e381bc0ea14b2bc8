"""One bridged call as a state machine without I/O: what happened goes in, commands and events come out.

::

    DIALLING ──agent rings──▶ RINGING ──agent answers──▶ ANSWERING ──caller's ACK──▶ UP ──any end──▶ OVER
        └──────────────────── agent answers ─────────────────▲

        ▲── the next target is dialled when one fails ──┘ (not once one has answered)

Whatever the order of inputs, one ``CallEnded`` is published, at the first cause; everything after it only tidies up.
While a call is UP it may be transferred: see :mod:`gateway.transfer`.
The calling party is the dialog we are UAS of, the called the one we are UAC of (RFC 7092, section 3.1: a B2BUA that
ends both dialogs and their media). The customer calls on an inbound call and is called on an outbound one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal, TypeAlias

from assist.config import Trunk
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    CallStarted,
    CallTransferred,
    EndReason,
    Event,
    Party,
)
from gateway.refer import Goal
from gateway.transfer import Bridge, Bring, HangUp, Notify, Park, Promote, Role, Transfer

PASSED_TO_CALLER: Final = frozenset({404, 410, 480, 484, 486, 488, 600, 603, 604, 606})
"""Rejections that mean the same to the caller. A 401 or a 302 of the agent's phone is our own affair: see below."""
NORMAL_END: Final = 200
NO_ANSWER: Final = 480
REQUEST_TERMINATED: Final = 487
NOT_ACCEPTABLE: Final = 488
SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503
ANSWER_S: Final = 2.0
"""An answer comes with the ACK or not at all (RFC 3264, section 5); nobody can talk without one."""
HASTY_S: Final = 3.0
"""Many phones hang up as soon as a REFER is accepted. When the target has refused by then, that BYE is still part of
the transfer: its sender is rung back, and the customer kept."""
_CANCEL_S: Final = 8.0
"""How long an INVITE may take to end after its CANCEL before the call is given up."""

Direction: TypeAlias = Literal["inbound", "outbound"]


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
    """Send the INVITE to who is called: the ``target``-th of the call's, from 0."""

    target: int = 0


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller's INVITE."""

    code: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Send a durable event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Survey:
    """The call is over; ask the customer, whose dialog stays up, and hang up then."""


Command: TypeAlias = Dial | Respond | HangUp | Bridge | Publish | Bring | Notify | Park | Promote | Survey


class BridgedCall:
    """One call.

    Args:
        call_id: token of the call.
        trunk: where it came from.
        caller, callee: user parts of its From and To.
        late_offer: the INVITE had no SDP. The caller's answer comes with the ACK, so there is no early media.
        survey: the customer is asked when the agent hangs up first.
        ring_s: seconds each target rings.
        direction: whether the customer calls (inbound) or is called.
        queue: queue it is counted in; None: the trunk's.
        agents: whose call it is at each target that may be dialled, in order; None: one target, the trunk's agent.
    """

    def __init__(
        self,
        call_id: str,
        trunk: Trunk,
        *,
        caller: str,
        callee: str,
        ring_s: float,
        late_offer: bool = False,
        survey: bool = False,
        direction: Direction = "inbound",
        queue: str | None = None,
        agents: Sequence[str] | None = None,
    ) -> None:
        self.call_id = call_id
        self.phase = Phase.DIALLING
        self.deadline: float | None = None
        self._trunk = trunk
        self._caller = caller
        self._callee = callee
        self._ring_s = ring_s
        self._direction: Direction = direction
        self._queue = trunk.queue if queue is None else queue
        self._agents = tuple(agents) if agents else (trunk.agent,)
        self._target = 0
        self._moving_on = False
        self.calling: Party = "customer" if direction == "inbound" else "agent"
        """Whose INVITE came to us."""
        self.called: Party = "agent" if direction == "inbound" else "customer"
        self.agent_id = self._agents[0]
        """Who has the call."""
        self.transfer: Transfer | None = None
        self._alive: set[Role] = {self.calling}
        self._held_by: set[Party] = set()
        self._target_held = False
        self._connected = ""
        self._failed_at: float | None = None
        self._answered = False
        self._survey = survey
        self.taken_over = False
        """A team lead talks with the customer instead of the agent."""
        self._awaits_answer = self._late_offer = late_offer
        self._early = False

    @property
    def trunk(self) -> Trunk:
        """Where it came from."""
        return self._trunk

    @property
    def answered(self) -> bool:
        """Whether both legs have been up."""
        return self._answered

    @property
    def alive(self) -> frozenset[Role]:
        """Legs whose dialog hasn't ended yet."""
        return frozenset(self._alive)

    # --- inputs; ``now`` is seconds UTC -------------------------------------------------------------------------

    def start(self, now: float) -> list[Command]:
        """The INVITE was accepted for routing."""
        self.deadline = now + self._ring_s
        self._alive.add(self.called)
        started = CallStarted(
            call_id=self.call_id,
            at=now,
            trunk=self._trunk.name,
            caller=self._caller,
            callee=self._callee,
            queue=self._queue,
            agent_id=self._agents[0],
            language=self._trunk.language,
            direction=self._direction,
        )
        return [Publish(started), Dial()]

    def dial_failed(self, now: float, code: int = UNAVAILABLE) -> list[Command]:
        """No INVITE could be sent to who is called."""
        self._alive.discard(self.called)
        if self.phase in (Phase.DIALLING, Phase.RINGING) and self._target + 1 < len(self._agents):
            return self._dial_next(now)
        return self._end(now, "failed", code, to_caller=code)

    def agent_rings(self, now: float, *, early: bool = False) -> list[Command]:
        """A 180 (or 183) came from who is called; ``early``: its media will follow."""
        if self.phase is not Phase.DIALLING or self._moving_on:
            return []
        self.phase = Phase.RINGING
        ringing = Publish(CallRinging(call_id=self.call_id, at=now, agent_id=self._other_agent()))
        # Some PBXs play a tone of their own at a 180: no good when the agent's side plays one, or more than that.
        return [ringing] if self._early or (early and not self._late_offer) else [Respond(180), ringing]

    def target_rings(self) -> list[Command]:
        """A 180 came from whom the call is being transferred to."""
        return [] if self.transfer is None else [*self.transfer.target_rings()]

    def leg_up(self, party: Role, now: float) -> list[Command]:
        """A dialog is confirmed: the called party's by its 200, the caller's by its ACK."""
        if party == "target":
            return self._target_up(now)
        if party == self.called and self.phase in (Phase.DIALLING, Phase.RINGING) and not self._moving_on:
            self.phase = Phase.ANSWERING
            self.deadline = None
            return [Respond(200)]
        if party == self.calling and self.phase is Phase.ANSWERING:
            self.phase = Phase.UP
            self._answered = True
            self.agent_id = self._agents[self._target]
            self.deadline = now + ANSWER_S if self._awaits_answer else None
            held = [CallHeld(call_id=self.call_id, at=now, by=by) for by in sorted(self._held_by)]
            answered = CallAnswered(call_id=self.call_id, at=now, agent_id=self._other_agent())
            return [Bridge(), Publish(answered), *(Publish(event) for event in held)]
        return []

    def media_changed(self, party: Role, now: float, *, held: bool, early: bool = False) -> list[Command]:
        """A leg's media was negotiated; ``held``: that party sends sendonly, inactive or to 0.0.0.0.

        ``early``: the called party did so before it answered (a 183 with SDP).
        """
        if self.phase is Phase.OVER:
            return []
        if early:
            return self._pass_early(party)
        if party == "target":
            self._target_held = held
            return []
        if party == self.calling:
            self._awaits_answer = False
        commands: list[Command] = []
        if held != (party in self._held_by) and not (party == "agent" and self.taken_over):
            self._held_by.symmetric_difference_update({party})
            if self.phase is Phase.UP:
                kind = CallHeld if held else CallResumed
                commands.append(Publish(kind(call_id=self.call_id, at=now, by=party)))
        if self.phase in (Phase.ANSWERING, Phase.UP):
            commands.insert(0, Bridge() if self.transfer is None else Park())
        return commands

    def leg_gone(self, party: Role, code: int, now: float) -> list[Command]:
        """A dialog has ended; ``code`` is the last status of it, 200 after a BYE."""
        self._alive.discard(party)
        if self.phase is Phase.OVER:
            return []
        if party == "target":
            return self._target_gone(code, now)
        if party == "agent" and self.transfer is not None:
            return [*self.transfer.transferor_gone(now)]
        if party == "agent" and self.taken_over:
            return []
        if party == "agent" and self._failed_at is not None and now - self._failed_at < HASTY_S:
            self.transfer = Transfer(Goal("", ""), self._alive, ring_s=self._ring_s)
            return [Park(), *(self.transfer.target_gone(UNAVAILABLE, now) or [])]
        if self.phase is Phase.UP:
            if code != NORMAL_END:
                return self._end(now, "lost", code)
            return self._end(now, "customer_hangup" if party == "customer" else "agent_hangup", NORMAL_END)
        if party == self.calling:
            if code in (NORMAL_END, REQUEST_TERMINATED):
                return self._end(now, "cancelled", REQUEST_TERMINATED)
            return self._end(now, "failed", code)
        if self.phase is Phase.ANSWERING:
            # It answered and was gone before the caller's ACK: the caller gets a BYE after it.
            by: EndReason = "agent_hangup" if self.called == "agent" else "customer_hangup"
            return self._end(now, by if code == NORMAL_END else "lost", code)
        if self._moving_on or (self._target + 1 < len(self._agents) and may_be_tried_elsewhere(code, self.called)):
            return self._dial_next(now)
        rejected = (400 <= code < 500 and code not in (401, 407, 408, 481)) or code >= 600
        return self._end(now, "rejected" if rejected else "failed", code, to_caller=code_for_caller(code))

    def _pass_early(self, party: Role) -> list[Command]:
        if (
            party != self.called
            or self._moving_on
            or self._late_offer
            or self.phase not in (Phase.DIALLING, Phase.RINGING)
        ):
            return []
        first, self._early = not self._early, True
        return [Respond(183), Bridge(forked=False)] if first else [Bridge(forked=False)]

    # --- transfers ------------------------------------------------------------------------------------------------

    @property
    def may_transfer(self) -> bool:
        """Whether a REFER can be accepted now."""
        free = self.phase is Phase.UP and self.transfer is None and not self.taken_over
        return free and {"customer", "agent"} <= self._alive

    def refer(self, goal: Goal, now: float, *, room: bool) -> list[Command]:
        """The agent's phone wants the customer transferred to ``goal``; ``room``: a third dialog is free."""
        if not self.may_transfer:
            return [Notify(UNAVAILABLE, final=True)]
        self._failed_at = None
        self.transfer = Transfer(goal, self._alive, ring_s=self._ring_s)
        return [*self.transfer.start(now, room=room)]

    def refer_to_leg(self, goal: Goal, now: float, *, up: bool) -> list[Command]:
        """The same, where the target's leg is here already: as :attr:`target` it has joined this call."""
        self._failed_at = None
        self._target_held = False
        self.transfer = Transfer(goal, self._alive, ring_s=self._ring_s)
        commands: list[Command] = [*self.transfer.adopt(now)]
        return commands + (self._target_up(now) if up else [])

    def agent_is(self, uri: str, agent_id: str, now: float) -> list[Command]:
        """The agent's side says that ``uri`` is there; ``agent_id`` where that is one of our agents.

        The PBX behind it has moved the customer without asking us. The first name it gives somebody who is no agent of
        ours may just be another of the agent's own.
        """
        before, self._connected = self._connected, uri
        if self.phase is not Phase.UP or self.transfer is not None or uri == before or agent_id == self.agent_id:
            return []
        if not agent_id and not before:
            return []
        event = CallTransferred(call_id=self.call_id, at=now, target=uri, agent_id=agent_id, by_agent=self.agent_id)
        self.agent_id = agent_id or self.agent_id
        return [Publish(event)]

    def give_away(self, party: Party, now: float) -> list[Command]:
        """The leg of ``party`` goes to another call, whose agent had asked it here; this call is over."""
        self._alive.discard(party)
        return self._end(now, "ended", NORMAL_END, to_caller=REQUEST_TERMINATED)

    def _target_up(self, now: float) -> list[Command]:
        transfer, self.transfer = self.transfer, None
        if transfer is None:
            return []
        self._connected = ""
        commands: list[Command] = [*transfer.target_up()]
        if "agent" in self._held_by:
            self._held_by.discard("agent")
            commands.append(Publish(CallResumed(call_id=self.call_id, at=now, by="agent")))
        if not transfer.recalls:
            goal, before = transfer.goal, self.agent_id
            self.agent_id = goal.agent_id or before
            event = CallTransferred(
                call_id=self.call_id, at=now, target=goal.shown, agent_id=goal.agent_id, by_agent=before
            )
            commands.append(Publish(event))
        if self._target_held:
            self._held_by.add("agent")
            commands.append(Publish(CallHeld(call_id=self.call_id, at=now, by="agent")))
        self._target_held = False
        return commands

    def _target_gone(self, code: int, now: float) -> list[Command]:
        transfer = self.transfer
        if transfer is None:
            return []
        self._target_held = False
        commands = transfer.target_gone(code, now)
        if commands is None:
            return self._end(now, "transfer_failed", transfer.code)
        if not transfer.recalls:
            self.transfer, self._failed_at = None, now
        return [*commands]

    # --- what else may happen -------------------------------------------------------------------------------------

    def take_over(self, now: float) -> list[Command]:
        """A team lead's voice takes the agent's place; the agent is hung up."""
        if self.phase is not Phase.UP or self.taken_over or self.transfer is not None:
            return []
        self.taken_over = True
        commands: list[Command] = [Bridge(), HangUp("agent", NORMAL_END)]
        if "agent" in self._held_by:
            self._held_by.discard("agent")
            commands.append(Publish(CallResumed(call_id=self.call_id, at=now, by="agent")))
        return commands

    def taker_gone(self, now: float, *, lost: bool) -> list[Command]:
        """The lead who had taken over hung up; ``lost``: is not there any more, nobody knows why."""
        if self.phase is not Phase.UP or not self.taken_over:
            return []
        return self._end(now, "lost", 408) if lost else self._end(now, "agent_hangup", NORMAL_END)

    def media_lost(self, party: Party, now: float) -> list[Command]:
        """No RTP has come from ``party`` for too long."""
        if self.transfer is not None and party != "customer":
            return []
        return self._end(now, "lost", 408) if self.phase is Phase.UP else []

    def tick(self, now: float) -> list[Command]:
        """Time has passed; ends a call that rings for too long."""
        if self.transfer is not None:
            return [*self.transfer.tick(now)]
        if self.deadline is None or now < self.deadline:
            return []
        if self.phase is Phase.UP:
            self.deadline = None
            return self._end(now, "failed", NOT_ACCEPTABLE) if self._awaits_answer else []
        if self._target + 1 < len(self._agents) and not self._moving_on:
            # The next one when this one's INVITE has ended.
            self._moving_on = True
            self.deadline = now + _CANCEL_S
            return [HangUp(self.called, NO_ANSWER)]
        return self._end(now, "rejected", NO_ANSWER, to_caller=NO_ANSWER)

    def shut_down(self, now: float) -> list[Command]:
        """The worker stops; hang up."""
        reason: EndReason = "lost" if self.phase is Phase.UP else "failed"
        return self._end(now, reason, UNAVAILABLE, to_caller=UNAVAILABLE)

    # --- targets -------------------------------------------------------------------------------------------------

    def _dial_next(self, now: float) -> list[Command]:
        self._target += 1
        self._moving_on = False
        self.phase = Phase.DIALLING
        self.deadline = now + self._ring_s
        self._held_by.discard(self.called)
        self._alive.add(self.called)
        return [Dial(self._target)]

    def _other_agent(self) -> str:
        agent = self._agents[self._target]
        return agent if agent != self._agents[0] else ""

    # --- the one end -----------------------------------------------------------------------------------------

    def _end(self, now: float, reason: EndReason, code: int, *, to_caller: int = UNAVAILABLE) -> list[Command]:
        if self.phase is Phase.OVER:
            return []
        self.phase = Phase.OVER
        self.deadline = self.transfer = None
        ended = CallEnded(call_id=self.call_id, at=now, reason=reason, sip_code=code, answered=self._answered)
        asked = self._survey and self._answered and reason == "agent_hangup"
        hang_ups = [HangUp(party, to_caller) for party in sorted(self._alive) if not (asked and party == "customer")]
        return [Publish(ended), *hang_ups, *([Survey()] if asked and "customer" in self._alive else [])]


def may_be_tried_elsewhere(code: int, called: Party) -> bool:
    """Whether another target may do better than one that answered ``code``.

    Another agent may pick up where one is busy, away or declines. A customer who does so has answered; another trunk
    only helps where this one would not or could not carry the call.
    """
    if called == "customer":
        return code in (401, 403, 407, 408) or SERVER_ERROR <= code < 600
    return code >= 400 and code != 488


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
