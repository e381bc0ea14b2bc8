"""``apuntador cdr``: the call records of a period."""

import os
import time
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assist.cdr import files
from assist.cdr.record import FIELDS
from assist.cli.history import moment_of, settings_of
from assist.control import masked
from assist.events import PARTIES, Language
from assist.store import document
from assist.strings import say

_COLUMNS: Final = ("ended", "trunk", "caller", "agent", "talk_s", "end_reason", "mos")


def cdr(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", help="Ended since: 2026-11-21, 2026-11-21T15:30, 90m, 7d.")] = "1d",
    until: Annotated[str, typer.Option("--until", help="Ended before; as --since.")] = "",
    output_format: Annotated[str, typer.Option("--format", "-f", help="table, csv or jsonl.")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output without it.")
    ] = None,
    mask: Annotated[bool, typer.Option("--mask", help="Only the end of each number.")] = False,
) -> None:
    """Call detail records of a period, from the files that [cdr] writes; one line for each call.

    Examples: apuntador cdr | apuntador cdr --since 2026-11-01 --until 2026-12-01 -f csv -o november.csv
    """
    settings = settings_of(ctx)
    language, zone = settings.language, ZoneInfo(settings.timezone)
    if output_format not in ("table", "csv", "jsonl"):
        raise typer.BadParameter("table, csv, jsonl", param_hint="--format")
    if output is not None and output.exists():
        raise typer.BadParameter(say(language, "cdr.exists", path=output), param_hint="--output")
    start = moment_of(since, language, zone)
    end = moment_of(until, language, zone) if until else time.time() + 60
    rows = [_masked(row) if mask else row for row in files.read(settings.cdr_path, start, end)]
    if output_format == "table":
        if rows:
            Console().print(_table(rows, language))
        else:
            key = "none" if settings.cdr.formats else "off"
            typer.echo(say(language, f"cdr.{key}", folder=settings.cdr_path))
        return
    kind: files.Format = "csv" if output_format == "csv" else "jsonl"
    text = files.head(kind) + "".join(files.line({name: row.get(name) for name in FIELDS}, kind) for row in rows)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(output, flags, 0o600), "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as err:
        raise typer.BadParameter(f"{output}: {err.strerror}", param_hint="--output") from None
    typer.echo(say(language, "cdr.written", count=len(rows), path=output), err=True)


def _table(rows: list[dict[str, Any]], language: Language) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(
            say(language, f"cdr.column_{name}"), justify="right" if name.startswith(("mos", "talk")) else "left"
        )
    for row in map(document.printable, rows):
        cells = {**row, "ended": str(row["ended"])[5:16].replace("T", " ")}
        cells["mos"] = "/".join(_mos(row.get(f"mos_{party}")) for party in PARTIES)
        cells["talk_s"] = document.clock(float(row["talk_s"]))
        cells["end_reason"] = say(language, f"cdr.reason_{row['end_reason']}")
        table.add_row(*(Text("" if cells.get(name) is None else str(cells[name])) for name in _COLUMNS))
    return table


def _mos(value: Any) -> str:
    return f"{float(value):.1f}" if value not in (None, "") else "—"


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "caller": masked(str(row["caller"])), "callee": masked(str(row["callee"])), "transfers": ""}
