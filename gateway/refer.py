"""What a REFER asks for, and where its target is dialled. Pure.

Sources: RFC 3515 (REFER), RFC 3891 (Replaces), RFC 3892 (Referred-By), RFC 4488 (Refer-Sub), RFC 5589 (transfer).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from assist.config import Agent
from gateway import routing
from gateway.message import Head, parameter, tag

_BRACKETED: Final = re.compile(r"<([^<>]*)>")
_SIP: Final = re.compile(r"^(sips?|tel):", re.IGNORECASE)
_HOST: Final = re.compile(r"^sips?:(?:[^@;?]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d+))?", re.IGNORECASE)
_SAFE: Final = re.compile(r"^[\x21-\x7e]{1,256}$")
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class Replaces:
    """The dialog a target is asked to give up (RFC 3891); the tags as the one who receives it has them."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


@dataclass(frozen=True, slots=True)
class Refer:
    """A REFER within a dialog. ``local_tag`` is ours in it, ``remote_tag`` the sender's.

    ``wants_news`` is False where the sender asked for no subscription (``Refer-Sub: false``).
    """

    call_id: str
    local_tag: str
    remote_tag: str
    uri: str
    replaces: Replaces | None = None
    referred_by: str = ""
    wants_news: bool = True
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Goal:
    """Whom to dial: ``uri`` goes on the wire, ``shown`` into events; ``agent_id`` where it is one of our agents."""

    uri: str
    shown: str
    agent_id: str = ""
    replaces: Replaces | None = None
    referred_by: str = ""
    trunk: str = ""
    """Trunk with a host that it is dialled through, whose limits count."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Header fields its INVITE needs."""
        fields: list[tuple[str, str]] = []
        if self.replaces is not None:
            fields += [("Replaces", str(self.replaces)), ("Require", "replaces")]
        if self.referred_by:
            fields.append(("Referred-By", self.referred_by))
        return tuple(fields)


def read(message: str) -> Refer | None:
    """The REFER in ``message``; None when it can't be understood (400: RFC 3515, 2.4.2 wants one ``Refer-To``)."""
    head = Head(message)
    targets = head.all("refer-to")
    found = _target(targets[0]) if len(targets) == 1 else None
    if head.method != "REFER" or found is None:
        return None
    number = head.get("cseq").partition(" ")[0]
    return Refer(
        call_id=head.get("call-id"),
        local_tag=tag(head.get("to")),
        remote_tag=tag(head.get("from")),
        uri=found[0],
        replaces=found[1],
        referred_by=_safe(head.get("referred-by")),
        wants_news=head.get("refer-sub").lower() != "false",
        sequence=int(number) if number.isdecimal() else 0,
    )


def route(refer: Refer, agents: Sequence[Agent], peer: str) -> Goal | None:
    """Where the target of ``refer`` is dialled; None when it names nobody.

    A known agent is rung at the agent's own phone. Everybody else is the business of the PBX the call came from:
    ``peer`` is its contact, and only the user part of the target is taken. So a REFER never makes us send an INVITE to
    a host that nobody has configured.
    """
    user = routing.user_part(refer.uri)
    if user == routing.ANONYMOUS:
        return None
    more = {"replaces": refer.replaces, "referred_by": refer.referred_by}
    agent_id = routing.agents_by_name(agents).get(user.lower())
    agent = next((agent for agent in agents if agent.id == agent_id), None)
    if agent is not None:
        return Goal(agent.sip, agent.sip, agent.id, **more)  # type: ignore[arg-type]
    host = _HOST.match(peer)
    if host is None:
        return None
    address = host.group(1) + (f":{host.group(2)}" if host.group(2) else "")
    transport = parameter(peer, "transport")
    uri = f"sip:{user}@{address}" + (f";transport={transport}" if transport.lower() in ("tcp", "tls") else "")
    return Goal(uri, uri, **more)  # type: ignore[arg-type]


def sipfrag(code: int) -> str:
    """Body of a NOTIFY that tells how the transfer goes (RFC 3515, 2.4.5)."""
    return f"SIP/2.0 {code} {_REASONS.get(code) or _REASONS[code // 100 * 100]}\r\n"


_REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    300: "Redirected",
    400: "Request Failed",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Error",
    503: "Service Unavailable",
    600: "Global Failure",
    603: "Decline",
}


def _target(value: str) -> tuple[str, Replaces | None] | None:
    if len(value) > _LONGEST:
        return None
    bracketed = _BRACKETED.search(value)
    # Without brackets, what follows a semicolon belongs to the header field (RFC 3515, 2.1).
    uri = bracketed.group(1) if bracketed else value.partition(";")[0].strip()
    uri, _, fields = uri.partition("?")
    if not _SIP.match(uri):
        return None
    for field in fields.split("&"):
        name, _, text = field.partition("=")
        if name.lower() == "replaces":
            replaces = _replaces(unquote(text))
            return (uri, replaces) if replaces is not None else None
    return uri, None


def _replaces(text: str) -> Replaces | None:
    call_id = _safe(text.partition(";")[0].strip())
    to_tag, from_tag = _safe(parameter(text, "to-tag")), _safe(parameter(text, "from-tag"))
    if not (call_id and to_tag and from_tag):
        return None
    early = any(part.strip().lower() == "early-only" for part in text.split(";")[1:])
    return Replaces(call_id, to_tag, from_tag, early)


def _safe(text: str) -> str:
    return text if _SAFE.match(text.replace(" ", "_")) else ""
