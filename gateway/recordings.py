"""Recording sessions of one worker: what SIPREC legs report in, commands of each `RecordedCall` carried out.

Runs on the switchboard's thread. Nothing here answers a request that the call behind the recording depends on.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from assist.config import Agent, Settings, Trunk
from assist.control import LiveCall
from assist.events import CallAnswered, CallEnded, CallStarted, Party, QualityMeasured
from gateway import routing
from gateway.b2bua import Publish
from gateway.console import live_call
from gateway.endpoint import Endpoint, Leg
from gateway.errors import LegError, MetadataError
from gateway.fork import Ring
from gateway.notices import Confirmed, Digit, Gone, Invite, MediaChanged, Notice, RecordingNews
from gateway.quality.meter import CallMeter
from gateway.sink import CallSink
from gateway.siprec import body, metadata
from gateway.siprec.metadata import Metadata, Participant
from gateway.siprec.recorded import Accept, Command, HangUp, Listen, Phase, RecordedCall

NOT_ACCEPTABLE: Final = 488
STREAMS: Final = 2
"""Audio streams of a recording: one for each voice."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Entry:
    call: RecordedCall
    leg: int
    rings: dict[Party, Ring] = field(default_factory=dict)
    paused: bool = False
    packets: int = -1
    heard_at: float = 0.0
    over_since: float | None = None
    parties: tuple[Party | None, ...] = ()
    meter: CallMeter = field(default_factory=CallMeter)
    started: CallStarted | None = None
    answered_at: float | None = None


class Recordings:
    """All recording sessions of a worker.

    Args:
        endpoint: pjsua2, listening.
        sink: takes events and audio.
        settings: agents, to know them among participants.
        rtp_timeout_s: seconds without RTP from a session that isn't paused, after which it is lost.
    """

    def __init__(self, endpoint: Endpoint, sink: CallSink, settings: Settings, *, rtp_timeout_s: float) -> None:
        self._endpoint = endpoint
        self._sink = sink
        self.settings = settings
        self._rtp_timeout_s = rtp_timeout_s
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def calls(self, *, full: bool) -> list[LiveCall]:
        """The recorded calls that go on; callers are masked unless ``full``."""
        return [
            live_call(
                entry.started,
                "recording_paused" if entry.paused else "recording",
                entry.answered_at,
                full=full,
                legs=entry.meter.now(),
            )
            for entry in self._entries.values()
            if entry.started is not None and entry.call.phase is not Phase.OVER
        ]

    def holds(self, leg: int) -> bool:
        """Whether this leg is a recording's."""
        return leg in self._entries

    def take(self, invite: Invite, leg: Leg, trunk: Trunk) -> int:
        """Begin a recording; returns 0, or the SIP code to refuse it with."""
        parts = invite.recording
        labels = body.labels(parts.sdp) if parts is not None else ()
        if parts is None or not labels:
            return NOT_ACCEPTABLE
        call_id = uuid.uuid4().hex
        call = RecordedCall(
            call_id, trunk, labels[:STREAMS], self._read(parts.metadata, call_id), agents_of(self.settings.agent)
        )
        self._endpoint.trace.belongs(call_id, "customer", leg.sip_call_id)
        entry = self._entries[leg.key] = _Entry(call, leg.key, heard_at=time.monotonic())
        log.info(
            "gateway.recording_started", call_id=call_id, trunk=trunk.name, agent=call.agent_id, streams=len(labels)
        )
        self._carry_out(entry, call.start(time.time()))
        return 0

    def handle(self, notice: Notice) -> None:
        """A recording's leg reports something."""
        entry, now = self._entries[notice.leg], time.time()
        match notice:
            case Confirmed():
                entry.rings = self._sink.add_call(entry.call.call_id, entry.call.trunk.language)
                self._carry_out(entry, entry.call.up(now))
            case MediaChanged(sending=sending):
                entry.heard_at = time.monotonic()
                entry.paused = not sending
                self._carry_out(entry, entry.call.media_changed(now, paused=not sending))
            case RecordingNews(_, xml):
                news = self._read(xml, entry.call.call_id)
                if news is not None:
                    self._carry_out(entry, entry.call.told(news, now))
            case Gone(leg, _):
                self._carry_out(entry, entry.call.gone(now))
                del self._entries[leg]
                self._endpoint.release(leg)
            case Digit():
                pass  # may be of a card: neither kept nor passed on
            case _:
                pass

    def watch(self, now: float) -> None:
        """Look for sessions whose RTP has dried up; ``now`` is monotonic seconds."""
        for entry in list(self._entries.values()):
            if entry.call.phase is not Phase.UP or entry.paused:
                entry.heard_at = now
                continue
            leg = self._endpoint.leg(entry.leg)
            self._measure(entry)
            packets = leg.packets_received() if leg is not None else None
            if packets is not None and packets != entry.packets:
                entry.packets, entry.heard_at = packets, now
            elif now - entry.heard_at > self._rtp_timeout_s:
                log.warning("gateway.no_rtp", call_id=entry.call.call_id, seconds=self._rtp_timeout_s)
                self._carry_out(entry, entry.call.shut_down(time.time()))

    def forget_stuck(self, now: float, after_s: float) -> None:
        """Let go of sessions whose dialog never ended; ``now`` is monotonic seconds."""
        for key, entry in list(self._entries.items()):
            if entry.over_since is not None and now - entry.over_since > after_s:
                log.error("gateway.leg_stuck", call_id=entry.call.call_id)
                del self._entries[key]
                self._endpoint.release(key)

    def hang_up_all(self) -> None:
        """End every session; the calls behind them go on."""
        for entry in list(self._entries.values()):
            self._carry_out(entry, entry.call.shut_down(time.time()))

    def fail(self, leg: int) -> None:
        """End the session of this leg: something went wrong in handling it."""
        entry = self._entries.get(leg)
        if entry is not None:
            self._carry_out(entry, entry.call.shut_down(time.time()))

    def _read(self, xml: str, call_id: str) -> Metadata | None:
        try:
            return metadata.read(xml) if xml else None
        except MetadataError as err:
            # Words without names are worth more than no words.
            log.warning("gateway.metadata_unreadable", call_id=call_id, error=str(err))
            return None

    def _carry_out(self, entry: _Entry, commands: Sequence[Command]) -> None:
        leg = self._endpoint.leg(entry.leg)
        for command in commands:
            try:
                match command:
                    case Publish(event):
                        if isinstance(event, CallEnded) and event.answered:
                            self._measure(entry, final=True)
                        elif isinstance(event, CallStarted):
                            entry.started = event
                        elif isinstance(event, CallAnswered):
                            entry.answered_at = event.at
                        self._sink.send(event)
                        if isinstance(event, CallEnded):
                            self._close(entry, event)
                    case Accept() if leg is not None:
                        leg.respond(200, streams=STREAMS)
                    case Listen(parties) if leg is not None:
                        self._listen(entry, leg, parties)
                    case HangUp(code) if leg is not None:
                        leg.hang_up(code)
                    case _:
                        pass
            except LegError as err:
                # It was cancelled or has ended a moment ago; its end is on the queue.
                log.debug("gateway.recording_command_failed", call_id=entry.call.call_id, error=str(err))

    def _measure(self, entry: _Entry, *, final: bool = False) -> None:
        leg = self._endpoint.leg(entry.leg)
        if leg is not None:
            streams = {party: stream for stream, party in enumerate(entry.parties) if party is not None}
            entry.meter.sample({party: leg.counters(stream) for party, stream in streams.items()})
        told = entry.meter.total() if final else entry.meter.due(time.monotonic())
        if told:
            self._sink.send(QualityMeasured(call_id=entry.call.call_id, at=time.time(), legs=told, final=final))

    def _listen(self, entry: _Entry, leg: Leg, parties: Sequence[Party | None]) -> None:
        entry.parties = tuple(parties)
        for stream, party in enumerate(parties):
            if party is not None:
                self._endpoint.fork(leg, entry.rings[party], stream)
        leg.refresh_media()

    def _close(self, entry: _Entry, event: CallEnded) -> None:
        entry.over_since = time.monotonic()
        log.info("gateway.recording_ended", call_id=event.call_id, reason=event.reason)
        for ring in entry.rings.values():
            ring.close()
        if entry.rings:
            self._sink.end_call(event.call_id)


def agents_of(agents: Sequence[Agent]) -> Callable[[Participant], str | None]:
    """Finds our agents among participants, as :func:`gateway.routing.agents_by_name` knows them."""
    known = routing.agents_by_name(agents)

    def agent_of(who: Participant) -> str | None:
        return known.get(routing.user_part(who.aor).lower()) if who.aor else None

    return agent_of
