"""The recogniser against its peers: word error rate, CPU, memory, latency, revised words.

    python -m bench.asr MANIFEST [--language es] [--condition clean --condition ulaw] [--system apuntador]
                        [--limit N] [--show] [--json OUT]
    python -m bench.asr MANIFEST --calls 1 --calls 4 [--language es] [--condition ulaw] [--seconds 60]

MANIFEST is a tab-separated file with the header `path, language, text`; paths are relative to it. `--packaged` takes
the prompts that Debian packages instead (see `bench.packaged`). Each system runs in a process of its own, on one
thread, and hears the same samples. With `--calls`, the product's recogniser serves so many two-leg calls on a simulated
clock (see `bench.asr_clock`): latencies, load of the core, and where the budgets break.
"""

import argparse
import gc
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assist.events import Language
from bench.asr_clock import simulate
from bench.asr_measure import Latencies, Revisions, percentiles
from bench.corpus import CONDITIONS, Condition, CorpusError, Utterance, make_calls, read_manifest, transmit, write_wav
from bench.corpus import resample as to_rate
from bench.peers.process import PeerProcess, heard_from
from bench.peers.protocol import UnavailableError, rss_mb
from bench.text import says_digits, word_errors
from models.asr.registry import open_recogniser
from models.errors import ModelsError

OUT = Path(__file__).parent / "out" / "asr.json"
PEERS = Path(__file__).parents[1] / ".venv-peers"


def _peer(module: str, *options: str) -> list[str]:
    return [str(PEERS / "bin" / "python"), "-m", f"bench.peers.{module}", str(PEERS / "models"), *options]


SYSTEMS = {
    "apuntador": [sys.executable, "-m", "bench.peers.apuntador"],
    "apuntador-offline": [sys.executable, "-m", "bench.peers.apuntador", "--offline"],
    "faster-whisper": _peer("whisper"),
    "whisper-streaming": _peer("whisper", "--stream"),
    "moonshine-voice": _peer("moonshine_voice", "--stream"),
    "moonshine-voice-offline": _peer("moonshine_voice"),
    "sherpa-onnx": _peer("sherpa"),
    "vosk": _peer("vosk"),
}
"""The command of each system's worker."""
_STREAMS = 8  # opened at once to see what each takes


@dataclass(frozen=True, slots=True)
class Pair:
    """What was said in a recording and what was heard; counts of words."""

    name: str
    reference: str
    hypothesis: str
    errors: int
    words: int
    digits: bool


@dataclass(slots=True)
class Row:
    """One system in one language and condition. `why` says why there are no figures.

    WER in percent, of all utterances and of those without digit strings (None when there are none with); CPU in seconds
    per second of audio; memory in MB; `first_ms` and `final_ms`: latencies of one stream on a core of its own.
    """

    system: str
    language: str
    condition: str
    model: str = ""
    why: str = ""
    wer: float | None = None
    wer_no_digits: float | None = None
    audio_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    mb_per_stream: float | None = None
    revisions: Revisions | None = None
    final_ms: dict[str, int] | None = None
    pairs: list[Pair] = field(default_factory=list)

    @property
    def rtf(self) -> float:
        return self.cpu_s / self.audio_s if self.audio_s else 0.0


def measure(system: str, utterances: Sequence[Utterance], condition: Condition, folder: Path) -> Row:
    """All utterances, of one language, through one system."""
    language = utterances[0].language
    row = Row(system, language, condition.name)
    try:
        peer = PeerProcess(SYSTEMS[system], log=folder / f"{system}.log")
    except UnavailableError as error:
        row.why = str(error)
        return row
    try:
        opened = peer.ask(op="open", language=language)
        row.model = str(opened["name"])
        _hear_all(peer, int(opened["rate"]), utterances, condition, folder, row)
    except UnavailableError as error:
        row.why = str(error)
    finally:
        peer.close()
    return row


def _hear_all(
    peer: PeerProcess, rate: int, utterances: Sequence[Utterance], condition: Condition, folder: Path, row: Row
) -> None:
    revisions = Revisions()
    path = folder / "heard.wav"
    for utterance in utterances:
        pcm, heard_rate = transmit(utterance, condition)
        write_wav(path, to_rate(pcm, heard_rate, rate or heard_rate), rate or heard_rate)
        answer = peer.ask(op="hear", path=str(path))
        heard = heard_from(answer)
        errors, words = word_errors([utterance.text], [heard.text], utterance.language)
        digits = says_digits(utterance.text, utterance.language)
        row.pairs.append(Pair(utterance.name, utterance.text, heard.text, errors, words, digits))
        row.audio_s += utterance.seconds
        row.cpu_s += float(answer["cpu_s"])
        row.peak_mb = float(answer["peak_mb"])
        revisions.add(heard.shown, utterance.language)
    streams = peer.ask(op="streams", path=str(path), count=_STREAMS)
    row.mb_per_stream = streams["mb_per_stream"]
    row.revisions = revisions if revisions.shown else None
    row.wer = _wer(row.pairs)
    if any(pair.digits for pair in row.pairs):
        row.wer_no_digits = _wer([pair for pair in row.pairs if not pair.digits])


def _wer(pairs: Sequence[Pair]) -> float | None:
    words = sum(pair.words for pair in pairs)
    return 100 * sum(pair.errors for pair in pairs) / words if words else None


def print_rows(rows: Sequence[Row]) -> None:
    """The table."""
    print(
        f"{'lang':<5}{'condition':<12}{'system':<25}{'WER %':>6}{'no dig.':>8}{'RTF':>7}{'CPU-s/h':>8}{'peak MB':>8}"
        f"{'MB/strm':>8}{'revised':>8}{'broken':>7}  model"
    )
    for row in rows:
        head = f"{row.language:<5}{row.condition:<12}{row.system:<25}"
        if row.why:
            print(f"{head}{'n/a':>6}  {row.why}")
            continue
        revised = broken = "-"
        if row.revisions:
            revised = f"{row.revisions.revised / row.revisions.shown:.1%}"
            broken = f"{row.revisions.broken}/{row.revisions.stable}"
        each = "-" if row.mb_per_stream is None else f"{row.mb_per_stream:.1f}"
        print(
            f"{head}{_number(row.wer):>6}{_number(row.wer_no_digits):>8}{row.rtf:>7.3f}{3600 * row.rtf:>8.0f}"
            f"{row.peak_mb:>8.0f}{each:>8}{revised:>8}{broken:>7}  {row.model}",
            flush=True,
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def print_differences(row: Row) -> None:
    """The utterances that were misheard, the worst first."""
    for pair in sorted(row.pairs, key=lambda pair: -pair.errors):
        if pair.errors:
            print(f"  {pair.errors}/{pair.words} {pair.name}\n    said  {pair.reference}\n    heard {pair.hypothesis}")


def measure_calls(utterances: Sequence[Utterance], condition: Condition, calls: int, seconds: float) -> dict[str, Any]:
    """So many two-leg calls on one simulated core: one line of the table. Latencies in milliseconds."""
    language: Language = utterances[0].language
    legs = make_calls(utterances, condition, calls, seconds)
    recogniser = open_recogniser(language)
    gc.collect()
    before = rss_mb()
    streams = [recogniser.stream(leg.rate) for leg in legs]
    run = simulate(streams, [leg.pcm for leg in legs])
    memory = (rss_mb() - before) / calls
    latencies, revisions = Latencies(), Revisions()
    for leg, shown in zip(legs, run.shown, strict=True):
        latencies.add(shown, leg, language)
        revisions.add([item.transcript for item in shown], language)
    recogniser.close()
    return {
        "language": language,
        "condition": condition.name,
        "model": recogniser.name,
        "calls": calls,
        "speech": sum(float(leg.speech.mean()) for leg in legs) / len(legs),
        "load": run.load(seconds),
        "behind_ms": round(run.behind * 1000),
        "partial": percentiles(latencies.partial),
        "stable": percentiles(latencies.stable),
        "final": percentiles(latencies.final),
        "finals": len(latencies.final),
        "mb_per_call": memory,
        "revisions": asdict(revisions),
        "broken_budgets": broken_budgets(latencies, calls),
    }


def broken_budgets(latencies: Latencies, calls: int) -> list[str]:
    """Which budgets (issue 3) do not hold, in milliseconds."""
    limits = [("partial", "p50", 350), ("partial", "p95", 900), ("final", "p95", 700 if calls == 1 else 900)]
    measured = {"partial": percentiles(latencies.partial), "final": percentiles(latencies.final)}
    broken = []
    for name, percent, limit in limits:
        values = measured[name]
        if values and values[percent] > limit:
            broken.append(f"{name} {percent} {values[percent]} > {limit}")
    return broken


def print_call_head() -> None:
    print(
        f"{'lang':<5}{'condition':<12}{'calls':>5}{'load':>6}{'word→partial ms':>18}{'word→stable ms':>18}"
        f"{'end→final ms':>18}{'behind':>8}{'MB/call':>8}{'revised':>8}{'broken':>8}  budgets"
    )


def print_call_row(row: dict[str, Any]) -> None:
    def cell(name: str) -> str:
        values = row[name]
        return "/".join(str(values[p]) for p in ("p50", "p95", "p99")) if values else "n/a"

    counts = row["revisions"]
    print(
        f"{row['language']:<5}{row['condition']:<12}{row['calls']:>5}{row['load']:>6.2f}{cell('partial'):>18}"
        f"{cell('stable'):>18}{cell('final'):>18}{row['behind_ms']:>8}{row['mb_per_call']:>8.1f}"
        f"{counts['revised'] / max(1, counts['shown']):>8.1%}{counts['broken']:>4}/{counts['stable']:<4}"
        f" {'; '.join(row['broken_budgets']) or 'held'}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--language", action="append", choices=["es", "en"])
    parser.add_argument("--condition", action="append", choices=list(CONDITIONS))
    parser.add_argument("--system", action="append", choices=list(SYSTEMS))
    parser.add_argument("--limit", type=int, help="utterances per language")
    parser.add_argument("--show", action="store_true", help="list what was misheard")
    parser.add_argument("--calls", action="append", type=int, help="two-leg calls on the simulated clock")
    parser.add_argument("--seconds", type=float, default=60, help="length of each of those calls")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args()
    try:
        utterances = read_manifest(args.manifest)
    except CorpusError as error:
        print(f"bench.asr: {error}", file=sys.stderr)
        return 2
    by_language = {
        language: [u for u in utterances if u.language == language][: args.limit]
        for language in args.language or ["es", "en"]
    }
    chosen = [CONDITIONS[name] for name in args.condition or ["clean", "ulaw"]]
    print(f"one thread; {os.cpu_count()} cores, {platform.machine()}")
    result: dict[str, Any] = {"cores": os.cpu_count(), "machine": platform.machine(), "rows": [], "calls": []}
    jobs = [(condition, group) for group in by_language.values() if group for condition in chosen]
    try:
        if args.calls:
            result["calls"] = _run_calls(jobs, args.calls, args.seconds)
        else:
            result["rows"] = _run_systems(jobs, args.system or list(SYSTEMS), show=args.show)
    except ModelsError as error:
        print(f"bench.asr: {error}", file=sys.stderr)
        return 2
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")
    return 0


def _run_systems(
    jobs: Sequence[tuple[Condition, Sequence[Utterance]]], systems: Sequence[str], *, show: bool
) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as folder:
        for condition, utterances in jobs:
            rows += [measure(system, utterances, condition, Path(folder)) for system in systems]
            print_rows(rows[-len(systems) :])
            if show:
                for row in rows[-len(systems) :]:
                    print(f"{row.system}, {row.language}, {row.condition}")
                    print_differences(row)
    return [asdict(row) | {"rtf": row.rtf} for row in rows]


def _run_calls(
    jobs: Sequence[tuple[Condition, Sequence[Utterance]]], numbers: Sequence[int], seconds: float
) -> list[dict[str, Any]]:
    rows = []
    print_call_head()
    for condition, utterances in jobs:
        for calls in numbers:
            rows.append(measure_calls(utterances, condition, calls, seconds))
            print_call_row(rows[-1])
    return rows


if __name__ == "__main__":
    sys.exit(main())
