"""``apuntador sip status|calls|trace|drain|undrain|recycle``: what the running gateway says and is told."""

import asyncio
import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pydantic_core
import typer
from rich.console import Console
from rich.text import Text

from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.control import EVERYBODY, Answer, Ask, Order
from assist.errors import BusError
from assist.strings import say
from gateway.show import pool
from gateway.show.ladder import ladder

FAILED: Final = 1
USAGE: Final = 2
_WAIT_S: Final = 2.0
_BROKER_S: Final = 3.0
_WATCH_S: Final = 2.0
_WIDE: Final = 110

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Again every 2 seconds, until Ctrl-C.")]
Full = Annotated[bool, typer.Option("--full", help="Numbers and names as they are, not masked.")]
Worker = Annotated[str, typer.Argument(metavar="WORKER", help="Its number or name (0, gateway.0), or all.")]


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be found out: ``services`` of this machine's supervisor, ``answers`` from the broker."""

    services: dict[str, dict[str, Any]]
    answers: list[Answer]
    broker: bool


def add_to(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (status, calls, trace, drain, undrain, recycle):
        app.command()(command)


def status(ctx: typer.Context, as_json: Json = False, watch: Watch = False) -> None:
    """Workers, trunks and taps: state, calls, restarts, age, memory; what is wrong and what to do.

    Exit code 1 when something has failed.

    Examples: apuntador sip status | apuntador sip status --watch | apuntador sip status --json
    """
    settings: Settings = ctx.obj
    failed = _repeat(settings, watch, lambda seen: _print_status(settings, seen, as_json))
    if failed:
        raise typer.Exit(FAILED)


def calls(ctx: typer.Context, as_json: Json = False, watch: Watch = False, full: Full = False) -> None:
    """The calls that go on: trunk, caller (masked), agent, state, time, codec and how well each party is heard.

    Quality is a mean opinion (MOS, 1 to 4.5) by the E-model for the voice that comes from each party.

    Examples: apuntador sip calls | apuntador sip calls --watch | apuntador sip calls --json
    """
    settings: Settings = ctx.obj
    _repeat(settings, watch, lambda seen: _print_calls(settings, seen, as_json), full=full)


def trace(
    ctx: typer.Context,
    call: Annotated[
        str, typer.Argument(metavar="[CALL]", help="Beginning of its id or SIP Call-ID; without it, the latest.")
    ] = "",
    recent: Annotated[bool, typer.Option("--list", help="List the latest INVITEs, refused ones too.")] = False,
    bodies: Annotated[bool, typer.Option("--bodies", help="Session descriptions, too.")] = False,
    headers: Annotated[bool, typer.Option("--headers", help="Every header of every message.")] = False,
    full: Full = False,
    as_json: Json = False,
) -> None:
    """The SIP messages of a call, of both dialogs, as a ladder. The last few hundred calls are kept in memory.

    Numbers and names are masked unless --full is given.

    Examples: apuntador sip trace --list | apuntador sip trace 3f2a | apuntador sip trace 3f2a --headers --bodies
    """
    settings: Settings = ctx.obj
    if recent:
        _print_recent(settings, full, as_json)
        return
    ask = Ask(order="trace", call_id=call, full=full, bodies=bodies)
    seen = asyncio.run(_look(settings, ask))
    _need_broker(settings, seen)
    found = [answer for answer in seen.answers if answer.messages]
    ids = {answer.call_id for answer in found}
    if call and len(ids) > 1:
        _fail(say(settings.language, "pool.trace_many", ids=", ".join(sorted(one[:12] for one in ids))))
    if not found:
        _fail(say(settings.language, "pool.trace_none", call=call))
    answer = max(found, key=lambda one: one.messages[-1].at)
    if as_json:
        shown = {"call_id": answer.call_id, "worker": answer.worker_id, "dialogs": answer.dialogs}
        typer.echo(_as_json({**shown, "messages": answer.messages}))
        return
    console = Console(highlight=False)
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(answer.messages[0].at))
    head = say(settings.language, "pool.trace_head", call_id=answer.call_id, worker=answer.worker_id, at=at)
    console.print(Text(head, style="bold"))
    if headers:
        for message in answer.messages:
            way = "→" if message.outgoing else "←"
            after = message.at - answer.messages[0].at
            console.print(Text(f"\n{after:.3f} {way} {message.transport} {message.peer}", style="bold"))
            console.print(Text(message.head.strip()), soft_wrap=True)
            if message.body:
                console.print(Text(f"\n{message.body}", style="dim"), soft_wrap=True)
        return
    for line in ladder(answer.messages, answer.dialogs, console.width, settings.language, bodies=bodies):
        console.print(line, no_wrap=True, crop=True)


def drain(ctx: typer.Context, worker: Worker) -> None:
    """Let a worker take no new calls (they get 503); those it has go on. Until undrain or its next start.

    Examples: apuntador sip drain 1 | apuntador sip drain all
    """
    _order(ctx.obj, "drain", worker)


def undrain(ctx: typer.Context, worker: Worker) -> None:
    """Let a drained worker take calls again.

    Example: apuntador sip undrain all
    """
    _order(ctx.obj, "undrain", worker)


def recycle(ctx: typer.Context, worker: Worker) -> None:
    """Drain a worker and start it anew as soon as its last call is over.

    Example: apuntador sip recycle 0
    """
    _order(ctx.obj, "recycle", worker)


# --- asking ------------------------------------------------------------------------------------------------------


def _repeat(settings: Settings, watch: bool, show: Callable[[Seen], bool], *, full: bool = False) -> bool:
    ask = Ask(order="state", full=full)
    if not watch:
        return show(asyncio.run(_look(settings, ask)))
    console = Console()
    try:
        while True:
            seen = asyncio.run(_look(settings, ask))
            console.clear()
            show(seen)
            time.sleep(_WATCH_S)
    except KeyboardInterrupt:
        return False


async def _look(settings: Settings, ask: Ask) -> Seen:
    services = _services(settings)
    try:
        bus = Bus(BusAddress.of(settings), name="admin")
    except BusError:
        return Seen(services, [], False)
    await bus.start()
    try:
        await bus.ready(_BROKER_S)
        here = sum(pool.answers_for(name) for name in services)
        # With a broker of our own everybody who can answer is known.
        enough = 0 if settings.nats.url else here if ask.to == EVERYBODY else 1
        return Seen(services, await bus.ask_gateway(ask, timeout=_WAIT_S, enough=enough), True)
    except BusError:
        return Seen(services, [], False)
    finally:
        await bus.close(0.1)


def _services(settings: Settings) -> dict[str, dict[str, Any]]:
    """What the supervisor of ``apuntador up`` wrote last; nothing when none runs here."""
    try:
        data = json.loads((settings.run_dir / "status.json").read_text())
        os.kill(int(data["up"]), 0)
        return dict(data["services"])
    except (OSError, ValueError, KeyError):
        return {}


def _texts(settings: Settings) -> Iterator[str]:
    for path in sorted(settings.run_dir.glob("gateway.*.lines.json")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            yield path.read_text(encoding="utf-8")


def _order(settings: Settings, order: Order, worker: str) -> None:
    to = EVERYBODY if worker == "all" else f"gateway.{worker}" if worker.isdigit() else worker
    seen = asyncio.run(_look(settings, Ask(order=order, to=to)))
    _need_broker(settings, seen)
    done = [answer for answer in seen.answers if not answer.taps]
    if not done:
        _fail(say(settings.language, "pool.no_such_worker", name=worker))
    for answer in done:
        mode = say(settings.language, f"pool.state_{answer.mode}")
        typer.echo(say(settings.language, "pool.ordered", name=answer.worker_id, mode=mode, calls=len(answer.calls)))


def _need_broker(settings: Settings, seen: Seen) -> None:
    if not seen.broker:
        key = "broker" if seen.services else "no_stack"
        what = say(settings.language, f"pool.bad_{key}", data_dir=settings.data_dir)
        _fail(f"{what}. {say(settings.language, f'pool.do_{key}')}")


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(FAILED)


# --- printing ----------------------------------------------------------------------------------------------------


def _print_status(settings: Settings, seen: Seen, as_json: bool) -> bool:
    found = pool.rows(seen.services, seen.answers)
    lines = pool.registrations_of(_texts(settings)) if seen.services else {}
    wrong = pool.problems(settings, seen.services, found, broker=seen.broker, registrations=lines)
    failed = any(problem.mark == "failed" for problem in wrong)
    if as_json:
        typer.echo(_as_json({"workers": found, "services": seen.services, "registrations": lines, "problems": wrong}))
        return failed
    console = Console(highlight=False)
    if found:
        console.print(pool.worker_table(found, time.time(), settings.language))
        table = pool.source_table(settings, found, lines)
        if table is not None:
            console.print()
            console.print(table)
        console.print()
    for problem in wrong:
        sign, style = ("✗", "bold red") if problem.mark == "failed" else ("!", "yellow")
        console.print(Text(f"{sign} {problem.what}", style=style))
        console.print(Text(f"    → {problem.remedy}"))
    if not wrong:
        console.print(Text(f"✓ {say(settings.language, 'sip.all_fine')}", style="green"))
    return failed


def _print_calls(settings: Settings, seen: Seen, as_json: bool) -> bool:
    if not as_json:
        _need_broker(settings, seen)
    found = [call for answer in seen.answers for call in answer.calls]
    if as_json:
        typer.echo(_as_json(found))
    elif found:
        console = Console(highlight=False)
        wide = console.width >= _WIDE
        console.print(pool.call_table(found, time.time(), settings.language, wide=wide))
    else:
        typer.echo(say(settings.language, "pool.no_calls"))
    return False


def _print_recent(settings: Settings, full: bool, as_json: bool) -> None:
    seen = asyncio.run(_look(settings, Ask(order="recent", full=full)))
    _need_broker(settings, seen)
    found = sorted((one for answer in seen.answers for one in answer.attempts), key=lambda one: one.at)
    if as_json:
        typer.echo(_as_json(found))
    elif found:
        Console(highlight=False).print(pool.attempt_table(found, settings.language))
    else:
        typer.echo(say(settings.language, "pool.trace_empty"))


def _as_json(value: Any) -> str:
    return pydantic_core.to_json(_plain(value), indent=1).decode()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
