"""The gateway's processes and what is wrong with them, for ``apuntador sip status`` and ``calls``. Pure."""

import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from rich.table import Table
from rich.text import Text

from assist.config import Settings
from assist.control import Answer, Attempt, LiveCall
from assist.events import Language, LegQuality
from assist.strings import say

HEAVY_KB: Final = 400 * 1024
"""Ten times what a worker with two calls needs."""
POOR_MOS: Final = 3.6
"""G.107, annex B: below a rating of 70 many are dissatisfied."""
_OTHERS: Final = ("broker", "assist", "transcriber")
"""Parts of the stack that are none of telephony's; ``apuntador status`` has them."""
_STATES: Final = {
    "ready": "green",
    "drained": "yellow",
    "recycling": "yellow",
    "starting": "yellow",
    "silent": "bold red",
    "restarting": "bold red",
    "failed": "bold red",
    "stopped": "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One gateway process: what the supervisor knows of it (restarts) and what it says of itself."""

    name: str
    state: str
    pid: int
    restarts: int
    detail: str
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Registration:
    """How a trunk's registration stands: ``trying``, ``registered``, ``refused`` or ``failed``, and the last answer."""

    state: str
    code: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and what to do; ``failed`` makes the command's exit code 1."""

    mark: Literal["failed", "warning"]
    what: str
    remedy: str


def answers_for(name: str) -> bool:
    """Whether this part of the stack answers admins; the edge and the booths are only supervised."""
    group, _, which = name.partition(".")
    return group == "gateway" and (which.isdigit() or which == "taps")


def rows(services: Mapping[str, Mapping[str, Any]], answers: Sequence[Answer]) -> list[Row]:
    """The gateway's processes, of this machine's supervisor and of whoever else answers."""
    by_name = {answer.worker_id: answer for answer in answers}
    found = []
    for name, service in services.items():
        if name.partition(".")[0] in _OTHERS:
            continue
        answer = by_name.pop(name, None)
        state = str(service["state"])
        if state == "ready" and answers_for(name):
            state = answer.mode if answer is not None else "silent"
        found.append(
            Row(name, state, int(service["pid"]), int(service["restarts"]), str(service["detail"] or ""), answer)
        )
    here = {row.answer.host for row in found if row.answer is not None}
    for answer in by_name.values():
        name = answer.worker_id if answer.host in here or not found else f"{answer.host}/{answer.worker_id}"
        found.append(Row(name, answer.mode, answer.pid, 0, "", answer))
    return found


def problems(
    settings: Settings,
    services: Mapping[str, Mapping[str, Any]],
    found: Sequence[Row],
    *,
    broker: bool,
    registrations: Mapping[str, Registration] = MappingProxyType({}),
) -> list[Problem]:
    """What is wrong, worst first."""
    language = settings.language

    def problem(mark: Literal["failed", "warning"], key: str, **values: Any) -> Problem:
        return Problem(mark, say(language, f"pool.bad_{key}", **values), say(language, f"pool.do_{key}", **values))

    told: list[Problem] = []
    if not services and not found:
        return [problem("failed", "no_stack", data_dir=settings.data_dir)]
    if not broker:
        told.append(problem("failed", "broker"))
    for row in found:
        values = {"name": row.name, "detail": row.detail, "restarts": row.restarts}
        if row.state in ("failed", "restarting"):
            told.append(problem("failed", row.state, **values))
        elif row.state == "silent" and broker:
            told.append(problem("failed", "silent", pid=row.pid, **values))
        if row.restarts and answers_for(row.name):
            told.append(problem("warning", "restarts", **values))
        if row.answer is not None and row.answer.memory_kb > HEAVY_KB:
            told.append(problem("warning", "memory", mb=row.answer.memory_kb // 1024, **values))
    for name, one in sorted(registrations.items()):
        if one.state in ("refused", "failed"):
            told.append(problem("failed", f"registration_{one.state}", name=name, code=one.code))
    told += _about_calls(settings, found, problem)
    return sorted(told, key=lambda one: one.mark)


def _about_calls(settings: Settings, found: Sequence[Row], problem: Any) -> list[Problem]:
    told: list[Problem] = []
    workers = [row.answer for row in found if row.answer is not None and not row.answer.taps]
    if workers and all(worker.mode != "ready" for worker in workers):
        told.append(problem("failed", "all_drained"))
    elif drained := [worker.worker_id for worker in workers if worker.mode == "drained"]:
        told.append(problem("warning", "drained", names=", ".join(drained), first=drained[0]))
    if workers and sum(len(worker.calls) for worker in workers) >= sum(worker.capacity for worker in workers):
        told.append(problem("warning", "full", workers=len(workers)))
    running = {trunk for worker in workers for trunk in worker.trunks}
    missing = [trunk.name for trunk in settings.trunk if trunk.name not in running]
    if workers and missing:
        told.append(problem("warning", "not_loaded", names=", ".join(missing)))
    for worker in workers:
        for call in worker.calls:
            for leg in call.legs:
                if leg.mos is not None and leg.mos < POOR_MOS and leg.packets > 100:
                    values = {"call_id": call.call_id[:8], "mos": f"{leg.mos:.1f}", "loss": f"{leg.loss:.1f}"}
                    party = say(settings.language, f"common.{leg.party}").lower()
                    told.append(problem("warning", "quality", party=party, **values))
    return told


def worker_table(found: Sequence[Row], now: float, language: Language) -> Table:
    """One line for each process. ``now`` is seconds UTC."""
    table = Table(box=None, pad_edge=False)
    for name in ("worker", "state", "pid", "address", "calls", "served", "restarts", "age", "memory"):
        right = name not in ("worker", "state", "address")
        table.add_column(say(language, f"pool.column_{name}"), justify="right" if right else "left", no_wrap=True)
    for row in found:
        state = Text(say(language, f"pool.state_{row.state}"), style=_STATES.get(row.state, ""))
        answer = row.answer
        cells = ["", "", "", "", ""]
        if answer is not None:
            memory = str(answer.memory_kb // 1024)
            calls = f"{len(answer.calls)}/{answer.capacity}"
            cells = [answer.address, calls, str(answer.served), span(now - answer.started_at), memory]
        address, calls, served, age, memory = cells
        table.add_row(row.name, state, str(row.pid), address, calls, served, str(row.restarts), age, memory)
    return table


def registrations_of(texts: Iterable[str]) -> dict[str, Registration]:
    """By trunk what workers wrote of their registrations (``run/gateway.N.lines.json``); what is none is left out."""
    found: dict[str, Registration] = {}
    for text in texts:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            for name, one in json.loads(text)["registrations"].items():
                found[str(name)] = Registration(str(one["state"]), int(one["code"]))
    return found


def source_table(
    settings: Settings, found: Sequence[Row], registrations: Mapping[str, Registration] = MappingProxyType({})
) -> Table | None:
    """Trunks and taps with their calls that go on, and how they are registered; None without any."""
    calls = [call for row in found if row.answer is not None for call in row.answer.calls]
    language = settings.language
    lines = [(say(language, "pool.trunk"), one.name, ", ".join(one.allow)) for one in settings.trunk]
    lines += [(say(language, "pool.tap"), one.name, one.protocol) for one in settings.tap]
    if not lines:
        return None
    table = Table(box=None, pad_edge=False)
    names = ["source", "name", "from", "calls", *(["registration"] if registrations else [])]
    for name in names:
        table.add_column(say(language, f"pool.column_{name}"), justify="right" if name == "calls" else "left")
    for kind, name, where in lines:
        one = registrations.get(name)
        how = [say(language, f"pool.registration_{one.state}", code=one.code) if one else ""] if registrations else []
        table.add_row(kind, name, where, str(sum(call.trunk == name for call in calls)), *how)
    return table


def call_table(calls: Sequence[LiveCall], now: float, language: Language, *, wide: bool) -> Table:
    """One line for each call that goes on; ``wide``: loss and jitter of both legs as well."""
    table = Table(box=None, pad_edge=False)
    names = ["call", "trunk", "caller", "agent", "state", "time", "codec", "quality"]
    for name in names:
        table.add_column(say(language, f"pool.column_{name}"), no_wrap=True)
    for call in sorted(calls, key=lambda one: one.started_at):
        table.add_row(
            call.call_id[:8],
            call.trunk,
            call.caller,
            call.agent_id,
            say(language, f"pool.call_{call.state}"),
            span(now - (call.answered_at or call.started_at)),
            "/".join(dict.fromkeys(leg.codec for leg in call.legs if leg.codec)),
            quality_text(call.legs, language, wide=wide),
        )
    return table


def attempt_table(attempts: Sequence[Attempt], language: Language) -> Table:
    """One line for each INVITE; what was refused has its SIP Call-ID, for it became no call."""
    table = Table(box=None, pad_edge=False)
    for name in ("time", "way", "peer", "caller", "callee", "answer", "call"):
        table.add_column(say(language, f"pool.column_{name}"), no_wrap=True, overflow="ellipsis")
    for one in attempts:
        style = "" if not one.result or one.result[0] in "12" else "red"
        table.add_row(
            time.strftime("%H:%M:%S", time.localtime(one.at)),
            "→" if one.outgoing else "←",
            one.peer,
            one.caller,
            one.callee,
            Text(one.result, style=style),
            one.call_id[:8] or one.sip_call_id,
        )
    return table


def quality_text(legs: Sequence[LegQuality], language: Language, *, wide: bool) -> Text:
    """``cliente 4.4 · agente 3.1``; wide with loss, jitter and round trip."""
    text = Text()
    for leg in legs:
        if text:
            text.append("  ")
        name = say(language, f"common.{leg.party}") if wide else say(language, f"common.{leg.party}")[:3]
        text.append(f"{name} ", style="dim")
        mos = "—" if leg.mos is None else f"{leg.mos:.1f}"
        text.append(mos, style="bold red" if leg.mos is not None and leg.mos < POOR_MOS else "green")
        if wide:
            trip = "" if leg.round_trip_ms is None else f" {leg.round_trip_ms:.0f} ms"
            text.append(f" ({leg.loss:.1f} %, {leg.jitter_ms:.0f} ms{trip and ',' + trip})", style="dim")
    return text


def span(seconds: float) -> str:
    """``0:07``, ``12:03``, ``3 h 05``, ``4 d 02 h``."""
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    hours, minutes = rest // 3600, rest // 60 % 60
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes:02}" if hours else f"{minutes}:{whole % 60:02}"
