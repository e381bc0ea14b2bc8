"""End-to-end latency of real SIP calls at real time, as a WebSocket client sees it.

    python -m bench.latency [--language es] [--calls 1] [--calls 4]

Three latencies, from the media clock (see :mod:`bench.live`):

- partial: end of a spoken word → the first message whose text has the word, matched by alignment with the script,
- final: end of the last word spoken in an utterance (by the reference, whatever was recognised) → its final text,
- summary: BYE → the draft of the finished summary.

Word times come with the recordings (the synthesiser's own durations, good to about 60 ms).
"""

import argparse
import asyncio
import json
import os
import platform
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from assist import log
from assist.events import PARTIES, Heard, Language, Party, SummaryDrafted
from bench.live import LiveCall, run_calls
from bench.text import normalise

_WORD_TIME_ERROR_S = 0.25
"""The recogniser's end of speech and the reference's word ends agree within this."""
OUT = Path(__file__).parent / "out" / "latency.json"


@dataclass(slots=True)
class Latencies:
    """Seconds. ``words`` counts the reference words, of which ``len(partial)`` were matched."""

    partial: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    summary: list[float] = field(default_factory=list)
    words: int = 0
    shown: int = 0
    """Words ever put on the screen."""
    revised: int = 0
    """Of those, words that were changed or taken back later."""


def measure_call(call: LiveCall, language: Language, into: Latencies) -> None:
    """Add one call's latencies."""
    for party in PARTIES:
        _measure_leg(call, party, language, into)
    drafted = [seen for seen, event in call.seen if isinstance(event, SummaryDrafted)]
    into.summary.append(drafted[0] - call.ended_at())


def _measure_leg(call: LiveCall, party: Party, language: Language, into: Latencies) -> None:
    start = call.file_start(party)
    words: list[str] = []
    ends: list[float] = []
    for utterance in call.conversation.spoken_by(party):
        for word in utterance.words:
            for piece in normalise(word.text, language):
                words.append(piece)
                ends.append(start + word.t1)
    into.words += len(words)
    shown_at: dict[int, float] = {}
    last_shown: dict[str, list[str]] = {}
    for seen, event in call.seen:
        if not isinstance(event, Heard) or event.party != party:
            continue
        heard = normalise(event.text, language)
        before = last_shown.get(event.utterance_id, [])
        same = _in_common(before, heard)
        into.revised += len(before) - same
        into.shown += len(heard) - same
        last_shown[event.utterance_id] = heard
        # Only words whose time lies inside the utterance can be the ones it shows.
        lo = int(np.searchsorted(ends, event.t0 - 0.3))
        hi = int(np.searchsorted(ends, event.t1 + 1.0))
        blocks = SequenceMatcher(None, words[lo:hi], heard, autojunk=False).get_matching_blocks()
        matched = [lo + block.a + k for block in blocks for k in range(block.size)]
        for index in matched:
            shown_at.setdefault(index, seen)
        spoken = int(np.searchsorted(ends, event.t1 + _WORD_TIME_ERROR_S)) - 1
        if event.final and event.text and spoken >= 0 and ends[spoken] > event.t0:
            into.final.append(seen - ends[spoken])
    into.partial += [shown - ends[index] for index, shown in shown_at.items()]


def _in_common(before: list[str], now: list[str]) -> int:
    """How many words of ``before`` are still there, in order."""
    return sum(block.size for block in SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks())


def row(language: Language, calls: int, got: Latencies) -> dict[str, object]:
    """One line of the table; milliseconds."""
    result: dict[str, object] = {"language": language, "calls": calls, "matched": len(got.partial) / got.words}
    for name in ("partial", "final", "summary"):
        values = getattr(got, name)
        for percent in (50, 95, 99):
            result[f"{name}_p{percent}"] = round(float(np.percentile(values, percent)) * 1000)
        result[f"{name}_n"] = len(values)
    result["revised"] = got.revised / max(1, got.shown)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", action="append", choices=["es", "en"])
    parser.add_argument("--calls", action="append", type=int)
    parser.add_argument("--repeat", type=int, default=1)
    args = parser.parse_args()
    log.configure("error")
    rows = []
    print("milliseconds, p50/p95/p99; one machine,", os.cpu_count(), "cores,", platform.machine())
    print(f"{'lang':<6}{'calls':<7}{'word→partial':<22}{'end→final':<22}{'BYE→summary':<22}{'words':<8}revised")
    for language in args.language or ["es", "en"]:
        for calls in args.calls or [1, 4]:
            got = Latencies()
            for _ in range(args.repeat):
                for call in asyncio.run(run_calls(language, calls)):
                    measure_call(call, language, got)
            line = row(language, calls, got)
            rows.append(line)
            cells = "".join(
                f"{'/'.join(str(line[f'{name}_p{p}']) for p in (50, 95, 99)):<22}"
                for name in ("partial", "final", "summary")
            )
            matched, revised = float(str(line["matched"])), float(str(line["revised"]))
            print(f"{language:<6}{calls:<7}{cells}{matched:<8.0%}{revised:.0%}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"cores": os.cpu_count(), "machine": platform.machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
