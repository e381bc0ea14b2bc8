"""AudioSocket (Asterisk's res_audiosocket): ``type u8 | length u16 big-endian | payload`` over TCP, one leg each.

The first frame brings the UUID that the dialplan chose. Its last digit says whose voice it is, **c** the customer's,
**a** the agent's; the digits before it are the call's, the same on both connections.
"""

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias
from uuid import UUID

from gateway.errors import TapError
from gateway.taps.stream import Begun, Finished, Input, Samples, Side

HANG_UP: Final = 0x00
IDENTITY: Final = 0x01
DTMF: Final = 0x03
AUDIO: Final = 0x10
AUDIO_RATES: Final = {0x10: 8000, 0x11: 12000, 0x12: 16000}
ERROR: Final = 0xFF
_HEADER: Final = struct.Struct(">BH")
_MAX_AUDIO: Final = 0x18
_WIDE_FRAME: Final = 640
"""Older peers call 16 kHz 0x11; a frame of 20 ms tells it apart from 12 kHz."""
_SIDES: Final[dict[str, Side]] = {"c": "customer", "a": "agent"}


def pack(kind: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEADER.pack(kind, len(payload)) + payload


Known: TypeAlias = Callable[[UUID], Begun | None]
"""What a UUID stands for, where it was agreed upon beforehand."""


class AudioSocket:
    """One connection.

    Args:
        known: tells what a UUID stands for; None: its last digit does.
    """

    def __init__(self, known: Known | None = None) -> None:
        self._known = known
        self._agreed: Begun | None = None
        self._buffer = bytearray()
        self._call: UUID | None = None
        self._rate = 0
        self._over = False

    def receive(self, data: bytes) -> list[Input]:
        """Bytes came; returns what they complete.

        Raises:
            TapError: the peer speaks something else.
        """
        self._buffer += data
        inputs: list[Input] = []
        while not self._over and len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            if self._call is None and (kind != IDENTITY or length != 16):
                raise TapError(
                    f"the peer's first frame is of type {kind:#04x} with {length} bytes, not an AudioSocket UUID "
                    "(type 0x01, 16 bytes); something else connected to this port"
                )
            if len(self._buffer) < _HEADER.size + length:
                break
            payload = bytes(self._buffer[_HEADER.size : _HEADER.size + length])
            del self._buffer[: _HEADER.size + length]
            inputs += self._frame(kind, payload)
        return inputs

    def _frame(self, kind: int, payload: bytes) -> list[Input]:
        if kind == IDENTITY:
            if self._call is not None:
                raise TapError("the peer sent a second UUID on one AudioSocket connection")
            self._call = UUID(bytes=payload)
            if self._known is not None:
                self._agreed = self._known(self._call)
                if self._agreed is None:
                    raise TapError("nobody asked for an AudioSocket connection with this UUID")
            return []
        if AUDIO <= kind <= _MAX_AUDIO:
            return self._audio(kind, payload)
        if kind in (HANG_UP, ERROR):
            self._over = True
            return [Finished(failed=kind == ERROR)]
        return []  # DTMF is never kept, and what is not known yet can't concern us

    def _audio(self, kind: int, payload: bytes) -> list[Input]:
        rate = 16000 if kind == 0x11 and len(payload) == _WIDE_FRAME else AUDIO_RATES.get(kind, 0)
        if rate not in (8000, 16000):
            raise TapError(f"AudioSocket audio of type {kind:#04x} is not 8 or 16 kHz; use slin or slin16")
        if self._rate and rate != self._rate:
            raise TapError(f"the peer changed from {self._rate} to {rate} Hz in mid-call")
        inputs: list[Input] = []
        if not self._rate:
            self._rate = rate
            inputs.append(self._begun(rate))
        return [*inputs, Samples(0, payload)]

    def _begun(self, rate: int) -> Begun:
        assert self._call is not None
        if self._agreed is not None:
            return replace(self._agreed, rate=rate)
        digits = self._call.hex
        side = _SIDES.get(digits[-1])
        if side is None:
            raise TapError(
                f"the last digit of the AudioSocket UUID is {digits[-1]!r}; "
                "make it c on the customer's leg and a on the agent's"
            )
        return Begun(digits[:-1], (side,), rate)
