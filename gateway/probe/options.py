"""OPTIONS as a keep-alive question (RFC 3261, section 11), and its answer. Pure.

Also the addresses it goes to: ``sip:user@host:port;transport=tcp`` (RFC 3261, section 19.1).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Transport: TypeAlias = Literal["udp", "tcp", "tls"]

_URI: Final = re.compile(
    r"^(?P<scheme>sips?):(?:(?P<user>[^@;>\s]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;?>\s\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[^;?>\s]*)*)$"
)
_STATUS: Final = re.compile(r"^SIP/2\.0 ([1-6]\d\d) ?(.*)$")
_PORTS: Final[dict[Transport, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a SIP URI points. ``host`` is a name or an address, without brackets."""

    user: str
    host: str
    port: int
    transport: Transport

    @property
    def uri(self) -> str:
        """The address as a URI."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        more = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.user}{'@' if self.user else ''}{host}:{self.port}{more}"


def parse(text: str, *, user: str = "") -> Target | None:
    """The target of a SIP URI, or of plain ``host[:port]``; None when it is neither."""
    found = _URI.match(text if text.startswith(("sip:", "sips:")) else f"sip:{text}")
    if found is None:
        return None
    wanted = re.search(r";transport=(udp|tcp|tls)\b", found["parameters"] or "", re.IGNORECASE)
    transport: Transport = "udp"
    match wanted[1].lower() if wanted else "":
        case "tcp":
            transport = "tcp"
        case "tls":
            transport = "tls"
    if found["scheme"] == "sips":
        transport = "tls"
    port = int(found["port"] or _PORTS[transport])
    return Target(found["user"] or user, found["host"].strip("[]"), port, transport) if 0 < port < 65536 else None


def request(target: Target, source: tuple[str, int], token: str) -> bytes:
    """One OPTIONS to ``target``; ``source`` is the address we send from, ``token`` makes it ours."""
    host = f"[{source[0]}]" if ":" in source[0] else source[0]
    lines = [
        f"OPTIONS {target.uri} SIP/2.0",
        f"Via: SIP/2.0/{target.transport.upper()} {host}:{source[1]};rport;branch=z9hG4bK{token}",
        f"From: <sip:apuntador@{host}:{source[1]}>;tag={token}",
        f"To: <{target.uri}>",
        f"Call-ID: {token}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:apuntador@{host}:{source[1]}>",
        "Max-Forwards: 70",
        "Accept: application/sdp",
        "User-Agent: Apuntador",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(message: bytes, token: str) -> int | None:
    """Status of the final answer to the request of ``token``; None for anything else, provisional answers too."""
    head = message.decode("utf-8", "replace").partition("\r\n\r\n")[0]
    found = _STATUS.match(head.split("\r\n", 1)[0])
    if found is None or token not in head or found[1].startswith("1"):
        return None
    return int(found[1])
