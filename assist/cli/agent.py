"""``apuntador agent``: the agent's screen."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from assist.cli.hub import hub_url, read_token
from assist.config import Settings
from assist.errors import AuthError
from assist.events import Language


def agent(
    ctx: typer.Context,
    token: Annotated[
        str, typer.Option(envvar="APUNTADOR_TOKEN", help="Token; others on this machine can see it here.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option(envvar="APUNTADOR_TOKEN_FILE", help="File that holds the token.")
    ] = None,
    url: Annotated[
        str, typer.Option(envvar="APUNTADOR_URL", help="Hub, ws://… or wss://…; the settings' hub without it.")
    ] = "",
    call: Annotated[str, typer.Option(help="Show only this call.")] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen; so without a terminal.")] = False,
    exit_after_case: Annotated[
        bool, typer.Option("--exit-after-case", help="With lines: end once one call is over and its case saved.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="With --exit-after-case: seconds to wait, then fail.")
    ] = None,
    language: Annotated[Language | None, typer.Option(help="Language of the screen; the settings' without it.")] = None,
) -> None:
    """Show the live call: transcript, suggestions, compliance, summary."""
    settings: Settings = ctx.obj
    tongue = language or settings.language
    secret = read_token(tongue, token, token_file)
    address = hub_url(settings, url)
    if plain or exit_after_case or not sys.stdout.isatty():
        asyncio.run(_plain(tongue, address, secret, call, exit_after_case, timeout))
    else:
        _screen(tongue, address, secret, call)


async def _plain(
    language: Language, url: str, token: str, call: str, exit_after_case: bool, timeout: float | None
) -> None:
    from tui.client import HubClient
    from tui.plain import PlainScreen

    screen = PlainScreen(language, sys.stdout, call_id=call, exit_after_case=exit_after_case)
    # Whoever reads the lines may stop reading (head, a closed window): that is no error.
    with contextlib.suppress(BrokenPipeError):
        await screen.run(HubClient(url, token, call_id=call or "*"), timeout_s=timeout)


def _screen(language: Language, url: str, token: str, call: str) -> None:
    # Imported here: every other command would wait for textual.
    from tui.agent import AgentApp
    from tui.client import HubClient

    app = AgentApp(HubClient(url, token, call_id=call or "*"), language)
    problem = app.run()
    if problem:
        raise AuthError(problem)
    if app.return_code:
        raise typer.Exit(app.return_code)
