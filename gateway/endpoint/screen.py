"""Our place in pjsip's line of modules: every SIP message passes here before pjsua2 acts on it.

pjsua2 shows an application an INVITE after it has parsed its session description and opened sockets for it: too late
for messages that end the process. The C library below lets a module look first (pjsip's ``pjsip_module``), and ctypes
can be one. Two are registered: one ahead of everything, which looks at bodies, in responses too; one behind the
transaction layer, where retransmissions are already sorted out, which decides who may open a dialog.

The place of the message inside ``pjsip_rx_data`` is that of the packaged build. It is checked once at start-up with a
message of our own; where it isn't there, nothing is screened and the log says so.
"""

import ctypes
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from gateway.endpoint.pjsip import BEHIND_TRANSACTIONS, Callback, Links, Module, Text, endpoint
from gateway.screening import WITH_SDP, Meter, Refusal, Transport, judge, method_of, opens_dialog

_POOL: Final = 0
_TRANSPORT: Final = 8
_PACKET: Final = 320
_PACKET_SIZE: Final = 4000
_SOURCE: Final = 4368
_SOURCE_SIZE: Final = 46
_MESSAGE: Final = 4424
_BEFORE_EVERYTHING: Final = 4
_REPORT_EVERY_S: Final = 10.0
_TELL_EVERY_S: Final = 1.0
_MOST_TOLD: Final = 20
_HANDLED: Final = 1
_NOT_MINE: Final = 0

_KINDS: Final[dict[bytes, Transport]] = {b"udp": "udp", b"tcp": "tcp", b"tls": "tls"}

log = structlog.get_logger(__name__)


class Screen:
    """Registered with pjsip from its making on; lives as long as the endpoint.

    Args:
        library: the C library below pjsua2, initialised.

    Three things are asked of whoever knows the trunks, all on the thread that polls: ``admit`` gets each request that
    may bring SDP, in a dialog or not, its source's host and its transport, and says what it is refused with;
    ``known`` says whether a host is a trunk's; ``heard`` is told of each message, by pjsip's transport and whether its
    sender is known.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.admit: Callable[[bytes, str, Transport], Refusal | None] = lambda message, host, transport: None
        self.known: Callable[[str], bool] = lambda host: True
        self.heard: Callable[[int, bool], None] = lambda transport, welcome: None
        self.trusted = ""
        """A host whose requests are not counted: the edge's, which counts for itself."""
        self.works = False
        """Whether messages are where they are expected."""
        self._probe = b""
        self._meter = Meter(40, 80)
        self._strangers = Meter(10, 20)
        self._counts: Counter[str] = Counter()
        self._refused: Counter[tuple[int, str, str, str]] = Counter()
        self._told_at = 0.0
        self._next_report = 0.0
        try:
            self._pjsip = endpoint(library)
            self._respond = library.pjsip_endpt_respond_stateless
            self._respond.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, *[ctypes.c_void_p] * 3]
            self._make_header = library.pjsip_generic_string_hdr_create
            self._make_header.restype, self._make_header.argtypes = ctypes.c_void_p, [ctypes.c_void_p] * 3
            look, decide = self._guarded(self._look), self._guarded(self._decide)
            # pjsip keeps pointers into these until it is destroyed.
            self._modules = [
                Module.of("apuntador-look", _BEFORE_EVERYTHING, look, look),
                Module.of("apuntador-admit", BEHIND_TRANSACTIONS, decide),
            ]
            for module in self._modules:
                module.register(library)
        except AttributeError:
            return

    def verify(self, bind: str, port: int, poll: Callable[[], None], *, patience_s: float = 2.0) -> None:
        """Send ourselves a message and see it come; ``poll`` lets SIP happen for a moment."""
        host = "127.0.0.1" if bind == "0.0.0.0" else bind
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            token = secrets.token_hex(8)
            self._probe = (
                f"OPTIONS sip:check@{host}:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {host}:{sock.getsockname()[1]};branch=z9hG4bK{token}\r\n"
                f"From: <sip:check@{host}>;tag={token}\r\nTo: <sip:check@{host}>\r\n"
                f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            self._host = host
            sock.sendto(self._probe, (host, port))
            deadline = time.monotonic() + patience_s
            while not self.works and time.monotonic() < deadline:
                poll()
        self._probe = b""
        if not self.works:
            log.warning("gateway.screen_off", reason="this build of pjsua2 keeps messages elsewhere")

    # --- inside pjsip ----------------------------------------------------------------------------------------------

    def _guarded(self, decide: Callable[[int, bytes, str], int]) -> Any:
        def callback(rdata: int) -> int:
            try:
                message, host = _read(rdata)
                if self._probe:
                    if message == self._probe and host == self._host:
                        self.works = True
                        return _HANDLED
                    return _NOT_MINE
                return decide(rdata, message, host) if self.works and message else _NOT_MINE
            except Exception as err:
                log.error("gateway.callback_failed", callback="screen", error=repr(err))
                return _NOT_MINE

        return Callback(callback)

    def _look(self, rdata: int, message: bytes, host: str) -> int:
        self.heard(_transport(rdata), self.known(host))
        refusal = judge(message)
        if refusal is None:
            return _NOT_MINE
        self._count(refusal.why)
        return self._refuse(rdata, refusal, method_of(message), host)

    def _decide(self, rdata: int, message: bytes, host: str) -> int:
        method = method_of(message)
        # An ACK or CANCEL belongs to what was decided on before.
        opens = method not in ("ACK", "CANCEL") and opens_dialog(message)
        if opens and host != self.trusted and not self._meter.allows(host, time.monotonic()):
            self._count("flood")
            return _HANDLED
        refusal = self.admit(message, host, _kind(rdata)) if method in WITH_SDP else None
        if refusal is None:
            return _NOT_MINE
        self._refused[refusal.code, refusal.why, refusal.trunk, host] += 1
        return self._refuse(rdata, refusal, method, host)

    def _refuse(self, rdata: int, refusal: Refusal, method: str, host: str) -> int:
        if method in ("", "ACK"):
            return _HANDLED
        # Strangers get few answers: whoever they pretend to be would get them.
        if self.known(host) or self._strangers.allows(host, time.monotonic()):
            headers, kept = self._headers(rdata, refusal.headers)
            self._respond(self._pjsip, rdata, refusal.code, None, headers, None)
            del kept
        return _HANDLED

    def _headers(self, rdata: int, headers: Sequence[tuple[str, str]]) -> tuple[int | None, list[Any]]:
        """pjsip's list of these headers, and what has to live until they are sent."""
        if not headers:
            return None, []
        first = Links()
        own = ctypes.addressof(first)
        first.before = first.after = own
        kept: list[Any] = [first]
        pool = ctypes.c_void_p.from_address(rdata + _POOL).value
        for name, value in headers:
            texts = [Text.of(text) for text in (name, value)]
            kept += texts
            made = self._make_header(pool, ctypes.byref(texts[0]), ctypes.byref(texts[1]))
            link, last = Links.from_address(made), Links.from_address(first.before)
            link.before, link.after = first.before, own
            last.after = first.before = made
        return own, kept

    def tell(self) -> None:
        """Log what was refused and kept away, if not a moment ago: a flood must not become one of lines."""
        now = time.monotonic()
        if self._refused and now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            for (code, why, trunk, source), times in self._refused.most_common(_MOST_TOLD):
                log.info("gateway.call_refused", code=code, why=why, trunk=trunk, times=times, source=source)
            self._refused.clear()
        if self._counts and now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            log.warning("gateway.screened", **self._counts)
            self._counts.clear()

    def _count(self, why: str) -> None:
        self._counts[why] += 1


def _transport(rdata: int) -> int:
    return ctypes.c_void_p.from_address(rdata + _TRANSPORT).value or 0


def _kind(rdata: int) -> Transport:
    # A transport begins with its name: "udp0x55…", "tcps0x…" (accepted) or "tcpc0x…" (made by us), "tlss0x…".
    return _KINDS.get(ctypes.string_at(_transport(rdata), 3), "")


def _read(rdata: int) -> tuple[bytes, str]:
    """Message and source address; empty where the message isn't inside the packet's buffer."""
    begin = ctypes.c_void_p.from_address(rdata + _MESSAGE).value or 0
    length = ctypes.c_int.from_address(rdata + _MESSAGE + 8).value
    buffer = rdata + _PACKET
    if not buffer <= begin <= buffer + _PACKET_SIZE or not 0 < length <= buffer + _PACKET_SIZE - begin:
        return b"", ""
    source = ctypes.string_at(rdata + _SOURCE, _SOURCE_SIZE).partition(b"\0")[0]
    return ctypes.string_at(begin, length), source.decode("ascii", "replace")
