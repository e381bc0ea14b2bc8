"""What the hub and a screen say to each other, without any I/O: parse what comes, serialise what goes.

Every message is one JSON object in one WebSocket text message, named by ``"op"``. ``docs/protocol.md`` has them all
with examples.
"""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import pydantic_core

from assist import quality, wire
from assist.errors import WireError
from assist.events import AgentDid, Event, Language, LeadDid
from assist.hub.auth import Principal

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""A screen sends single actions; anything larger is a fault or an attack."""
MAX_TEXT_CHARS: Final = 4000
"""Of a note or a corrected sentence."""
ALL_CALLS: Final = "*"

ErrorCode: TypeAlias = Literal["bad_message", "bad_event", "forbidden", "unknown_call", "unavailable", "refused"]

_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_REF: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ProtocolError(WireError):
    """What a client sent makes no sense or is not allowed; ``code`` goes back to it with the message."""

    def __init__(self, code: ErrorCode, message: str, *, ref: str = "") -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.ref = ref


@dataclass(frozen=True, slots=True)
class Watch:
    """Send ``call_id`` (or every call, ``*``): from the start when ``since`` is 0, else only what came after it."""

    call_id: str
    since: int


@dataclass(frozen=True, slots=True)
class Do:
    """Somebody did something. The same ``ref`` sent twice is done once."""

    event: AgentDid | LeadDid
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


ClientMessage: TypeAlias = Watch | Do | Ping


def parse(raw: str | bytes) -> ClientMessage:
    """What a client sent.

    Raises:
        ProtocolError: not JSON, an unknown op, a field missing or wrong, or an event that may not go upstream.
    """
    if isinstance(raw, bytes):
        raise ProtocolError("bad_message", "send text messages, not binary")
    try:
        obj = pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError as err:
        raise ProtocolError("bad_message", f"not JSON: {err}") from None
    if not isinstance(obj, dict):
        raise ProtocolError("bad_message", f"a message is a JSON object, got {type(obj).__name__}")
    match obj.get("op"):
        case "watch":
            return _watch(obj)
        case "do":
            return _do(obj)
        case "ping":
            return Ping()
        case op:
            raise ProtocolError("bad_message", f"unknown op {str(op)[:40]!r}; known: watch, do, ping")


def _watch(obj: dict[str, Any]) -> Watch:
    call_id = obj.get("call_id", ALL_CALLS)
    since = obj.get("since", 0)
    if not isinstance(call_id, str) or (call_id != ALL_CALLS and not _CALL_ID.fullmatch(call_id)):
        raise ProtocolError("bad_message", 'watch: call_id must be a call\'s id or "*"')
    if not isinstance(since, int) or isinstance(since, bool) or since < 0:
        raise ProtocolError("bad_message", "watch: since must be the last seq you have, 0 for everything")
    return Watch(call_id, since)


def _do(obj: dict[str, Any]) -> Do:
    ref = obj.get("ref", "")
    if not isinstance(ref, str) or (ref and not _REF.fullmatch(ref)):
        raise ProtocolError("bad_message", "do: ref must be 1 to 64 of A-Z a-z 0-9 _ -")
    fields = obj.get("event")
    if not isinstance(fields, dict):
        raise ProtocolError("bad_message", "do: event must be a JSON object", ref=ref)
    if fields.get("type") not in ("AgentDid", "LeadDid"):
        raise ProtocolError("bad_event", "do: only AgentDid and LeadDid go upstream", ref=ref)
    try:
        # The hub's clock counts, so a client need not send one.
        event = wire.decode(pydantic_core.to_json({**fields, "at": 0.0, "seq": 0}))
    except WireError as err:
        raise ProtocolError("bad_event", f"do: {err}", ref=ref) from None
    assert isinstance(event, AgentDid | LeadDid)
    if not _CALL_ID.fullmatch(event.call_id):
        raise ProtocolError("bad_event", "do: event.call_id must be a call's id", ref=ref)
    if len(event.text) > MAX_TEXT_CHARS or len(event.target) > MAX_TEXT_CHARS:
        raise ProtocolError("bad_event", f"do: text and target may have {MAX_TEXT_CHARS} characters", ref=ref)
    if event.action in quality.ACTIONS and not (event.target and event.text.strip()):
        raise ProtocolError("bad_event", f"do: {event.action} needs an item as target and a reason as text", ref=ref)
    return Do(event, ref)


def stamped(event: AgentDid | LeadDid, at: float) -> AgentDid | LeadDid:
    """``event`` with the hub's time, seconds UTC."""
    return dataclasses.replace(event, at=at, seq=0)


def _text(**fields: Any) -> str:
    return pydantic_core.to_json(fields).decode()


def welcome(principal: Principal, language: Language, now: float) -> str:
    """First message on a connection. ``now`` (seconds UTC) lets a screen correct its clock."""
    return _text(op="welcome", role=principal.role, subject=principal.subject, language=language, now=now)


def snapshot(call_id: str, seq: int, events: Iterable[Event]) -> str:
    """Everything a screen needs to draw the call as of ``seq``; it replaces what the screen had of that call."""
    return _text(op="snapshot", call_id=call_id, seq=seq, events=[wire.to_dict(event) for event in events])


def event(item: Event) -> str:
    """One event; ``seq`` is 0 for what is never stored."""
    return _text(op="event", event=wire.to_dict(item))


def synced(call_id: str, seq: int) -> str:
    """The screen has everything of what it watches up to ``seq``: from here on it may resume with ``since``."""
    return _text(op="synced", call_id=call_id, seq=seq)


def done(ref: str) -> str:
    """The broker has stored what the client did."""
    return _text(op="done", ref=ref)


def pong() -> str:
    """Answer to a ping."""
    return _text(op="pong")


def error(code: ErrorCode, message: str, *, ref: str = "") -> str:
    """Something the client sent was refused; the connection stays."""
    return _text(op="error", code=code, message=message, **({"ref": ref} if ref else {}))
