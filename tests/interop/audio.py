"""Synthetic signals for telephone legs and the measure of whether one was heard at the other end. Not speech."""

from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from bench.g711 import to_ulaw

RATE = 8000
HEARD: Final = 0.5
"""Share of what was played that must arrive. A bridge that is mixed up, one-way or silent gives none of it; on a busy
machine the ends and the media clock are late and lose some, and how much a call may lose is bench.sip's to say."""
STALL_S: Final = 1.5
"""A pause in the audio that means that somebody waited: what is killed in these tests is away for longer."""
Pcm: TypeAlias = npt.NDArray[np.int16]


def bursts(seed: int, seconds: float) -> Pcm:
    """Band-limited noise in bursts of changing loudness: sharp correlation, different for each seed."""
    random = np.random.default_rng(seed)
    n = int(seconds * RATE)
    spectrum = np.fft.rfft(random.standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    spectrum[(frequency < 300) | (frequency > 3300)] = 0
    noise = np.fft.irfft(spectrum, n)
    loudness = np.repeat(random.uniform(0.2, 1.0, n // 800 + 1), 800)[:n]
    signal = noise / np.abs(noise).max() * loudness
    pcm: Pcm = (signal * 14000).astype(np.int16)
    return pcm


def write_ulaw(path: Path, pcm: Pcm) -> Path:
    """A headerless mu-law file, as sipp's rtp_stream plays it."""
    path.write_bytes(to_ulaw(pcm))
    return path


def windows_found(heard: Pcm, played: Pcm, *, seconds: float = 0.5) -> tuple[list[float], list[int]]:
    """For each window of ``played``: its best normalised correlation anywhere in ``heard``, and the sample there."""
    width = int(seconds * RATE)
    correlations: list[float] = []
    places: list[int] = []
    if len(heard) < width:
        return [0.0], [0]
    x = heard.astype(np.float64)
    size = 1 << (len(x) + width - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    power = np.concatenate(([0.0], np.cumsum(x * x)))
    energy = np.sqrt(np.maximum(power[width:] - power[:-width], 1.0))
    for start in range(0, len(played) - width + 1, width):
        window = played[start : start + width].astype(np.float64)
        product = np.fft.irfft(spectrum * np.conj(np.fft.rfft(window, size)), size)[: len(energy)]
        score = product / energy / np.sqrt((window * window).sum())
        places.append(int(score.argmax()))
        correlations.append(float(score.max()))
    return correlations, places


def share_heard(heard: Pcm, played: Pcm, *, limit: float = 0.95) -> float:
    """Share of half-second windows of ``played`` that occur in ``heard`` with a correlation of at least ``limit``."""
    correlations, _ = windows_found(heard, played)
    return sum(c >= limit for c in correlations) / len(correlations)
