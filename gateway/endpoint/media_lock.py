"""The media sockets of this process's legs, each closed to everybody but its peer.

pjsua2 has no switch for it, but its sockets are this process's: they are found by their port, and the kernel is given
a filter for each (:mod:`gateway.media_source`).
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pjsua2 as pj
import structlog

from gateway.endpoint.sockets import set_filter, udp_sockets
from gateway.media_source import NOBODY, NOT_AGAIN_S, Address, Instruction, Mode, Source, parse

_MOST_ENDED: Final = 8

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Stream:
    source: Source
    index: int
    rtp: int
    rtcp: int
    """Ports of ours."""


class MediaLock:
    """All legs' sources. For the thread that made the endpoint.

    Args:
        mode: see :class:`gateway.media_source.Source`.
        ports: where the legs' media sockets are.
        clock: seconds, steady.
    """

    def __init__(self, mode: Mode, ports: range, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._mode: Mode = mode
        self._ports = ports
        self._clock = clock
        self._streams: dict[int, list[_Stream]] = {}
        self._learning: dict[int, Any] = {}
        self._ended: deque[tuple[float, Address]] = deque(maxlen=_MOST_ENDED)

    def opened(self) -> None:
        """Media sockets may have been opened for a leg: nothing may come in before it is known from whom."""
        known = {port for streams in self._streams.values() for stream in streams for port in (stream.rtp, stream.rtcp)}
        for port, found in udp_sockets(self._ports):
            with found:
                if port not in known:
                    set_filter(found, NOBODY)

    def negotiated(self, key: int, call: Any, signalling: str) -> None:
        """A leg's media was negotiated: close its sockets to whom it isn't with. ``call`` is its ``pj.Call``."""
        before = {stream.rtp: stream for stream in self._streams.get(key, [])}
        streams: list[_Stream] = []
        info = call.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO or media.status == pj.PJSUA_CALL_MEDIA_NONE:
                continue
            try:
                transport, stream = call.getMedTransportInfo(index), call.getStreamInfo(index)
            except pj.Error:
                continue  # this line of the offer was not taken
            ours, control = parse(str(transport.localRtpName)), parse(str(transport.localRtcpName))
            theirs = parse(str(stream.remoteRtpAddress))
            if ours is None or control is None or theirs is None:
                continue
            known = before.get(ours[1])
            source = Source(self._mode, theirs, signalling, deny=self._just_ended())
            if known is not None and (known.source.negotiated == theirs or not source.usable):
                streams.append(known)  # the same peer, or on hold: who was learned stays
                continue
            made = _Stream(source, index, ours[1], control[1])
            if source.usable:
                self._close_to_others(made)
                streams.append(made)
        self._streams[key] = streams
        if any(stream.source.locked is None for stream in streams):
            self._learning[key] = call
        else:
            self._learning.pop(key, None)

    def turn(self) -> None:
        """Look who has been heard; cheap, and nothing once all sources are known."""
        for key, call in list(self._learning.items()):
            waiting = False
            for stream in self._streams.get(key, []):
                if stream.source.locked is not None:
                    continue
                if stream.source.sample(_sender(call, stream.index)):
                    self._close_to_others(stream)
                    if stream.source.locked != stream.source.negotiated:
                        # Addresses are no secret of a person's, but they say what an admin has to know about NAT.
                        log.info("gateway.media_learned", leg=key, source=stream.source.locked)
                else:
                    waiting = True
            if not waiting:
                del self._learning[key]

    def forget(self, key: int) -> None:
        """The leg has ended; whoever still sends is not learned for the next one."""
        self._learning.pop(key, None)
        for stream in self._streams.pop(key, []):
            if stream.source.locked is not None:
                self._ended.append((self._clock(), stream.source.locked))

    def _just_ended(self) -> tuple[Address, ...]:
        since = self._clock() - NOT_AGAIN_S
        return tuple(address for at, address in self._ended if at >= since)

    def _close_to_others(self, stream: _Stream) -> None:
        for port, code in zip((stream.rtp, stream.rtcp), stream.source.filters(), strict=True):
            if not attach(port, code):
                log.error("gateway.media_open", port=port, reason="no filter could be set; strangers may be heard")


def _sender(call: Any, index: int) -> Address | None:
    try:
        if not int(call.getStreamStat(index).rtcp.rxStat.pkt):
            return None  # who is named, if anybody, sent before this negotiation
        return parse(str(call.getMedTransportInfo(index).srcRtpName))
    except pj.Error:
        return None


def attach(port: int, code: Sequence[Instruction]) -> bool:
    """Give this process's UDP socket on ``port`` a filter, in place of the one it has; False when there is none."""
    done = False
    for _, found in udp_sockets(range(port, port + 1)):
        with found:
            done = set_filter(found, code) or done
    return done
