"""From chunks of any size to frames of one size, aligned to the stream clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import BadAudio


@dataclass(frozen=True, slots=True)
class Frame:
    """Frame `index` holds the samples [index * size, (index + 1) * size) of the stream clock, int16 [size]."""

    index: int
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio was lost; the next frame is `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class End:
    pass


class Framer:
    """Frames start at multiples of `size` on the clock, wherever the stream starts, so that a replay cuts the audio
    where the first reading cut it. Frames that are only partly there are filled with zeros.

    `feed`, `skip`, `finish` belong to one thread, `ready` and `next` to another: each counter has one writer.
    """

    def __init__(self, size: int, start_sample: int = 0) -> None:
        if start_sample < 0:
            raise BadAudio(f"start_sample is {start_sample}", do="count samples from the start of the leg")
        self._size = size
        self._inbox: deque[NDArray[np.int16] | int | None] = deque()  # samples, samples lost, end
        self._fed = self._marks_fed = 0
        self._taken = self._marks_taken = 0
        self._finished = False
        self._position = start_sample
        self._frame = np.zeros(size, np.int16)
        self._filled = start_sample % size  # of the current frame, in samples
        self._real = False  # whether the current frame holds any sample that was fed
        self._given = -1  # index of the last frame given away
        self._drop = 0  # samples to leave out because their frame was already given away

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Raises `BadAudio` unless `pcm` is int16 [n] and the stream is not finished."""
        if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
            shape = f"{getattr(pcm, 'dtype', type(pcm).__name__)} {getattr(pcm, 'shape', '')}"
            raise BadAudio(f"audio is {shape}", where="feed", do="hand over int16 [n], mono")
        self._must_be_open()
        if pcm.size:
            self._inbox.append(pcm.copy())
            self._fed += pcm.size

    def skip(self, samples: int) -> None:
        if samples < 0:
            raise BadAudio(f"cannot skip {samples} samples", where="skip", do="hand over a count of lost samples")
        self._must_be_open()
        if samples:
            self._inbox.append(samples)
            self._marks_fed += 1

    def finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._inbox.append(None)
            self._marks_fed += 1

    def ready(self) -> bool:
        """Whether `next` would return something."""
        return self._marks_fed > self._marks_taken or self._filled + self._fed - self._taken >= self._size + self._drop

    def next(self) -> Frame | Gap | End | None:
        """The next frame, gap or end, in order; None when what was fed does not fill a frame."""
        while self._inbox:
            head = self._inbox[0]
            if not isinstance(head, np.ndarray):
                if self._real:
                    return self._give()  # the rest of it stays zero
                self._inbox.popleft()
                self._marks_taken += 1
                return self._jump(head) if head is not None else End()
            if self._drop:
                self._drop -= self._consume(head, self._drop).size
                continue
            samples = self._consume(head, self._size - self._filled)
            self._frame[self._filled : self._filled + samples.size] = samples
            self._filled += samples.size
            self._real = True
            if self._filled == self._size:
                return self._give()
        return None

    def _consume(self, head: NDArray[np.int16], most: int) -> NDArray[np.int16]:
        """Take up to `most` samples from `head`, the first array of the inbox."""
        taken, rest = head[:most], head[most:]
        if rest.size:
            self._inbox[0] = rest
        else:
            self._inbox.popleft()
        self._position += taken.size
        self._taken += taken.size
        return taken

    def _give(self) -> Frame:
        # A frame cut short by a gap is given while the position still lies inside it.
        frame = Frame((self._position - 1) // self._size, self._frame)
        self._frame = np.zeros(self._size, np.int16)
        self._filled = 0
        self._real = False
        self._given = frame.index
        return frame

    def _jump(self, lost: int) -> Gap:
        self._position += lost
        index = self._position // self._size
        if index <= self._given:  # the gap ends inside a frame that was given away
            index += 1
            self._drop = index * self._size - self._position
            self._filled = 0
        else:
            self._drop = 0
            self._filled = self._position % self._size
        return Gap(index)

    def _must_be_open(self) -> None:
        if self._finished:
            raise BadAudio("the stream is finished", do="open a new stream for more audio")
