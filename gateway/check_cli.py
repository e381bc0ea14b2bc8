"""``apuntador sip check``: what can be reached, and a test call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assist.config import Settings
from assist.events import Party
from assist.strings import say

if TYPE_CHECKING:
    from gateway.probe.call import Seen
    from gateway.probe.checks import Finding

FAILED: Final = 1
_SIGNS: Final = {"ok": "✓", "warning": "!", "failed": "✗"}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for beyond the signs of life."""

    call: str
    trunk: str
    self_test: bool
    user: str
    secret: str
    register: bool
    srtp: bool
    wait_s: float
    ladder: bool


def check(
    ctx: typer.Context,
    peer: Annotated[list[str] | None, typer.Argument(metavar="[PEER]...", show_default=False)] = None,
    call: Annotated[
        str, typer.Option(help="Call this SIP URI, or number at the trunk, the first PEER or our own gateway.")
    ] = "",
    trunk: Annotated[str, typer.Option(help="Call through this trunk's host, with its user and secret.")] = "",
    self_test: Annotated[bool, typer.Option("--self-test", help="Call through a gateway of its own, here.")] = False,
    user: Annotated[str, typer.Option(help="User name the call proves itself with (digest).")] = "",
    secret: Annotated[str, typer.Option(help="Where the password is: file:/path or env:NAME.")] = "",
    register: Annotated[
        bool, typer.Option("--register", help="Register as that user before the call, and end that after it.")
    ] = False,
    srtp: Annotated[bool, typer.Option("--srtp", help="Encrypted audio only (SRTP with keys in the SDP).")] = False,
    wait: Annotated[float, typer.Option(min=1, max=120, help="Seconds until the call must be answered.")] = 30.0,
    ladder: Annotated[bool, typer.Option("--ladder", help="Draw the SIP messages of the call.")] = False,
) -> None:
    """Ask workers, trunks, every agent's phone, ARI and the PEERs given whether they answer; nothing rings.

    With --call a test call is placed, which does ring: five beeps show whether both ways carry audio, and whether NAT
    or a wrong port is in between. An extension that echoes gives certainty; at a phone somebody has to listen.
    Mind --register where the gateway is registered as the same user: some registrars keep only one of the two.

    A step that fails says what to do. Exit code 1 when one has failed.

    Examples:

      apuntador sip check

      apuntador sip check 10.0.0.5 "sip:sbc.example.com;transport=tls"

      apuntador sip check 10.0.0.5 --call "*43" | apuntador sip check --call sip:2001@10.0.0.5 --ladder

      apuntador sip check sip.example.com --call "*43" --user 5550 --secret file:/etc/apuntador/x.secret --register
    """
    settings: Settings = ctx.obj
    wish = _Wish(call, trunk, self_test, user, secret, register, srtp, wait, ladder)
    if not asyncio.run(_check(settings, peer or [], wish)):
        raise typer.Exit(FAILED)


async def _check(settings: Settings, peers: list[str], wish: _Wish) -> bool:
    failed = warnings = 0
    async for finding in _findings(settings, peers, wish):
        typer.echo(f"{_SIGNS[finding.mark]} {finding.what}: {finding.result}")
        if finding.remedy:
            typer.echo(f"    → {finding.remedy}")
        failed += finding.mark == "failed"
        warnings += finding.mark == "warning"
    key = "sip.all_fine" if not failed and not warnings else "sip.some_failed"
    typer.echo(say(settings.language, key, failed=failed, warnings=warnings))
    return not failed


async def _findings(settings: Settings, peers: list[str], wish: _Wish) -> AsyncIterator["Finding"]:
    from gateway.probe.checks import Checks  # brings an HTTP client, which no other command should wait for

    async for finding in Checks(settings, peers).run():
        yield finding
    if not (wish.call or wish.self_test):
        return
    from gateway.probe import call as calling
    from gateway.probe.line import NOBODY, Account, line_of, target_of
    from gateway.probe.self_call import place_through_ourselves

    language = settings.language
    if wish.self_test:
        seen = await place_through_ourselves(settings)
        for finding in calling.judge(seen, calling.SELF, NOBODY, language):
            yield finding
        _draw(settings, wish, seen)
    if wish.call:
        line = line_of(settings, wish.trunk) if wish.trunk else None
        target = target_of(wish.call, peers, settings, line)
        if target is None or (wish.trunk and line is None):
            yield calling.no_target(wish.trunk if wish.trunk and line is None else wish.call, language)
            return
        own = line.account if line is not None else NOBODY
        who = Account(wish.user or own.user, wish.secret or own.secret, wish.register, wish.srtp or own.srtp)
        seen = await calling.place(target, who, wait_s=wish.wait_s)
        for finding in calling.judge(seen, target, who, language):
            yield finding
        _draw(settings, wish, seen)


def _draw(settings: Settings, wish: _Wish, seen: "Seen") -> None:
    from rich.console import Console

    from gateway.show.ladder import ladder

    if not (wish.ladder and seen.messages):
        return
    console = Console(highlight=False)
    dialogs: dict[str, Party] = {one.sip_call_id: "customer" for one in seen.messages}
    for line in ladder(seen.messages, dialogs, console.width, settings.language):
        console.print(line, no_wrap=True, crop=True)
