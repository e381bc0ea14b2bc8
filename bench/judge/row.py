"""What every section of the judgement bench gives: figures with what they are measured against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

OURS: Final = "apuntador"


class SkippedError(Exception):
    """The section can't run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``system`` is `OURS` or a peer, ``n`` how many things were judged, ``target`` what is asked of ours
    (None where nothing is), ``low`` whether a smaller value is better."""

    section: str
    subject: str
    language: str
    system: str
    metric: str
    value: float
    n: int
    target: float | None = None
    low: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.low else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Options:
    """``data`` is the folder with the public sets (docs/performance.md says where each comes from)."""

    data: Path | None
    quick: bool = False
    """A sample of each set: minutes become seconds, figures become rough."""
    asr: bool = False
    """Sections that have lines to speak also measure them as the recogniser writes them down."""

    def folder(self, name: str) -> Path:
        """A set's folder. Raises `SkippedError`."""
        if self.data is None or not (self.data / name).is_dir():
            raise SkippedError(f"no data set {name!r}; name the folder that holds it with --data")
        return self.data / name


Section: TypeAlias = Callable[[Options], Sequence[Row]]
