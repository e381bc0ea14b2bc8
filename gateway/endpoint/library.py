"""Setting pjsua2 up and tearing it down."""

import contextlib
import ctypes
import errno
import gc
import queue
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import pjsua2 as pj
import structlog

from assist import ports
from assist.config import Srtp, Tls
from gateway.edge.inbox import Inbox
from gateway.edge.link import HOST, EdgeLink
from gateway.endpoint import below
from gateway.endpoint.leg import Doorman, Leg
from gateway.endpoint.line import Line, LineSetup
from gateway.endpoint.log import LEVEL, MessageLog
from gateway.endpoint.media_lock import MediaLock
from gateway.endpoint.port import ForkPort, SourcePort, choose_copy, copy_fast
from gateway.endpoint.screen import Screen
from gateway.endpoint.tcp_gate import TcpGate
from gateway.errors import EndpointError, LegError, PortBusyError
from gateway.fork import FRAME_SAMPLES, RATE, Ring
from gateway.media_source import Mode
from gateway.notices import Notice, Referred, Registered
from gateway.refer import Refer, Replaces
from gateway.refer import read as read_refer
from gateway.trace import SipTrace

RTP_PORTS: Final = 100
"""RTP and RTCP ports of one worker; two bridged calls need eight."""

_CODECS: Final = {"PCMA/8000/1": 254, "PCMU/8000/1": 253, "G722/16000/1": 252}
"""Codec priorities; every other codec is switched off. The bridge runs at 8 kHz, so G.711 is preferred to G.722."""
_MOST_CALLS: Final = 512
_SRTP_USE: Final[dict[Srtp, int]] = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "required": pj.PJMEDIA_SRTP_MANDATORY,
}
_STREAMS_PER_DIALOG: Final = 2
"""A recorded call brings both voices in one dialog."""
_PJ_EADDRINUSE: Final = 120000 + errno.EADDRINUSE
_GOODBYE_S: Final = 1.0
"""How long registrars may take to hear that we go."""
_BURST: Final = 14
_BURST_WINDOW_S: Final = 0.7
"""pjsua2 opens two sockets for an INVITE before anybody can refuse it, its media queue has 64 places, a place is free
again half a second after its socket was closed, and an assertion ends the process when there is none. One poll may take
in ten INVITEs more than were known before it: 2 x (14 + 10) and the eight of two live calls stay below 64."""

log = structlog.get_logger(__name__)


class Endpoint:
    """pjsua2, listening. One per process; made, used and closed by one thread.

    Args:
        bind: IPv4 address SIP and RTP listen on; ``0.0.0.0`` is all of them.
        port: SIP port, UDP and TCP.
        rtp_start: first of :data:`RTP_PORTS` RTP ports.
        edge: the proxy in front. SIP is on its loopback side then, RTP stays at ``bind``.
        inbox: reads what the edge says.
        media_source: whose RTP a leg takes (``gateway.media_source``).
        tls: SIP over TLS, on ``tls_port``; None: without.
        srtp: whether any trunk's or phone's audio may be encrypted.

    Raises:
        PortBusyError: another process has the SIP port.
        EndpointError: pjsua2 can't be set up.
    """

    def __init__(
        self,
        bind: str,
        port: int,
        rtp_start: int,
        edge: EdgeLink | None = None,
        inbox: Inbox | None = None,
        *,
        media_source: Mode = "learn",
        tls: Tls | None = None,
        tls_port: int = 0,
        srtp: bool = False,
    ) -> None:
        self._sip_bind = bind if edge is None else HOST
        _check_free(self._sip_bind, port)
        self._edge = edge
        self._read = None if inbox is None else inbox.read
        if tls is not None:
            _check_free(bind, tls_port, (socket.SOCK_STREAM,))
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.trace = SipTrace()
        """SIP messages of the last calls."""
        self._bind = bind
        self._port = port
        self._rtp_start = rtp_start
        # What comes in was screened by its trunk's wish.
        self._answers_srtp: Srtp = "optional" if srtp else "off"
        self._tls = tls
        self._tls_port = tls_port
        self._lines: dict[str, Line] = {}
        self._retired: list[Line] = []
        self._dialers: dict[Srtp, Doorman] = {}
        self._library = c_library()
        silence(self._library)
        self._endpoint: Any = _Library()
        self._gate = self._endpoint.gate
        try:
            self._endpoint.libCreate()
            self._endpoint.libInit(self._settings())
            support_siprec(self._library)
            self._trap = below.ReferTrap(self._library, self._on_refer)
            self.admit_refer: Callable[[int, Refer], int] = lambda leg, refer: int(pj.PJSIP_SC_DECLINE)
            """Answers a REFER within a leg's dialog: the SIP status, at once and without orders to pjsua2."""
            self.screen = Screen(self._library)
            """Sees every message before pjsua2 does."""
            self.screen.heard = self._gate.heard
            self.screen.trusted = "" if edge is None else HOST
            self._listen()
            self._endpoint.audDevManager().setNullDev()
            self._endpoint.libStart()
            self._choose_codecs()
            self._lock = MediaLock(media_source, range(rtp_start, rtp_start + RTP_PORTS))
            self._doorman = self._new_account()
            door = self._account(self._answers_srtp)
            door.priority = 10  # an INVITE that fits no account better is the doorman's
            self._doorman.create(door)
        except pj.Error as err:
            self._endpoint.libDestroy()
            if err.status == _PJ_EADDRINUSE:
                raise _busy(bind, port, "UDP or TCP") from None
            raise EndpointError(f"pjsua2 can't be set up on {bind}:{port}: {err.reason} ({err.status})") from None
        self.dialogs = self._count_dialogs()
        self._copy = choose_copy()
        self.fast_copy = self._copy is copy_fast
        """Whether frames are copied the fast way."""
        self._tone = ringing_tone()
        # A port ticks fifty times a second whether anybody uses it or not: each is made when it is first needed.
        self._spare: list[ForkPort] = []
        self._made = 0
        self._sources: list[SourcePort] = []
        self._sources_made = 0
        self._dying: list[Leg] = []
        self.screen.verify(self._sip_bind, port, lambda: self.poll(0.01))

    # --- what the switchboard needs ------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that stand in our SIP headers."""
        return (self._bind, self._port) if self._edge is None else (self._edge.address, self._edge.port)

    @property
    def edged(self) -> bool:
        """Whether a proxy stands in front, which knows whose calls come."""
        return self._edge is not None

    @property
    def taken(self) -> int:
        """Dialogs that pjsua2 has; one that was told to hang up counts until its peer has answered."""
        with contextlib.suppress(AttributeError):
            count = self._library.pjsua_call_get_count
            count.restype = ctypes.c_uint
            return int(count())
        return len(self._doorman.legs)

    @property
    def free(self) -> int:
        """Slots for dialogs that nobody has."""
        return self.dialogs - len(self._doorman.legs)

    def poll(self, timeout: float) -> None:
        """Let SIP happen for at most ``timeout`` seconds; what happened is in :attr:`notices` then."""
        opened, now = self._doorman.opened, time.monotonic()
        while opened and opened[0] < now - _BURST_WINDOW_S:
            opened.popleft()
        if len(opened) >= _BURST:
            # SIP waits in the kernel's buffer, and is sent again if that overflows; media has a thread of its own.
            time.sleep(timeout)
            return
        self._endpoint.libHandleEvents(int(timeout * 1000))
        self._lock.turn()
        self._gate.turn()
        self.screen.tell()
        if self._dying:
            self._bury()

    @property
    def gated(self) -> bool:
        """Whether requests are looked at before they become dialogs."""
        return self.screen.works

    def leg(self, key: int) -> Leg | None:
        """The leg with this number."""
        return self._doorman.legs.get(key)

    def new_leg(self, line: str = "", srtp: Srtp = "off") -> Leg:
        """A leg that is to be dialled by a trunk's account, whose audio is as the trunk's, or by one of our own.

        Raises:
            LegError: pjsua2 takes no more accounts.
        """
        if line in self._lines:
            return self._lines[line].new_leg()
        if srtp == self._answers_srtp:
            return self._doorman.new_leg()
        if srtp not in self._dialers:
            # How audio is encrypted can be told an account only, not a call.
            dialer = self._new_account()
            dialer.share_with(self._doorman)
            try:
                dialer.create(self._account(srtp))
            except pj.Error as err:
                raise LegError(f"pjsua2 takes no account for audio with srtp {srtp}: {err.reason}") from None
            self._dialers[srtp] = dialer
        return self._dialers[srtp].new_leg()

    def _new_account(self) -> Doorman:
        return Doorman(self.notices, self._lock, self._read)

    def set_lines(self, setups: Sequence[LineSetup]) -> None:
        """Have exactly these trunks' accounts from now on; calls of one that has changed go on.

        Raises:
            EndpointError: pjsua2 takes no more accounts, or can't make sense of one.
        """
        wanted = {setup.trunk.name: setup for setup in setups}
        for name, line in list(self._lines.items()):
            if wanted.get(name) != line.setup:
                line.register(False)
                self._retired.append(self._lines.pop(name))
        self._drop_retired()
        for name, setup in wanted.items():
            if name in self._lines:
                continue
            line = Line(self._doorman, self.notices, self._lock, self._read, setup)
            try:
                line.open(self._account(setup.trunk.srtp))
            except pj.Error as err:
                raise EndpointError(
                    f"trunk {name!r}: pjsua2 can't open its account: {err.reason} ({err.status}); check its host and "
                    "user; there may be eight accounts: ours, each trunk's with a host, each kind of srtp to phones"
                ) from None
            self._lines[name] = line

    def register(self, line: str, wanted: bool) -> None:
        """Send a REGISTER for a trunk, or one that ends its registration."""
        if line in self._lines:
            self._lines[line].register(wanted)

    def _drop_retired(self) -> None:
        used = {leg.account for leg in (*self._doorman.legs.values(), *self._dying)}
        gone = [line for line in self._retired if line not in used]
        self._retired = [line for line in self._retired if line in used]
        for line in gone:
            with contextlib.suppress(pj.Error):
                line.shutdown()

    def dial(self, leg: Leg, uri: str, from_header: str, headers: Sequence[tuple[str, str]] = (), *, hops: int) -> None:
        """Send an INVITE that may pass ``hops`` proxies.

        Raises:
            LegError: it can't be sent.
        """
        with below.max_forwards(self._library, hops):
            leg.dial(uri, from_header, headers)

    def leg_of(self, dialog: Replaces) -> Leg | None:
        """The leg whose dialog is named; its tags as we have them."""
        if not below.has_dialog(self._library, dialog.call_id, dialog.to_tag, dialog.from_tag):
            return None
        return next((leg for leg in self._doorman.legs.values() if leg.sip_call_id == dialog.call_id), None)

    def ring_back_to(self, leg: Leg) -> None:
        """Let the leg's peer hear a ringing tone.

        Raises:
            LegError: it has no media.
        """
        leg.refresh_media()
        self._tone.rewind()
        leg.hear(self._tone)

    def ring_no_more(self, leg: Leg) -> None:
        """End :meth:`ring_back_to`; nothing happens where there is none."""
        leg.hear_no_more(self._tone)

    def unfork(self, leg: Leg) -> None:
        """Copy the leg's audio nowhere from now on."""
        self._spare += leg.detach()

    def _on_refer(self, text: str) -> int:
        refer = read_refer(text)
        if refer is None:
            return int(pj.PJSIP_SC_BAD_REQUEST)
        leg = self.leg_of(Replaces(refer.call_id, refer.local_tag, refer.remote_tag))
        if leg is None:
            return 0  # PJSIP knows how to answer one that belongs to no dialog
        code = self.admit_refer(leg.key, refer)
        if code < int(pj.PJSIP_SC_MULTIPLE_CHOICES):
            self.notices.put(Referred(leg.key, refer))
        return code

    def fork(self, leg: Leg, ring: Ring, stream: int = 0) -> None:
        """Copy an audio stream of the leg into ``ring`` from now on.

        Raises:
            LegError: all ports are taken.
        """
        known = leg.port(stream)
        if known is not None:
            known.attach(ring)
            return
        port = self._spare.pop() if self._spare else self._new_port()
        port.attach(ring)
        leg.fork(port, stream)

    def take_source(self) -> SourcePort | None:
        """A port that plays; one for each dialog: a bridged call has two. None when all are taken."""
        if self._sources:
            return self._sources.pop()
        if self._sources_made >= self.dialogs:
            return None
        self._sources_made += 1
        return SourcePort(f"source-{self._sources_made}")

    def give_source(self, port: SourcePort) -> None:
        """Give a port back that is connected to nobody."""
        port.play(None)
        self._sources.append(port)

    def _new_port(self) -> ForkPort:
        if self._made >= _STREAMS_PER_DIALOG * self.dialogs:
            raise LegError("no fork port is left")
        self._made += 1
        return ForkPort(f"fork-{self._made}", self._copy)

    def release(self, key: int) -> None:
        """Destroy an ended leg, at once or as soon as that harms no other.

        A ``Call``'s destructor hangs up the slot it once had. When a new dialog has taken that slot, the old object
        has to stay until the new one has ended, too.
        """
        leg = self._doorman.legs.pop(key, None)
        if leg is None:
            return
        self._lock.forget(key)
        self._spare += leg.release()
        self._dying.append(leg)
        del leg
        self._bury()

    def _bury(self) -> None:
        taken = {leg.index for leg in self._doorman.legs.values()}
        dying, self._dying = self._dying, []
        for leg in dying:
            if leg.index is not None and leg.index in taken:
                self._dying.append(leg)
            else:
                leg.destroy()

    def close(self) -> None:
        """Hang up whatever is left and destroy everything, in the order pjsua2 wants.

        The caller must hold no leg any more, and should leave with ``os._exit``: interpreter shutdown would run
        destructors of the library's globals a second time.
        """
        with contextlib.suppress(pj.Error):
            self._endpoint.hangupAllCalls()
        self._say_goodbye()
        for key in list(self._doorman.legs):
            self.release(key)
        for leg in self._dying:
            leg.destroy()
        self._dying.clear()
        # The clock would call a port whose Python half is already gone.
        with contextlib.suppress(pj.Error):
            self._endpoint.audDevManager().setNoDev()
        self._spare.clear()
        del self._tone
        self._sources.clear()
        gc.collect()
        for account in (*self._lines.values(), *self._retired, *self._dialers.values(), self._doorman):
            with contextlib.suppress(pj.Error):
                account.shutdown()
        self._lines.clear()
        self._retired.clear()
        self._dialers.clear()
        del account, self._doorman
        gc.collect()
        self._endpoint.libDestroy()

    def _say_goodbye(self) -> None:
        # A registrar that still knows us would send calls to a port where nobody listens.
        leaving = {name for name, line in self._lines.items() if line.setup.registers}
        for name in leaving:
            self._lines[name].register(False)
        deadline = time.monotonic() + _GOODBYE_S
        while leaving and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(20)
            with contextlib.suppress(queue.Empty):
                while True:
                    notice = self.notices.get_nowait()
                    if isinstance(notice, Registered):
                        leaving.discard(notice.trunk)

    # --- set-up --------------------------------------------------------------------------------------------------

    def _settings(self) -> Any:
        settings = pj.EpConfig()
        settings.logConfig.level = settings.logConfig.consoleLevel = LEVEL
        settings.logConfig.decor = 0
        # pjsua2 destroys it with the endpoint.
        settings.logConfig.writer = MessageLog(self.trace).__disown__()
        settings.uaConfig.maxCalls = _MOST_CALLS
        # SIP runs inside poll, on the thread that gives orders: a slot can't be taken while a leg is being destroyed.
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.userAgent = "Apuntador"
        media = settings.medConfig
        media.clockRate = RATE
        media.sndClockRate = RATE
        media.audioFramePtime = 1000 * FRAME_SAMPLES // RATE
        media.noVad = True
        media.ecTailLen = 0
        media.quality = 4
        # A clock that stops when idle and starts with the first call costs that call its first frames.
        media.sndAutoCloseTime = -1
        return settings

    def _listen(self) -> None:
        for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP):
            transport = pj.TransportConfig()
            transport.port = self._port
            if self._sip_bind != "0.0.0.0":
                transport.boundAddress = self._sip_bind
            self._endpoint.transportCreate(kind, transport)
        if self._tls is not None:
            self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, self._tls_transport(self._tls))

    def _tls_transport(self, tls: Tls) -> Any:
        transport = pj.TransportConfig()
        transport.port = self._tls_port
        if self._bind != "0.0.0.0":
            transport.boundAddress = self._bind
        config = transport.tlsConfig
        config.certFile, config.privKeyFile = str(tls.certificate), str(tls.key)
        config.CaListFile = str(tls.ca or "")
        config.method = pj.PJSIP_TLSV1_2_METHOD
        config.verifyServer = tls.verify_server
        config.verifyClient = config.requireClientCert = tls.verify_client
        return transport

    def _choose_codecs(self) -> None:
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, _CODECS.get(codec.codecId, 0))

    def _account(self, srtp: Srtp) -> Any:
        account = pj.AccountConfig()
        account.idUri = f"sip:apuntador@{self._sip_bind}:{self._port}"
        if self._edge is not None:
            account.sipConfig.proxies.append(self._edge.route)
        account.sipConfig.contactParams = ";+sip.srs"  # RFC 7866, 6.1.2: that we take recordings
        rtp = account.mediaConfig.transportConfig
        rtp.port = self._rtp_start
        rtp.portRange = RTP_PORTS - 1
        # Phones of a killed process go on sending to its ports: the next one's calls take others.
        rtp.randomizePort = True
        if self._bind != "0.0.0.0":
            rtp.boundAddress = self._bind
        account.mediaConfig.srtpUse = _SRTP_USE[srtp]
        account.mediaConfig.srtpSecureSignaling = 0
        account.mediaConfig.srtpOpt.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
        return account

    def _count_dialogs(self) -> int:
        # pjsua2 clamps maxCalls to what it was built for and doesn't tell; the C function does.
        with contextlib.suppress(AttributeError):
            count = self._library.pjsua_call_get_max_count
            count.restype = ctypes.c_uint
            return int(count())
        return int(pj.UaConfig().maxCalls)


def ringing_tone() -> Any:
    """A ringing tone as most of Latin America has it: 425 Hz, one second in five (ITU-T E.180, supplement 2)."""
    tone = pj.ToneDesc()
    tone.freq1, tone.freq2, tone.on_msec, tone.off_msec, tone.volume, tone.flags = 425, 0, 1000, 4000, 3000, 0
    tones = pj.ToneDescVector()
    tones.push_back(tone)
    made = pj.ToneGenerator()
    made.createToneGenerator(RATE, 1)
    made.play(tones, True)
    return made


class _Library(pj.Endpoint):  # type: ignore[misc]  # pjsua2 has no type hints
    """pjsua2's endpoint, with connections counted."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = TcpGate(self._shut_down)

    def onTransportState(self, prm: Any) -> None:
        """A transport was connected, shut down or destroyed."""
        try:
            self.gate.changed(prm.hnd, prm.state)
        except Exception as err:
            log.error("gateway.callback_failed", callback="onTransportState", error=repr(err))

    def _shut_down(self, handle: Any) -> None:
        with contextlib.suppress(pj.Error):
            self.transportShutdown(handle)


def c_library() -> ctypes.CDLL:
    """The C library below pjsua2, for what the Python side doesn't show."""
    from pjsua2 import _pjsua2

    return ctypes.CDLL(_pjsua2.__file__)


def support_siprec(library: ctypes.CDLL) -> None:
    """Let an INVITE with ``Require: siprec`` in; by default it gets 420 before Python sees it (RFC 7866, 6.1.2)."""

    class Text(ctypes.Structure):
        _fields_: ClassVar = [("pointer", ctypes.c_char_p), ("length", ctypes.c_ssize_t)]

    with contextlib.suppress(AttributeError):
        endpoint, add = library.pjsua_get_pjsip_endpt, library.pjsip_endpt_add_capability
        endpoint.restype = ctypes.c_void_p
        add.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]
        tag = Text(b"siprec", len(b"siprec"))
        add(endpoint(), None, int(pj.PJSIP_H_SUPPORTED), None, 1, ctypes.byref(tag))


def silence(library: ctypes.CDLL) -> None:
    """Keep ``libCreate``'s lines off standard output; it writes them before any LogConfig can be given."""
    with contextlib.suppress(AttributeError):
        library.pj_log_set_level(0)


def _check_free(
    bind: str, port: int, kinds: Sequence[socket.SocketKind] = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
) -> None:
    # pjsua2's own error doesn't name the port, and its UDP socket might share it.
    for kind in kinds:
        name = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
        refused = ports.refusal(bind, port, kind)
        if refused is not None:
            if refused.errno == errno.EADDRINUSE:
                raise _busy(bind, port, name)
            raise EndpointError(
                f"can't listen on {bind}:{port}/{name}: {refused.strerror}; set gateway.bind to an address of ours"
            )


def _busy(bind: str, port: int, kind: str) -> PortBusyError:
    return PortBusyError(
        f"SIP port {port} ({kind}) on {bind} is taken by another process; "
        f"stop it (ss -lptun 'sport = :{port}' shows it) or set gateway.port to a free range"
    )
