"""Whom a test call goes to, and who places it. Pure."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assist.config import Settings
from gateway.probe.options import Target, parse


@dataclass(frozen=True, slots=True)
class Account:
    """Who calls: ``user`` with the secret at ``secret`` (``file:`` or ``env:``); ``register``: before the call.

    ``srtp``: with encrypted audio only.
    """

    user: str = ""
    secret: str = ""
    register: bool = False
    srtp: bool = False


NOBODY: Final = Account()
"""Who calls without proving who it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a trunk takes calls, and who we are there."""

    target: Target
    account: Account


def line_of(settings: Settings, name: str) -> Line | None:
    """The line of the trunk ``name``; None where there is no such trunk, or it only sends us calls."""
    for trunk in settings.trunk:
        # A trunk that calls can be sent to has a host; one that only sends them has no such settings.
        known = trunk.model_dump()
        host = str(known.get("host", ""))
        if trunk.name == name and host:
            target = parse(f"sip:{host};transport={known.get('transport', 'udp')}")
            srtp = known.get("srtp", "off") != "off"
            account = Account(str(known.get("user", "")), str(known.get("secret", "")), srtp=srtp)
            return Line(target, account) if target is not None else None
    return None


def target_of(text: str, peers: Sequence[str], settings: Settings, line: Line | None = None) -> Target | None:
    """Where to call: a SIP URI, or a number at ``line``, else at the first of ``peers``, else at our first worker."""
    if "@" in text or text.startswith(("sip:", "sips:")):
        return parse(text)
    own = settings.gateway
    host = "127.0.0.1" if own.bind == "0.0.0.0" else own.bind
    where = line.target if line is not None else parse(peers[0]) if peers else Target("", host, own.port, "udp")
    # Whatever a dial plan may have; what would end a URI's user part is not in it (RFC 3261, section 25.1).
    if where is None or not re.fullmatch(r"[A-Za-z0-9*+#_.!~()-]{1,64}", text):
        return None
    return dataclasses.replace(where, user=text.replace("#", "%23"))
