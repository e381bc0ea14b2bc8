"""Whether an edge stands in front of the workers here, and where SIP goes in then."""

import os
import shutil
from typing import Final

from assist.config import Settings
from gateway.edge.link import HOST
from gateway.edge.values import listening_address

_FOLDERS: Final = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/usr/local/bin"))
"""Where Debian and others put it; the PATH of who isn't root lacks them."""


def find_binary() -> str | None:
    """``kamailio`` on PATH or where systems put it."""
    return shutil.which("kamailio") or shutil.which("kamailio", path=_FOLDERS)


def is_wanted(settings: Settings) -> bool:
    """Whether the edge runs with these settings on this machine."""
    return settings.edge.mode != "off" and find_binary() is not None


def entrances(settings: Settings) -> list[tuple[str, int]]:
    """Addresses that PBXes and trunks send to: the edge's, or each worker's."""
    gateway = settings.gateway
    if is_wanted(settings):
        return [(listening_address(settings), gateway.port)]
    return [(gateway.bind, gateway.port + index) for index in range(gateway.workers)]


def workers(settings: Settings) -> list[tuple[str, int]]:
    """SIP address of each worker."""
    if not is_wanted(settings):
        return entrances(settings)
    return [(HOST, settings.edge.inner_port + 1 + index) for index in range(settings.gateway.workers)]
