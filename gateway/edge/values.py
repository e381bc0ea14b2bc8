"""What the edge's configuration is filled in with (``sip_config/kamailio``), from the settings. Pure but for secrets.

Digest: RFC 7616 with MD5, the one algorithm every PBX has; only H(user:realm:password) gets into the file.
"""

import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from assist.config import Settings, Trunk, read_secret
from gateway.edge.link import EdgeLink
from gateway.probe.options import parse
from sip_config.render import Blocks

REALM: Final = "apuntador"
_STRANGER_REQUESTS: Final = 40
"""Requests in two seconds after which an unknown address is no longer answered."""
_SYSTEM_CA: Final = "/etc/ssl/certs/ca-certificates.crt"
_HIDDEN: Final = "CHANGE_ME"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be known outside: made at each start, but for the key that masks addresses in live dialogs."""

    token: str = _HIDDEN
    nonce: str = _HIDDEN
    mask: str = _HIDDEN
    shown: bool = False
    """Whether trunks' passwords may be read at all; without it their places say CHANGE_ME."""


def listening_address(settings: Settings) -> str:
    """Address the edge listens on: ``gateway.bind``, or this machine's own where that is every address."""
    bind = settings.gateway.bind
    if bind != "0.0.0.0":
        return bind
    # Nothing is sent: the kernel only says which address it would send from.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def link_of(settings: Settings, token: str) -> EdgeLink:
    """Where the edge of these settings is."""
    shown = settings.edge.advertise or listening_address(settings)
    socket_path = str(settings.run_dir / "edge.sock")
    return EdgeLink(shown, settings.gateway.port, settings.edge.inner_port, socket_path, token)


def values(settings: Settings, secrets: Secrets, run_dir: Path) -> tuple[dict[str, str], Blocks]:
    """Values and blocks for :func:`sip_config.render.render`.

    Raises:
        ConfigError: a trunk's secret can't be read.
    """
    gateway, edge = settings.gateway, settings.edge
    address = listening_address(settings)
    shown = edge.advertise or address
    tls = edge.certificate is not None and edge.key is not None
    plain = {
        "ADDRESS": address,
        "PORT": str(gateway.port),
        "SHOWN": shown,
        "ADVERTISE": f" advertise {edge.advertise}:{gateway.port}" if edge.advertise else "",
        "TLS_PORT": str(edge.tls_port),
        "TLS_ADVERTISE": f" advertise {edge.advertise}:{edge.tls_port}" if edge.advertise else "",
        "INNER": str(edge.inner_port),
        "LAST_WORKER": str(edge.inner_port + gateway.workers),
        "WORKERS": str(gateway.workers),
        "CHILDREN": str(min(8, 2 + gateway.workers // 4)),
        "CALLS_PER_S": str(edge.calls_per_s),
        "STRANGER_REQUESTS": str(_STRANGER_REQUESTS),
        "PING_S": str(edge.ping_s),
        "RUN_DIR": str(run_dir),
        "TOKEN": secrets.token,
        "NONCE_SECRET": secrets.nonce,
        "MASK_KEY": secrets.mask,
        "CERTIFICATE": str(edge.certificate or ""),
        "KEY": str(edge.key or ""),
        "CA": str(edge.ca or _SYSTEM_CA),
        "VERIFY": "yes" if edge.ca is not None or Path(_SYSTEM_CA).is_file() else "no",
    }
    blocks: dict[str, list[Mapping[str, str]]] = {
        "tls": [{}] if tls else [],
        "hide": [{}] if edge.hide else [],
        "ping": [{}] if edge.ping_s else [],
        "peer": _peers(settings, address, tls=tls),
        "trunk": [_trunk(trunk, secrets) for trunk in settings.trunk],
    }
    return plain, blocks


def _peers(settings: Settings, address: str, *, tls: bool) -> list[Mapping[str, str]]:
    """Everybody the edge asks by OPTIONS whether it is there: each from the socket of its transport."""
    found: list[Mapping[str, str]] = []
    uris = [agent.sip for agent in settings.agent]
    uris += [f"sip:{trunk.host};transport={trunk.transport}" for trunk in settings.trunk if trunk.host]
    for uri in uris:
        target = parse(uri)
        if target is None or (target.transport == "tls" and not tls):
            continue
        port = settings.edge.tls_port if target.transport == "tls" else settings.gateway.port
        found.append({"URI": target.uri, "SOCKET": f"{target.transport}:{address}:{port}"})
    return found


def _trunk(trunk: Trunk, secrets: Secrets) -> dict[str, str]:
    within = " || ".join(f'is_in_subnet("$si", "{network}")' for network in trunk.allow) or "0 == 1"
    ha1 = ""
    if trunk.challenge:
        ha1 = _HIDDEN
        if secrets.shown:
            ha1 = hashlib.md5(f"{trunk.user}:{REALM}:{read_secret(trunk.secret)}".encode()).hexdigest()
    return {"NAME": quote(trunk.name, safe=""), "WITHIN": within, "USER": trunk.user, "HA1": ha1}
