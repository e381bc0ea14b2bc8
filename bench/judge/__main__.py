"""Every judgement measured in one table, with its peers in the same run.

    python -m bench.judge [SECTION ...] [--data DIR] [--quick] [--asr] [--json OUT]

Sections are the modules beside this one that have a function `run(options)`; without names all of them run. --data is
the folder that holds the public sets; sections that need one it lacks are named as skipped. --asr speaks the lines of
sections that can (needs espeak-ng and the speech models) and measures them as the recogniser writes them down.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import bench.judge
from bench.judge.row import Options, Row, Section, SkippedError
from bench.machine import describe

OUT = Path(__file__).parents[1] / "out" / "judge.json"


def sections() -> dict[str, Section]:
    """The sections by name."""
    found: dict[str, Section] = {}
    for module in pkgutil.iter_modules(bench.judge.__path__):
        if not module.name.startswith("_"):
            run = getattr(importlib.import_module(f"bench.judge.{module.name}"), "run", None)
            if callable(run):
                found[module.name] = run
    return found


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The table."""
    yield f"{'subject':<30}{'lang':<7}{'system':<30}{'metric':<22}{'value':>9}{'target':>9}{'n':>7}"
    for row in rows:
        target = "" if row.target is None else f"{'≤' if row.low else '≥'}{row.target:g}"
        mark = {True: "", False: "  MISSED", None: ""}[row.met]
        head = f"{row.subject:<30}{row.language:<7}{row.system:<30}{row.metric:<22}"
        yield f"{head}{row.value:>9.3f}{target:>9}{row.n:>7}{mark}{f'  {row.note}' if row.note else ''}"


def main() -> None:
    known = sections()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("section", nargs="*", choices=[*known, []], help=", ".join(known) or None)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--asr", action="store_true")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args()
    options = Options(args.data, args.quick, args.asr)
    machine = describe()
    print(machine)
    rows: list[Row] = []
    for name in args.section or known:
        began = time.monotonic()
        try:
            made = list(known[name](options))
        except SkippedError as skipped:
            print(f"\n{name}: skipped: {skipped}")
            continue
        rows += made
        print(f"\n{name} ({time.monotonic() - began:.0f} s)")
        for line in lines(made):
            print(line)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"machine": asdict(machine), "rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
