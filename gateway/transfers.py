"""Transfers of one worker's calls: what a REFER asks for, done with legs.

Runs on the switchboard's thread; :class:`~gateway.transfer.Transfer` decides, this carries out what has to do with the
third leg. The rest of a call's commands are the switchboard's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from assist.config import Settings, Trunk
from gateway import identity, refer, routing
from gateway.b2bua import Command, Phase
from gateway.endpoint import Endpoint, Leg
from gateway.entry import Entry
from gateway.errors import LegError
from gateway.refer import Goal, Refer
from gateway.route import fence, plan
from gateway.transfer import Bring, Notify, Role

ACCEPTED: Final = 202
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
NOT_NOW: Final = 491
UNAVAILABLE: Final = 503
DECLINE: Final = 603

log = structlog.get_logger(__name__)


class Transfers:
    """Accepts REFERs and moves legs.

    Args:
        endpoint: pjsua2, listening.
        calls: the switchboard's calls by leg.
        settings: the settings that count now.
        carry_out: carries out a call's commands.
        room: dialogs that are free.
        count: counts a call to a trunk; says why it may not begin.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        by_leg: dict[int, tuple[Entry, Role]],
        settings: Callable[[], Settings],
        carry_out: Callable[[Entry, Sequence[Command]], None],
        room: Callable[[], int],
        count: Callable[[str, str], str],
    ) -> None:
        self._endpoint = endpoint
        self._by_leg = by_leg
        self._settings = settings
        self._carry_out = carry_out
        self._room = room
        self._count = count
        self.leaving: set[int] = set()
        """Legs that were told to hang up and belong to no call any more."""
        endpoint.admit_refer = self.admit

    def admit(self, leg: int, wanted: Refer) -> int:
        """Answer to a REFER within this leg's dialog.

        Only the agent's side may transfer: the customer's end is a trunk, and what it wants to hand over is its own
        affair (RFC 3261's 603; a PBX then bridges the two itself).
        """
        known = self._by_leg.get(leg)
        if known is None:
            return DECLINE
        entry, role = known
        if role != "agent":
            log.info("gateway.refer_refused", call_id=entry.call.call_id, party=role, code=DECLINE)
            return DECLINE
        if not entry.call.may_transfer:
            return NOT_NOW
        consult = self._consult(entry, wanted)
        goal = self._goal(entry, wanted) if consult is None else self._consulted(*consult)
        if goal is None:
            return NOT_FOUND
        may, why = entry.call.trunk.transfers, ""
        if consult is None:
            goal, why = fenced(goal, self._towards(entry, goal))
        if goal is None or may == "nobody" or (may == "agents" and not goal.agent_id):
            log.warning("gateway.refer_refused", call_id=entry.call.call_id, may=may, why=why, code=FORBIDDEN)
            return FORBIDDEN
        return ACCEPTED

    def begin(self, entry: Entry, wanted: Refer) -> None:
        """An accepted REFER."""
        entry.refer, entry.refers = wanted, entry.refers + 1
        entry.back = self._way_back(entry)
        now, consult = time.time(), self._consult(entry, wanted)
        goal = self._goal(entry, wanted) if consult is None else self._consulted(*consult)
        if goal is not None and consult is None:
            goal, _ = fenced(goal, self._towards(entry, goal))
        if goal is None or not entry.call.may_transfer:
            self._carry_out(entry, [Notify(NOT_FOUND if goal is None else NOT_NOW, final=True)])
            return
        log.info(
            "gateway.transfer",
            call_id=entry.call.call_id,
            to_agent=goal.agent_id,
            attended=wanted.replaces is not None,
            room=self._room() > 0,
        )
        if consult is None:
            self._carry_out(entry, entry.call.refer(goal, now, room=self._room() > 0))
        else:
            self._join(entry, goal, consult, now)

    def _towards(self, entry: Entry, goal: Goal) -> Trunk:
        """The trunk a goal outside is reached by: the one whose host it is at, else the one the customer is at."""
        settings, trunk = self._settings(), entry.call.trunk
        if entry.call.called == "customer":
            trunk = next((one for one in settings.trunk if one.name in entry.leased), trunk)
        return plan.reached_by(settings, goal.uri) or trunk

    def notify(self, entry: Entry, leg: Leg | None, code: int, *, final: bool) -> None:
        """Tell the transferor."""
        if leg is None or entry.refer is None or not entry.refer.wants_news:
            return
        # Only the first REFER of a dialog may do without an id (RFC 3515, section 2.4.6).
        event = "refer" if entry.refers == 1 else f"refer;id={entry.refer.sequence}"
        try:
            leg.notify(code, final=final, event=event)
        except LegError as err:
            log.debug("gateway.notify_failed", call_id=entry.call.call_id, error=str(err))

    def bring(self, entry: Entry, command: Bring) -> None:
        """Dial the third leg, as soon as there is a dialog for it."""
        if self._endpoint.taken >= self._endpoint.dialogs:
            entry.waiting = command  # the transferor's phone hasn't answered the BYE yet
            return
        entry.waiting = None
        goal = command.goal or entry.back
        now = time.time()
        try:
            if goal is None:
                raise LegError("nobody knows where")
            if goal.trunk and goal.trunk not in entry.leased:
                if self._count(goal.trunk, entry.call.call_id):
                    raise LegError(f"trunk {goal.trunk} takes no more calls now")
                entry.leased.add(goal.trunk)
            place = plan.place(self._settings(), goal.uri, goal.agent_id)
            leg = self._endpoint.new_leg(place.line, place.srtp)
        except LegError as err:
            log.error("gateway.dial_failed", call_id=entry.call.call_id, role="target", error=str(err))
            self._carry_out(entry, entry.call.leg_gone("target", UNAVAILABLE, now))
            return
        entry.keys["target"] = leg.key
        self._by_leg[leg.key] = (entry, "target")
        try:
            from_header, identities = plan.who(place, entry.caller, self._endpoint.address)
            # Somebody wants it so: a transfer back to where the call came from is no loop.
            headers = [field for field in entry.headers if field[0] != identity.SEEN]
            if goal.trunk or identities:
                headers = []  # what the PBX adds is for the agents' phones
            self._endpoint.dial(leg, goal.uri, from_header, [*headers, *identities, *goal.headers], hops=entry.hops)
        except LegError as err:
            log.error("gateway.dial_failed", call_id=entry.call.call_id, role="target", error=str(err))
            del self._by_leg[leg.key], entry.keys["target"]
            self._endpoint.release(leg.key)
            self._carry_out(entry, entry.call.leg_gone("target", UNAVAILABLE, now))

    def park(self, entry: Entry) -> None:
        """Take the two apart; the customer hears a ringing tone."""
        customer, agent = (self._endpoint.leg(entry.keys.get(role, 0)) for role in ("customer", "agent"))
        if customer is None:
            return
        if agent is not None:
            customer.stop_audio_to(agent)
            agent.stop_audio_to(customer)
        try:
            self._endpoint.ring_back_to(customer)
        except LegError as err:
            log.warning("gateway.no_tone", call_id=entry.call.call_id, error=str(err))

    def promote(self, entry: Entry) -> None:
        """The target's leg becomes the agent's; the one before, if it is still here, was told to hang up."""
        before = entry.keys.pop("agent", None)
        if before is not None:
            self._by_leg.pop(before, None)
            self.leaving.add(before)
            old = self._endpoint.leg(before)
            if old is not None:
                self._endpoint.unfork(old)
        entry.keys["agent"] = key = entry.keys.pop("target")
        self._by_leg[key] = (entry, "agent")
        entry.watch.pop("agent", None)
        entry.held.discard("agent")
        if "target" in entry.held:
            entry.held.remove("target")
            entry.held.add("agent")
        if "agent" in entry.rings:
            entry.rings["agent"].catch_up()  # nobody was heard meanwhile

    # --- parts ---------------------------------------------------------------------------------------------------

    def _goal(self, entry: Entry, wanted: Refer) -> Goal | None:
        return refer.route(wanted, self._settings().agent, self._peer(entry, "customer"))

    def _peer(self, entry: Entry, role: Role) -> str:
        leg = self._endpoint.leg(entry.keys.get(role, 0))
        try:
            return leg.peer() if leg is not None else ""
        except LegError as err:
            log.debug("gateway.no_peer", call_id=entry.call.call_id, role=role, error=str(err))
            return ""

    def _way_back(self, entry: Entry) -> Goal | None:
        """The transferor's phone: the agent's own, else where its dialog says it is."""
        agent = next((one for one in self._settings().agent if one.id == entry.call.agent_id), None)
        if agent is not None:
            return Goal(agent.sip, agent.sip, agent.id)
        peer = self._peer(entry, "agent")
        return Goal(peer, peer) if peer else None

    def _consult(self, entry: Entry, wanted: Refer) -> tuple[Entry, Role] | None:
        """The transferor's second call and its role there, where that is one of ours."""
        if wanted.replaces is None:
            return None
        leg = self._endpoint.leg_of(wanted.replaces)
        known = self._by_leg.get(leg.key) if leg is not None else None
        if known is None or known[0] is entry or known[0].call.phase is Phase.OVER or known[1] == "target":
            return None
        return known

    def _consulted(self, other: Entry, asking: Role) -> Goal | None:
        """Whom the transferor talks with in that call: the Refer-To may name no more than our own contact."""
        role: Role = "agent" if asking == "customer" else "customer"
        peer = self._peer(other, role)
        if not peer:
            return None
        agents = self._settings().agent
        agent_id = (
            other.call.agent_id
            if role == "agent"
            else routing.agents_by_name(agents).get(routing.user_part(peer).lower(), "")
        )
        agent = next((one for one in agents if one.id == agent_id), None)
        return Goal(peer, peer) if agent is None else Goal(agent.sip, agent.sip, agent.id)

    def _join(self, entry: Entry, goal: Goal, consult: tuple[Entry, Role], now: float) -> None:
        """Move the consulted leg from the transferor's second call into this one; the second call is over."""
        other, asking = consult
        role: Role = "agent" if asking == "customer" else "customer"
        key = other.keys.get(role)
        leg = self._endpoint.leg(key) if key is not None else None
        if key is None or leg is None or role not in other.call.alive:
            self._carry_out(entry, [Notify(NOT_FOUND, final=True)])
            return
        up = other.call.phase is Phase.UP
        peer = self._endpoint.leg(other.keys[asking])
        if peer is not None:
            leg.stop_audio_to(peer)
            peer.stop_audio_to(leg)
        self._endpoint.unfork(leg)
        del other.keys[role]
        self._carry_out(other, other.call.give_away(role, now))  # type: ignore[arg-type]
        entry.keys["target"] = key
        self._by_leg[key] = (entry, "target")
        self._carry_out(entry, entry.call.refer_to_leg(goal, now, up=up))


def fenced(goal: Goal, trunk: Trunk) -> tuple[Goal | None, str]:
    """The goal as the fence against toll fraud lets it pass, or None and why not.

    Through a trunk with a host a transfer is a call like any other: only its ``outbound.allow`` may be dialled. A PBX
    that only sends us calls has no host; what its extensions may dial is its own dialplan's to say.
    """
    if goal.agent_id or not trunk.host:
        return goal, ""
    verdict = fence.judge(trunk, routing.dialled_number(goal.uri))
    if not verdict.passes:
        return None, verdict.why
    uri = plan.at_trunk(trunk, verdict)
    return replace(goal, uri=uri, shown=uri, trunk=trunk.name), ""
