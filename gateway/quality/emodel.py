"""The E-model, simplified: what packet loss and delay do to a conversation. Pure.

ITU-T G.107 (06/2015), equation 7-1: ``R = Ro - Is - Id - Ie,eff + A``. What is measured here is delay and loss; all
else stands at the defaults of its table 2, for which ``Ro - Is`` is 93.2, and the advantage factor ``A`` is 0.

- ``Id`` is the delay's own part ``Idd`` (equations 7-27 and 7-28 with sT = 1, mT = 100 ms). The echo parts ``Idte``
  and ``Idle`` are left out: they need the echo loss of the phones, which no RTCP report tells.
- ``Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl)`` (equation 7-29) with random loss, ``BurstR`` = 1.
- ``MOS = 1 + 0.035 R + R (R - 60)(100 - R) * 7e-6`` for 0 < R < 100 (annex B), 1 below and 4.5 above.

``Ie`` and ``Bpl`` of G.711 with packet loss concealment are 0 and 25.1 (G.113 appendix I, random loss). G.113 has no
such pair for G.722 on this scale, only wideband ones. The bridge runs at 8 kHz, so a G.722 leg is heard as narrowband
speech, and pjmedia conceals its losses as it does G.711's: it gets the same pair. What its ADPCM needs to find its
step again after a gap is not in it.
"""

import math
from dataclasses import dataclass
from typing import Final

R_DEFAULT: Final = 93.2
"""Ro - Is at the default values of G.107, table 2."""
_DELAY_UNHEARD_MS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Codec:
    """``ie``: impairment of the coding itself; ``bpl``: robustness against packet loss."""

    ie: float
    bpl: float


G711: Final = Codec(0.0, 25.1)
CODECS: Final = {"PCMU": G711, "PCMA": G711, "G722": G711}
UNKNOWN: Final = Codec(10.0, 10.0)
"""For a codec that is in no table: that of a mobile network (GSM EFR: 5 and 10), with something for the doubt."""


def delay_impairment(one_way_ms: float) -> float:
    """``Idd`` of a one-way delay from mouth to ear."""
    if one_way_ms <= _DELAY_UNHEARD_MS:
        return 0.0
    x = math.log2(one_way_ms / _DELAY_UNHEARD_MS)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def loss_impairment(loss_percent: float, codec: Codec) -> float:
    """``Ie,eff`` of a codec at a share of packets lost at random, 0..100."""
    lost = min(max(loss_percent, 0.0), 100.0)
    return codec.ie + (95 - codec.ie) * lost / (lost + codec.bpl)


def rating(*, loss_percent: float, one_way_ms: float, codec: Codec = G711) -> float:
    """``R``, 0..93.2."""
    return max(0.0, R_DEFAULT - delay_impairment(one_way_ms) - loss_impairment(loss_percent, codec))


def mos_of(r: float) -> float:
    """The mean opinion a rating stands for, 1..4.5."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    # Between 0 and 6.5 the polynomial dips below 1, which is no opinion.
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mos(*, loss_percent: float, one_way_ms: float, codec: str) -> float:
    """Mean opinion, 1..4.5, of a leg.

    Args:
        loss_percent: packets that were lost or came too late to be played, 0..100.
        one_way_ms: from mouth to ear.
        codec: its RTP name (RFC 3551), without the rate.
    """
    pair = CODECS.get(codec.upper(), UNKNOWN)
    return mos_of(rating(loss_percent=loss_percent, one_way_ms=one_way_ms, codec=pair))
