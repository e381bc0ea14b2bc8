"""Which trunk an INVITE belongs to, and what may be taken over from its headers. Pure: strings in, strings out."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from assist.config import Trunk

ANONYMOUS: Final = "anonymous"
"""User part for a caller that sent no usable number (RFC 3323, section 4.1.1.3)."""

_URI: Final = re.compile(r"(?:sips?|tel):([^@;>?\s]*)", re.IGNORECASE)
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


def choose_trunk(trunks: Sequence[Trunk], address: str) -> Trunk | None:
    """First trunk whose networks hold the source ``address`` (``host:port``), None when there is no such trunk."""
    try:
        source = ipaddress.ip_address(source_host(address))
    except ValueError:
        return None
    if isinstance(source, ipaddress.IPv6Address) and source.ipv4_mapped is not None:
        source = source.ipv4_mapped
    for trunk in trunks:
        # A network of the other address family holds nothing; ``in`` says so without an error.
        if any(source in ipaddress.ip_network(network) for network in trunk.allow):
            return trunk
    return None


def user_part(name_addr: str) -> str:
    """User part of a ``From``/``To`` value, safe to be put in a URI; :data:`ANONYMOUS` when nothing of it is left."""
    found = _URI.search(name_addr)
    if found is None:
        return ANONYMOUS
    return _USER_UNSAFE.sub("", found.group(1).partition(":")[0])[:_LONGEST] or ANONYMOUS


def display_name(name_addr: str) -> str:
    """Display name of a ``From`` value without quotes and control characters; empty when it has none."""
    found = _DISPLAY.match(name_addr)
    if found is None:
        return ""
    return _DISPLAY_UNSAFE.sub("", found.group(1) or found.group(2) or "").strip()[:_LONGEST]


def from_header(caller: str, host: str, port: int) -> str:
    """``From`` of the INVITE to the agent: the caller's name and number at our own address.

    The host is ours because the agent's phone must send nothing to the caller's PBX by itself.
    """
    user = user_part(caller)
    shown = display_name(caller) or user
    return f'"{shown}" <sip:{user}@{host}:{port}>'
