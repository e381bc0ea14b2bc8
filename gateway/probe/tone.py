"""The tone of a test call, and finding it again in what came back. Pure: arrays in, arrays and figures out."""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.fork import FRAME_SAMPLES, RATE

Pcm: TypeAlias = npt.NDArray[np.int16]

TONE_HZ: Final = 1004.0
"""The test tone of telephone lines (1020 Hz in ITU-T O.6, 1004 in North America): no progress tone, no DTMF digit."""
BEEPS: Final = 5
_BEEP_S: Final = 0.3
_PAUSE_S: Final = 0.2
_LEAD_S: Final = 0.4
_TAIL_S: Final = 0.6
_LEVEL: Final = 6000
_QUIET: Final = 60.0
"""Root mean square of 16-bit samples below which a frame is silence, comfort noise included."""
_PURE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Heard:
    """Seconds of what was heard: all of it, our tone, and anything else that was loud."""

    seconds: float
    tone_s: float
    other_s: float

    @property
    def tone(self) -> bool:
        """Whether our tone came back; half of it is enough, a jitter buffer may have eaten the rest."""
        return self.tone_s >= 0.5 * BEEPS * _BEEP_S


def beeps() -> Pcm:
    """The tone as it is sent: short beeps, so that a steady tone of an exchange is not taken for it. 8 kHz."""
    beep = np.sin(2 * np.pi * TONE_HZ * np.arange(round(_BEEP_S * RATE)) / RATE) * _LEVEL
    pause = np.zeros(round(_PAUSE_S * RATE))
    lead, tail = np.zeros(round(_LEAD_S * RATE)), np.zeros(round(_TAIL_S * RATE))
    return np.concatenate([lead, *[beep, pause] * BEEPS, tail]).astype(np.int16)


def write(path: Path) -> None:
    """:func:`beeps` as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(beeps().astype("<i2").tobytes())


def read(path: Path) -> Pcm:
    """Samples of a recording at 8 kHz; nothing where there is no file or none that can be read."""
    try:
        with wave.open(str(path)) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    except (OSError, EOFError, wave.Error):
        return np.zeros(0, np.int16)


def listen(pcm: Pcm) -> Heard:
    """What is in a recording, frame by frame of 20 ms."""
    frames = len(pcm) // FRAME_SAMPLES
    if not frames:
        return Heard(0.0, 0.0, 0.0)
    blocks = pcm[: frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES).astype(np.float64)
    energy = (blocks**2).sum(axis=1)
    turn = np.exp(-2j * np.pi * TONE_HZ * np.arange(FRAME_SAMPLES) / RATE)
    # A pure tone of this frequency has all of its energy here.
    share = 2 * np.abs(blocks @ turn) ** 2 / FRAME_SAMPLES / np.maximum(energy, 1.0)
    loud = np.sqrt(energy / FRAME_SAMPLES) > _QUIET
    frame_s = FRAME_SAMPLES / RATE
    tone = loud & (share > _PURE)
    # The beeps last for 0.3 s: a tone that goes on for much longer is somebody else's.
    runs, length = np.zeros(frames, bool), 0
    for at, on in enumerate([*tone, False]):
        length = length + 1 if on else 0
        if not on or at == frames:
            continue
        if length * frame_s > 2 * _BEEP_S:
            runs[at - length + 1 : at + 1] = True
    tone &= ~runs
    return Heard(frames * frame_s, float(tone.sum()) * frame_s, float((loud & ~tone).sum()) * frame_s)
