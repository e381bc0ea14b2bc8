"""From what was shown and when, to latencies and revised words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Protocol

import numpy as np

from assist.events import Language
from bench.asr_clock import Shown
from bench.corpus import Leg
from bench.text import normalise

_AFTER_END = 0.25
"""Seconds: a recogniser's end of speech and the real one agree within this."""


class TextShown(Protocol):
    """A transcript of the product or a text of a peer."""

    @property
    def utterance(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def stable_chars(self) -> int: ...
    @property
    def final(self) -> bool: ...


@dataclass(slots=True)
class Revisions:
    """Counts of words. shown: ever put on a screen; revised: of those, changed or taken back later. stable, broken:
    the same for words marked as stable."""

    shown: int = 0
    revised: int = 0
    stable: int = 0
    broken: int = 0

    def add(self, transcripts: Iterable[TextShown], language: Language) -> None:
        """Count one leg's transcripts, oldest first."""
        last: dict[int, list[str]] = {}
        firm: dict[int, list[str]] = {}
        for transcript in transcripts:
            key = transcript.utterance
            now = normalise(transcript.text, language)
            before = last.get(key, [])
            same = _in_common(before, now)
            self.revised += len(before) - same
            self.shown += len(now) - same
            last[key] = now
            kept = firm.get(key, [])
            self.broken += len(kept) - _in_common(kept, now)
            settled = normalise(transcript.text[: transcript.stable_chars], language)
            if not transcript.final:
                self.stable += max(0, len(settled) - len(kept))
                firm[key] = settled


@dataclass(slots=True)
class Latencies:
    """Seconds. partial, stable: a word's end to its first sight, and to its being marked stable; empty when the engine
    has no word times. final: the end of speech (by level, not by the engine) to the final text."""

    partial: list[float] = field(default_factory=list)
    stable: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)

    def add(self, shown: Sequence[Shown], leg: Leg, language: Language) -> None:
        """Add what one leg showed, oldest first."""
        by_utterance: dict[int, list[Shown]] = defaultdict(list)
        for item in shown:
            by_utterance[item.transcript.utterance].append(item)
        for items in by_utterance.values():
            final = items[-1].transcript
            if not final.final or not final.text:
                continue
            end = leg.speech_end(final.t0, final.t1 + _AFTER_END)
            self.final.append(items[-1].at - (final.t1 if end is None else end))
            self._add_words(items, language)

    def _add_words(self, items: Sequence[Shown], language: Language) -> None:
        spoken: list[str] = []
        ends: list[float] = []
        for word in items[-1].transcript.words:
            for piece in normalise(word.text, language):
                spoken.append(piece)
                ends.append(word.t1)
        first: dict[int, float] = {}
        firm: dict[int, float] = {}
        for item in items:
            text, stable = item.transcript.text, item.transcript.stable_chars
            for found, part in ((first, text), (firm, text[:stable])):
                for index in _matched(spoken, normalise(part, language)):
                    found.setdefault(index, item.at)
        self.partial += [at - ends[index] for index, at in first.items()]
        self.stable += [at - ends[index] for index, at in firm.items()]


def percentiles(values: Sequence[float]) -> dict[str, int] | None:
    """p50, p95, p99 in whole milliseconds; None of nothing."""
    if not values:
        return None
    return {f"p{p}": round(float(np.percentile(values, p)) * 1000) for p in (50, 95, 99)}


def _matched(spoken: Sequence[str], heard: Sequence[str]) -> list[int]:
    """Indices of the spoken words that are among the heard ones, in order."""
    blocks = SequenceMatcher(None, spoken, heard, autojunk=False).get_matching_blocks()
    return [block.a + k for block in blocks for k in range(block.size)]


def _in_common(before: Sequence[str], now: Sequence[str]) -> int:
    """How many words of `before` are still there, in order."""
    return len(_matched(before, now))
