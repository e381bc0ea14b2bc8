"""The calls of one worker: notices from the legs in, commands of each :class:`~gateway.b2bua.BridgedCall` carried out.

Runs on the thread that made the endpoint, the only one that gives pjsua2 orders. Nothing here waits for the bus.
"""

import contextlib
import queue
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from assist.config import Agent, Settings
from assist.events import CallEnded, CallLanguage, Event, Party
from gateway import routing
from gateway.b2bua import Bridge, BridgedCall, Command, Dial, HangUp, Phase, Publish, Respond
from gateway.endpoint import Endpoint, Leg
from gateway.errors import LegError
from gateway.fork import Ring
from gateway.notices import Confirmed, Digit, Gone, Invite, MediaChanged, Notice, Ringing

FORBIDDEN: Final = 403
BUSY: Final = 486
NOT_ACCEPTABLE: Final = 488
UNAVAILABLE: Final = 503
DIALOGS_PER_CALL: Final = 2
_WATCH_EVERY_S: Final = 1.0
_FORGET_AFTER_S: Final = 40.0
"""Longer than SIP's own 32 s (RFC 3261, timers B, F and H): a leg that hasn't ended by then never will."""

log = structlog.get_logger(__name__)


class CallSink(Protocol):
    """Where events and audio go; :class:`gateway.publisher.Publisher`."""

    def send(self, event: Event) -> None:
        """Queue a durable event; never waits and never fails."""

    def add_call(self, call_id: str, language: CallLanguage) -> dict[Party, Ring]:
        """Begin to publish a call's audio."""

    def end_call(self, call_id: str) -> None:
        """The call is over."""


@dataclass(slots=True)
class _Watch:
    packets: int = -1
    since: float = 0.0


@dataclass(slots=True)
class _Entry:
    call: BridgedCall
    agent: Agent
    language: CallLanguage
    caller: str
    keys: dict[Party, int]
    rings: dict[Party, Ring] = field(default_factory=dict)
    held: set[Party] = field(default_factory=set)
    watch: dict[Party, _Watch] = field(default_factory=dict)
    over_since: float | None = None


class Switchboard:
    """All calls of a worker.

    Args:
        endpoint: pjsua2, listening.
        sink: takes events and audio.
        settings: trunks, agents and ``gateway.ring_s``.
        rtp_timeout_s: seconds without RTP from a leg that isn't on hold, after which the call is lost.
    """

    def __init__(self, endpoint: Endpoint, sink: CallSink, settings: Settings, *, rtp_timeout_s: float) -> None:
        self._endpoint = endpoint
        self._sink = sink
        self._settings = settings
        self._rtp_timeout_s = rtp_timeout_s
        self._calls: dict[str, _Entry] = {}
        self._by_leg: dict[int, tuple[_Entry, Party]] = {}
        self._next_watch = 0.0
        self._draining = False

    @property
    def capacity(self) -> int:
        """Calls this build of pjsua2 can bridge at once."""
        return self._endpoint.dialogs // DIALOGS_PER_CALL

    @property
    def live(self) -> int:
        """Calls that haven't ended, and ended ones whose dialogs are still being closed."""
        return len(self._calls)

    def apply(self, settings: Settings) -> None:
        """Use new trunks, agents and ring time for the calls to come."""
        self._settings = settings

    def drain(self) -> None:
        """Answer new calls with 503 from now on."""
        self._draining = True

    def hang_up_all(self) -> None:
        """End every call."""
        for entry in list(self._calls.values()):
            self._carry_out(entry, entry.call.shut_down(time.time()))

    def turn(self, timeout: float) -> None:
        """Let SIP happen for at most ``timeout`` seconds, handle what came of it, then what time brings."""
        self._endpoint.poll(timeout)
        with contextlib.suppress(queue.Empty):
            while True:
                self._handle_safely(self._endpoint.notices.get_nowait())
        self._pass_time()

    # --- notices -------------------------------------------------------------------------------------------------

    def _handle_safely(self, notice: Notice) -> None:
        try:
            self._handle(notice)
        except Exception as err:
            # One call's trouble must not become the other call's.
            log.exception("gateway.notice_failed", notice=type(notice).__name__, error=repr(err))
            known = self._by_leg.get(notice.leg)
            if known is not None:
                self._carry_out(known[0], known[0].call.shut_down(time.time()))

    def _handle(self, notice: Notice) -> None:
        now = time.time()
        if isinstance(notice, Invite):
            self._invite(notice, now)
            return
        known = self._by_leg.get(notice.leg)
        if known is None:
            if isinstance(notice, Gone):
                self._endpoint.release(notice.leg)
            return
        entry, party = known
        match notice:
            case Ringing():
                self._carry_out(entry, entry.call.agent_rings(now))
            case Confirmed():
                self._carry_out(entry, entry.call.leg_up(party, now))
            case MediaChanged(_, held):
                (entry.held.add if held else entry.held.discard)(party)
                self._carry_out(entry, entry.call.media_changed(party, now, held=held))
            case Digit(_, digit):
                self._pass_digit(entry, party, digit)
            case Gone(leg, code):
                log.debug("gateway.leg_gone", call_id=entry.call.call_id, party=party, code=code)
                self._carry_out(entry, entry.call.leg_gone(party, code, now))
                del self._by_leg[leg]
                self._endpoint.release(leg)
                if not entry.call.alive:
                    self._calls.pop(entry.call.call_id, None)

    def _invite(self, invite: Invite, now: float) -> None:
        leg = self._endpoint.leg(invite.leg)
        if leg is None:
            return
        trunk = routing.choose_trunk(self._settings.trunk, invite.source)
        if trunk is None:
            self._refuse(leg, FORBIDDEN, source=routing.source_host(invite.source))
        elif self._draining:
            self._refuse(leg, UNAVAILABLE, trunk=trunk.name)
        elif not invite.has_audio:
            # No offer, or one without audio: a late offer would have to be answered before the agent has.
            self._refuse(leg, NOT_ACCEPTABLE, trunk=trunk.name)
        elif len(self._calls) >= self.capacity:
            self._refuse(leg, BUSY, trunk=trunk.name)
        else:
            agent = self._settings.agent_by_id(trunk.agent)
            call_id = uuid.uuid4().hex
            call = BridgedCall(
                call_id,
                trunk,
                caller=routing.user_part(invite.from_uri),
                callee=routing.user_part(invite.to_uri),
                ring_s=self._settings.gateway.ring_s,
            )
            entry = _Entry(call, agent, trunk.language, invite.from_uri, {"customer": leg.key})
            self._calls[call_id] = entry
            self._by_leg[leg.key] = (entry, "customer")
            log.info("gateway.call_started", call_id=call_id, trunk=trunk.name, agent=agent.id)
            self._carry_out(entry, call.start(now))

    def _refuse(self, leg: Leg, code: int, **why: str) -> None:
        log.info("gateway.call_refused", code=code, **why)
        try:
            leg.hang_up(code)
        except LegError as err:
            log.debug("gateway.refusal_failed", error=str(err))

    def _pass_digit(self, entry: _Entry, party: Party, digit: str) -> None:
        other = self._leg(entry, "agent" if party == "customer" else "customer")
        if other is None or entry.call.phase is not Phase.UP:
            return
        try:
            other.send_digit(digit)
        except LegError as err:
            log.warning("gateway.digit_lost", call_id=entry.call.call_id, error=str(err))

    # --- commands ------------------------------------------------------------------------------------------------

    def _carry_out(self, entry: _Entry, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case Publish(event):
                    self._sink.send(event)
                case Dial():
                    self._dial(entry)
                case Respond(code):
                    self._respond(entry, code)
                case HangUp(party, code):
                    self._hang_up(entry, party, code)
                case Bridge():
                    self._bridge(entry)
        if entry.call.phase is Phase.OVER and entry.over_since is None:
            entry.over_since = time.monotonic()
            log.info(
                "gateway.call_ended", call_id=entry.call.call_id, answered=entry.call.answered, **_end_of(commands)
            )
            for ring in entry.rings.values():
                ring.close()
            if entry.rings:
                self._sink.end_call(entry.call.call_id)

    def _dial(self, entry: _Entry) -> None:
        leg = self._endpoint.new_leg()
        entry.keys["agent"] = leg.key
        self._by_leg[leg.key] = (entry, "agent")
        try:
            leg.dial(entry.agent.sip, routing.from_header(entry.caller, *self._endpoint.address))
        except LegError as err:
            log.error("gateway.dial_failed", call_id=entry.call.call_id, agent=entry.agent.id, error=str(err))
            del self._by_leg[leg.key]
            self._endpoint.release(leg.key)
            self._carry_out(entry, entry.call.dial_failed(time.time()))

    def _respond(self, entry: _Entry, code: int) -> None:
        leg = self._leg(entry, "customer")
        if leg is None:
            return
        try:
            leg.respond(code)
        except LegError as err:
            # It was cancelled a moment ago; its end is on the queue.
            log.debug("gateway.response_failed", call_id=entry.call.call_id, code=code, error=str(err))

    def _hang_up(self, entry: _Entry, party: Party, code: int) -> None:
        leg = self._leg(entry, party)
        if leg is None:
            return
        try:
            leg.hang_up(code)
        except LegError as err:
            log.debug("gateway.hang_up_failed", call_id=entry.call.call_id, party=party, error=str(err))

    def _bridge(self, entry: _Entry) -> None:
        call = entry.call
        customer, agent = self._leg(entry, "customer"), self._leg(entry, "agent")
        if customer is None or agent is None:
            return
        if not entry.rings:
            entry.rings = self._sink.add_call(call.call_id, entry.language)
        legs: dict[Party, Leg] = {"customer": customer, "agent": agent}
        for party, leg in legs.items():
            try:
                self._endpoint.fork(leg, entry.rings[party])
                leg.refresh_media()
            except LegError as err:
                log.warning("gateway.media_failed", call_id=call.call_id, party=party, error=str(err))
        for one, other in ((customer, agent), (agent, customer)):
            try:
                one.send_audio_to(other)
            except LegError as err:
                log.error("gateway.bridge_failed", call_id=call.call_id, error=str(err))

    def _leg(self, entry: _Entry, party: Party) -> Leg | None:
        key = entry.keys.get(party)
        return None if key is None else self._endpoint.leg(key)

    # --- time ----------------------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        now = time.monotonic()
        for entry in list(self._calls.values()):
            self._carry_out(entry, entry.call.tick(time.time()))
            if entry.over_since is not None and now - entry.over_since > _FORGET_AFTER_S:
                self._forget(entry)
        if now >= self._next_watch:
            self._next_watch = now + _WATCH_EVERY_S
            for entry in list(self._calls.values()):
                self._watch(entry, now)

    def _watch(self, entry: _Entry, now: float) -> None:
        if entry.call.phase is not Phase.UP:
            return
        for party in entry.keys:
            watch = entry.watch.setdefault(party, _Watch(since=now))
            leg = self._leg(entry, party)
            packets = leg.packets_received() if leg is not None else None
            if packets is None or packets != watch.packets or party in entry.held:
                watch.since = now
                watch.packets = -1 if packets is None else packets
            elif now - watch.since > self._rtp_timeout_s:
                log.warning("gateway.no_rtp", call_id=entry.call.call_id, party=party, seconds=self._rtp_timeout_s)
                self._carry_out(entry, entry.call.media_lost(party, time.time()))

    def _forget(self, entry: _Entry) -> None:
        log.error("gateway.leg_stuck", call_id=entry.call.call_id, legs=sorted(entry.call.alive))
        self._calls.pop(entry.call.call_id, None)
        for key in entry.keys.values():
            self._by_leg.pop(key, None)
            self._endpoint.release(key)


def _end_of(commands: Sequence[Command]) -> dict[str, object]:
    for command in commands:
        if isinstance(command, Publish) and isinstance(command.event, CallEnded):
            return {"reason": command.event.reason, "code": command.event.sip_code}
    return {}
