"""What is noted while calls run on a real transcriber: texts and when they came, heartbeats, CPU time and memory."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assist.events import Degraded, Heard
from assist.wire import Beat
from bench.legs import Leg


class RigError(Exception):
    """The transcriber or the machine cannot be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it came over the bus (`bench.asr_measure.TextShown`), words as recognised; `at`, `t0`, `t1`: seconds
    on the leg's media clock."""

    at: float
    utterance: int
    text: str
    stable_chars: int
    final: bool
    t0: float
    t1: float
    words: tuple[tuple[str, float], ...] = ()
    """Of a final: each word and its end."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the transcriber's process had used at a UTC second: CPU seconds since its start, resident MB."""

    at: float
    cpu_s: float
    rss_mb: float


@dataclass(slots=True)
class Run:
    """What happened while some calls ran. calls: their ids, in order, with two legs each; epochs: UTC second of each
    leg's first sample; shown: each leg's texts in order of arrival; beats: with the UTC second of arrival."""

    legs: Sequence[Leg]
    calls: Sequence[str]
    epochs: list[float] = field(default_factory=list)
    shown: list[list[Shown]] = field(default_factory=list)
    beats: list[tuple[float, Beat]] = field(default_factory=list)
    told: list[Degraded] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    unsettled: int = 0
    """Calls whose transcript was not complete in time."""


def read_usage(pid: int, *, proc: Path = Path("/proc")) -> Usage:
    """What a process has used until now. Raises `RigError` when it is gone."""
    try:
        fields = (proc / str(pid) / "stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
        pages = int((proc / str(pid) / "statm").read_text("ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError, IndexError) as error:
        raise RigError(f"the transcriber (process {pid}) has ended") from error
    ticks = int(fields[11]) + int(fields[12])  # user and system time
    return Usage(time.time(), ticks / os.sysconf("SC_CLK_TCK"), pages * resource.getpagesize() / 1e6)


def as_shown(at: float, heard: Heard, epoch: float) -> Shown:
    """An event as the measures want it: the recognised words, not what was made of them for people, and media time."""
    text = heard.spoken or heard.text
    return Shown(
        at=at - epoch,
        utterance=int(heard.utterance_id[1:]),
        text=text,
        stable_chars=len(text) if heard.final else heard.stable_chars,
        final=heard.final,
        t0=heard.t0 - epoch,
        t1=heard.t1 - epoch,
        words=tuple((word.text, word.t1 - epoch) for word in heard.words),
    )


def without_stragglers(shown: Iterable[Shown]) -> list[Shown]:
    """Without partials that come after their utterance's final; screens drop them."""
    ended: set[int] = set()
    kept = []
    for text in shown:
        if text.utterance not in ended:
            kept.append(text)
        if text.final:
            ended.add(text.utterance)
    return kept
