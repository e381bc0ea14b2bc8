"""``apuntador score``: the scores of finished calls, the lines behind each point, disputes and their answers."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import pydantic_core
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from assist import quality
from assist.bus import Bus, BusAddress
from assist.cli.history import moment_of, reading, settings_of, spoken
from assist.config import Settings
from assist.errors import AuthError, BusError, StoreError
from assist.events import AgentDid, Language, LeadDid, ScoreItem
from assist.hub import rights
from assist.hub.auth import Principal, Role, TokenStore
from assist.quality import Dispute
from assist.store import document
from assist.store.reader import CaseFile, Row, read_case
from assist.store.scores import acts, list_scores, score_item
from assist.strings import say

app = typer.Typer(no_args_is_help=True, help="Scores of finished calls and disputes about them.", rich_markup_mode=None)

_BROKER_S: Final = 10.0
_STORE_S: Final = 5.0
"""How long an answer waits for the history to show it; it is noted all the same."""
_POLL_S: Final = 0.1
_MARKS: Final = {"open": "bold yellow", "upheld": "green", "rejected": "dim"}

CaseId = Annotated[str, typer.Argument(metavar="CASE_ID", help="A case's id, or its call's.")]
ItemId = Annotated[str, typer.Argument(metavar="ITEM", help="The scorecard's item, as apuntador score show names it.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept with your name and the time.")]
TokenFile = Annotated[
    Path | None, typer.Option(envvar="APUNTADOR_TOKEN_FILE", help="File with the token that says who you are.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_command(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most calls to list.")] = 20,
    since: Annotated[
        str, typer.Option("--since", help="Begun since: 2026-11-21, 2026-11-21T15:30, 90m, 12h, 7d.")
    ] = "",
    agent: Annotated[str, typer.Option("--agent", help="Only this agent's calls.")] = "",
    below: Annotated[float | None, typer.Option("--below", min=0, max=100, help="Only scores under this.")] = None,
    critical: Annotated[bool, typer.Option("--critical", help="Only with a critical item that was not met.")] = False,
    disputed: Annotated[bool, typer.Option("--disputed", help="Only with a dispute that waits for an answer.")] = False,
    as_json: AsJson = False,
) -> None:
    """The newest scored calls first.

    Examples: apuntador score list --since 7d | apuntador score list --disputed | apuntador score list --agent ana
    --below 70 --json
    """
    settings = settings_of(ctx)
    language, zone = settings.language, ZoneInfo(settings.timezone)
    start = moment_of(since, language, zone) if since else None
    with reading(settings) as connection:
        rows = list_scores(
            connection,
            limit=limit,
            since=start,
            agent_id=agent,
            below=below,
            critical=critical,
            disputed=disputed,
        )
    if as_json:
        typer.echo(pydantic_core.to_json(rows, indent=2).decode())
    elif rows:
        Console().print(_table(rows, language, zone))
    else:
        typer.echo(say(language, "quality.none"))


@app.command()
def show(ctx: typer.Context, case_id: CaseId, as_json: AsJson = False) -> None:
    """A call's score: the total, its pillars, and each point with the lines it rests on and its disputes.

    Examples: apuntador score show AP-20261121-000123 | apuntador score show 20261121-000123 --json
    """
    settings = settings_of(ctx)
    case = _scored(settings, case_id)
    if as_json:
        told = {
            "case_id": case.case["case_id"],
            **case.scores[0],
            "pillars": quality.pillars(_items(case)),
            "items": case.score_items,
            "disputes": _disputes(case),
        }
        typer.echo(pydantic_core.to_json(told, indent=2).decode())
        return
    console = Console()
    for part in _page(document.printable_case(case), settings.language, ZoneInfo(settings.timezone)):
        console.print(part)


@app.command()
def dispute(
    ctx: typer.Context, case_id: CaseId, item_id: ItemId, reason: Reason = "", token_file: TokenFile = None
) -> None:
    """Dispute an item of a call of your own; it takes an agent's token. Author, time and reason stay with the case.

    Example: apuntador score dispute AP-20261121-000123 greets --reason "I did give my name" --token-file ~/agent.token
    """
    settings = settings_of(ctx)
    language = settings.language
    who = _principal(settings, token_file, "agent")
    case = _scored(settings, case_id)
    event = AgentDid(
        call_id=str(case.case["call_id"]),
        at=time.time(),
        agent_id=who.subject,
        action="score_disputed",
        target=item_id,
        text=_reason(reason, language),
    )
    rights.check_do(who, event, case.case["agent_id"])
    item = _item(case, item_id, language)
    known = _standing(case).get(item_id)
    objection = quality.objection(item, known)
    if objection:
        raise StoreError(say(language, f"quality.{objection}"), retryable=False)
    _note(settings, case, event, say(language, "quality.dispute_open", person=who.subject, text=event.text))


@app.command()
def resolve(
    ctx: typer.Context,
    case_id: CaseId,
    item_id: ItemId,
    uphold: Annotated[bool, typer.Option("--uphold/--reject", help="Give the points, or leave them as they are.")],
    reason: Reason = "",
    token_file: TokenFile = None,
) -> None:
    """Answer a dispute; it takes a team lead's token. Upheld gives the item's points and is final.

    Examples: apuntador score resolve AP-20261121-000123 greets --uphold --reason "line 1" --token-file ~/lead.token |
    apuntador score resolve AP-20261121-000123 greets --reject --reason "not before 0:40"
    """
    settings = settings_of(ctx)
    language = settings.language
    who = _principal(settings, token_file, "lead")
    case = _scored(settings, case_id)
    event = LeadDid(
        call_id=str(case.case["call_id"]),
        at=time.time(),
        lead_id=who.subject,
        action="dispute_upheld" if uphold else "dispute_rejected",
        target=item_id,
        text=_reason(reason, language),
    )
    rights.check_do(who, event, case.case["agent_id"])
    _item(case, item_id, language)
    known = _standing(case).get(item_id)
    if known is None:
        missing = say(language, "quality.no_dispute", item=item_id, case_id=case.case["case_id"])
        raise StoreError(missing, retryable=False)
    if known.state == "upheld":
        raise StoreError(say(language, "quality.upheld_is_final", item=item_id), retryable=False)
    key = f"quality.dispute_{quality.ANSWERS[event.action]}"
    _note(settings, case, event, say(language, key, person=who.subject, text=event.text))


# --- what is known -------------------------------------------------------------------------------------------


def _scored(settings: Settings, case_id: str) -> CaseFile:
    with reading(settings) as connection:
        case = read_case(connection, case_id)
    if not case.scores:
        told = say(settings.language, "quality.unscored_case", case_id=case.case["case_id"])
        raise StoreError(told, retryable=False)
    return case


def _items(case: CaseFile) -> list[ScoreItem]:
    return [score_item(row) for row in case.score_items]


def _item(case: CaseFile, item_id: str, language: Language) -> ScoreItem:
    items = _items(case)
    found = next((item for item in items if item.item_id == item_id), None)
    if found is None:
        known = ", ".join(item.item_id for item in items)
        told = say(language, "quality.unknown_item", case_id=case.case["case_id"], item=item_id, known=known)
        raise StoreError(told, retryable=False)
    return found


def _disputes(case: CaseFile) -> tuple[Dispute, ...]:
    return quality.disputes(acts(case.actions))


def _standing(case: CaseFile) -> dict[str, Dispute]:
    return quality.standing(acts(case.actions))


# --- what people say -----------------------------------------------------------------------------------------


def _principal(settings: Settings, token_file: Path | None, role: Role) -> Principal:
    """Whoever holds the token: a name is proven here as it is to the hub, not claimed."""
    if token_file is None:
        raise AuthError(say(settings.language, "quality.no_token", role=role))
    try:
        secret = token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise AuthError(say(settings.language, "quality.token_unreadable", path=token_file, reason=err)) from None
    return TokenStore.in_dir(settings.data_dir).check(secret)


def _reason(reason: str, language: Language) -> str:
    text = " ".join(reason.split())
    if not text:
        raise typer.BadParameter(say(language, "quality.reason_missing"), param_hint="--reason")
    return text


def _note(settings: Settings, case: CaseFile, event: AgentDid | LeadDid, what: str) -> None:
    """Into the call's events, as from a screen; then wait a little until the history shows it."""
    asyncio.run(_send(settings, event))
    deadline = time.monotonic() + _STORE_S
    while time.monotonic() < deadline:
        with reading(settings) as connection:
            now = read_case(connection, str(case.case["call_id"]))
        if any(row["at"] == event.at and row["action"] == event.action for row in now.actions):
            typer.echo(say(settings.language, "quality.noted", what=what))
            typer.echo(quality.told_total(now.scores[0]["score"], settings.language))
            return
        time.sleep(_POLL_S)
    typer.echo(say(settings.language, "quality.noted_later", what=what))


async def _send(settings: Settings, event: AgentDid | LeadDid) -> None:
    bus = Bus(BusAddress.of(settings), name="score")
    await bus.start()
    try:
        await bus.ready(_BROKER_S)
        stored = asyncio.Event()
        bus.send(event, stored=stored.set)
        await asyncio.wait_for(stored.wait(), _BROKER_S)
    except TimeoutError:
        raise BusError(f"the broker did not confirm within {_BROKER_S:g} s; look at: apuntador status") from None
    finally:
        await bus.close()


# --- what is printed -----------------------------------------------------------------------------------------


def _table(rows: list[Row], language: Language, zone: ZoneInfo) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("case", "started", "agent", "score", "critical", "disputes"):
        justify = "right" if name == "score" else "left"
        table.add_column(say(language, f"quality.column_{name}"), justify=justify)  # type: ignore[arg-type]
    for row in map(document.printable, rows):
        waiting = sum(one.state == "open" for one in row["disputes"])
        told = [say(language, "quality.open_count", count=waiting)] if waiting else []
        if len(row["disputes"]) > waiting:
            told.append(say(language, "quality.answered_count", count=len(row["disputes"]) - waiting))
        cells = (
            Text(row["case_id"]),
            Text(document.moment(row["started_at"], zone)),
            Text(row["agent_id"]),
            Text("—" if row["score"] is None else f"{row['score']:.1f}", "bold red" if row["failed"] else "bold"),
            Text(", ".join(row["failed"]), "red"),
            Text(", ".join(told), "yellow" if waiting else ""),
        )
        table.add_row(*cells)
    return table


def _page(case: CaseFile, language: Language, zone: ZoneInfo) -> Iterator[Text | Table]:
    score, items = case.scores[0], _items(case)
    yield Text(say(language, "case.title", case_id=case.case["case_id"]), "bold")
    yield Text(document.head(case, language, zone)[0])
    yield Text(
        f"\n{quality.told_total(score['score'], language)} · {score['card']}", "bold red" if score["failed"] else "bold"
    )
    if score["failed"]:
        labels = ", ".join(item.label for item in items if item.item_id in score["failed"])
        held = say(language, "quality.held", cap=f"{score['cap']:g}")
        yield Text(f"{say(language, 'quality.failed', labels=labels)}; {held}", "bold red")
    found = _disputes(case)
    for pillar in quality.pillars(items):
        yield Text(f"\n{pillar.label}  {quality.told_points(pillar.points, pillar.of)}", "bold underline")
        for item in (one for one in items if one.group == pillar.label):
            yield from _item_lines(case, item, [one for one in found if one.item_id == item.item_id], language, zone)


def _item_lines(
    case: CaseFile, item: ScoreItem, found: list[Dispute], language: Language, zone: ZoneInfo
) -> Iterator[Text]:
    failed = item.item_id in case.scores[0]["failed"]
    critical = f" ({say(language, 'quality.critical')})" if item.critical else ""
    yield Text.assemble(
        f"  {quality.told_points(item.points, item.of):>8}  ",
        (item.label + critical, "bold red" if failed else ""),
        (f"  [{item.item_id}]", "dim"),
    )
    yield Text(f"            {item.why}", "dim")
    for line in document.evidence_lines(case, item.evidence):
        yield spoken(case, line, language, "          ↳ ")
    for one in found:
        told = say(language, "quality.dispute_open", person=one.agent_id, text=one.reason)
        yield Text(f"          » {document.moment(one.at, zone)} {told}", _MARKS["open"] if one.state == "open" else "")
        if one.state != "open":
            told = say(language, f"quality.dispute_{one.state}", person=one.lead_id, text=one.answer)
            yield Text(f"          » {document.moment(one.answered_at, zone)} {told}", _MARKS[one.state])
