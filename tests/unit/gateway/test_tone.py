"""The test tone is found again, also after what a telephone line does to it, and nothing else is taken for it."""

from pathlib import Path

import numpy as np
import pytest

from bench.g711 import from_ulaw, to_ulaw
from gateway.fork import RATE
from gateway.probe import tone
from gateway.probe.tone import Pcm

RNG = np.random.default_rng(5)


def after_a_line(pcm: Pcm, *, gain: float = 0.5, delay: int = 1234, lost: float = 0.0) -> Pcm:
    """Mu-law, quieter, later, with noise; ``lost`` of its 20 ms pieces silent."""
    out = np.concatenate([np.zeros(delay), pcm * gain]) + RNG.normal(0, 15, len(pcm) + delay)
    for start in range(0, len(out), 160):
        if RNG.random() < lost:
            out[start : start + 160] = 0
    return from_ulaw(to_ulaw(out.astype(np.int16)))


@pytest.mark.parametrize(
    "line", [{}, {"gain": 0.05}, {"delay": 4001}, {"lost": 0.2}], ids=["plain", "quiet", "late", "lossy"]
)
def test_the_tone_comes_back(line: dict[str, float]) -> None:
    heard = tone.listen(after_a_line(tone.beeps(), **line))  # type: ignore[arg-type]
    assert heard.tone
    assert heard.other_s < 0.4


@pytest.mark.parametrize(
    "other",
    [
        np.zeros(4 * RATE),
        RNG.normal(0, 3000, 4 * RATE),
        np.sin(2 * np.pi * 425 * np.arange(4 * RATE) / RATE) * 8000,
        np.sin(2 * np.pi * 1004 * np.arange(4 * RATE) / RATE) * 8000,
        np.sin(2 * np.pi * np.cumsum(np.linspace(200, 3000, 4 * RATE)) / RATE) * 8000,
    ],
    ids=["silence", "noise", "ringing", "milliwatt", "sweep"],
)
def test_nothing_else_is_the_tone(other: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    assert not tone.listen(other.astype(np.int16)).tone


def test_silence_is_neither_and_nothing_is_nothing() -> None:
    quiet = tone.listen(RNG.normal(0, 10, 2 * RATE).astype(np.int16))
    assert (quiet.tone_s, quiet.other_s, quiet.seconds) == (0.0, 0.0, 2.0)
    assert tone.listen(np.zeros(0, np.int16)).seconds == 0.0


def test_a_recording_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    assert len(tone.read(path)) == 0
    path.write_bytes(b"RIFF")
    assert len(tone.read(path)) == 0
    tone.write(path)
    assert tone.listen(tone.read(path)).tone
