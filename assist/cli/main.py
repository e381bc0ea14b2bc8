"""The ``apuntador`` command."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assist import config, log
from assist.certificates import check_certificate
from assist.config import Settings
from assist.errors import AssistError
from assist.process import stop_requested
from assist.session.learned import next_cards
from assist.session.playbooks import load_playbooks
from assist.session.taxonomies import load_taxonomies
from assist.strings import say
from assist.text.vocabulary import load_vocabulary
from gateway.prompts import load_prompts

if TYPE_CHECKING:
    from assist.stack.up import Stack

app = typer.Typer(
    name="apuntador",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Real-time agent assist for call centres, on your own machines.\n\n"
    "Spanish speech recognition: Powered by Moonshine AI (free below 1 M USD of yearly revenue).",
    epilog="Examples: apuntador demo | apuntador --config /etc/apuntador/apuntador.toml up | apuntador case list",
    rich_markup_mode=None,
)

EXIT_ERROR = 1
EXIT_USAGE = 2


@app.callback()
def common(
    ctx: typer.Context,
    config_file: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file (TOML).", envvar="APUNTADOR_CONFIG")
    ] = None,
) -> None:
    """Read the settings; sub-commands find them in ``ctx.obj``."""
    ctx.obj = config.load(config_file)
    ctx.meta["config_path"] = config.find_config(config_file)
    # The models package knows no settings; it takes its language from here unless told otherwise.
    os.environ.setdefault("APUNTADOR_LANG", ctx.obj.language)
    log.configure(ctx.obj.log.level, ctx.obj.log.format)


@app.command()
def up(ctx: typer.Context) -> None:
    """Start broker, gateway, transcribers and assist core here, and keep them running until Ctrl-C or SIGTERM.

    SIGHUP reads the settings and playbooks again: trunks, agents, cards and rules change at once, for new calls; the
    rest needs a restart.

    Example: apuntador --config apuntador.toml up
    """
    settings: Settings = ctx.obj
    asyncio.run(_up(settings, ctx.meta["config_path"]))


async def _up(settings: Settings, config_path: Path | None) -> None:
    from assist.stack.up import Stack

    load_vocabulary(settings.asr.vocabulary)  # a bad line stops here, not in a worker that is started again and again
    stop = stop_requested()
    stack = Stack(settings, config_path=config_path, on_status=lambda line: typer.echo(f"apuntador: {line}"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: _reload(stack, settings, config_path))
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    stopping.cancel()
    starting.result()
    gateway = settings.gateway
    if "edge" not in stack.supervisor.status:
        typer.echo(f"apuntador: {say(settings.language, 'stack.no_edge')}", err=True)
    last = gateway.port + (gateway.workers - 1 if "edge" not in stack.supervisor.status else 0)
    sip = f"{gateway.bind}:{gateway.port}" + (f"-{last}" if last > gateway.port else "")
    typer.echo(say(settings.language, "stack.ready", sip=sip, hub=f"ws://{settings.hub.bind}:{settings.hub.port}"))
    await stop.wait()
    typer.echo(say(settings.language, "stack.stopping"))
    await stack.stop()
    typer.echo(say(settings.language, "stack.stopped"))


def _reload(stack: "Stack", settings: Settings, config_path: Path | None) -> None:
    from assist.stack.reload import needs_restart

    try:
        new = config.load(config_path)
        _validate(new)
        stack.reload(new)
    except AssistError as err:
        # A wrong file must not stop what runs.
        typer.echo(f"apuntador: {say(settings.language, 'stack.reload_refused', reason=err)}", err=True)
        return
    typer.echo(f"apuntador: {say(settings.language, 'stack.reloaded')}")
    late = needs_restart(stack.settings, new)
    if late:
        typer.echo(f"apuntador: {say(settings.language, 'stack.needs_restart', keys=', '.join(late))}")


def _validate(settings: Settings) -> None:
    """Everything that settings name is there and right: what `check` says, and a reload before it is told to anybody.

    Raises:
        AssistError: it is not; the message says what to do.
    """
    load_vocabulary(settings.asr.vocabulary)
    for secret in (*(tap.secret for tap in settings.tap), *(trunk.secret for trunk in settings.trunk)):
        if secret:
            config.read_secret(secret)
    tls = settings.gateway.tls
    if tls.port:
        check_certificate(tls.certificate, tls.key, tls.ca)
    if settings.taps.certificate is not None:
        check_certificate(settings.taps.certificate, settings.taps.key)
    load_prompts(settings.survey)
    for language, playbook in load_playbooks(settings).items():
        next_cards(settings, playbook, None, load_taxonomies(settings)[language])


@app.command()
def status(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the parts of the stack that runs here. Exit code 1 when none runs or a part is not ready."""
    settings: Settings = ctx.obj
    path = settings.run_dir / "status.json"
    try:
        data = json.loads(path.read_text())
        os.kill(int(data["up"]), 0)
    except (OSError, ValueError, KeyError):
        typer.echo(say(settings.language, "stack.not_running", data_dir=settings.data_dir), err=True)
        raise typer.Exit(EXIT_ERROR) from None
    if as_json:
        typer.echo(json.dumps(data, indent=1))
    else:
        for name, part in data["services"].items():
            state = say(settings.language, f"stack.state_{part['state']}")
            typer.echo(f"{name:<16}{state:<12}pid {part['pid']:<8}restarts {part['restarts']:<4}{part['detail']}")
    if any(part["state"] != "ready" for part in data["services"].values()):
        raise typer.Exit(EXIT_ERROR)


@app.command()
def check(ctx: typer.Context) -> None:
    """Validate settings, secrets, certificates, vocabulary and playbooks; nothing is started."""
    settings: Settings = ctx.obj
    _validate(settings)
    where = ctx.meta["config_path"] or say(settings.language, "stack.check_defaults")
    typer.echo(say(settings.language, "stack.check_ok", where=where))


def main() -> None:
    """Console entry: errors of ours are one line on standard error and an exit code, never a traceback."""
    from models.errors import ModelsError

    _mount()
    try:
        app(standalone_mode=True)
    except (AssistError, ModelsError) as err:
        sys.stderr.write(f"apuntador: {err}\n")
        sys.exit(EXIT_USAGE if not err.retryable else EXIT_ERROR)


def _mount() -> None:
    # Mounted here and not at import, so that `apuntador --help` stays quick and imports stay free of side effects.
    from assist.cli import agent, case, cdr, config_cmd, demo, knowledge, lead, learn, playbook, score, scorecard, token
    from gateway import cli as gateway_cli
    from models import cli as models_cli

    app.add_typer(models_cli.app, name="models", help="Fetch, list and verify the speech models.")
    app.add_typer(case.app, name="case", help="The case history.")
    app.command()(cdr.cdr)
    playbook.app.command()(learn.learn)
    app.add_typer(playbook.app, name="playbook", help="Check, test and try out a playbook.")
    app.add_typer(knowledge.app, name="knowledge", help="The company's own articles: read and search them.")
    app.add_typer(score.app, name="score", help="The scores of finished calls, and disputes about them.")
    app.add_typer(scorecard.app, name="scorecard", help="The quality scorecard.")
    app.add_typer(lead.app, name="lead", help="A team lead's ears: hear, whisper in, take over live calls.")
    app.add_typer(gateway_cli.app, name="sip", help="The telephony side: check what can be reached.")
    app.add_typer(token.app, name="token", help="Tokens for the screens.")
    app.add_typer(config_cmd.app, name="config", help="Settings and generated references.")
    app.command()(agent.agent)
    app.command()(demo.demo)
