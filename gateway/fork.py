"""From the media callback's frames to chunks on a leg's own clock, and the audio kept for a replay.

A leg's clock counts samples since its first frame. The callback numbers each frame; when the ring has to drop some,
or the media clock has left ticks out, the numbers jump, so what follows keeps its place in time: a gap, never a shift.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

RATE: Final = 8000
"""Samples per second of the bridge. G.722 legs are resampled to it: one clock for both legs, half the work."""
FRAME_SAMPLES: Final = 160
FRAME_BYTES: Final = 2 * FRAME_SAMPLES
FRAME_S: Final = FRAME_SAMPLES / RATE
SILENCE: Final = bytes(FRAME_BYTES)
RING_FRAMES: Final = 500
"""Ten seconds: far more than the publisher ever sleeps, far less than memory minds."""
_WATCH_FRAMES: Final = 30
"""The media clock makes up for a delay of up to half a second by ticking faster; a longer one it forgets (measured on
pjsua2 2.15: a process stopped for 0.7 s is 0.65 s behind ever after). Lateness in every one of so many frames is lost
time."""
_LEAST_LOST_FRAMES: Final = 3
"""Less is the unevenness of a busy machine."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive samples of one leg: signed 16-bit little-endian mono, ``start`` on the leg's clock."""

    start: int
    pcm: bytes

    @property
    def stop(self) -> int:
        """Index of the first sample after this piece."""
        return self.start + len(self.pcm) // 2


class Ring:
    """Hand-over of frames from the media thread (:meth:`put`) to one reader (:meth:`take`), without a lock.

    ``deque.append`` with ``maxlen`` and ``deque.popleft`` are atomic in CPython, so neither side ever waits.

    A sender's clock that runs fast or slow is the jitter buffer's affair: one frame comes per tick of this machine's
    clock. Ticks that never came are left out of the numbers, so that times stay true in a call of hours.
    """

    def __init__(self, frames: int = RING_FRAMES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._frames: deque[tuple[int, bytes]] = deque(maxlen=frames)
        self._next = 0
        self._read = 0
        self._clock = clock
        self._began = 0.0
        self._watched = 0
        self._least_late = math.inf
        self.epoch: float | None = None
        self.dropped = 0
        self.closed = False

    def put(self, frame: bytes) -> None:
        """Append a frame; when the ring is full the oldest one goes. Called on the media clock's thread.

        The first frame sets ``epoch``, the UTC time in seconds of its first sample.
        """
        if self.epoch is None:
            self.epoch = time.time() - FRAME_S
            self._began = self._clock()
        self._watch()
        self._frames.append((self._next, frame))
        self._next += 1

    def _watch(self) -> None:
        """Compare the frames' count with the time that has passed; move it on by what is lost for good."""
        late = self._clock() - self._began - self._next * FRAME_S
        self._least_late = min(self._least_late, late)
        self._watched += 1
        if self._watched < _WATCH_FRAMES:
            return
        lost = int(self._least_late / FRAME_S)
        if lost >= _LEAST_LOST_FRAMES:
            self._next += lost
        self._watched, self._least_late = 0, math.inf

    def catch_up(self) -> None:
        """Frames stopped on purpose; the next one is of now."""
        if self.epoch is not None:
            late = self._clock() - self._began - self._next * FRAME_S
            self._next += max(0, int(late / FRAME_S))
            self._watched, self._least_late = 0, math.inf

    def close(self) -> None:
        """No frame comes after this."""
        self.closed = True

    def take(self) -> list[tuple[int, bytes]]:
        """All waiting frames, each with its number; counts in ``dropped`` the numbers that are missing.

        Missing are frames that the full ring let go and those the media clock never made.
        """
        taken: list[tuple[int, bytes]] = []
        while True:
            try:
                number, frame = self._frames.popleft()
            except IndexError:
                return taken
            self.dropped += number - self._read
            self._read = number + 1
            taken.append((number, frame))


class Chunker:
    """Joins numbered frames to pieces of ``chunk_samples``; a gap ends a piece early.

    Frames of another size than 20 ms are cut or filled with silence: a frame's number alone says where it belongs.
    """

    def __init__(self, chunk_samples: int) -> None:
        if chunk_samples <= 0 or chunk_samples % FRAME_SAMPLES:
            raise ValueError(f"chunk_samples must be a positive multiple of {FRAME_SAMPLES}, got {chunk_samples}")
        self._size = chunk_samples // FRAME_SAMPLES
        self._frames: list[bytes] = []
        self._first = 0
        self._next = 0

    @property
    def end(self) -> int:
        """Index of the first sample that hasn't come yet."""
        return self._next * FRAME_SAMPLES

    def feed(self, number: int, frame: bytes) -> list[Piece]:
        """Take frame ``number``; returns the pieces that became complete, at most two."""
        done: list[Piece] = []
        if number != self._next:
            done += self.flush()
        if not self._frames:
            self._first = number
        if len(frame) != FRAME_BYTES:
            frame = frame[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        self._frames.append(frame)
        self._next = number + 1
        if len(self._frames) >= self._size:
            done += self.flush()
        return done

    def flush(self) -> list[Piece]:
        """What has come since the last piece; nothing or one piece."""
        if not self._frames:
            return []
        piece = Piece(self._first * FRAME_SAMPLES, b"".join(self._frames))
        self._frames = []
        return [piece]


class Kept:
    """The last ``limit`` samples' worth of pieces of one leg, oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[Piece] = deque()

    @property
    def oldest(self) -> int | None:
        """First kept sample, None when nothing is kept."""
        return self._pieces[0].start if self._pieces else None

    @property
    def samples(self) -> int:
        """Number of kept samples, gaps not counted."""
        return sum(len(piece.pcm) // 2 for piece in self._pieces)

    def add(self, piece: Piece) -> None:
        """Keep ``piece``, which follows all others; pieces out of the window go."""
        self._pieces.append(piece)
        while self._pieces[0].stop <= piece.stop - self._limit:
            self._pieces.popleft()

    def discard(self, before: int) -> None:
        """Forget the pieces that lie wholly before sample ``before``."""
        while self._pieces and self._pieces[0].stop <= before:
            self._pieces.popleft()

    def since(self, sample: int) -> list[Piece]:
        """Kept pieces from ``sample`` on; a piece that straddles it is cut there."""
        found: list[Piece] = []
        for piece in self._pieces:
            if piece.stop <= sample:
                continue
            if piece.start < sample:
                piece = Piece(sample, piece.pcm[2 * (sample - piece.start) :])
            found.append(piece)
        return found
