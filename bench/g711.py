"""G.711 µ-law and A-law (ITU-T G.711) on 16-bit linear samples, and what a receiver makes of lost packets."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.taps.audio import alaw, ulaw

RATE: Final = 8000
PACKET: Final = 160
"""Samples in 20 ms, the usual packet."""
Pcm: TypeAlias = NDArray[np.int16]

_SHORTEST_PITCH, _LONGEST_PITCH = 40, 120  # samples: 200 Hz to 67 Hz
_FULL_LEVEL, _SILENT = 80, 480  # samples of a gap at full level, and until nothing is left
_BLEND: Final = 32  # samples of cross-fade back into real audio


def to_ulaw(pcm: Pcm) -> bytes:
    """Int16 [n] to n bytes."""
    value = pcm.astype(np.int32)
    sign = np.where(value < 0, 0x7F, 0xFF)
    # One's complement, so that both halves are cut to 14 bits alike (as in ITU-T G.191).
    biased = np.minimum((np.where(value < 0, ~value, value) >> 2) + 33, 0x1FFF)
    segment = _bit_length(biased) - 6
    code = (segment << 4) | ((biased >> (segment + 1)) & 0x0F)
    return bytes((code ^ sign).astype(np.uint8))


def from_ulaw(data: bytes) -> Pcm:
    """N bytes to int16 [n]."""
    return np.frombuffer(ulaw(data), "<i2").astype(np.int16)


def to_alaw(pcm: Pcm) -> bytes:
    """Int16 [n] to n bytes."""
    value = pcm.astype(np.int32)
    sign = np.where(value < 0, 0x55, 0xD5)
    magnitude = np.where(value < 0, ~value, value) >> 3  # 13 bits
    segment = np.maximum(_bit_length(magnitude) - 5, 0)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return bytes((code ^ sign).astype(np.uint8))


def from_alaw(data: bytes) -> Pcm:
    """N bytes to int16 [n]."""
    return np.frombuffer(alaw(data), "<i2").astype(np.int16)


def _bit_length(value: NDArray[np.int32]) -> NDArray[np.int32]:
    """Binary digits of each non-negative integer below 2**24."""
    exponent: NDArray[np.int32] = np.frexp(value.astype(np.float64))[1].astype(np.int32)
    return exponent


def losses(packets: int, share: float, random: np.random.Generator, *, burst: float = 1.0) -> NDArray[np.bool_]:
    """Which of `packets` are lost: a two-state chain (Gilbert 1960) that loses `share` of them, `burst` in a row on
    average. With `burst` 1 / (1 - share), the losses are independent; a smaller value means that too.

    Raises:
        ValueError: `share` is not in 0..1 (1 excluded).
    """
    if not 0 <= share < 1:
        raise ValueError(f"share of lost packets is {share}, want 0 <= share < 1")
    stay = 1 - 1 / max(burst, 1 / (1 - share))
    enter = share * (1 - stay) / (1 - share)
    lost = np.zeros(packets, np.bool_)
    state = False
    for index, chance in enumerate(random.random(packets)):
        state = chance < (stay if state else enter)
        lost[index] = state
    return lost


def conceal(pcm: Pcm, lost: NDArray[np.bool_]) -> Pcm:
    """What a receiver plays for int16 [n] when the 20 ms packets marked in `lost` never come.

    In the manner of ITU-T G.711 Appendix I, without its extra delay: the last pitch period before the gap, found by
    autocorrelation, is repeated; 10 ms at full level, then fading to silence at 60 ms; 4 ms of cross-fade back.
    """
    out = pcm.astype(np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        start, end = int(first) * PACKET, min(int(last) * PACKET, out.size)
        reach = min(end + _BLEND, out.size)
        period = _last_period(out[:start])
        filling = np.resize(period, reach - start)
        gain = np.clip((_SILENT - np.arange(reach - start)) / (_SILENT - _FULL_LEVEL), 0, 1)
        filling = filling * gain.astype(np.float32)
        fade = np.linspace(0, 1, reach - end, endpoint=False, dtype=np.float32)
        tail = filling[end - start :] * (1 - fade) + out[end:reach] * fade
        out[start:end] = filling[: end - start]
        out[end:reach] = tail
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


def _last_period(past: NDArray[np.float32]) -> NDArray[np.float32]:
    """The last pitch period of what was heard; silence when there is too little of it."""
    window = 2 * _LONGEST_PITCH
    if past.size < window + _LONGEST_PITCH:
        return np.zeros(PACKET, np.float32)
    recent = past[-window:]
    lags = range(_SHORTEST_PITCH, _LONGEST_PITCH + 1)
    scores = []
    for lag in lags:
        earlier = past[-window - lag : -lag]
        scores.append(float(recent @ earlier) / (float(np.sqrt(earlier @ earlier)) + 1.0))
    return past[-lags[int(np.argmax(scores))] :]
