"""Which trunk an INVITE belongs to, and what may be taken over from its headers. Pure: strings in, strings out."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from assist.config import Agent, Trunk

ANONYMOUS: Final = "anonymous"
"""User part for a caller that sent no usable number (RFC 3323, section 4.1.1.3)."""

_URI: Final = re.compile(r"(?:sips?|tel):([^@;>?\s]*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?[0-9*#().-]+")
_SEPARATORS: Final = re.compile(r"[().-]")
_DIALLED_UNSAFE: Final = re.compile(r"[^A-Za-z0-9+*#._~!()-]")
_HOST: Final = re.compile(r"sips?:(?:[^@;>\s]*@)?(\[[0-9A-Fa-f:.]+\](?::\d+)?|[^;?>\s\[\]@]+)", re.IGNORECASE)
_DISPLAY: Final = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<')
_USER_UNSAFE: Final = re.compile(r"[^A-Za-z0-9+*._~!()-]")
_DISPLAY_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f"\\<>]')
_LONGEST: Final = 64


def source_host(address: str) -> str:
    """Host of pjsip's ``host:port`` or ``[v6]:port``; the text itself where it has no port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _ = address.rpartition(":")
    return host if colon and ":" not in host else address


def is_within(networks: Sequence[str], host: str) -> bool:
    """Whether one of ``networks`` holds the address ``host``; a host that is no address is in none."""
    try:
        source = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(source, ipaddress.IPv6Address) and source.ipv4_mapped is not None:
        source = source.ipv4_mapped
    # A network of the other address family holds nothing; ``in`` says so without an error.
    return any(source in ipaddress.ip_network(network) for network in networks)


def choose_trunk(trunks: Sequence[Trunk], address: str, name: str = "") -> Trunk | None:
    """First trunk whose networks hold the source ``address`` (``host:port``), None when there is no such trunk.

    With ``name``, which an edge has found out, only the trunk of that name counts.
    """
    named = (trunk for trunk in trunks if name in ("", trunk.name))
    return next((trunk for trunk in named if is_within(trunk.allow, source_host(address))), None)


def user_part(name_addr: str) -> str:
    """User part of a ``From``/``To`` value, safe to be put in a URI; :data:`ANONYMOUS` when nothing of it is left."""
    found = _URI.search(name_addr)
    if found is None:
        return ANONYMOUS
    return _USER_UNSAFE.sub("", found.group(1).partition(":")[0])[:_LONGEST] or ANONYMOUS


def dialled_number(name_addr: str) -> str:
    """The number a ``To`` value asks for: escapes undone, parameters and visual separators left out (RFC 3966, 5.1.1).

    :data:`ANONYMOUS` when there is none. Unlike :func:`user_part` it keeps ``#`` and must be escaped to go into a URI.
    """
    found = _URI.search(name_addr)
    user = unquote(found.group(1)).partition(";")[0].partition(":")[0] if found else ""
    if _NUMBER.fullmatch(user):
        user = _SEPARATORS.sub("", user)
    return _DIALLED_UNSAFE.sub("", user)[:_LONGEST] or ANONYMOUS


def uri_host(uri: str) -> str:
    """``host`` or ``host:port`` of a SIP URI, empty when it has none."""
    found = _HOST.match(uri)
    return found.group(1) if found else ""


def agents_by_name(agents: Sequence[Agent]) -> Mapping[str, str]:
    """Agents' ids by what others may call them, in lower case: the user part of their SIP URI, or their id."""
    by_user = {user_part(agent.sip).lower(): agent.id for agent in agents}
    return {**by_user, **{agent.id.lower(): agent.id for agent in agents}}


def display_name(name_addr: str) -> str:
    """Display name of a ``From`` value without quotes and control characters; empty when it has none."""
    found = _DISPLAY.match(name_addr)
    if found is None:
        return ""
    return _DISPLAY_UNSAFE.sub("", found.group(1) or found.group(2) or "").strip()[:_LONGEST]


def from_header(caller: str, host: str, *, shown_number: str = "", user: str = "") -> str:
    """``From`` of the INVITE to who is called: the caller's name and number at ``host``.

    That is our own ``host:port`` for an agent's phone, which must send nothing to the caller's PBX by itself.
    ``shown_number`` takes the place of both name and number, ``user`` that of the number only.
    """
    number = shown_number or user_part(caller)
    shown = shown_number or display_name(caller) or number
    return f'"{shown}" <sip:{user or number}@{host}>'
