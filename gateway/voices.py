"""What team leads say in the calls of one worker, and the tone that tells of them: ports into the parties' legs.

Runs on the switchboard's thread; the media clock pulls the sound.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from assist.events import Party
from gateway.endpoint import Endpoint, Leg
from gateway.endpoint.port import SourcePort
from gateway.errors import LegError
from gateway.playout import Source, Tape, tone

BEEP: Final = tuple(tone(1400, 0.2))
"""As telephone companies warn of recording: 1,400 Hz, a fifth of a second."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Line:
    port: SourcePort
    to: set[Party] = field(default_factory=set)


@dataclass(slots=True)
class _Call:
    voice: _Line | None = None
    tone: _Line | None = None
    tape: Tape = field(default_factory=Tape)


class Voices:
    """Lead's voice and tone of each call; a call has neither until it is needed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._calls: dict[str, _Call] = {}

    def speak(self, call_id: str, legs: Mapping[Party, Leg], source: Source, to: Collection[Party]) -> None:
        """Let the parties ``to``, and no other, hear ``source`` beside whom they hear anyway."""
        call = self._calls.setdefault(call_id, _Call())
        if call.voice is None and to:
            call.voice = self._line(call_id)
        if call.voice is not None:
            call.voice.port.play(source if to else None)
            _reach(call.voice, legs, to, call_id)

    def beep(self, call_id: str, legs: Mapping[Party, Leg], to: Collection[Party]) -> None:
        """Let the parties ``to`` hear the tone once."""
        call = self._calls.setdefault(call_id, _Call())
        if call.tone is None:
            call.tone = self._line(call_id)
        if call.tone is not None:
            call.tone.port.play(call.tape.pull)
            _reach(call.tone, legs, to, call_id)
            call.tape.put(BEEP)

    def refresh(self, call_id: str, legs: Mapping[Party, Leg]) -> None:
        """The legs' media was negotiated anew: connect what was connected."""
        call = self._calls.get(call_id)
        if call is None:
            return
        for line in (call.voice, call.tone):
            if line is not None:
                _connect(line, legs, line.to, call_id)

    def release(self, call_id: str, legs: Mapping[Party, Leg]) -> None:
        """The call is over."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        for line in (call.voice, call.tone):
            if line is not None:
                _reach(line, legs, (), call_id)
                self._endpoint.give_source(line.port)

    def _line(self, call_id: str) -> _Line | None:
        port = self._endpoint.take_source()
        if port is None:
            log.error("gateway.no_source_port", call_id=call_id)
            return None
        return _Line(port)


def _reach(line: _Line, legs: Mapping[Party, Leg], to: Collection[Party], call_id: str) -> None:
    for party in line.to.difference(to):
        leg = legs.get(party)
        if leg is not None:
            leg.hear_no_more(line.port)
    line.to = set(to)
    _connect(line, legs, to, call_id)


def _connect(line: _Line, legs: Mapping[Party, Leg], to: Iterable[Party], call_id: str) -> None:
    for party in to:
        leg = legs.get(party)
        if leg is None:
            continue
        try:
            leg.hear(line.port)
        except LegError as err:
            log.warning("gateway.lead_not_heard", call_id=call_id, party=party, error=str(err))
