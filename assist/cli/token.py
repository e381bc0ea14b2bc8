"""``apuntador token``: make, list and take back the tokens of the screens."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from assist.config import Settings
from assist.events import Language
from assist.hub.auth import Role, StoredToken, TokenStore
from assist.strings import say

app = typer.Typer(no_args_is_help=True, help="Tokens of the screens: make, list, revoke.")


@app.command()
def create(
    ctx: typer.Context,
    role: Annotated[Role, typer.Option(help="What its holder may do.")],
    subject: Annotated[str, typer.Option(help="The agent's id, or a name for a lead or admin.")],
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it expires; never without it.")] = None,
) -> None:
    """Make a token and print it once."""
    settings: Settings = ctx.obj
    if role == "agent":
        # A token for an agent nobody knows would open a screen that stays empty for ever.
        settings.agent_by_id(subject)
    secret, token = TokenStore.in_dir(settings.data_dir).create(role, subject, days=days)
    typer.echo(
        say(settings.language, "hub.token_created", id=token.id, role=token.role, subject=token.subject), err=True
    )
    typer.echo(secret)


@app.command("list")
def list_tokens(ctx: typer.Context) -> None:
    """List tokens by id; the tokens themselves are not kept anywhere."""
    settings: Settings = ctx.obj
    language = settings.language
    tokens = TokenStore.in_dir(settings.data_dir).tokens()
    if not tokens:
        typer.echo(say(language, "hub.token_none"))
        return
    table = Table(*(say(language, f"hub.token_column_{name}") for name in ("id", "role", "subject", "created")), "")
    now = datetime.now().timestamp()
    zone = ZoneInfo(settings.timezone)
    for token in tokens:
        table.add_row(
            token.id, token.role, token.subject, _day(token.created, zone), _expiry(token, language, zone, now)
        )
    Console().print(table)


@app.command()
def revoke(ctx: typer.Context, token_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a token back; its screens are closed within seconds."""
    settings: Settings = ctx.obj
    token = TokenStore.in_dir(settings.data_dir).revoke(token_id)
    typer.echo(say(settings.language, "hub.token_revoked", id=token.id, role=token.role, subject=token.subject))


def _expiry(token: StoredToken, language: Language, zone: ZoneInfo, now: float) -> str:
    if token.expires is None:
        return say(language, "hub.token_never")
    key = "hub.token_expired" if token.expires <= now else "hub.token_expires"
    return say(language, key, date=_day(token.expires, zone))


def _day(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")
