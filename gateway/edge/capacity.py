"""Tells the edge how many dialogs a worker has left: JSON-RPC into Kamailio's hash table, over its unix socket.

An entry runs out four seconds after the last word: a worker that died or hangs gets no calls. Nothing is waited for; an
edge that is away hears it a second after it has come back.
"""

import contextlib
import json
import socket
import time
from typing import Final

from gateway.edge.link import EdgeLink

EVERY_S: Final = 1.0


class CapacityReport:
    """Reports of one worker.

    Args:
        link: where the edge is.
        index: the worker's number.
        mailbox: UDP port of its :class:`gateway.edge.inbox.Inbox`.
    """

    def __init__(self, link: EdgeLink, index: int, mailbox: int) -> None:
        self._path = link.socket
        self._index = index
        self._mailbox = mailbox
        self._told: tuple[int, int] | None = None
        self._next = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def report(self, free: int, requests: int) -> None:
        """Call it every turn. ``free``: dialogs left; ``requests``: INVITEs handled so far.

        It is said again when either has changed, for the edge has counted each INVITE until it hears otherwise.
        """
        now = time.monotonic()
        if (free, requests) == self._told and now < self._next:
            return
        sent = self._set("free", free) and self._set("mail", self._mailbox)
        self._told = (free, requests) if sent else None
        self._next = now + EVERY_S

    def close(self) -> None:
        """Say that nothing is left, and stop."""
        self._set("free", 0)
        self._socket.close()

    def _set(self, table: str, value: int) -> bool:
        # A notification (JSON-RPC 2.0, section 4.1): nobody answers.
        message = {"jsonrpc": "2.0", "method": "htable.seti", "params": [table, str(self._index), value]}
        with contextlib.suppress(OSError):
            self._socket.sendto(json.dumps(message).encode(), self._path)
            return True
        return False
