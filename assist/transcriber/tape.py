"""A leg's audio between its arrival and the moment nobody can need it again. Pure.

::

    forgotten │ handed out, kept for a replay │ waiting │ not yet here
              ▲                               ▲         ▲
           forget()                          read      end
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive samples, int16 [n]; ``start`` is the first one's index on the leg's clock."""

    start: int
    pcm: NDArray[np.int16]

    @property
    def stop(self) -> int:
        """Index of the first sample after this piece."""
        return self.start + len(self.pcm)


class Tape:
    """Puts pieces in order, hands them out once or, after :meth:`rewind`, again.

    What was known already is cut; what never came is a gap between pieces. At most ``limit`` samples are kept: beyond
    it the oldest go, first those already handed out, then, counted in ``skipped``, those that still wait.
    """

    def __init__(self, start: int, limit: int) -> None:
        self.read = start
        """Next sample to hand out."""
        self.end = start
        """Next sample expected."""
        self.lost = 0
        """Samples that never came."""
        self.skipped = 0
        """Samples that came and were dropped before anybody took them."""
        self._limit = limit
        self._oldest = start  # what lies before is forgotten or was dropped
        self._given: deque[Piece] = deque()
        self._waiting: deque[Piece] = deque()

    @property
    def backlog(self) -> int:
        """Samples between what was handed out and what has come."""
        return self.end - self.read

    def add(self, start: int, pcm: NDArray[np.int16]) -> None:
        """Append what is new in ``pcm``, whose first sample is ``start``."""
        if start < self.end:
            pcm, start = pcm[self.end - start :], self.end
            if not len(pcm):
                return
        self.lost += start - self.end
        piece = Piece(start, pcm)
        self._waiting.append(piece)
        self.end = piece.stop
        self._shorten()

    def take(self, most: int) -> list[Piece]:
        """The next pieces, until they reach ``most`` samples; what lies between ``read`` and a piece is a gap."""
        taken: list[Piece] = []
        count = 0
        while self._waiting and count < most:
            piece = self._waiting.popleft()
            self._given.append(piece)
            if piece.start < self.read:
                piece = Piece(self.read, piece.pcm[self.read - piece.start :])
            taken.append(piece)
            self.read = piece.stop
            count += len(piece.pcm)
        return taken

    def rewind(self, sample: int) -> int:
        """Hand out again from ``sample`` on, or from the oldest kept one after it; returns which."""
        while self._given and self._given[-1].stop > sample:
            self._waiting.appendleft(self._given.pop())
        self.read = min(max(sample, self._oldest), self.end)
        return self.read

    def forget(self, before: int) -> None:
        """Nobody will ask again for what was handed out and lies wholly before sample ``before``."""
        while self._given and self._given[0].stop <= before:
            self._oldest = self._given.popleft().stop

    def _shorten(self) -> None:
        oldest = self.end - self._limit
        while self._given and self._given[0].stop <= oldest:
            self._oldest = self._given.popleft().stop
        while self._waiting and self._waiting[0].stop <= oldest:
            piece = self._waiting.popleft()
            self.skipped += piece.stop - max(piece.start, self.read)
            self.read = self._oldest = piece.stop
