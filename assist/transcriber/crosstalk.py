"""Is what one leg says only the other party's voice, leaking back? Pure: band levels of both legs in, yes or no out.

The agent's headset picks up the caller, a hybrid reflects the agent: the same speech comes a little later and much
quieter on the wrong leg. A copy shows in its spectrum's movement: the levels of the bands rise and fall with those of
the other leg, at one delay, at one loss. Two people who talk at once do not, however quiet one of them is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOP_S: Final = 0.016
_BANDS_HZ: Final = (200, 450, 700, 1000, 1400, 1900, 2500, 3600)
_FLOOR_DB: Final = -70.0
"""Below it lies the rounding of G.711: the first step of µ-law is at -72 dBFS."""
_KEPT_S: Final = 40.0
"""More than the longest utterance and the longest delay."""
_LEAST_KNOWN: Final = 0.8
"""Share of the time that both legs must be known for."""

Levels = NDArray[np.float32]
"""dBFS per hop and band, [n, 7]."""


@dataclass(frozen=True, slots=True)
class CrosstalkConfig:
    """earliest, latest: the leak's delay behind the voice, in seconds; below zero for clocks that differ a little.
    loss: how much quieter than the voice a leak is at least, in dB; a person on the phone may be 10 dB quieter.
    likeness: mean correlation of the bands' levels from which on it is a copy; short_likeness: how much more it must be
        for each second by which the speech is shorter than one, for half a second of any two people may be alike.
    faintest: dBFS of the loud moments below which nobody speaks into this phone: another line, a room away. A caller
        so quiet that his loudest moments lie 35 dB below the usual is still 5 dB above.
    shortest: seconds below which a correlation means nothing and the leg gets the benefit of the doubt.
    """

    earliest: float = -0.05
    latest: float = 0.6
    loss: float = 15.0
    likeness: float = 0.55
    short_likeness: float = 0.3
    faintest: float = -55.0
    shortest: float = 0.2


class Trace:
    """The band levels of the last seconds of a leg, each at its place on the leg's clock.

    ``start`` is the first sample's index, ``epoch`` the UTC time of sample 0. :meth:`feed` and :meth:`skip` belong to
    one thread; :meth:`between` may be called from any.
    """

    def __init__(self, rate: int, *, start: int, epoch: float) -> None:
        self._rate, self._epoch = rate, epoch
        self._hop = round(HOP_S * rate)
        self._window = np.hanning(2 * self._hop).astype(np.float32)
        edges = np.searchsorted(np.fft.rfftfreq(2 * self._hop, 1 / rate), _BANDS_HZ)
        self._edges = edges[:-1]
        self._end = int(edges[-1])
        # A full-scale sine's spectrum sums to this power, so that 0 dB is 0 dBFS of a sine.
        self._scale = float(np.square(self._window).sum()) * self._hop / 2
        self._rest = np.zeros(0, np.int16)
        # The sample at which the first kept hop begins, and the levels from there: replaced together.
        self._kept: tuple[int, Levels] = (start, np.zeros((0, len(self._edges)), np.float32))

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """The next samples, int16 [n]."""
        audio = np.concatenate((self._rest, pcm))
        count = audio.size // self._hop - 1
        if count < 1:
            self._rest = audio
            return
        self._rest = audio[count * self._hop :]
        frames = np.lib.stride_tricks.sliding_window_view(audio, 2 * self._hop)[:: self._hop][:count]
        spectrum = np.fft.rfft(frames.astype(np.float32) / 32768 * self._window)[:, : self._end]
        power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, self._edges, axis=1) / self._scale
        self._keep(np.maximum(10 * np.log10(power + 1e-12), _FLOOR_DB).astype(np.float32))

    def skip(self, samples: int) -> None:
        """So many samples are lost: they count as silence."""
        most = round(_KEPT_S * self._rate)
        if samples > most:
            first, levels = self._kept
            self._kept = (first + (samples - most) // self._hop * self._hop, levels)
            samples = most + (samples - most) % self._hop
        self.feed(np.zeros(samples, np.int16))

    def between(self, t0: float, t1: float) -> Levels:
        """Levels from UTC time t0 to t1, [round((t1 - t0) / HOP_S), 7]; NaN where nothing is known."""
        start, levels = self._kept
        first = round(((t0 - self._epoch) * self._rate - start) / self._hop)
        count = round((t1 - t0) / HOP_S)
        found = np.full((max(count, 0), len(self._edges)), np.nan, np.float32)
        low, high = max(first, 0), min(first + count, len(levels))
        if low < high:
            found[low - first : high - first] = levels[low:high]
        return found

    def _keep(self, levels: Levels) -> None:
        first, kept = self._kept
        kept = np.concatenate((kept, levels))
        over = max(0, len(kept) - round(_KEPT_S / HOP_S))
        self._kept = (first + over * self._hop, kept[over:])


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two legs are at the delay where they are most alike: correlation -1..1, loss in dB, delay in s."""

    correlation: float
    loss: float
    delay: float


def compare(own: Trace, other: Trace, t0: float, t1: float, config: CrosstalkConfig | None = None) -> Likeness | None:
    """The leg ``own`` from t0 to t1 against what was said on ``other`` up to ``latest`` seconds before.

    None when there is too little to compare.
    """
    config = config or CrosstalkConfig()
    mine = own.between(t0, t1)
    if t1 - t0 < config.shortest:
        return None
    steps = round((config.latest - config.earliest) / HOP_S)
    theirs = other.between(t0 - config.latest, t1 - config.earliest)
    best: Likeness | None = None
    for step in range(min(steps, len(theirs) - len(mine)) + 1):
        part = theirs[step : step + len(mine)]
        known = ~np.isnan(part[:, 0]) & ~np.isnan(mine[:, 0])
        if known.mean() < _LEAST_KNOWN:
            continue
        correlation = _correlation(mine[known], part[known])
        if best is None or correlation > best.correlation:
            best = Likeness(correlation, _loss(mine[known], part[known]), config.latest - step * HOP_S)
    return best


def is_leak(own: Trace, other: Trace, t0: float, t1: float, config: CrosstalkConfig | None = None) -> bool:
    """Whether ``own`` from UTC time t0 to t1 holds nothing but the voice of ``other``, or one far from the phone."""
    config = config or CrosstalkConfig()
    loud = level(own, t0, t1)
    if loud is not None and loud < config.faintest:
        return True
    likeness = compare(own, other, t0, t1, config)
    least = config.likeness + config.short_likeness * max(0.0, 1.0 - (t1 - t0))
    return likeness is not None and likeness.correlation >= least and likeness.loss >= config.loss


def level(own: Trace, t0: float, t1: float) -> float | None:
    """dBFS of the loud moments (90th percentile) of the leg from UTC time t0 to t1, 200 to 3600 Hz; None: unknown."""
    mine = own.between(t0, t1)
    mine = mine[~np.isnan(mine[:, 0])]
    return float(np.percentile(_total(mine), 90)) if len(mine) else None


def _correlation(a: Levels, b: Levels) -> float:
    """Mean over the bands of the correlation in time, weighted by how much both move."""
    a, b = a - a.mean(0), b - b.mean(0)
    spread = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    total = float(spread.sum())
    return float((a * b).sum() / total) if total > 1e-6 else 0.0


def _loss(mine: Levels, theirs: Levels) -> float:
    """By how many dB the loud moments of `mine` are below those of `theirs`."""
    loud = (_total(mine), _total(theirs))
    return float(np.percentile(loud[1], 90) - np.percentile(loud[0], 90))


def _total(levels: Levels) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(np.sum(10 ** (levels.astype(np.float64) / 10), axis=1)))
