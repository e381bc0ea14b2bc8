"""How many calls one real transcriber serves inside the budgets, live: latencies, load, memory, service levels.

    python -m bench.capacity [--language es] [--calls 1 --calls 4] [--seconds 60]
    python -m bench.capacity --model moonshine-tiny-en            # another installed model than the best
    python -m bench.capacity --manifest PATH                      # real speech, as bench.asr takes it

A broker, one transcriber process (`assist.transcriber.worker`, one language, pinned to one core) and N two-leg calls
whose audio comes at real time, 20 ms frames through the gateway's own publisher, µ-law. Times are those at which
another client of the broker has the text, on the media clock of the leg: they hold the chunking, the broker, the
scheduler, the polishing of finals and the wait for a core that N calls share. They do not hold SIP, RTP, the jitter
buffer, the deciders and the screens, which `bench.latency` measures end to end; and one worker is measured, so how
several share a machine's memory bandwidth is not seen. `bench.asr --calls` is the same load on a simulated core:
cheaper, and without all but the recogniser.

Words count that end while all N calls run. A first call that nobody measures lets the worker warm up and learn what a
call costs here, as any that has run for a minute has. Without --calls N grows until a latency budget breaks or a call
gets less than full service.

Word ends: of the demo conversations from their synthesiser (good to about 60 ms), of a manifest those of the engine's
own finals. Load and memory are the process's own, from the kernel; MB are 10^6 bytes.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assist import log
from assist.config import Settings
from assist.errors import AssistError
from assist.events import Language
from bench.capacity_rig import Rig, lone_model, running, split_cores
from bench.capacity_row import CapacityRow, measure
from bench.capacity_run import RigError
from bench.corpus import CONDITIONS, Condition, CorpusError, Utterance, read_manifest
from bench.legs import TICK, Leg, demo_calls, make_calls
from bench.machine import describe
from models.catalog import load_catalog
from models.errors import ModelsError

OUT = Path(__file__).parent / "out" / "capacity.json"
LADDER = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32)
WARM_UP_S = 30.0
STAGGER_S = 0.7
"""Between the begins of calls; what is said in them is shifted by more (`bench.legs.STAGGER`)."""
_LANGUAGES: tuple[Language, ...] = ("es", "en")


def cut(leg: Leg, seconds: float) -> Leg:
    """The first seconds of a leg."""
    if leg.seconds <= seconds:
        return leg
    words = tuple((word, end) for word, end in leg.words if end <= seconds)
    return replace(
        leg, pcm=leg.pcm[: round(seconds * leg.rate)], speech=leg.speech[: round(seconds / TICK)], words=words
    )


def print_head() -> None:
    print(
        f"{'lang':<5}{'calls':>5}{'load':>6}{'CPU-s/h':>8}{'word→partial ms':>18}{'word→stable ms':>18}"
        f"{'end→final ms':>18}{'matched':>8}{'revised':>8}{'broken':>9}{'RSS MB':>8}{'MB/call':>8}"
        f"{'full/fin/late':>14}{'lost s':>7}  budgets"
    )


def _cells(*latencies: dict[str, int] | None) -> str:
    return "".join(f"{'/'.join(str(v[p]) for p in ('p50', 'p95', 'p99')) if v else 'n/a':>18}" for v in latencies)


def print_row(row: CapacityRow) -> None:
    """A second line for the calls that kept full service while others had less."""
    cells = _cells(row.partial, row.stable, row.final)
    counts = row.revisions
    levels = "/".join(str(row.levels[level]) for level in ("full", "finals", "late"))
    print(
        f"{row.language:<5}{row.calls:>5}{row.load:>6.2f}{row.cpu_s_per_hour:>8.0f}{cells}"
        f"{f'{row.matched:.0%}' if row.matched is not None else 'n/a':>8}"
        f"{counts.revised / max(1, counts.shown):>8.1%}{f'{counts.broken}/{counts.stable}':>9}{row.rss_mb:>8.0f}"
        f"{'-' if row.mb_per_call is None else f'{row.mb_per_call:.1f}':>8}{levels:>14}{row.lost_s:>7.1f}"
        f"  {'; '.join(row.broken_budgets()) or 'held'}",
        flush=True,
    )
    if row.reduced and row.spared:
        head = f"     {row.spared:>5} of them in full"
        print(f"{head:<24}{_cells(row.spared_partial)}{'':18}{_cells(row.spared_final)}", flush=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. utterances: of a manifest; empty: the demo conversations. numbers: of calls; empty: grow."""

    condition: Condition
    seconds: float
    numbers: tuple[int, ...]
    utterances: tuple[Utterance, ...]
    model: str | None

    def legs(self, language: Language, calls: int, seconds: float) -> list[Leg]:
        if not self.utterances:
            return [cut(leg, seconds) for leg in demo_calls(language, self.condition, calls)]
        spoken = [u for u in self.utterances if u.language == language]
        if not spoken:
            raise CorpusError(f"the manifest has no {language!r}; leave that language out")
        return make_calls(spoken, self.condition, calls, seconds)


async def climb(rig: Rig, language: Language, plan: Plan) -> list[CapacityRow]:
    """One language's rows. Raises `RigError` when another model is loaded than was asked for."""
    if plan.model not in (None, rig.model):
        raise RigError(f"the transcriber has loaded {rig.model}, not {plan.model}")
    idle = rig.usage().rss_mb
    await rig.hold(plan.legs(language, 1, WARM_UP_S), language, stagger=STAGGER_S)
    rows: list[CapacityRow] = []
    for calls in plan.numbers or LADDER:
        run = await rig.hold(plan.legs(language, calls, plan.seconds), language, stagger=STAGGER_S)
        source = "manifest" if plan.utterances else "demo"
        row = measure(run, language, plan.condition.name, source, rig.model, idle, rows[0] if rows else None)
        print_row(row)
        rows.append(row)
        if not plan.numbers and (row.late_budgets or row.reduced):
            break
    return rows


async def measure_language(
    language: Language, plan: Plan, engine: str, cores: tuple[int, set[int]]
) -> list[CapacityRow]:
    """A worker of its own for one language; `cores` as `split_cores` gives them."""
    folder = Path(tempfile.mkdtemp(prefix="apuntador-bench-"))
    try:
        models = Settings().models_path
        if plan.model:
            models = lone_model(plan.model, models, folder)
        async with running(folder, language, models=models, cores=cores, engine=engine) as rig:
            return await climb(rig, language, plan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", action="append", choices=_LANGUAGES)
    parser.add_argument("--calls", action="append", type=int, help="default: more and more, until budgets break")
    parser.add_argument("--seconds", type=float, default=60, help="length of the calls")
    parser.add_argument("--manifest", type=Path, help="real speech instead of the demo: path, language, text")
    parser.add_argument("--condition", choices=[c.name for c in CONDITIONS.values() if c.codec], default="ulaw")
    parser.add_argument("--engine", choices=["auto", "moonshine", "vosk"], default="auto")
    parser.add_argument("--model", help="an installed model of the catalogue, such as moonshine-tiny-en")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args(argv)
    if min(args.calls or [1]) < 1 or args.seconds < 20:
        parser.error("--calls from 1 on, --seconds from 20 on")
    machine = describe()
    rows: list[CapacityRow] = []
    try:
        utterances = tuple(read_manifest(args.manifest)) if args.manifest else ()
        languages = args.language or [
            x for x in _LANGUAGES if not utterances or any(u.language == x for u in utterances)
        ]
        if args.model:
            languages = [x for x in _LANGUAGES if x == load_catalog().get(args.model).language]
        log.configure("error")
        plan = Plan(CONDITIONS[args.condition], args.seconds, tuple(args.calls or ()), utterances, args.model)
        cores = split_cores()
        print(machine)
        print_head()
        for language in languages:
            rows += asyncio.run(measure_language(language, plan, args.engine, cores))
            print(f"{language}: {rows[-1].idle_mb:.0f} MB with {rows[-1].model} loaded and no call yet")
    except (RigError, CorpusError, ModelsError, AssistError) as error:
        print(f"bench.capacity: {error}", file=sys.stderr)
        return 2
    result: dict[str, Any] = {"machine": asdict(machine)}
    result["rows"] = [asdict(row) | {"broken_budgets": row.broken_budgets()} for row in rows]
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
