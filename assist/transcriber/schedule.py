"""Which leg is served next. Pure: the caller brings the clock.

Three classes, the higher always first: what leads to a final text, partials, and the legs of calls that are transcribed
late. Within a class the leg whose work has been due longest goes first, and having been served it is as if its work
had come due only now: a leg that never stops talking, or that has a long backlog, gets its turn and no more.
"""

from collections.abc import Hashable
from enum import IntEnum
from typing import Generic, TypeVar

from models.asr.types import Urgency


class Level(IntEnum):
    """What a call gets."""

    LATE = 0
    """Finals when there is time."""
    FINALS = 1
    """Finals in time, no partials."""
    FULL = 2
    """Partials and finals."""


class Turn(IntEnum):
    """Classes of work; the highest is served first."""

    LATE = 0
    PARTIAL = 1
    FINAL = 2


def turn(urgency: Urgency, level: Level, *, mute: bool) -> Turn | None:
    """The class of a leg's work, None when there is none to do.

    ``mute``: it has been talking for long and no text came. Then a call without partials gets one: a sign of life
    of the engine, and a text in the middle of a long monologue.
    """
    if urgency is Urgency.NONE or (urgency is Urgency.PARTIAL and level is not Level.FULL and not mute):
        return None
    if level is Level.LATE:
        return Turn.LATE
    return Turn.FINAL if urgency is Urgency.FINAL else Turn.PARTIAL


_K = TypeVar("_K", bound=Hashable)


class Schedule(Generic[_K]):
    """Work that is due, by key. Times are seconds on any one clock."""

    def __init__(self) -> None:
        self._due: dict[_K, tuple[Turn, float]] = {}
        self._served: dict[_K, int] = {}
        self._count = 0

    def offer(self, key: _K, turn: Turn | None, now: float) -> None:
        """``key`` has work of this class now, or none. It waits since it was first offered in this class."""
        if turn is None:
            self._due.pop(key, None)
            return
        known = self._due.get(key)
        if known is None or known[0] is not turn:
            self._due[key] = (turn, now)

    def next(self) -> _K | None:
        """Whose turn it is."""
        return min(self._due, key=self._rank, default=None)

    def is_final(self, key: _K) -> bool:
        """Whether ``key`` has a final due."""
        return self._due[key][0] is Turn.FINAL

    def served(self, key: _K) -> None:
        """``key`` has had its turn."""
        self._due.pop(key, None)
        self._count += 1
        self._served[key] = self._count

    def remove(self, key: _K) -> None:
        """``key`` is gone."""
        self._due.pop(key, None)
        self._served.pop(key, None)

    def waited(self, key: _K, now: float) -> float:
        """Seconds for which ``key`` has had a final due; 0 without one."""
        turn, since = self._due.get(key, (Turn.PARTIAL, now))
        return 0.0 if turn is Turn.PARTIAL else now - since

    def _rank(self, key: _K) -> tuple[int, float, int]:
        turn, since = self._due[key]
        return -turn, since, self._served.get(key, 0)
