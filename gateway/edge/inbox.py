"""What the edge says about a request: who sent it, for which trunk, and, where it was too long, the whole of it.

A request that has come through the edge carries ``X-Apuntador-Edge: token=…;source=…;proto=…;trunk=…;whole=…``. With
``whole=1`` the edge has taken it apart, because pjsua2 reads 4,000 bytes; the message as it came was sent to our
mailbox just before, in a datagram of its own (loopback keeps the order).
"""

import contextlib
import hmac
import re
import socket
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

import structlog

from gateway.edge.link import HOST, EdgeLink

MAX_DATAGRAM: Final = 65_535
_KEPT: Final = 16
"""Whole messages that wait for their request: a worker has four dialogs."""
_HEADER: Final = re.compile(r"^X-Apuntador-Edge:[ \t]*(\S+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_CALL_ID: Final = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_CSEQ: Final = re.compile(r"^CSeq[ \t]*:[ \t]*(\d+)[ \t]+([A-Z]+)", re.MULTILINE | re.IGNORECASE)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Passed:
    """A request behind the edge. ``source`` is the sender's ``host:port``, empty when it did not come through it.

    ``trunk`` is empty within a dialog; ``transport`` is udp, tcp or tls.
    """

    message: str
    source: str = ""
    trunk: str = ""
    transport: str = ""


class Inbox:
    """Reads what the edge says; on the thread that made it.

    Args:
        link: where the edge is.
    """

    def __init__(self, link: EdgeLink) -> None:
        self._link = link
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        """UDP port of the mailbox."""
        self._whole: OrderedDict[tuple[str, str], str] = OrderedDict()

    def close(self) -> None:
        """Give the mailbox back."""
        self._socket.close()

    def told(self, message: str) -> Passed:
        """What the edge says about this request, which stays as it is."""
        return self._passed(message, _told(message)) or Passed(message)

    def read(self, message: str) -> Passed:
        """The same; the message is the whole one where the edge has sent it."""
        told = _told(message)
        passed = self._passed(message, told)
        if passed is None:
            return Passed(message)
        self._collect()
        if told.get("whole") == "1":
            whole = self._whole.get(_key(message))
            if whole is None:
                # It goes on without names: a recording without metadata is still a recording.
                log.warning("gateway.whole_message_missing", bytes=len(message))
            else:
                message = whole
        return replace(passed, message=message)

    def _passed(self, message: str, told: Mapping[str, str]) -> Passed | None:
        if not hmac.compare_digest(told.get("token", "").encode(), self._link.token.encode()):
            return None
        return Passed(message, told.get("source", ""), unquote(told.get("trunk", "")), told.get("proto", ""))

    def _collect(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, sender = self._socket.recvfrom(MAX_DATAGRAM)
                if sender != (HOST, self._link.inner_port):
                    log.warning("gateway.mail_from_stranger", port=sender[1])
                    continue
                whole = data.decode("utf-8", "replace")
                self._whole[_key(whole)] = whole
                while len(self._whole) > _KEPT:
                    self._whole.popitem(last=False)


def _told(message: str) -> Mapping[str, str]:
    found = _HEADER.search(message.partition("\r\n\r\n")[0])
    if found is None:
        return {}
    return {name: value for name, _, value in (part.partition("=") for part in found[1].split(";"))}


def _key(message: str) -> tuple[str, str]:
    head = message.partition("\r\n\r\n")[0]
    call, order = _CALL_ID.search(head), _CSEQ.search(head)
    return call[1] if call else "", f"{order[1]} {order[2].upper()}" if order else ""
