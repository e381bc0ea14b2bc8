"""From what happened while some calls ran to a row of `bench.capacity`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assist.events import Language
from bench.asr_calls import broken_budgets
from bench.asr_measure import Latencies, Revisions, percentiles, word_ends
from bench.capacity_run import Run, Shown, Usage

_LEVELS: Final = ("full", "finals", "late")
_MOST_REVISED: Final = 0.10
_MOST_MB, _MOST_MB_PER_CALL = 700, 15
_ENOUGH_CALLS: Final = 3
"""With fewer further calls, what each takes drowns in how the engine's buffers happen to grow."""


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """One number of calls. Latencies in milliseconds; load: CPU seconds of the worker per second; cpu_s_per_hour: CPU
    seconds per hour of one leg's audio, its silence included. speech, matched: shares, of the time and of the words.
    mb_per_call: of each call more than in the first row, None with fewer than three more. spared: calls whose screens
    were told of no less than full service, with their own latencies. levels: most calls at each level that a beat has
    named; told: what the screens were told, how often. lost_s: seconds of audio that nobody will transcribe."""

    language: str
    condition: str
    source: str
    model: str
    calls: int
    window_s: float
    speech: float
    load: float
    cpu_s_per_hour: float
    partial: dict[str, int] | None
    stable: dict[str, int] | None
    final: dict[str, int] | None
    finals: int
    matched: float | None
    revisions: Revisions
    idle_mb: float
    rss_mb: float
    mb_per_call: float | None
    spared: int
    spared_partial: dict[str, int] | None
    spared_final: dict[str, int] | None
    levels: dict[str, int]
    told: dict[str, int]
    lost_s: float
    restarts: int
    unsettled: int
    late_budgets: tuple[str, ...]

    @property
    def reduced(self) -> bool:
        """Some call got less than full service."""
        return any(self.levels.get(level, 0) for level in ("finals", "late")) or bool(self.told) or self.unsettled > 0

    def broken_budgets(self) -> list[str]:
        """All that do not hold, as people read them."""
        counts = self.revisions
        revised = counts.revised / max(1, counts.shown)
        found = list(self.late_budgets)
        if self.reduced:
            found.append("service " + "/".join(str(self.levels.get(k, 0)) for k in _LEVELS))
        if self.lost_s or self.unsettled:
            found.append(f"lost {self.lost_s:.1f} s, {self.unsettled} transcripts not complete")
        if revised > _MOST_REVISED:
            found.append(f"revised {revised:.1%} > {_MOST_REVISED:.0%}")
        if counts.broken:
            found.append(f"{counts.broken} stable words broken")
        if self.calls == 1 and self.rss_mb > _MOST_MB:
            found.append(f"memory {self.rss_mb:.0f} > {_MOST_MB} MB")
        if self.mb_per_call is not None and self.mb_per_call > _MOST_MB_PER_CALL:
            found.append(f"memory {self.mb_per_call:.1f} > {_MOST_MB_PER_CALL} MB per call")
        return found


def common_window(run: Run) -> tuple[float, float]:
    """UTC seconds between which all legs run."""
    return max(run.epochs), min(epoch + leg.seconds for epoch, leg in zip(run.epochs, run.legs, strict=True))


def used_between(usage: Sequence[Usage], begin: float, end: float) -> tuple[float, float]:
    """CPU seconds between two points of time, and the most resident MB."""
    at = [u.at for u in usage]
    cpu = np.interp([begin, end], at, [u.cpu_s for u in usage])
    return float(cpu[1] - cpu[0]), max(u.rss_mb for u in usage if begin <= u.at <= end + 1)


def within(shown: Sequence[Shown], begin: float, end: float) -> list[Shown]:
    """The texts of the utterances that lie between two seconds of the leg."""
    last = {text.utterance: text for text in shown}
    return [t for t in shown if last[t.utterance].t0 >= begin and last[t.utterance].t1 <= end]


def measure(
    run: Run, language: Language, condition: str, source: str, model: str, idle_mb: float, first: CapacityRow | None
) -> CapacityRow:
    """A row of what happened; `first`: the row with the fewest calls."""
    begin, end = common_window(run)
    cpu, rss = used_between(run.usage, begin, end)
    latencies, spared, everywhere, revisions = Latencies(), Latencies(), Latencies(), Revisions()
    words = 0
    reduced = {event.call_id for event in run.told}
    owners = [call_id for call_id in run.calls for _ in range(2)]
    for call_id, leg, epoch, shown in zip(owners, run.legs, run.epochs, run.shown, strict=True):
        own = ((word, t1) for text in shown if text.final for word, t1 in text.words)
        spoken = word_ends(leg.words or own, language)
        words += len(spoken)
        everywhere.add([(text.at, text) for text in shown], leg, language, spoken)
        counted = within(shown, begin - epoch, end - epoch)
        for into in [latencies] if call_id in reduced else [latencies, spared]:
            into.add([(text.at, text) for text in counted], leg, language, spoken)
        revisions.add(counted, language)
    calls = len(run.legs) // 2
    beats = [beat for at, beat in run.beats if begin <= at <= end + 1]
    before, after = run.beats[0][1], run.beats[-1][1]
    return CapacityRow(
        language=language,
        condition=condition,
        source=source,
        model=model,
        calls=calls,
        window_s=round(end - begin, 1),
        speech=sum(float(leg.speech.mean()) for leg in run.legs) / len(run.legs),
        load=cpu / (end - begin),
        cpu_s_per_hour=3600 * cpu / (end - begin) / len(run.legs),
        partial=percentiles(latencies.partial),
        stable=percentiles(latencies.stable),
        final=percentiles(latencies.final),
        finals=len(latencies.final),
        matched=len(everywhere.partial) / words if words else None,
        revisions=revisions,
        idle_mb=idle_mb,
        rss_mb=rss,
        mb_per_call=(rss - first.rss_mb) / (calls - first.calls)
        if first and calls >= first.calls + _ENOUGH_CALLS
        else None,
        spared=len(set(run.calls) - reduced),
        spared_partial=percentiles(spared.partial),
        spared_final=percentiles(spared.final),
        levels={level: max((b.calls.get(level, 0) for b in beats), default=0) for level in _LEVELS},
        told=dict(Counter(event.level for event in run.told)),
        lost_s=after.lost_s - before.lost_s,
        restarts=after.restarts - before.restarts,
        unsettled=run.unsettled,
        late_budgets=tuple(broken_budgets(latencies, calls)),
    )
