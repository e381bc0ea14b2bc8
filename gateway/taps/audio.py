"""Samples as peers send them into the gateway's frames: 20 ms at 8 kHz, signed 16-bit little-endian mono."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.fork import FRAME_BYTES, RATE

_BIAS: Final = 0x84
_EXPONENT: Final = 0x70
_MANTISSA: Final = 0x0F
_SIGN: Final = 0x80
_A_LAW_MASK: Final = 0x55
_TAPS: Final = 33
"""Length of the low-pass: aliases of telephone speech lie 50 dB down, and it delays by whole samples of 8 kHz."""


def _ulaw_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    magnitude = (((code & _MANTISSA) << 3) + _BIAS) << ((code & _EXPONENT) >> 4)
    return np.where(code & _SIGN, _BIAS - magnitude, magnitude - _BIAS).astype("<i2")


def _alaw_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int64) ^ _A_LAW_MASK
    mantissa, exponent = (code & _MANTISSA) << 4, (code & _EXPONENT) >> 4
    magnitude = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & _SIGN, magnitude, -magnitude).astype("<i2")


_ULAW: Final = _ulaw_table()
_ALAW: Final = _alaw_table()


def ulaw(data: bytes) -> bytes:
    """ITU-T G.711 µ-law, a byte a sample, into s16le."""
    return _ULAW[np.frombuffer(data, np.uint8)].tobytes()


def alaw(data: bytes) -> bytes:
    """ITU-T G.711 A-law, a byte a sample, into s16le."""
    return _ALAW[np.frombuffer(data, np.uint8)].tobytes()


def channels_of(pcm: bytes, count: int) -> list[bytes]:
    """Interleaved s16le samples apart; an incomplete last group is let go."""
    samples = np.frombuffer(pcm[: len(pcm) // (2 * count) * (2 * count)], "<i2").reshape(-1, count)
    return [samples[:, at].tobytes() for at in range(count)]


class Framer:
    """Cuts one channel's samples into frames, at half the rate where they come at 16 kHz.

    Args:
        rate: samples per second that come in, 8000 or 16000.
    """

    def __init__(self, rate: int) -> None:
        if rate not in (RATE, 2 * RATE):
            raise ValueError(f"rate must be {RATE} or {2 * RATE}, got {rate}")
        self._halve = rate != RATE
        self._waiting = bytearray()
        self._odd = b""
        self._before: NDArray[np.float32] = np.zeros(_TAPS - 1, np.float32)
        self._phase = 0
        at = np.arange(_TAPS) - _TAPS // 2
        kernel = 0.5 * np.sinc(at / 2) * np.hamming(_TAPS)
        self._kernel = (kernel / kernel.sum()).astype(np.float32)

    def feed(self, pcm: bytes) -> list[bytes]:
        """The frames that became complete, oldest first."""
        pcm = self._odd + pcm
        self._odd = pcm[len(pcm) // 2 * 2 :]
        pcm = pcm[: len(pcm) // 2 * 2]
        self._waiting += self._halved(pcm) if self._halve else pcm
        frames = [
            bytes(self._waiting[at : at + FRAME_BYTES])
            for at in range(0, len(self._waiting) - FRAME_BYTES + 1, FRAME_BYTES)
        ]
        del self._waiting[: len(frames) * FRAME_BYTES]
        return frames

    def flush(self) -> list[bytes]:
        """What is left, filled with silence; nothing or one frame."""
        rest = bytes(self._waiting)
        self._waiting.clear()
        return [rest.ljust(FRAME_BYTES, b"\0")] if rest else []

    def _halved(self, pcm: bytes) -> bytes:
        samples = np.concatenate([self._before, np.frombuffer(pcm, "<i2").astype(np.float32)])
        if len(samples) < _TAPS:
            self._before = samples
            return b""
        smooth = np.convolve(samples, self._kernel, "valid")
        kept = smooth[self._phase :: 2]
        self._phase = (self._phase + len(smooth)) % 2
        self._before = samples[len(samples) - _TAPS + 1 :]
        return np.clip(np.rint(kept), -32768, 32767).astype("<i2").tobytes()
