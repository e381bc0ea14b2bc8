"""``apuntador scorecard``: check a quality scorecard."""

from pathlib import Path
from typing import Annotated

import typer

from assist.config import Settings
from assist.session.playbooks import load_playbooks
from assist.session.scorecards import read_scorecard
from assist.strings import say

app = typer.Typer(no_args_is_help=True, help="The quality scorecard.", rich_markup_mode=None)


@app.callback()
def scorecard() -> None:
    """The quality scorecard."""


@app.command()
def check(ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Check a scorecard against the playbook of its language; every fault is named with line and remedy.

    Example: apuntador scorecard check /etc/apuntador/calidad.toml
    """
    settings: Settings = ctx.obj
    card = read_scorecard(file)
    rules = frozenset(rule.id for rule in load_playbooks(settings)[card.language].rules)
    card = read_scorecard(file, rules)
    typer.echo(say(settings.language, "score.check_ok", path=file, items=len(card.item), groups=len(card.group)))
