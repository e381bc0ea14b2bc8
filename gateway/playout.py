"""Voices that come over the bus, onto a media clock: a small jitter buffer, a mixer, recordings. No I/O.

A bus keeps order and loses nothing while it is up, so frames need no sorting: what has to be evened out is that they
come in bursts, and that the sender's clock and ours differ by some parts per million.
"""

import wave
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import numpy as np

from gateway.fork import FRAME_BYTES, FRAME_S, FRAME_SAMPLES, RATE

Source = Callable[[], bytes | None]
"""Gives 20 ms (:data:`~gateway.fork.FRAME_BYTES`) each time the media clock asks; None: nothing, heard as silence."""

FIRST_TARGET: Final = 2
_MOST_TARGET: Final = 8
_MOST_FRAMES: Final = 25
"""Half a second; what waits longer is no conversation any more."""
_LOOK_BACK: Final = 50
_CALM: Final = 10
"""So many looks (of a second each) without an empty buffer shorten it again."""


class Playout:
    """The jitter buffer of one voice. :meth:`put` belongs to one thread, :meth:`pull` to the media clock's.

    It starts with :data:`FIRST_TARGET` frames (40 ms). When it runs empty it says nothing until it is filled again,
    one frame higher, at most 160 ms; when it has been fuller than need be for a second, it leaves half of that out.
    """

    def __init__(self, *, target: int = FIRST_TARGET) -> None:
        self._frames: deque[bytes] = deque(maxlen=_MOST_FRAMES)
        self._first = self._target = target
        self._filling = True
        self._least = _MOST_FRAMES
        self._looked = 0
        self._calm = 0
        self.dropped = 0
        """Frames that were thrown away because they came too late."""
        self.empty = 0
        """How often a voice that was being played had nothing to play."""

    @property
    def waiting(self) -> int:
        """Frames in the buffer."""
        return len(self._frames)

    @property
    def target(self) -> int:
        """Frames it fills up to."""
        return self._target

    def put(self, pcm: bytes) -> None:
        """Append s16le mono at 8 kHz, cut into frames; when half a second waits, the oldest goes."""
        for start in range(0, len(pcm), FRAME_BYTES):
            if len(self._frames) == _MOST_FRAMES:
                self.dropped += 1
            self._frames.append(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))

    def pull(self) -> bytes | None:
        """The next frame, None while there is nothing to be heard. Never waits."""
        depth = len(self._frames)
        if self._filling:
            if depth < self._target:
                return None
            self._filling = False
            self._least, self._looked = depth, 0
        if not depth:
            self.empty += 1
            self._filling = True
            self._calm = 0
            self._target = min(self._target + 1, _MOST_TARGET)
            return None
        self._shorten(depth)
        return self._next()

    def clear(self) -> None:
        """Forget what waits: another voice comes, or the same one after a pause."""
        self._frames.clear()
        self._filling = True
        self._target = self._first

    def _next(self) -> bytes | None:
        try:
            return self._frames.popleft()
        except IndexError:  # cleared a moment ago
            return None

    def _shorten(self, depth: int) -> None:
        self._least = min(self._least, depth)
        self._looked += 1
        if self._looked < _LOOK_BACK:
            return
        for _ in range((self._least - self._target + 1) // 2):
            # Half of what is too much: a second's jump is heard, and a quarter of a second is no conversation.
            self._next()
            self.dropped += 1
        self._calm += 1
        if self._calm >= _CALM and self._target > self._first:
            self._target -= 1
            self._calm = 0
        self._least, self._looked = _MOST_FRAMES, 0


class Tape:
    """Frames that are played once: a recorded prompt or a tone. May be filled while it plays."""

    def __init__(self, frames: Iterable[bytes] = ()) -> None:
        self._frames: deque[bytes] = deque(frames)

    @property
    def playing(self) -> bool:
        """Whether anything is left."""
        return bool(self._frames)

    def put(self, frames: Iterable[bytes]) -> None:
        """Play these after the others."""
        self._frames.extend(frames)

    def clear(self) -> None:
        """Fall silent."""
        self._frames.clear()

    def pull(self) -> bytes | None:
        """The next frame."""
        try:
            return self._frames.popleft()
        except IndexError:
            return None


def mix(frames: Iterable[bytes | None]) -> bytes | None:
    """The sum of 20 ms frames, clipped; None when there is none."""
    heard = [frame for frame in frames if frame is not None]
    if len(heard) < 2:
        return heard[0] if heard else None
    total = np.sum([np.frombuffer(frame, "<i2") for frame in heard], axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype("<i2").tobytes()


def tone(hertz: float, seconds: float, *, level: float = 0.2) -> list[bytes]:
    """Frames of a sine with soft edges; ``level`` is its peak, 0..1 of full scale. A last silent frame ends it."""
    samples = round(seconds * RATE)
    at = np.arange(samples)
    edge = min(80, samples // 2)
    shape = np.minimum(1.0, np.minimum(at + 1, samples - at) / edge)
    return frames_of((np.sin(2 * np.pi * hertz * at / RATE) * shape * level * 32767).astype("<i2").tobytes())


def silence(seconds: float) -> list[bytes]:
    """Frames of nothing."""
    return [bytes(FRAME_BYTES)] * round(seconds / FRAME_S)


def frames_of(pcm: bytes) -> list[bytes]:
    """s16le mono at 8 kHz in frames, the last one filled up."""
    return [pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for start in range(0, len(pcm), FRAME_BYTES)]


def read_wav(path: Path) -> list[bytes]:
    """A recording's frames.

    Raises:
        ValueError: it can't be read, or is not 16-bit mono at 8 kHz; the message says which.
    """
    try:
        with wave.open(str(path)) as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            if shape != (1, 2, RATE):
                raise ValueError(
                    f"{path}: {shape[0]} channel(s), {8 * shape[1]} bit, {shape[2]} Hz; "
                    f"needed is mono, 16 bit, {RATE} Hz: sox in.wav -r 8000 -c 1 -b 16 out.wav"
                )
            pcm = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as err:
        raise ValueError(f"{path}: no WAV file that can be played ({err})") from None
    if len(pcm) < 2 * FRAME_SAMPLES:
        raise ValueError(f"{path}: there is nothing to hear in it")
    return frames_of(pcm)
