"""``apuntador case``: list, show and export the case history."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import pydantic_core
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assist import quality
from assist.cli.history import moment_of, reading, settings_of, spoken
from assist.events import Language
from assist.store import document
from assist.store.reader import CaseFile, Row, list_cases, read_case
from assist.strings import say

app = typer.Typer(no_args_is_help=True, help="The case history: list, show, export.", rich_markup_mode=None)

_WIDE: Final = 120
"""Columns a terminal needs for everything; a narrower one gets the essential."""
_STYLES: Final = {
    "met": "green",
    "missed": "bold red",
    "forbidden_said": "bold red",
    "due": "yellow",
    "pending": "dim",
}


@app.command("list")
def list_command(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most cases to list.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
    since: Annotated[
        str, typer.Option("--since", help="Begun since: 2026-11-21, 2026-11-21T15:30, 90m, 12h, 7d.")
    ] = "",
) -> None:
    """The newest cases first.

    Examples: apuntador case list | apuntador case list --since 7d --limit 100 | apuntador case list --json
    """
    settings = settings_of(ctx)
    zone = ZoneInfo(settings.timezone)
    start = moment_of(since, settings.language, zone) if since else None
    with reading(settings) as connection:
        rows = list_cases(connection, limit=limit, since=start)
    if as_json:
        typer.echo(pydantic_core.to_json(rows, indent=2).decode())
    elif rows:
        console = Console()
        console.print(_table(rows, settings.language, zone, console.width))
    else:
        when = say(settings.language, "case.none_since", date=document.moment(start, zone)) if start is not None else ""
        typer.echo(say(settings.language, "case.none", since=when))


@app.command()
def show(ctx: typer.Context, case_id: Annotated[str, typer.Argument(metavar="CASE_ID")]) -> None:
    """One case: its summary with the lines behind every point, checklist, cards and transcript.

    Examples: apuntador case show AP-20261121-000123 | apuntador case show 20261121-000123
    """
    settings = settings_of(ctx)
    with reading(settings) as connection:
        case = document.printable_case(read_case(connection, case_id))
    console = Console()
    for part in _page(case, settings.language, ZoneInfo(settings.timezone)):
        console.print(part)


@app.command()
def export(
    ctx: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE_ID")],
    output_format: Annotated[str, typer.Option("--format", "-f", help="json or md.")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; standard output without it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """A case as JSON (times in seconds UTC) or Markdown.

    Examples: apuntador case export AP-20261121-000123 | apuntador case export AP-20261121-000123 -f md -o case.md
    """
    settings = settings_of(ctx)
    if output_format not in ("json", "md"):
        raise typer.BadParameter("json or md", param_hint="--format")
    if output is not None and output.exists() and not force:
        raise typer.BadParameter(say(settings.language, "case.exists", path=output), param_hint="--output")
    with reading(settings) as connection:
        case = read_case(connection, case_id)
    zone = ZoneInfo(settings.timezone)
    text = document.as_json(case) if output_format == "json" else document.as_markdown(case, settings.language, zone)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        # Somebody's words and numbers: for the one who asked, nobody else.
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise typer.BadParameter(f"{output}: {err.strerror}", param_hint="--output") from None
    typer.echo(say(settings.language, "case.written", case_id=case.case["case_id"], path=output), err=True)


def _table(rows: list[Row], language: Language, zone: ZoneInfo, width: int) -> Table:
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False)
    for name in ("case", "started", "caller", "duration", *(("agent", "queue", "tags") if wide else ())):
        table.add_column(say(language, f"case.column_{name}"), no_wrap=name != "tags")
    for name in ("disposition", "status"):
        table.add_column(say(language, f"case.column_{name}"), no_wrap=name == "status")
    for row in map(document.printable, rows):
        more = (row["agent_id"], row["queue"], ", ".join(row["tags"])) if wide else ()
        cells = (
            row["case_id"],
            document.moment(row["started_at"], zone),
            row["caller"],
            document.duration(row, language),
            *more,
            row["disposition"],
            say(language, f"case.status_{row['status']}"),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _page(case: CaseFile, language: Language, zone: ZoneInfo) -> Iterator[Text]:
    row = case.case
    status: Literal["bold green", "bold yellow"] = "bold green" if row["status"] == "closed" else "bold yellow"
    yield Text.assemble(
        (say(language, "case.title", case_id=row["case_id"]), "bold"),
        "  ",
        (say(language, f"case.status_{row['status']}"), status),
    )
    for fact in document.head(case, language, zone):
        yield Text(fact)
    if case.tags:
        yield Text(f"{say(language, 'case.tags')}: {', '.join(tag['label'] for tag in case.tags)}")
    yield from _summary(case, language)
    yield from _score(case, language)
    yield from _rules(case, language)
    yield from _cards(case, language)
    if case.alerts:
        yield _heading(say(language, "case.alerts"))
        for alert in case.alerts:
            yield Text.assemble("  ", (document.offset(row, alert["raised_at"]), "dim"), f"  {alert['reason']}")
    notes = [action for action in case.actions if action["text"]]
    if notes:
        yield _heading(say(language, "case.notes"))
        for note in notes:
            yield Text.assemble("  ", (document.offset(row, note["at"]), "dim"), f"  {note['person']}: {note['text']}")
    leads = document.ears_lines(case, language)
    if leads:
        yield _heading(say(language, "case.leads"))
        for at, told in leads:
            yield Text.assemble("  ", (at, "dim"), f"  {told}")
    survey = document.survey_lines(case, language)
    if survey:
        yield _heading(say(language, "case.survey"))
        for told in survey:
            yield Text(f"  {told}")
    if case.postings:
        yield _heading(say(language, "case.postings"))
        for posting in case.postings:
            key = "case.posted" if posting["reference"] else "case.not_posted"
            known = {name: posting[name] for name in ("target", "reference", "detail")}
            yield Text("  " + say(language, key, **known))
    yield _heading(say(language, "case.transcript"))
    for line in case.lines:
        yield spoken(case, line, language)
    if not case.lines:
        yield Text("  " + say(language, "case.transcript_none"))


def _heading(title: str) -> Text:
    return Text(f"\n{title}", style="bold underline")


def _summary(case: CaseFile, language: Language) -> Iterator[Text]:
    revision = case.case["revision"]
    told = f" ({say(language, 'case.summary_revision', revision=revision)})" if revision else ""
    yield _heading(say(language, "case.summary") + told)
    for item in case.summary:
        yield Text.assemble("  ", (say(language, f"case.slot_{item['slot']}"), "bold"), f": {item['text']}")
        for line in document.evidence_lines(case, item["evidence"]):
            shown = spoken(case, line, language, "    ↳ ")
            shown.stylize("dim")
            yield shown
        if document.by_agent(item):
            yield Text(f"    ↳ {say(language, 'case.by_agent')}", style="dim")
    if not case.summary:
        yield Text("  " + say(language, "case.summary_none"))


def _score(case: CaseFile, language: Language) -> Iterator[Text]:
    for row in case.scores:
        yield _heading(f"{say(language, 'case.score')} ({row['card']})")
        told = "—" if row["score"] is None else f"{row['score']:.1f}"
        yield Text(f"  {say(language, 'case.score_total', score=told)}", style="bold red" if row["failed"] else "bold")
    for item in case.score_items:
        points = "—" if item["points"] is None else f"{item['points']:g}"
        failed = any(item["item_id"] in row["failed"] for row in case.scores)
        where = [document.offset(case.case, line["t0"]) for line in document.evidence_lines(case, item["evidence"])]
        yield Text.assemble(
            f"  {points:>5}/{item['of']:<4g}",
            (f" {item['label']}", "bold red" if failed else ""),
            (f"  {item['why']}", "dim"),
            (f"  {', '.join(where)}", "dim"),
        )
        for did in case.actions:
            if did["target"] == item["item_id"] and did["action"] in quality.ACTIONS:
                key = f"case.{did['action']}"
                yield Text(f"    ↳ {say(language, key, person=did['person'], text=did['text'])}", style="yellow")


def _rules(case: CaseFile, language: Language) -> Iterator[Text]:
    if not case.checklist:
        return
    yield _heading(say(language, "case.checklist"))
    for rule in case.checklist:
        state = str(rule["state"])
        mark = {"met": "✓", "missed": "✗", "forbidden_said": "!"}.get(state, "·")
        where = [document.offset(case.case, line["t0"]) for line in document.evidence_lines(case, rule["evidence"])]
        yield Text.assemble(
            "  ",
            (f"{mark} {say(language, f'case.state_{state}')}", _STYLES[state]),
            f"  {rule['label']}",
            (f"  {', '.join(where)}", "dim"),
        )


def _cards(case: CaseFile, language: Language) -> Iterator[Text]:
    if not case.cards:
        return
    yield _heading(say(language, "case.cards"))
    for card in case.cards:
        yield Text.assemble(
            "  ",
            (f"{document.offset(case.case, card['offered_at']):>6}", "dim"),
            f"  {card['title']} ",
            (f"({say(language, 'case.outcome_' + card['outcome'])})", "italic"),
        )
