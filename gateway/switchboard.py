"""The calls of one worker: notices from the legs in, commands of each :class:`~gateway.b2bua.BridgedCall` carried out.

Runs on the thread that made the endpoint, the only one that gives pjsua2 orders. Nothing here waits for the bus.
"""

import contextlib
import queue
import time
import uuid
from collections.abc import Sequence
from itertools import permutations
from typing import Final

import structlog

from assist.config import Settings, Trunk
from assist.control import LiveCall
from assist.events import PARTIES, CallAnswered, CallEnded, CallStarted, Party, QualityMeasured
from gateway import identity, routing
from gateway.admission import FORBIDDEN, Admission
from gateway.b2bua import BridgedCall, Command, Dial, Phase, Publish, Respond, Survey
from gateway.console import live_call
from gateway.ears import Beep, Speak, TakeOver, TakerGone, Wish
from gateway.endpoint import Endpoint, Leg
from gateway.entry import Entry, Watch
from gateway.errors import LegError
from gateway.fork import SILENCE, Ring
from gateway.lines import Lines
from gateway.message import Head
from gateway.notices import (
    Confirmed,
    Connected,
    Digit,
    Gone,
    Invite,
    MediaChanged,
    Notice,
    Referred,
    Registered,
    Ringing,
)
from gateway.playout import Source
from gateway.recordings import NOT_ACCEPTABLE, Recordings
from gateway.route.lease import Leases
from gateway.route.plan import Target, decide, who
from gateway.screening import Refusal, Transport, method_of, opens_dialog
from gateway.sink import CallSink
from gateway.surveys import Surveys
from gateway.transfer import Bridge, Bring, HangUp, Notify, Park, Promote, Role
from gateway.transfers import Transfers
from gateway.voices import Voices

BUSY: Final = 486
UNAVAILABLE: Final = 503
DIALOGS_PER_CALL: Final = 2
_CUSTOMER: Final[frozenset[Party]] = frozenset({"customer"})
_RETRY_AFTER_S: Final = 10
_WATCH_EVERY_S: Final = 1.0
_FORGET_AFTER_S: Final = 40.0
"""Longer than SIP's own 32 s (RFC 3261, timers B, F and H): a leg that hasn't ended by then never will."""

log = structlog.get_logger(__name__)


class Switchboard:
    """All calls of a worker.

    Args:
        endpoint: pjsua2, listening.
        sink: takes events and audio.
        settings: trunks, agents and ``gateway.ring_s``.
        admission: who may call.
        lines: the trunks' accounts.
        leases: counts the calls to each trunk.
        rtp_timeout_s: seconds without RTP from a leg that isn't on hold, after which the call is lost.

    Raises:
        ConfigError: a recording of the survey can't be played.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sink: CallSink,
        settings: Settings,
        *,
        admission: Admission,
        lines: Lines,
        leases: Leases,
        rtp_timeout_s: float,
    ) -> None:
        self._endpoint = endpoint
        self._admission = admission
        self._lines = lines
        self._leases = leases
        self._sink = sink
        self._settings = settings
        self._rtp_timeout_s = rtp_timeout_s
        self._calls: dict[str, Entry] = {}
        self._by_leg: dict[int, tuple[Entry, Role]] = {}
        self._transfers = Transfers(
            endpoint, self._by_leg, lambda: self._settings, self._carry_out, lambda: self._free_dialogs(), self._count
        )
        self._voices = Voices(endpoint)
        self._surveys = Surveys(endpoint, sink, settings)
        self._recordings = Recordings(endpoint, sink, settings, rtp_timeout_s=rtp_timeout_s)
        self._next_watch = 0.0
        self._draining = False
        self.served = 0
        """Calls and recordings taken so far."""
        self.invites = 0
        """INVITEs handled so far, refused ones too."""
        endpoint.screen.admit = self._refusal
        endpoint.screen.known = self._is_trunk

    @property
    def capacity(self) -> int:
        """Calls this build of pjsua2 can bridge at once."""
        return self._endpoint.dialogs // DIALOGS_PER_CALL

    @property
    def free_dialogs(self) -> int:
        """Dialogs that calls to come may use; a bridged call takes two, a recording one."""
        free = min(self._free_dialogs(), self._endpoint.dialogs - self._endpoint.taken)
        return 0 if self._draining else max(0, free)

    @property
    def live(self) -> int:
        """Calls that haven't ended, and ended ones whose dialogs are still being closed."""
        return len(self._calls) + len(self._recordings)

    def apply(self, settings: Settings) -> None:
        """Use new trunks, agents, ring time and survey for the calls to come.

        Raises:
            ConfigError: a recording of the survey can't be played; everything stays as it was.
        """
        self._surveys.apply(settings)
        self._settings = self._recordings.settings = settings

    @property
    def draining(self) -> bool:
        """Whether new calls are answered with 503."""
        return self._draining

    def drain(self, on: bool = True) -> None:
        """Answer new calls with 503 from now on, or no longer."""
        self._draining = on

    def calls(self, *, full: bool) -> list[LiveCall]:
        """The calls that go on; callers are masked unless ``full``."""
        return [
            live_call(
                entry.started,
                "held" if entry.held and entry.call.phase is Phase.UP else entry.call.phase.name.lower(),
                entry.answered_at,
                full=full,
                legs=entry.meter.now(),
                agent_id=entry.call.agent_id,
            )
            for entry in self._calls.values()
            if entry.started is not None and entry.call.phase is not Phase.OVER
        ] + self._recordings.calls(full=full)

    def hang_up_all(self) -> None:
        """End every call."""
        for entry in list(self._calls.values()):
            self._carry_out(entry, entry.call.shut_down(time.time()))
        self._surveys.stop_all()
        self._recordings.hang_up_all()

    def turn(self, timeout: float) -> None:
        """Let SIP happen for at most ``timeout`` seconds, handle what came of it, then what time brings."""
        self._endpoint.poll(timeout)
        with contextlib.suppress(queue.Empty):
            while True:
                self._handle_safely(self._endpoint.notices.get_nowait())
        for wish in self._sink.wishes():
            try:
                self._grant(wish)
            except Exception as err:  # a lead's trouble is nobody else's
                log.exception("gateway.wish_failed", call_id=wish.call_id, error=repr(err))
        self._surveys.turn()
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
            self._recordings.fail(notice.leg)

    def _handle(self, notice: Notice) -> None:
        now = time.time()
        if isinstance(notice, Invite):
            self._invite(notice, now)
            return
        if isinstance(notice, Registered):
            self._lines.handle(notice)
            return
        if self._recordings.holds(notice.leg):
            self._recordings.handle(notice)
            return
        known = self._by_leg.get(notice.leg)
        if known is None:
            if isinstance(notice, Gone):
                self._transfers.leaving.discard(notice.leg)
                self._endpoint.release(notice.leg)
            return
        entry, party = known
        match notice:
            case Ringing(_, early):
                call = entry.call
                self._carry_out(entry, call.target_rings() if party == "target" else call.agent_rings(now, early=early))
            case Confirmed():
                self._carry_out(entry, entry.call.leg_up(party, now))
            case MediaChanged(held=held, early=early):
                (entry.held.add if held and not early else entry.held.discard)(party)
                self._carry_out(entry, entry.call.media_changed(party, now, held=held, early=early))
                self._surveys.refresh(notice.leg)
            case Digit(_, digit) if self._surveys.holds(notice.leg):
                self._surveys.key(notice.leg, digit)
            case Digit(_, digit):
                self._pass_digit(entry, party, digit)
            case Connected(_, uri) if party == "agent":
                agent_id = routing.agents_by_name(self._settings.agent).get(routing.user_part(uri).lower(), "")
                self._carry_out(entry, entry.call.agent_is(uri, agent_id, now))
            case Referred(_, refer):
                self._transfers.begin(entry, refer)
            case Gone(leg, code):
                log.debug("gateway.leg_gone", call_id=entry.call.call_id, party=party, code=code)
                self._surveys.gone(leg)
                self._sample(entry)
                # Its slot first: what follows may dial, the same role again when it goes to the next phone.
                del self._by_leg[leg]
                del entry.keys[party]
                entry.held.discard(party)
                self._endpoint.release(leg)
                self._carry_out(entry, entry.call.leg_gone(party, code, now))
                if not entry.call.alive:
                    self._calls.pop(entry.call.call_id, None)

    def _is_trunk(self, host: str) -> bool:
        """Whether calls may come from this host; behind an edge it is the edge that knows."""
        return self._endpoint.edged or routing.choose_trunk(self._settings.trunk, host) is not None

    def _refusal(self, message: bytes, host: str, transport: Transport) -> Refusal | None:
        """Why pjsua2 need not see a request, which then costs no socket and no slot.

        Called for every new request that may bring SDP, inside :meth:`Endpoint.poll`.
        """
        refusal = self._admission.judge(message, host, transport)
        if method_of(message) != "INVITE" or not opens_dialog(message):
            return refusal
        if refusal is None and self._draining:
            refusal = Refusal(UNAVAILABLE, "draining", (("Retry-After", str(_RETRY_AFTER_S)),))
        elif refusal is None and (self._endpoint.free < 1 or self._free_dialogs() < 1):
            refusal = Refusal(BUSY, "full")
        if refusal is not None:
            self.invites += 1  # one that comes in is counted when it is handled
        return refusal

    def _invite(self, invite: Invite, now: float) -> None:
        self.invites += 1
        leg = self._endpoint.leg(invite.leg)
        if leg is None or leg.over:
            return  # cancelled, or refused by pjsua2 itself (422): nobody's phone has to ring for that
        head = Head(invite.message)
        trunk = routing.choose_trunk(self._settings.trunk, invite.source, invite.trunk)
        if trunk is None:
            self._refuse(leg, FORBIDDEN, source=routing.source_host(invite.source))
        elif self._draining:
            self._refuse(leg, UNAVAILABLE, trunk=trunk.name)
        elif not invite.has_audio:
            self._refuse(leg, NOT_ACCEPTABLE, trunk=trunk.name)
        elif (refusal := identity.refusal(head, trunk.name)) != 0:
            self._refuse(leg, refusal, trunk=trunk.name)
        # An ended dialog may keep its slot for a while; the leg that asks has one already.
        elif min(self._free_dialogs(), self._endpoint.free + 1) < (DIALOGS_PER_CALL if invite.recording is None else 1):
            self._refuse(leg, BUSY, trunk=trunk.name)
        elif invite.recording is not None:
            code = self._recordings.take(invite, leg, trunk)
            if code:
                self._refuse(leg, code, trunk=trunk.name)
            else:
                self.served += 1
        else:
            self._route(invite, head, leg, trunk, now)

    def _route(self, invite: Invite, head: Head, leg: Leg, trunk: Trunk, now: float) -> None:
        caller = identity.number(head, invite.from_uri)
        plan = decide(self._settings, trunk, routing.dialled_number(invite.to_uri), caller)
        for name, verdict in plan.judged:
            if not verdict.passes:
                self._lines.refused(name, verdict.why)
        call_id = uuid.uuid4().hex
        code, why = plan.code, ",".join(verdict.why for _, verdict in plan.judged) or "route"
        only = plan.targets[0] if len(plan.targets) == 1 else None
        if only is not None and only.trunk:
            # Before there is a call: what may not begin leaves no case.
            why = self._count(only.trunk, call_id)
            code = UNAVAILABLE if why else 0
        if code:
            self._refuse(leg, code, trunk=trunk.name, rule=str(plan.rule), why=why)
            return
        call = BridgedCall(
            call_id,
            trunk,
            caller=caller,
            callee=plan.customer or routing.user_part(invite.to_uri),
            ring_s=self._settings.gateway.ring_s,
            direction=plan.direction,
            queue=plan.queue,
            agents=[target.agent or plan.agent for target in plan.targets],
            survey=self._settings.survey.asks(trunk.name, plan.queue),
            late_offer=invite.late,
        )
        entry = Entry(call, plan, trunk.language, invite.from_uri, {call.calling: leg.key})
        entry.hops, entry.headers = identity.hops(head), identity.handed_on(head, trunk)
        if only is not None and only.trunk:
            entry.leased.add(only.trunk)
        self._calls[call_id] = entry
        self._by_leg[leg.key] = (entry, call.calling)
        self.served += 1
        log.info("gateway.call_started", call_id=call_id, trunk=trunk.name, rule=plan.rule, agent=plan.agent)
        self._carry_out(entry, call.start(now))

    def _count(self, name: str, call_id: str) -> str:
        """Count a call to a trunk; why it may not begin, empty when it may."""
        trunk = next((one for one in self._settings.trunk if one.name == name), None)
        if trunk is None:
            return "gone"  # by a reload while the call was under way
        refusal = self._leases.take(trunk, call_id)
        if refusal is not None:
            self._lines.refused(name, refusal)
        return refusal or ""

    def _free_dialogs(self) -> int:
        bridged = sum(max(DIALOGS_PER_CALL, len(entry.keys)) for entry in self._calls.values())
        return self._endpoint.dialogs - bridged - len(self._recordings) - len(self._transfers.leaving)

    def _refuse(self, leg: Leg, code: int, **why: str) -> None:
        log.info("gateway.call_refused", code=code, **why)
        try:
            leg.hang_up(code)
        except LegError as err:
            log.debug("gateway.refusal_failed", error=str(err))

    def _pass_digit(self, entry: Entry, party: Role, digit: str) -> None:
        other = self._leg(entry, "agent" if party == "customer" else "customer")
        if other is None or party == "target" or entry.call.phase is not Phase.UP or entry.call.transfer is not None:
            return
        try:
            other.send_digit(digit)
        except LegError as err:
            log.warning("gateway.digit_lost", call_id=entry.call.call_id, error=str(err))

    # --- commands ------------------------------------------------------------------------------------------------

    def _carry_out(self, entry: Entry, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case Publish(event):
                    if isinstance(event, CallEnded) and event.answered:
                        self._measure(entry, final=True)
                    elif isinstance(event, CallStarted):
                        entry.started = event
                    elif isinstance(event, CallAnswered):
                        entry.answered_at = event.at
                    self._sink.send(event)
                case Dial(target):
                    self._dial(entry, entry.plan.targets[target])
                case Respond(code):
                    self._respond(entry, code)
                case HangUp(party, code):
                    self._hang_up(entry, party, code)
                case Bridge(forked):
                    self._bridge(entry, forked=forked)
                case Park():
                    self._transfers.park(entry)
                case Bring():
                    self._transfers.bring(entry, command)
                case Notify(code, final):
                    self._transfers.notify(entry, self._leg(entry, "agent"), code, final=final)
                case Promote():
                    self._transfers.promote(entry)
                case Survey():
                    self._voices.release(entry.call.call_id, self._legs(entry))
                    customer = self._leg(entry, "customer")
                    if customer is not None:
                        self._surveys.begin(entry.call.call_id, customer, entry.language)
        self._trace(entry)
        if entry.call.phase is Phase.OVER and entry.over_since is None:
            entry.over_since = time.monotonic()
            if entry.leased:
                self._leases.give_back(entry.call.call_id)
            log.info(
                "gateway.call_ended", call_id=entry.call.call_id, answered=entry.call.answered, **_end_of(commands)
            )
            self._voices.release(entry.call.call_id, self._legs(entry))
            for ring in entry.rings.values():
                ring.close()
            if entry.rings:
                self._sink.end_call(entry.call.call_id)

    def _dial(self, entry: Entry, target: Target) -> None:
        call, role = entry.call, entry.call.called
        try:
            if target.trunk and target.trunk not in entry.leased:
                if self._count(target.trunk, call.call_id):
                    raise LegError(f"trunk {target.trunk} takes no more calls now")
                entry.leased.add(target.trunk)
            leg = self._endpoint.new_leg(target.line, target.srtp)
        except LegError as err:
            log.error("gateway.dial_failed", call_id=call.call_id, goal=target.goal, error=str(err))
            self._carry_out(entry, call.dial_failed(time.time()))
            return
        entry.keys[role] = leg.key
        self._by_leg[leg.key] = (entry, role)
        headers = entry.headers
        if target.trunk:
            # Who calls is told to it by From, as its `show` says, and what the PBX adds is for the agents' phones.
            headers = tuple(field for field in headers if field[0] == identity.SEEN)
        try:
            from_header, identities = who(target, entry.caller, self._endpoint.address)
            self._endpoint.dial(leg, target.uri, from_header, (*headers, *identities), hops=entry.hops)
        except LegError as err:
            log.error("gateway.dial_failed", call_id=call.call_id, goal=target.goal, error=str(err))
            del self._by_leg[leg.key], entry.keys[role]
            self._endpoint.release(leg.key)
            self._carry_out(entry, call.dial_failed(time.time()))

    def _respond(self, entry: Entry, code: int) -> None:
        leg = self._leg(entry, entry.call.calling)
        if leg is None:
            return
        try:
            leg.respond(code)
        except LegError as err:
            # It was cancelled a moment ago; its end is on the queue.
            log.debug("gateway.response_failed", call_id=entry.call.call_id, code=code, error=str(err))

    def _hang_up(self, entry: Entry, party: Role, code: int) -> None:
        leg = self._leg(entry, party)
        if leg is None:
            if party == "target" and entry.waiting is not None:
                entry.waiting = None
                self._carry_out(entry, entry.call.leg_gone(party, code, time.time()))
            return
        try:
            leg.hang_up(code, decided=True)
        except LegError as err:
            log.debug("gateway.hang_up_failed", call_id=entry.call.call_id, party=party, error=str(err))

    def _bridge(self, entry: Entry, *, forked: bool) -> None:
        call = entry.call
        legs = self._legs(entry)
        if len(legs) < (1 if call.taken_over else DIALOGS_PER_CALL):
            return
        if forked and not entry.rings:
            entry.rings = self._sink.add_call(call.call_id, entry.language, voice=True)
        if "customer" in legs:
            self._endpoint.ring_no_more(legs["customer"])
        for party, leg in legs.items():
            try:
                if forked:
                    self._endpoint.fork(leg, entry.rings[party])
                leg.refresh_media()
            except LegError as err:
                log.warning("gateway.media_failed", call_id=call.call_id, party=party, error=str(err))
        self._voices.refresh(call.call_id, legs)
        for one, other in permutations(legs.values(), 2):
            try:
                one.send_audio_to(other)
            except LegError as err:
                log.error("gateway.bridge_failed", call_id=call.call_id, error=str(err))

    def _legs(self, entry: Entry) -> dict[Party, Leg]:
        """Whose voices make up the call."""
        parties: tuple[Party, ...] = ("customer",) if entry.call.taken_over else ("customer", "agent")
        return {party: leg for party in parties if (leg := self._leg(entry, party)) is not None}

    def _leg(self, entry: Entry, party: Role) -> Leg | None:
        key = entry.keys.get(party)
        return None if key is None else self._endpoint.leg(key)

    # --- team leads ----------------------------------------------------------------------------------------------

    def _grant(self, wish: Wish) -> None:
        entry = self._calls.get(wish.call_id)
        if entry is None or entry.call.phase is not Phase.UP:
            return
        call_id, now = wish.call_id, time.time()
        match wish:
            case Speak(_, source, to):
                self._voices.speak(call_id, self._legs(entry), source, to)
            case Beep(_, to):
                self._voices.beep(call_id, self._legs(entry), to)
            case TakeOver(_, _, source):
                commands = entry.call.take_over(now)
                agent = self._leg(entry, "agent")
                if commands and agent is not None:
                    self._endpoint.unfork(agent)
                    # Whoever talks with the customer is transcribed as the agent.
                    voice = _heard_as(source, entry.rings["agent"])
                    self._voices.speak(call_id, self._legs(entry), voice, _CUSTOMER)
                self._carry_out(entry, commands)
            case TakerGone(_, lost):
                self._carry_out(entry, entry.call.taker_gone(now, lost=lost))

    # --- time ----------------------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        now = time.monotonic()
        self._lines.tick(now)
        for entry in list(self._calls.values()):
            self._carry_out(entry, entry.call.tick(time.time()))
            if entry.waiting is not None:
                self._transfers.bring(entry, entry.waiting)
            if self._surveys.holds(entry.keys.get("customer")):
                entry.over_since = now
            if entry.over_since is not None and now - entry.over_since > _FORGET_AFTER_S:
                self._forget(entry)
        if now >= self._next_watch:
            self._next_watch = now + _WATCH_EVERY_S
            for entry in list(self._calls.values()):
                self._watch(entry, now)
            self._recordings.watch(now)
            self._recordings.forget_stuck(now, _FORGET_AFTER_S)

    def _watch(self, entry: Entry, now: float) -> None:
        if entry.call.phase is not Phase.UP:
            return
        self._measure(entry)
        for party in list(entry.keys):
            if party == "target" or (party == "agent" and entry.call.transfer is not None):
                continue
            watch = entry.watch.setdefault(party, Watch(since=now))
            leg = self._leg(entry, party)
            packets = leg.packets_received() if leg is not None else None
            if packets is None or packets != watch.packets or party in entry.held:
                watch.since = now
                watch.packets = -1 if packets is None else packets
            elif now - watch.since > self._rtp_timeout_s:
                log.warning("gateway.no_rtp", call_id=entry.call.call_id, party=party, seconds=self._rtp_timeout_s)
                self._carry_out(entry, entry.call.media_lost(party, time.time()))

    def _trace(self, entry: Entry) -> None:
        """Let the messages of legs that are new in the call be found by the call."""
        for role, key in entry.keys.items():
            leg = self._endpoint.leg(key) if key not in entry.traced else None
            if leg is not None and leg.sip_call_id:
                entry.traced.add(key)
                # Whom an agent's phone transfers to is the agent of the rest of the call.
                party: Party = "customer" if role == "customer" else "agent"
                self._endpoint.trace.belongs(entry.call.call_id, party, leg.sip_call_id)

    def _sample(self, entry: Entry) -> None:
        legs = {party: self._leg(entry, party) for party in PARTIES if party in entry.keys}
        entry.meter.sample({party: leg.counters() if leg is not None else None for party, leg in legs.items()})

    def _measure(self, entry: Entry, *, final: bool = False) -> None:
        """Look at the legs' counters; tell what they say now and then, and at the end."""
        self._sample(entry)
        told = entry.meter.total() if final else entry.meter.due(time.monotonic())
        if told:
            self._sink.send(QualityMeasured(call_id=entry.call.call_id, at=time.time(), legs=told, final=final))

    def _forget(self, entry: Entry) -> None:
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


def _heard_as(source: Source, ring: Ring) -> Source:
    """``source``, with every frame put into ``ring``, too."""

    def pull() -> bytes | None:
        frame = source()
        ring.put(SILENCE if frame is None else frame)
        return frame

    return pull
