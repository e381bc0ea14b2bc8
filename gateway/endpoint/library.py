"""Setting pjsua2 up and tearing it down."""

import contextlib
import ctypes
import errno
import gc
import queue
import socket
import time
from typing import Any, Final

import pjsua2 as pj

from assist import ports
from gateway.endpoint.leg import Doorman, Leg
from gateway.endpoint.port import ForkPort, choose_copy, copy_fast
from gateway.errors import EndpointError, LegError, PortBusyError
from gateway.fork import FRAME_SAMPLES, RATE, Ring
from gateway.notices import Notice

RTP_PORTS: Final = 100
"""RTP and RTCP ports of one worker; two bridged calls need eight."""

_CODECS: Final = {"PCMA/8000/1": 254, "PCMU/8000/1": 253, "G722/16000/1": 252}
"""Codec priorities; every other codec is switched off. The bridge runs at 8 kHz, so G.711 is preferred to G.722."""
_MOST_CALLS: Final = 512
_PJ_EADDRINUSE: Final = 120000 + errno.EADDRINUSE
_BURST: Final = 14
_BURST_WINDOW_S: Final = 0.7
"""pjsua2 opens two sockets for an INVITE before anybody can refuse it, its media queue has 64 places, a place is free
again half a second after its socket was closed, and an assertion ends the process when there is none. One poll may take
in ten INVITEs more than were known before it: 2 x (14 + 10) and the eight of two live calls stay below 64."""


class Endpoint:
    """pjsua2, listening. One per process; made, used and closed by one thread.

    Args:
        bind: IPv4 address SIP and RTP listen on; ``0.0.0.0`` is all of them.
        port: SIP port, UDP and TCP.
        rtp_start: first of :data:`RTP_PORTS` RTP ports.

    Raises:
        PortBusyError: another process has the SIP port.
        EndpointError: pjsua2 can't be set up.
    """

    def __init__(self, bind: str, port: int, rtp_start: int) -> None:
        _check_free(bind, port)
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self._bind = bind
        self._port = port
        self._library = c_library()
        silence(self._library)
        self._endpoint: Any = pj.Endpoint()
        try:
            self._endpoint.libCreate()
            self._endpoint.libInit(self._settings())
            self._listen()
            self._endpoint.audDevManager().setNullDev()
            self._endpoint.libStart()
            self._choose_codecs()
            self._doorman = Doorman(self.notices)
            self._doorman.create(self._account(rtp_start))
        except pj.Error as err:
            self._endpoint.libDestroy()
            if err.status == _PJ_EADDRINUSE:
                raise _busy(bind, port, "UDP or TCP") from None
            raise EndpointError(f"pjsua2 can't be set up on {bind}:{port}: {err.reason} ({err.status})") from None
        self.dialogs = self._count_dialogs()
        copy = choose_copy()
        self.fast_copy = copy is copy_fast
        """Whether frames are copied the fast way."""
        self._spare = [ForkPort(f"fork-{number}", copy) for number in range(self.dialogs)]
        self._dying: list[Leg] = []

    # --- what the switchboard needs ------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that stand in our SIP headers."""
        return self._bind, self._port

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
        if self._dying:
            self._bury()

    def leg(self, key: int) -> Leg | None:
        """The leg with this number."""
        return self._doorman.legs.get(key)

    def new_leg(self) -> Leg:
        """A leg that is to be dialled."""
        return self._doorman.new_leg()

    def fork(self, leg: Leg, ring: Ring) -> None:
        """Copy the leg's audio into ``ring`` from now on.

        Raises:
            LegError: all ports are taken.
        """
        if leg.port is not None:
            return
        if not self._spare:
            raise LegError("no fork port is left")
        port = self._spare.pop()
        port.attach(ring)
        leg.fork(port)

    def release(self, key: int) -> None:
        """Destroy an ended leg, at once or as soon as that harms no other.

        A ``Call``'s destructor hangs up the slot it once had. When a new dialog has taken that slot, the old object
        has to stay until the new one has ended, too.
        """
        leg = self._doorman.legs.pop(key, None)
        if leg is None:
            return
        port = leg.release()
        if port is not None:
            self._spare.append(port)
        self._dying.append(leg)
        del leg
        self._bury()

    def _bury(self) -> None:
        taken = {leg.index for leg in self._doorman.legs.values()}
        self._dying = [leg for leg in self._dying if leg.index is not None and leg.index in taken]

    def close(self) -> None:
        """Hang up whatever is left and destroy everything, in the order pjsua2 wants.

        The caller must hold no leg any more, and should leave with ``os._exit``: interpreter shutdown would run
        destructors of the library's globals a second time.
        """
        with contextlib.suppress(pj.Error):
            self._endpoint.hangupAllCalls()
        for key in list(self._doorman.legs):
            self.release(key)
        self._dying.clear()
        self._spare.clear()
        gc.collect()
        with contextlib.suppress(pj.Error):
            self._doorman.shutdown()
        del self._doorman
        gc.collect()
        self._endpoint.libDestroy()

    # --- set-up --------------------------------------------------------------------------------------------------

    def _settings(self) -> Any:
        settings = pj.EpConfig()
        settings.logConfig.level = 0
        settings.logConfig.consoleLevel = 0
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
            if self._bind != "0.0.0.0":
                transport.boundAddress = self._bind
            self._endpoint.transportCreate(kind, transport)

    def _choose_codecs(self) -> None:
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, _CODECS.get(codec.codecId, 0))

    def _account(self, rtp_start: int) -> Any:
        account = pj.AccountConfig()
        account.idUri = f"sip:apuntador@{self._bind}:{self._port}"
        rtp = account.mediaConfig.transportConfig
        rtp.port = rtp_start
        rtp.portRange = RTP_PORTS - 1
        if self._bind != "0.0.0.0":
            rtp.boundAddress = self._bind
        return account

    def _count_dialogs(self) -> int:
        # pjsua2 clamps maxCalls to what it was built for and doesn't tell; the C function does.
        with contextlib.suppress(AttributeError):
            count = self._library.pjsua_call_get_max_count
            count.restype = ctypes.c_uint
            return int(count())
        return int(pj.UaConfig().maxCalls)


def c_library() -> ctypes.CDLL:
    """The C library below pjsua2, for what the Python side doesn't show."""
    from pjsua2 import _pjsua2

    return ctypes.CDLL(_pjsua2.__file__)


def silence(library: ctypes.CDLL) -> None:
    """Keep ``libCreate``'s lines off standard output; it writes them before any LogConfig can be given."""
    with contextlib.suppress(AttributeError):
        library.pj_log_set_level(0)


def _check_free(bind: str, port: int) -> None:
    # pjsua2's own error doesn't name the port, and its UDP socket might share it.
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
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
