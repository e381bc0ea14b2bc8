"""What an admin asks the gateway's processes over the bus, and what they answer. Never stored.

Everybody who may read the broker's token may ask (``run/nats.json`` is readable by the service's user only); callers'
numbers are masked by the process that knows them unless ``full`` is asked for.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from assist.errors import WireError
from assist.events import LegQuality, Party

SUBJECT: Final = "gateway.control"
"""Everybody hears it; ``to`` says who is meant."""
EVERYBODY: Final = ""

Order: TypeAlias = Literal["state", "trace", "recent", "drain", "undrain", "recycle"]
WorkerMode: TypeAlias = Literal["ready", "drained", "recycling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question or order. ``call_id`` is what the id of the call to trace, or its SIP Call-ID, begins with."""

    order: Order
    to: str = EVERYBODY
    call_id: str = ""
    full: bool = False
    bodies: bool = False

    def means(self, worker_id: str, host: str) -> bool:
        """Whether this process is meant: everybody, its name, or host/name where several machines share a broker."""
        return self.to in (EVERYBODY, worker_id, f"{host}/{worker_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """A call that goes on. Times are seconds UTC; ``answered_at`` is None before."""

    call_id: str
    trunk: str
    caller: str
    agent_id: str
    state: str
    started_at: float
    answered_at: float | None
    legs: tuple[LegQuality, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SipLine:
    """One SIP message as a worker saw it. ``at`` is seconds UTC, ``peer`` host:port, ``head`` without the body.

    ``media`` is what its session description says in short: address, codecs, direction.
    """

    at: float
    outgoing: bool
    transport: str
    peer: str
    sip_call_id: str
    cseq: str
    first: str
    head: str
    media: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An INVITE that came or went lately. ``call_id`` is the call it began or belongs to, empty where it was refused.

    ``result`` is the last answer, such as ``403 Forbidden``; empty where none is known.
    """

    at: float
    outgoing: bool
    peer: str
    caller: str
    callee: str
    call_id: str
    sip_call_id: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A process's answer: its state, and what was asked for."""

    worker_id: str
    host: str
    pid: int
    address: str
    mode: WorkerMode
    calls: tuple[LiveCall, ...]
    capacity: int
    started_at: float
    served: int
    memory_kb: int
    trunks: tuple[str, ...] = ()
    taps: tuple[str, ...] = ()
    call_id: str = ""
    dialogs: dict[str, Party] = field(default_factory=dict)
    """Of a trace: party by SIP Call-ID."""
    messages: tuple[SipLine, ...] = ()
    attempts: tuple[Attempt, ...] = ()


AskHandler: TypeAlias = Callable[[Ask], Awaitable[Answer | None]]
"""None: somebody else is meant."""

_M = TypeVar("_M", Ask, Answer)


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {cls.__name__: TypeAdapter(cls) for cls in (Ask, Answer)}


def pack(message: Ask | Answer) -> bytes:
    """UTF-8 JSON."""
    return _adapters()[type(message).__name__].dump_json(message)


def unpack(cls: type[_M], raw: bytes) -> _M:
    """The message in ``raw``.

    Raises:
        WireError: it is not a ``cls``.
    """
    try:
        value: _M = _adapters()[cls.__name__].validate_json(raw)
    except ValidationError as err:
        raise WireError(f"not a {cls.__name__}: {err.error_count()} field(s) wrong") from None
    return value


def masked(number: str) -> str:
    """A number as others may see it: its last three characters.

    Examples: ``+573001234567`` → ``•••567``, ``anonymous`` → ``anonymous``.
    """
    if not any(character.isdigit() for character in number):
        return number
    return f"•••{number[-3:]}" if len(number) > 4 else number
