"""Many calls on one simulated core, through the product's recogniser: latencies, load, and the budgets that break."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass

from assist.events import Language
from bench.asr_clock import Policy, finals_first, simulate
from bench.asr_measure import Latencies, Revisions, percentiles, word_ends, word_time_errors
from bench.legs import Leg
from bench.peers.protocol import rss_mb
from models.asr.types import Recogniser

LADDER = (1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32)
"""Numbers of calls to try until budgets break."""


@dataclass(frozen=True, slots=True)
class CallsRow:
    """One number of calls. Latencies in milliseconds; load: CPU seconds per second; behind_ms: the longest that a
    final or new audio waited for the core; matched: share of the spoken words that were shown; word_times: how far the
    engine's ends of words are off, where the legs know them; rss_mb: of this process, all streams open."""

    language: str
    condition: str
    source: str
    model: str
    calls: int
    speech: float
    load: float
    behind_ms: int
    partial: dict[str, int] | None
    stable: dict[str, int] | None
    final: dict[str, int] | None
    matched: float | None
    word_times: dict[str, int] | None
    rss_mb: float
    revisions: Revisions
    broken_budgets: tuple[str, ...]


def measure_calls(
    recogniser: Recogniser,
    legs: Sequence[Leg],
    language: Language,
    condition: str,
    source: str,
    *,
    policy: Policy = finals_first,
) -> CallsRow:
    """Two legs are a call. Word times are the legs' own, or else those of the engine's finals, or else missing."""
    streams = [recogniser.stream(leg.rate) for leg in legs]
    gc.collect()
    run = simulate(streams, [leg.pcm for leg in legs], policy=policy)
    latencies, revisions = Latencies(), Revisions()
    words = 0
    off: list[float] = []
    for leg, shown in zip(legs, run.shown, strict=True):
        finals = [item.transcript for item in shown if item.transcript.final]
        heard = word_ends(((word.text, word.t1) for final in finals for word in final.words), language)
        spoken = word_ends(leg.words, language) if leg.words else heard
        off += [abs(error) for error in word_time_errors(spoken, heard)] if leg.words else []
        words += len(spoken)
        latencies.add([(item.at, item.transcript) for item in shown], leg, language, spoken)
        revisions.add([item.transcript for item in shown], language)
    calls = len(legs) // 2
    return CallsRow(
        language=language,
        condition=condition,
        source=source,
        model=recogniser.name,
        calls=calls,
        speech=sum(float(leg.speech.mean()) for leg in legs) / len(legs),
        load=run.load(max(leg.seconds for leg in legs)),
        behind_ms=round(run.behind * 1000),
        partial=percentiles(latencies.partial),
        stable=percentiles(latencies.stable),
        final=percentiles(latencies.final),
        matched=len(latencies.partial) / words if words else None,
        word_times=percentiles(off),
        rss_mb=rss_mb(),
        revisions=revisions,
        broken_budgets=tuple(broken_budgets(latencies, calls)),
    )


def broken_budgets(latencies: Latencies, calls: int) -> list[str]:
    """Which budgets do not hold, in milliseconds: those of DESIGN for partials, 700 (one call) or 900 for finals."""
    limits = [("partial", "p50", 350), ("partial", "p95", 900), ("final", "p95", 700 if calls == 1 else 900)]
    measured = {"partial": percentiles(latencies.partial), "final": percentiles(latencies.final)}
    broken = []
    for name, percent, limit in limits:
        values = measured[name]
        if values and values[percent] > limit:
            broken.append(f"{name} {percent} {values[percent]} > {limit}")
    return broken
