"""``apuntador sip …``: a Typer app for the main program to mount."""

import json
from typing import Annotated, Final

import typer

from assist import dial
from assist.config import Settings
from assist.strings import say
from gateway import check_cli, pool_cli
from gateway.edge.presence import entrances, is_wanted
from gateway.edge.values import Secrets
from gateway.edge.values import values as edge_values
from gateway.route.explain import as_json as as_json_data
from gateway.route.explain import explain
from sip_config.render import kinds
from sip_config.render import render as renderings

FAILED: Final = 1
USAGE: Final = 2
_PROTOCOLS: Final = {"asterisk_ari": "ari", "asterisk_websocket": "asterisk", "freeswitch_fork": "freeswitch"}
_SIPS: Final = 5061
_STEPS: Final = {"ok": "✓", "no": "·", "failed": "✗", "info": " "}

app = typer.Typer(no_args_is_help=True, help="The telephony side.", rich_markup_mode=None)

app.command()(check_cli.check)
pool_cli.add_to(app)


@app.callback()
def sip() -> None:
    """The telephony side."""


@app.command()
def render(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", show_default=False)] = "",
    tap: Annotated[str, typer.Option(help="The tap to write it for, where there are several.")] = "",
    trunk: Annotated[str, typer.Option(help="The trunk to write it for, where there are several.")] = "",
    address: Annotated[str, typer.Option(help="Address the PBX reaches this machine at.")] = "",
) -> None:
    """Print the PBX's side of the configuration, filled in from the settings. Without KIND: which there are.

    Secrets are not printed: CHANGE_ME stands where the PBX needs the one of the tap or trunk.

    Examples:

      apuntador sip render asterisk --address 10.0.0.20

      apuntador sip render asterisk_register --trunk pbx

      apuntador sip render asterisk_ari
    """
    settings: Settings = ctx.obj
    if kind not in kinds():
        typer.echo("\n".join(kinds()))
        if kind:
            raise typer.Exit(USAGE)
        return
    gateway = settings.gateway
    named = [one.name for one in settings.tap if tap in ("", one.name) and one.protocol == _PROTOCOLS.get(kind)]
    shown = address or (gateway.bind if gateway.bind != "0.0.0.0" else "YOUR_ADDRESS")
    values = {
        "ADDRESS": shown,
        "TAP": named[0] if named else "NAME_OF_THE_TAP",
        "TAPS_PORT": str(settings.taps.port),
        "SECRET": "CHANGE_ME",
        "USER": next((one.user for one in settings.trunk if trunk in ("", one.name) and one.user), "apuntador"),
        "BIND": "0.0.0.0:5061",
    }
    ports = [port for _, port in entrances(settings)]
    # With an edge all of TLS comes in at its port.
    first_tls = settings.edge.tls_port if is_wanted(settings) else gateway.tls.port or _SIPS
    tls_ports = [first_tls + n for n in range(len(ports))]
    edge, blocks = edge_values(settings, Secrets(), settings.run_dir)
    for file in renderings(kind, {**edge, **values} if kind != "kamailio" else edge, ports, tls_ports, blocks):
        typer.echo(f"# ----- {file.name}\n{file.text}")


@app.command("route-test")
def route_test(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", show_default=False)],
    trunk: Annotated[str, typer.Option(help="The trunk the call comes from; the first one if not given.")] = "",
    caller: Annotated[str, typer.Option("--from", help="The caller's number, or the agent who dials.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where a call to NUMBER would go, rule by rule, and what the fence says. Nothing is called or started.

    Exit code 1 when the call would be refused.

    Examples:

      apuntador sip route-test 93001234567 --trunk pbx --from ana

      apuntador sip route-test +573001234567 --json
    """
    settings: Settings = ctx.obj
    known = {one.name: one for one in settings.trunk}
    wrong = ""
    if not known:
        wrong = say(settings.language, "route.no_trunk")
    elif trunk and trunk not in known:
        wrong = say(settings.language, "route.unknown_trunk", name=trunk, known=", ".join(known))
    elif not dial.is_dialable(number) or len(number) > dial.LONGEST:
        wrong = say(settings.language, "route.bad_number", number=number[:40])
    if wrong:
        typer.echo(f"apuntador: {wrong}", err=True)
        raise typer.Exit(USAGE)
    plan, steps = explain(settings, known[trunk] if trunk else settings.trunk[0], number, caller)
    if as_json:
        typer.echo(json.dumps(as_json_data(plan, steps), indent=1, ensure_ascii=False))
    else:
        for step in steps:
            typer.echo(f"{_STEPS[step.mark]} {say(settings.language, f'route.{step.key}', **step.values)}")
    if plan.code:
        raise typer.Exit(FAILED)
