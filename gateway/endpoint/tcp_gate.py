"""How many may be connected over TCP.

pjsip's queue has 64 places, a place is free again half a second after its socket was closed, and an assertion ends the
process when there is none. Accepting can't be refused, but the kernel can be told to drop the SYNs (a filter on the
listening socket), so a peer that is kept out tries again by itself a second later.
"""

import ctypes
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pjsua2 as pj
import structlog

from gateway.endpoint.sockets import close_to_all, open_to_all, own_sockets

_MOST: Final = 32
"""Connections that are open or were closed just now; the backlog of each listener (5) may come on top."""
_ROOM_AGAIN: Final = 24
_PLACE_LINGERS_S: Final = 0.7
_FIRST_MESSAGE_S: Final = 10.0
_STRANGERS_WHEN_FULL_S: Final = 1.0
_NAME: Final = b"tcps"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Connection:
    handle: Any
    since: float
    spoke: bool = False
    """A SIP message came over it."""
    welcome: bool = False
    """It is ours, or a message came over it from somebody who may call."""


class TcpGate:
    """Counts connections and closes the listeners while there are too many.

    Args:
        shut_down: ends a connection, given pjsua2's handle.
        clock: seconds, steady.
    """

    def __init__(self, shut_down: Callable[[Any], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._shut_down = shut_down
        self._clock = clock
        self._open: dict[int, _Connection] = {}
        self._recent: deque[float] = deque()
        self._closed = False

    def changed(self, handle: Any, state: int) -> None:
        """A connection was made or has gone. Called by pjsip, for an accepted one between two accepts."""
        key, now = int(handle), self._clock()
        if state == pj.PJSIP_TP_STATE_CONNECTED:
            # pjsip names a transport "tcps…" when it was accepted and "tcpc…" when it was made by us.
            ours = ctypes.string_at(key, len(_NAME))[len(_NAME) - 1 :] == b"c"
            self._open[key] = _Connection(handle, now, spoke=ours, welcome=ours)
        elif state == pj.PJSIP_TP_STATE_DESTROY and self._open.pop(key, None) is not None:
            self._recent.append(now)
        if not self._closed and self._places(now) >= _MOST:
            self._closed = True
            log.warning("gateway.tcp_full", connections=len(self._open))
            for listener in _listeners():
                with listener:
                    close_to_all(listener)

    def heard(self, transport: int, welcome: bool) -> None:
        """A SIP message came over this transport; ``welcome``: its sender may call."""
        connection = self._open.get(transport)
        if connection is not None:
            connection.spoke = True
            connection.welcome = connection.welcome or welcome

    def turn(self) -> None:
        """End who says nothing, and let others in again when there is room."""
        if not self._open and not self._closed:
            return
        now = self._clock()
        for connection in list(self._open.values()):
            age = now - connection.since
            silent = not connection.spoke and age > _FIRST_MESSAGE_S
            in_the_way = self._closed and not connection.welcome and age > _STRANGERS_WHEN_FULL_S
            if silent or in_the_way:
                connection.since = now  # pjsip may need a moment
                self._shut_down(connection.handle)
        if self._closed and self._places(now) < _ROOM_AGAIN:
            self._closed = False
            for listener in _listeners():
                with listener:
                    open_to_all(listener)

    def _places(self, now: float) -> int:
        while self._recent and self._recent[0] < now - _PLACE_LINGERS_S:
            self._recent.popleft()
        return len(self._open) + len(self._recent)


def _listeners() -> Iterator[socket.socket]:
    for found in own_sockets(socket.SOCK_STREAM):
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            yield found
        else:
            found.close()
