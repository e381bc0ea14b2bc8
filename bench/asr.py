"""The recogniser against its peers: word error rate, CPU, memory, latency, revised words.

    python -m bench.asr MANIFEST [--language es] [--condition clean --condition ulaw] [--system apuntador]
                        [--limit N] [--show] [--json OUT]
    python -m bench.asr MANIFEST --legs [--seconds 60]           # latency, each leg on a core of its own
    python -m bench.asr MANIFEST --calls 1 --calls 4             # many calls on one core; --calls 0: until they break

MANIFEST is a tab-separated file with the header `path, language, text`; paths are relative to it. Instead of it,
`--packaged` takes the prompts that Debian packages (see `bench.packaged`), and, for latency, `--demo` the product's
demo conversations, whose word times are known. Each system runs in a process of its own, on one core, and hears the
same samples; `make bench-peers` installs the peers. Times under load are on a simulated clock: see `bench.asr_clock`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assist.events import Language
from bench.asr_calls import LADDER, CallsRow, measure_calls
from bench.asr_measure import WordEnds, word_ends
from bench.asr_systems import OFFLINE, OURS, STREAMED, SYSTEMS, Listener, Row, measure, measure_legs, spoken_words
from bench.corpus import CONDITIONS, Condition, CorpusError, Utterance, read_manifest
from bench.legs import Leg, demo_calls, make_calls
from bench.machine import describe
from bench.packaged import packaged_prompts
from bench.peers.protocol import UnavailableError
from models.asr.registry import open_recogniser
from models.errors import ModelsError

OUT = Path(__file__).parent / "out" / "asr.json"
_LANGUAGES: tuple[Language, ...] = ("es", "en")
Source = Callable[[Language, Condition, int], list[Leg]]


def print_rows(rows: Sequence[Row]) -> None:
    """Error rates and costs. calls/core is what the CPU alone would carry: 1 / (0.8 x RTF)."""
    print(
        f"{'lang':<5}{'condition':<12}{'system':<25}{'WER %':>6}{'no dig.':>8}{'RTF':>7}{'CPU-s/h':>8}"
        f"{'calls/core':>11}{'peak MB':>8}{'MB/strm':>8}{'revised':>8}{'broken':>9}  model"
    )
    for row in rows:
        head = f"{row.language:<5}{row.condition:<12}{row.system:<25}"
        if row.why:
            print(f"{head}{'n/a':>6}  {row.why}")
            continue
        print(
            f"{head}{_number(row.wer):>6}{_number(row.wer_no_digits):>8}{row.rtf:>7.3f}{3600 * row.rtf:>8.0f}"
            f"{row.calls_by_cpu:>11.1f}{row.peak_mb:>8.0f}{_number(row.mb_per_stream):>8}{_revised(row)}  {row.model}",
            flush=True,
        )
    wer = {row.system: row.wer for row in rows}
    streamed, whole = wer.get(OURS), wer.get(OFFLINE)
    if streamed is not None and whole is not None:
        print(f"streaming changes the word error rate of {OURS} by {streamed - whole:+.1f} points")


def print_leg_rows(rows: Sequence[Row]) -> None:
    """Latencies of one leg on a core of its own; load is CPU seconds per second of the leg."""
    print(
        f"{'lang':<5}{'condition':<12}{'system':<20}{'load':>6}{'word→partial ms':>18}{'word→stable ms':>18}"
        f"{'end→final ms':>18}{'revised':>8}{'broken':>9}  model"
    )
    for row in rows:
        head = f"{row.language:<5}{row.condition:<12}{row.system:<20}"
        if row.why:
            print(f"{head}{'n/a':>6}  {row.why}")
            continue
        cells = "".join(f"{_percentiles(values):>18}" for values in (row.partial, row.stable, row.final))
        print(f"{head}{row.rtf:>6.2f}{cells}{_revised(row)}  {row.model}", flush=True)


def _revised(row: Row) -> str:
    if row.revisions is None:
        return f"{'-':>8}{'-':>9}"
    counts = row.revisions
    return f"{counts.revised / max(1, counts.shown):>8.1%}{f'{counts.broken}/{counts.stable}':>9}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _percentiles(values: dict[str, int] | None) -> str:
    return "/".join(str(values[p]) for p in ("p50", "p95", "p99")) if values else "n/a"


def print_differences(row: Row) -> None:
    """The utterances that were misheard, the worst first."""
    print(f"{row.system}, {row.language}, {row.condition}")
    for pair in sorted(row.pairs, key=lambda pair: -pair.errors):
        if pair.errors:
            print(f"  {pair.errors}/{pair.words} {pair.name}\n    said  {pair.reference}\n    heard {pair.hypothesis}")


def print_call_head() -> None:
    print(
        f"{'lang':<5}{'condition':<12}{'calls':>5}{'load':>6}{'word→partial ms':>18}{'word→stable ms':>18}"
        f"{'end→final ms':>18}{'behind':>7}{'word ends ±':>14}{'RSS MB':>8}{'revised':>8}{'broken':>9}"
        "  budgets"
    )


def print_call_row(row: CallsRow) -> None:
    cells = "".join(f"{_percentiles(values):>18}" for values in (row.partial, row.stable, row.final))
    counts = row.revisions
    print(
        f"{row.language:<5}{row.condition:<12}{row.calls:>5}{row.load:>6.2f}{cells}{row.behind_ms:>7}"
        f"{_percentiles(row.word_times):>14}{row.rss_mb:>8.0f}"
        f"{counts.revised / max(1, counts.shown):>8.1%}{f'{counts.broken}/{counts.stable}':>9}"
        f"  {'; '.join(row.broken_budgets) or 'held'}",
        flush=True,
    )


def run_systems(
    jobs: Sequence[tuple[Condition, Sequence[Utterance]]], systems: Sequence[str], *, show: bool
) -> list[dict[str, Any]]:
    """Error rates and costs of each system on each job."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as folder:
        for condition, utterances in jobs:
            batch = [measure(system, utterances, condition, Path(folder)) for system in systems]
            print_rows(batch)
            for row in batch if show else []:
                print_differences(row)
            rows += batch
    return [asdict(row) | {"rtf": row.rtf, "calls_by_cpu": row.calls_by_cpu} for row in rows]


def run_legs(
    languages: Sequence[Language], conditions: Sequence[Condition], source: Source, systems: Sequence[str]
) -> list[dict[str, Any]]:
    """Latencies of each streaming system on the two legs of one call."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as name:
        folder = Path(name)
        for language in languages:
            for condition in conditions:
                legs = source(language, condition, 1)
                spoken = [_spoken(leg, language, folder) for leg in legs]
                batch = [measure_legs(system, legs, language, condition, folder, spoken) for system in systems]
                print_leg_rows(batch)
                rows += batch
    return [asdict(row) | {"rtf": row.rtf} for row in rows]


def _spoken(leg: Leg, language: Language, folder: Path) -> WordEnds:
    """When each word ends: as the leg knows, or as the product's engine says, which then is everybody's clock."""
    if leg.words:
        return word_ends(leg.words, language)
    try:
        with Listener(OURS, language, folder) as listener:
            return spoken_words(listener.hear(leg.pcm, leg.rate)[0], language)
    except UnavailableError:
        return []


def run_calls(
    languages: Sequence[Language], conditions: Sequence[Condition], source: Source, name: str, numbers: Sequence[int]
) -> list[dict[str, Any]]:
    """Growth with the number of calls; with `numbers` (0,), until a budget breaks."""
    rows = []
    print_call_head()
    for language in languages:
        recogniser = open_recogniser(language)
        for condition in conditions:
            for calls in LADDER if list(numbers) == [0] else numbers:
                row = measure_calls(recogniser, source(language, condition, calls), language, condition.name, name)
                print_call_row(row)
                rows.append(asdict(row))
                if list(numbers) == [0] and row.broken_budgets:
                    break
        recogniser.close()
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    corpus = parser.add_mutually_exclusive_group(required=True)
    corpus.add_argument("manifest", type=Path, nargs="?")
    corpus.add_argument("--packaged", action="store_true", help="the prompts in Debian's packages")
    corpus.add_argument("--demo", action="store_true", help="the demo conversations (with --legs or --calls)")
    parser.add_argument("--language", action="append", choices=_LANGUAGES)
    parser.add_argument("--condition", action="append", choices=list(CONDITIONS))
    parser.add_argument("--system", action="append", choices=list(SYSTEMS))
    parser.add_argument("--limit", type=int, help="utterances per language")
    parser.add_argument("--show", action="store_true", help="list what was misheard")
    parser.add_argument("--legs", action="store_true", help="latency, each leg on a core of its own")
    parser.add_argument(
        "--calls", action="append", type=int, help="calls on one simulated core; 0: until budgets break"
    )
    parser.add_argument("--seconds", type=float, default=60, help="length of the calls made of a manifest")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args(argv)
    if args.demo and not (args.legs or args.calls):
        parser.error("--demo goes with --legs or --calls: its legs are whole calls")
    try:
        groups = _read(args)
    except CorpusError as error:
        print(f"bench.asr: {error}", file=sys.stderr)
        return 2
    conditions = [CONDITIONS[name] for name in args.condition or ["clean", "ulaw"]]
    languages = [language for language in args.language or _LANGUAGES if args.demo or groups[language]]
    machine = describe()
    print(machine)
    result: dict[str, Any] = {"machine": asdict(machine), "rows": [], "legs": [], "calls": []}

    def source(language: Language, condition: Condition, calls: int) -> list[Leg]:
        if args.demo:
            return demo_calls(language, condition, calls)
        return make_calls(groups[language], condition, calls, args.seconds)

    try:
        if args.calls:
            name = "demo" if args.demo else "manifest"
            result["calls"] = run_calls(languages, conditions, source, name, args.calls)
        if args.legs:
            result["legs"] = run_legs(languages, conditions, source, args.system or STREAMED)
        if not args.calls and not args.legs:
            jobs = [(condition, groups[language]) for language in languages for condition in conditions]
            result["rows"] = run_systems(jobs, args.system or list(SYSTEMS), show=args.show)
    except ModelsError as error:
        print(f"bench.asr: {error}", file=sys.stderr)
        return 2
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")
    return 0


def _read(args: argparse.Namespace) -> dict[Language, list[Utterance]]:
    if args.demo:
        return {}
    everything = packaged_prompts() if args.packaged else read_manifest(args.manifest)
    return {language: [u for u in everything if u.language == language][: args.limit] for language in _LANGUAGES}


if __name__ == "__main__":
    sys.exit(main())
