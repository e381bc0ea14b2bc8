"""``apuntador demo``: see the whole product at work in two minutes."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from assist.config import Settings
from assist.events import Language
from assist.strings import say


def demo(
    ctx: typer.Context,
    language: Annotated[
        str, typer.Option("--language", "-l", help="es: a billing complaint; en: a card fraud.")
    ] = "es",
    plain: Annotated[bool, typer.Option("--plain", help="One line per event; the default without a terminal.")] = False,
) -> None:
    """Start everything on loopback, place a real SIP call with a recorded conversation, and show the agent's screen.

    Models that are missing are fetched first. Exit code 0 once the case is saved.

    Examples: apuntador demo | apuntador demo --language en | apuntador demo --plain > events.txt
    """
    settings: Settings = ctx.obj
    spoken: Language = "en" if language == "en" else "es"
    if language not in ("es", "en"):
        raise typer.BadParameter("es or en", param_hint="--language")
    # From here on everything speaks the demo's language, the fetching of models too.
    os.environ["APUNTADOR_LANG"] = spoken
    _fetch_models(settings, spoken)
    from assist.demo.run import Demo
    from assist.hub.auth import TokenStore

    def make_token(demo_settings: Settings, agent_id: str) -> str:
        secret, _ = TokenStore.in_dir(demo_settings.data_dir).create("agent", agent_id, days=1)
        return secret

    demonstration = Demo(
        settings,
        spoken,
        plain=plain or not (sys.stdout.isatty() and sys.stdin.isatty()),
        on_status=lambda line: typer.echo(f"apuntador: {line}"),
        make_token=make_token,
    )
    typer.echo(say(spoken, "demo.starting", folder=demonstration.settings.data_dir))
    code = asyncio.run(demonstration.run())
    if code == 0:
        typer.echo(say(spoken, "demo.done", config=demonstration.config_path))
    raise typer.Exit(code)


def _fetch_models(settings: Settings, language: Language) -> None:
    from models.cli import fetch_missing

    fetch_missing(language, settings.models_path)
