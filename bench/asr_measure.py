"""From what was shown and when, to latencies and revised words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Protocol, TypeAlias

import numpy as np

from assist.events import Language
from bench.legs import Leg
from bench.text import normalise

_AFTER_END = 0.25
"""Seconds: a recogniser's end of speech and the real one agree within this."""
_EARLIER, _LATER = 0.3, 1.0
"""Seconds around an utterance in which the words lie that it may show."""
_GUESSED = 0.5
"""Seconds: a word may be shown so long before its end, by luck or by a good guess; not earlier."""

WordEnds: TypeAlias = Sequence[tuple[str, float]]
"""The words that were spoken on a leg, in order, as `normalise` writes them, and the second at which each ends."""


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
    @property
    def t0(self) -> float: ...
    @property
    def t1(self) -> float: ...


@dataclass(slots=True)
class Revisions:
    """Counts of words. shown: ever put on a screen; revised: of those, changed or taken back later. stable, broken:
    the same for words marked as stable before they were final."""

    shown: int = 0
    revised: int = 0
    stable: int = 0
    broken: int = 0

    def add(self, texts: Iterable[TextShown], language: Language) -> None:
        """Count one leg's texts, oldest first."""
        last: dict[int, list[str]] = {}
        firm: dict[int, list[str]] = {}
        for item in texts:
            now = normalise(item.text, language)
            before = last.get(item.utterance, [])
            same = len(matched(before, now))
            self.revised += len(before) - same
            self.shown += len(now) - same
            last[item.utterance] = now
            kept = firm.get(item.utterance, [])
            held = len(matched(kept, now))
            self.broken += len(kept) - held
            # A broken word is counted once: what is left of the promise goes on.
            firm[item.utterance] = kept if held == len(kept) else now[:held]
            if not item.final:
                settled = normalise(item.text[: item.stable_chars], language)
                self.stable += max(0, len(settled) - held)
                firm[item.utterance] = settled


@dataclass(slots=True)
class Latencies:
    """Seconds. partial, stable: a word's end to its first sight, and to its being marked stable; empty when no word
    times are known. final: the end of speech (by level, not by the engine) to the final text."""

    partial: list[float] = field(default_factory=list)
    stable: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)

    def add(self, texts: Iterable[tuple[float, TextShown]], leg: Leg, language: Language, spoken: WordEnds) -> None:
        """Add one leg: the second at which each text was shown and the text, oldest first."""
        by_utterance: dict[int, list[tuple[float, TextShown]]] = defaultdict(list)
        for at, item in texts:
            by_utterance[item.utterance].append((at, item))
        ends = [end for _, end in spoken]
        first: dict[int, float] = {}
        firm: dict[int, float] = {}
        for shown in by_utterance.values():
            at, last = shown[-1]
            if last.final and last.text:
                end = leg.speech_end(last.t0, last.t1 + _AFTER_END)
                self.final.append(at - (last.t1 if end is None else end))
            lo = int(np.searchsorted(ends, last.t0 - _EARLIER))
            hi = int(np.searchsorted(ends, last.t1 + _LATER))
            for at, item in shown:
                words = [word for word, _ in spoken[lo : min(hi, int(np.searchsorted(ends, at + _GUESSED)))]]
                for index in matched(words, normalise(item.text, language)):
                    first.setdefault(lo + index, at)
                for index in matched(words, normalise(item.text[: item.stable_chars], language)):
                    firm.setdefault(lo + index, at)
        self.partial += [at - ends[index] for index, at in first.items()]
        self.stable += [at - ends[index] for index, at in firm.items()]


def word_ends(words: Iterable[tuple[str, float]], language: Language) -> WordEnds:
    """Words as an engine writes them and their ends, spelled out: a number becomes several words of one end."""
    return sorted(
        ((piece, end) for word, end in words for piece in normalise(word, language)), key=lambda pair: pair[1]
    )


def word_time_errors(spoken: WordEnds, heard: WordEnds) -> list[float]:
    """Seconds by which the ends of rightly heard words are off, early ones negative. Numbers are left out: written in
    figures, their words have one end together."""
    blocks = SequenceMatcher(
        None, [word for word, _ in spoken], [word for word, _ in heard], autojunk=False
    ).get_matching_blocks()
    shared = Counter(end for _, end in heard)
    pairs = ((spoken[b.a + k][1], heard[b.b + k][1]) for b in blocks for k in range(b.size))
    return [found - true for true, found in pairs if shared[found] == 1]


def percentiles(values: Sequence[float]) -> dict[str, int] | None:
    """p50, p95, p99 in whole milliseconds; None of nothing."""
    if not values:
        return None
    return {f"p{p}": round(float(np.percentile(values, p)) * 1000) for p in (50, 95, 99)}


def matched(spoken: Sequence[str], heard: Sequence[str]) -> list[int]:
    """Indices of the spoken words that are among the heard ones, in order."""
    blocks = SequenceMatcher(None, spoken, heard, autojunk=False).get_matching_blocks()
    return [block.a + k for block in blocks for k in range(block.size)]
