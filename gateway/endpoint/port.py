"""Conference ports: the fork hands each 20 ms frame of one leg to a ring, the source plays what it is given.

Ports are made once and used again for one leg after another: pjsua2 2.15 takes a port out of the bridge on the clock's
thread, some time after its destructor has run, so a port may only be destroyed when the clock has stopped.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

import pjsua2 as pj

from gateway.fork import FRAME_BYTES, FRAME_S, RATE, SILENCE, Ring
from gateway.playout import Source

Copy = Callable[[Any], bytes]

_FRAME_USEC: Final = int(FRAME_S * 1_000_000)


def copy_slow(frame: Any) -> bytes:
    """Samples of a ``MediaFrame``, byte by byte through SWIG: about 230 µs for 20 ms at 8 kHz."""
    return bytes(frame.buf)


def copy_fast(frame: Any) -> bytes:
    """The same in about 3 µs: a ``std::vector`` begins with the pointer to its first element."""
    address = ctypes.c_void_p.from_address(int(frame.buf.this)).value
    return ctypes.string_at(address, frame.size) if address else b""


def choose_copy() -> Copy:
    """:func:`copy_fast` where this build's vector has that layout, else :func:`copy_slow`."""
    sample = bytes((7 * i + 3) % 256 for i in range(FRAME_BYTES))
    frame = pj.MediaFrame()
    frame.buf = pj.ByteVector(sample)
    frame.size = len(sample)
    try:
        return copy_fast if copy_fast(frame) == copy_slow(frame) == sample else copy_slow
    except (TypeError, ValueError, AttributeError):
        return copy_slow


class ForkPort(pj.AudioMediaPort):  # type: ignore[misc]  # pjsua2 has no type hints
    """Receives one leg's decoded audio at 8 kHz; sends nothing. It ticks whether it is connected or not."""

    def __init__(self, name: str, copy: Copy) -> None:
        super().__init__()
        self._ring: Ring | None = None
        self._copy = copy
        media_format = pj.MediaFormatAudio()
        media_format.init(pj.PJMEDIA_FORMAT_PCM, RATE, 1, _FRAME_USEC, 16)
        self.createPort(name, media_format)

    def attach(self, ring: Ring | None) -> None:
        """Put frames into ``ring`` from the next one on; None lets them go."""
        self._ring = ring

    def onFrameReceived(self, frame: Any) -> None:
        """Runs on the media clock's thread, which serves every port: it must neither block nor raise."""
        ring = self._ring
        if ring is not None:
            # An empty frame (nothing decoded, on hold) still is 20 ms of the leg's time.
            ring.put(self._copy(frame) if frame.size else SILENCE)

    def onFrameRequested(self, frame: Any) -> None:
        """This port is never a source."""
        frame.type = pj.PJMEDIA_TYPE_NONE


class SourcePort(pj.AudioMediaPort):  # type: ignore[misc]  # pjsua2 has no type hints
    """Plays 20 ms at 8 kHz whenever the media clock asks, to the legs it is connected to; hears nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._source: Source | None = None
        media_format = pj.MediaFormatAudio()
        media_format.init(pj.PJMEDIA_FORMAT_PCM, RATE, 1, _FRAME_USEC, 16)
        self.createPort(name, media_format)

    def play(self, source: Source | None) -> None:
        """Take frames from ``source`` from the next one on; it is called on the media clock's thread."""
        self._source = source

    def onFrameRequested(self, frame: Any) -> None:
        """Runs on the media clock's thread: it must neither block nor raise. It is not called while nobody listens."""
        source = self._source
        pcm = source() if source is not None else None
        if pcm is None:
            frame.type = pj.PJMEDIA_FRAME_TYPE_NONE
            return
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(pcm)
        frame.size = len(pcm)

    def onFrameReceived(self, frame: Any) -> None:
        """This port never listens."""
