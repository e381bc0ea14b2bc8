"""What a SIP message must not be, said before pjsua2 looks at its body. Pure: bytes in, a refusal or nothing out.

The packaged pjsua2 aborts, or waits for a name server on the thread that serves every call, on some session
descriptions that are legal text (:mod:`gateway.endpoint`). Each limit here is far above what real peers send.
"""

import ipaddress
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Transport: TypeAlias = Literal["udp", "tcp", "tls", ""]
"""How a message came; empty where that can't be told."""

WITH_SDP: Final = frozenset({"INVITE", "UPDATE", "ACK", "PRACK"})
"""Requests that may describe media."""
BAD_REQUEST: Final = 400
NOT_ACCEPTABLE: Final = 488
TOO_LARGE: Final = 513
BUFFER: Final = 4000
"""Bytes of a message that pjsua2 keeps: a longer datagram is cut off, a longer message on TCP ends the connection."""
MOST_STREAMS: Final = 4
"""Audio, video and a spare or two: a softphone's offer. pjsua2 opens two sockets for each, used or not."""
_MOST_LINES: Final = 500
_LONGEST_LINE: Final = 1024
_MOST_FORMATS: Final = 40
_SDP_LINE: Final = re.compile(rb"(?<![^\r\n])[a-z]=[^\r\n]*")
"""pjsip takes a lone carriage return for the end of a line, too."""
_TO: Final = re.compile(rb"^(?:to|t)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.MULTILINE | re.IGNORECASE)
_LENGTH: Final = re.compile(rb"^(?:content-length|l)[ \t]*:\s*(\d{1,9})\s*$", re.MULTILINE | re.IGNORECASE)
_CSEQ: Final = re.compile(rb"^cseq[ \t]*:\s*\d+\s+(\S+)", re.MULTILINE | re.IGNORECASE)
_TAG: Final = re.compile(rb";\s*tag\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response a message gets instead of being let in, without a dialog (RFC 3261, section 8.2.7).

    ``why`` is a word for the log, ``headers`` go with the response; ``trunk`` names whose it was, where that is known.
    """

    code: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()
    trunk: str = ""


def method_of(message: bytes) -> str:
    """Method of a request; empty for a response."""
    first = message[:32].partition(b" ")[0]
    return "" if first.startswith(b"SIP/") else first.decode("ascii", "replace")


def opens_dialog(message: bytes) -> bool:
    """Whether a request stands outside every dialog: its ``To`` has no tag (RFC 3261, section 8.1.1.2)."""
    head = message.partition(b"\r\n\r\n")[0]
    found = _TO.search(head)
    return found is None or _TAG.search(found.group(1)) is None


def judge(message: bytes) -> Refusal | None:
    """Why a request or response may not reach pjsua2, None where it may: does it hold together, and what it describes?

    A body may have several parts, so every line of it that looks like SDP counts, wherever it stands.
    """
    head, _, body = message.partition(b"\r\n\r\n")
    told, sequence = _LENGTH.search(head), _CSEQ.search(head)
    if told is not None and int(told.group(1)) > len(body):
        # RFC 3261, section 18.3. What is cut off may be half a session description.
        return Refusal(TOO_LARGE, "cut_off") if len(message) >= BUFFER else Refusal(BAD_REQUEST, "length")
    method = method_of(message)
    if method and sequence is not None and sequence.group(1) != method.encode():
        return Refusal(BAD_REQUEST, "cseq")  # section 8.1.1.5
    return _judge_description(body)


def _judge_description(body: bytes) -> Refusal | None:
    streams = lines = 0
    for found in _SDP_LINE.finditer(body):
        line = found.group()
        lines += 1
        if len(line) > _LONGEST_LINE:
            return Refusal(NOT_ACCEPTABLE, "long_line")
        kind, fields = line[:1], line[2:].split()
        if kind == b"m":
            streams += 1
            if len(fields) > _MOST_FORMATS + 3:
                return Refusal(NOT_ACCEPTABLE, "many_formats")
            if len(fields) > 2 and b"TLS" in fields[2].upper():
                # DTLS-SRTP (RFC 5764), as browsers offer it: the packaged build dies of it where SRTP is on.
                return Refusal(NOT_ACCEPTABLE, "dtls")
        # c=IN IP4 HOST, a=rtcp:PORT IN IP4 HOST
        at = 2 if kind == b"c" else 3 if line.startswith(b"a=rtcp:") else None
        if at is not None and len(fields) > at and not _is_address(fields[at]):
            return Refusal(NOT_ACCEPTABLE, "named_host")
    if streams > MOST_STREAMS:
        return Refusal(NOT_ACCEPTABLE, "many_streams")
    if lines > _MOST_LINES:
        return Refusal(NOT_ACCEPTABLE, "many_lines")
    return None


def _is_address(text: bytes) -> bool:
    # A name would be looked up while every call of the worker waits.
    try:
        ipaddress.ip_address(text.partition(b"/")[0].decode("ascii"))
    except ValueError:
        return False
    return True


class Meter:
    """How often each source may open something: a token bucket per host.

    Args:
        rate: tokens a second.
        burst: tokens at most.
        hosts: sources remembered; the one unheard of for longest goes first.
    """

    def __init__(self, rate: float, burst: float, *, hosts: int = 1024) -> None:
        self._rate, self._burst, self._hosts = rate, burst, hosts
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, host: str, now: float) -> bool:
        """Take a token of ``host``; False when it has none. ``now``: seconds of any steady clock."""
        level, since = self._levels.pop(host, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        allowed = level >= 1
        self._levels[host] = (level - 1 if allowed else level, now)
        while len(self._levels) > self._hosts:
            self._levels.popitem(last=False)
        return allowed
