"""The screen's half of the hub's protocol (``docs/protocol.md``), without any I/O."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import pydantic_core

from assist import wire
from assist.errors import WireError
from assist.events import AgentDid, Event, LeadDid


@dataclass(frozen=True, slots=True)
class Link:
    """The connection came or went. ``detail`` says why it went, for a log."""

    up: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Welcome:
    """First message of a connection; ``now`` is the hub's clock, seconds UTC."""

    role: str
    subject: str
    language: str
    now: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All there is to know of a call; replaces what was known."""

    call_id: str
    seq: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything up to ``seq`` has been received."""

    seq: int


@dataclass(frozen=True, slots=True)
class Done:
    """What the person did is stored."""

    ref: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The hub refused a message."""

    code: str
    message: str
    ref: str = ""


Frame: TypeAlias = Link | Welcome | Snapshot | Incoming | Synced | Done | Refused


def watch(call_id: str, since: int) -> str:
    """Ask for a call (``*``: all), from after ``since`` on."""
    return pydantic_core.to_json({"op": "watch", "call_id": call_id, "since": since}).decode()


def do(event: AgentDid | LeadDid, ref: str) -> str:
    """Report what the person did; ``ref`` makes sending it again harmless."""
    return pydantic_core.to_json({"op": "do", "event": wire.to_dict(event), "ref": ref}).decode()


def parse(raw: str | bytes) -> Frame | None:
    """What the hub sent; None for what a newer hub says that this screen does not know.

    Raises:
        WireError: not JSON, or a field missing or wrong.
    """
    try:
        obj = pydantic_core.from_json(raw)
        match obj["op"]:
            case "welcome":
                return Welcome(
                    str(obj["role"]), str(obj["subject"]), str(obj.get("language", "")), float(obj.get("now", 0))
                )
            case "snapshot":
                events = tuple(event for item in obj["events"] if (event := _event(item)) is not None)
                return Snapshot(str(obj["call_id"]), int(obj["seq"]), events)
            case "event":
                event = _event(obj["event"])
                return Incoming(event) if event is not None else None
            case "synced":
                return Synced(int(obj["seq"]))
            case "done":
                return Done(str(obj["ref"]))
            case "error":
                return Refused(str(obj["code"]), str(obj["message"]), str(obj.get("ref", "")))
            case _:
                return None
    except (ValueError, KeyError, TypeError) as err:
        raise WireError(f"the hub sent something unreadable: {err!r}") from None


def _event(fields: dict[str, Any]) -> Event | None:
    if fields["type"] not in wire.event_types():
        return None
    return wire.decode(pydantic_core.to_json(fields))
