"""Calls of media streams: which streams belong together, whose voice each channel is, when a call begins and ends."""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast, get_args

import structlog

from assist.config import Settings, Tap
from assist.control import LiveCall
from assist.errors import ConfigError
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallLanguage,
    CallResumed,
    CallStarted,
    EndReason,
    Party,
)
from gateway.console import live_call
from gateway.errors import TapError
from gateway.fork import Ring
from gateway.routing import ANONYMOUS
from gateway.sink import CallSink
from gateway.taps.audio import Framer
from gateway.taps.stream import Begun, Side

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9+*._~!() -]")
_LONGEST: Final = 64

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Call:
    call_id: str
    key: tuple[str, str]
    started: CallStarted
    rings: dict[Party, Ring]
    taken: set[Party] = field(default_factory=set)
    open: int = 0
    failed: bool = False
    paused: bool = False


class Stream:
    """One connection's part of a call. All methods belong to the server's event loop."""

    def __init__(self, desk: "Desk", call: _Call, parties: tuple[Party, ...], rate: int) -> None:
        self._desk, self._call = desk, call
        self._legs = [(call.rings[party], Framer(rate)) for party in parties]
        self._closed = False

    @property
    def call_id(self) -> str:
        """The call it belongs to."""
        return self._call.call_id

    @property
    def paused(self) -> bool:
        """Whether no audio is expected."""
        return self._call.paused

    def samples(self, channel: int, pcm: bytes) -> None:
        """s16le audio of the channel at this place came."""
        ring, framer = self._legs[channel]
        for frame in framer.feed(pcm):
            ring.put(frame)

    def pause(self) -> None:
        """Audio stops on purpose."""
        if not self._call.paused:
            self._call.paused = True
            self._desk.held(self._call.call_id)

    def resume(self) -> None:
        """Audio goes on."""
        if self._call.paused:
            self._call.paused = False
            for ring, _ in self._legs:
                ring.catch_up()
            self._desk.resumed(self._call.call_id)

    def close(self, *, failed: bool) -> None:
        """The connection is over; ``failed``: the peer did not say so, or said that something broke."""
        if self._closed:
            return
        self._closed = True
        for ring, framer in self._legs:
            for frame in framer.flush():
                ring.put(frame)
            ring.close()
        self._desk.left(self._call, failed=failed)


class Desk:
    """The calls of all taps.

    Args:
        settings: agents and taps.
        sink: takes events and audio.
        clock: UTC seconds.
    """

    def __init__(self, settings: Settings, sink: CallSink, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._sink = sink
        self._clock = clock
        self._calls: dict[tuple[str, str], _Call] = {}
        self.served = 0
        """Calls so far."""

    @property
    def live(self) -> int:
        """Calls that haven't ended."""
        return len(self._calls)

    def calls(self, *, full: bool) -> list[LiveCall]:
        """The calls that go on; callers are masked unless ``full``."""
        return [
            live_call(call.started, "recording_paused" if call.paused else "recording", call.started.at, full=full)
            for call in list(self._calls.values())
        ]

    def begin(self, tap: Tap, begun: Begun) -> Stream:
        """A stream has said what it brings: a new call, or the other voice of one.

        Raises:
            TapError: its agent is unknown, or the voice is already there.
        """
        parties = tuple(_party(side, tap) for side in begun.channels)
        if len(set(parties)) != len(parties):
            raise TapError(f"two channels of one stream carry the {parties[0]}'s voice")
        key = (tap.name, begun.stream)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._start(tap, begun, key)
        elif double := call.taken.intersection(parties):
            raise TapError(f"the {min(double)}'s voice of this call comes on another connection already")
        call.taken.update(parties)
        call.open += 1
        return Stream(self, call, parties, begun.rate)

    def _start(self, tap: Tap, begun: Begun, key: tuple[str, str]) -> _Call:
        about = begun.about
        try:
            agent = self.settings.agent_by_id(about.get("agent") or tap.agent)
        except ConfigError as err:
            raise TapError(f"the stream is for an agent nobody knows: {err}") from None
        language: CallLanguage = tap.language
        if about.get("language") in get_args(CallLanguage):
            language = cast(CallLanguage, about["language"])
        call_id, now = uuid.uuid4().hex, self._clock()
        started = CallStarted(
            call_id=call_id,
            at=now,
            trunk=tap.name,
            caller=_safe(about.get("caller", "")) or ANONYMOUS,
            callee=_safe(about.get("callee", "")) or ANONYMOUS,
            queue=_safe(about.get("queue", "")) or tap.queue,
            agent_id=agent.id,
            language=language,
            direction="inbound" if tap.customer == "caller" else "outbound",
        )
        self._sink.send(started)
        self._sink.send(CallAnswered(call_id=call_id, at=now))
        log.info("tap.call_started", call_id=call_id, tap=tap.name, agent=agent.id)
        self.served += 1
        return _Call(call_id, key, started, self._sink.add_call(call_id, language))

    def held(self, call_id: str) -> None:
        """Nothing of the call is heard for now."""
        self._sink.send(CallHeld(call_id=call_id, at=self._clock(), by="agent"))

    def resumed(self, call_id: str) -> None:
        """The call is heard again."""
        self._sink.send(CallResumed(call_id=call_id, at=self._clock(), by="agent"))

    def left(self, call: _Call, *, failed: bool) -> None:
        """One of the call's streams is over."""
        call.open -= 1
        call.failed = call.failed or failed
        if call.open:
            return
        self._calls.pop(call.key, None)
        for ring in call.rings.values():
            ring.close()
        reason: EndReason = "lost" if call.failed else "ended"
        self._sink.send(CallEnded(call_id=call.call_id, at=self._clock(), reason=reason, sip_code=0, answered=True))
        self._sink.end_call(call.call_id)
        log.info("tap.call_ended", call_id=call.call_id, reason=reason)


def _party(side: Side, tap: Tap) -> Party:
    if side in ("customer", "agent"):
        return side
    return "customer" if side == tap.customer else "agent"


def _safe(text: str) -> str:
    return _UNSAFE.sub("", text).strip()[:_LONGEST]
