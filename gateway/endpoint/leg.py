"""One SIP dialog and its audio stream, and the account that receives INVITEs."""

import contextlib
import itertools
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import pjsua2 as pj
import structlog

from gateway.endpoint.port import ForkPort
from gateway.errors import LegError
from gateway.notices import Confirmed, Digit, Gone, Invite, MediaChanged, Notice, Ringing

_MOST_STREAMS: Final = 4
"""Audio, video and a spare or two: a softphone's offer. Each stream costs two sockets, used or not."""
_USABLE: Final = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def _as_leg_error(what: str) -> Iterator[None]:
    try:
        yield
    except pj.Error as err:
        raise LegError(f"{what}: {err.reason} ({err.status})") from None


class Leg(pj.Call):  # type: ignore[misc]  # pjsua2 has no type hints
    """A dialog.

    Destroying one hangs up whatever call has its slot by then: see :meth:`gateway.endpoint.library.Endpoint.release`.
    Its methods are for the thread that made the endpoint; each raises LegError when pjsua2 refuses.

    Args:
        account: the account it belongs to.
        key: the leg's number in notices.
        post: takes notices; may be called on pjsua2's media thread.
        call_index: pjsua2's index of an incoming call, None for one that is to be dialled.
    """

    def __init__(self, account: Any, key: int, post: Callable[[Notice], None], call_index: int | None = None) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if call_index is None else call_index)
        self.key = key
        self.index = call_index
        """Number of pjsua2's slot for the dialog; slots are used again."""
        self._post = post
        self._media: Any = None
        self._port: ForkPort | None = None

    # --- commands ----------------------------------------------------------------------------------------------

    def dial(self, uri: str, from_header: str) -> None:
        """Send an INVITE to ``uri``."""
        param = pj.CallOpParam(True)
        param.txOption.localUri = from_header
        with _as_leg_error("INVITE not sent"):
            self.makeCall(uri, param)
            self.index = self.getId()

    def respond(self, code: int) -> None:
        """Answer the INVITE with ``code``."""
        param = pj.CallOpParam()
        param.statusCode = code
        with _as_leg_error(f"{code} not sent"):
            self.answer(param)

    def hang_up(self, code: int) -> None:
        """BYE, CANCEL or the final response ``code``, as the dialog's state asks for."""
        param = pj.CallOpParam()
        param.statusCode = code
        with _as_leg_error("not hung up"):
            self.hangup(param)

    def send_digit(self, digit: str) -> None:
        """Pass a DTMF digit on (RFC 4733)."""
        with _as_leg_error("digit not sent"):
            self.dialDtmf(digit)

    def fork(self, port: ForkPort) -> None:
        """Feed ``port`` with what this leg's peer says, from the next :meth:`refresh_media` on."""
        self._port = port

    @property
    def port(self) -> ForkPort | None:
        """The port this leg is forked to."""
        return self._port

    def refresh_media(self) -> bool:
        """Look up the audio stream that is negotiated now, and feed the fork with it; False when there is none."""
        self._media = None
        with _as_leg_error("no media"):
            info = self.getInfo()  # a name of its own: the media vector dies with it
            for index, media in enumerate(info.media):
                # On a stream that is wholly inactive there is no conference slot to connect.
                if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in _USABLE and media.audioConfSlot >= 0:
                    self._media = self.getAudioMedia(index)
                    if self._port is not None:
                        self._media.startTransmit(self._port)
                    return True
        return False

    def send_audio_to(self, other: "Leg") -> None:
        """Let the other leg's peer hear this one's; both need :meth:`refresh_media` before."""
        if self._media is not None and other._media is not None:
            with _as_leg_error("not bridged"):
                self._media.startTransmit(other._media)

    def packets_received(self) -> int | None:
        """RTP packets that have come so far; None without an audio stream."""
        try:
            info = self.getInfo()
            for index, media in enumerate(info.media):
                if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in _USABLE:
                    return int(self.getStreamStat(index).rtcp.rxStat.pkt)
        except pj.Error:
            return None
        return None

    def release(self) -> ForkPort | None:
        """Let go of stream and fork port, which is returned; the leg goes when nobody holds it any more."""
        port, self._port, self._media = self._port, None, None
        if port is not None:
            port.attach(None)
        return port

    # --- callbacks, inside Endpoint.poll or on the media thread: look, post, never raise ------------------------

    def onCallState(self, prm: Any) -> None:
        """The INVITE session's state has changed."""
        try:
            info = self.getInfo()
            if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
                self._post(Ringing(self.key))
            elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
                self._post(Confirmed(self.key))
            elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self._post(Gone(self.key, int(info.lastStatusCode)))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallState", error=repr(err))

    def onCallMediaState(self, prm: Any) -> None:
        """Media was negotiated, for the first time or again."""
        try:
            info = self.getInfo()
            audio = [media for media in info.media if media.type == pj.PJMEDIA_TYPE_AUDIO]
            held = bool(audio) and all(media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD for media in audio)
            self._post(MediaChanged(self.key, held))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallMediaState", error=repr(err))

    def onDtmfDigit(self, prm: Any) -> None:
        """A digit came."""
        try:
            self._post(Digit(self.key, str(prm.digit)))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onDtmfDigit", error=repr(err))

    def onCallTransferRequest(self, prm: Any) -> None:
        """Refuse a REFER: by default pjsua2 would dial its target itself, past the switchboard."""
        prm.statusCode = pj.PJSIP_SC_DECLINE

    def onCallReplaceRequest(self, prm: Any) -> None:
        """Refuse an INVITE with Replaces (RFC 3891): by default it would take the leg over, whoever sent it."""
        prm.statusCode = pj.PJSIP_SC_DECLINE


class Doorman(pj.Account):  # type: ignore[misc]  # pjsua2 has no type hints
    """The account all INVITEs arrive at. It holds every leg from birth to :meth:`release`."""

    def __init__(self, notices: "queue.SimpleQueue[Notice]") -> None:
        super().__init__()
        self._post = notices.put
        self._keys = itertools.count(1)
        self.legs: dict[int, Leg] = {}
        self.opened: deque[float] = deque()
        """When media sockets were opened for a leg; time.monotonic()."""

    def new_leg(self) -> Leg:
        """A leg that is to be dialled."""
        self.opened.append(time.monotonic())
        leg = Leg(self, next(self._keys), self._post)
        self.legs[leg.key] = leg
        return leg

    def onIncomingCall(self, prm: Any) -> None:
        """Take every INVITE as a leg; who may call and what is answered is decided outside this callback."""
        try:
            leg = Leg(self, next(self._keys), self._post, prm.callId)
            self.legs[leg.key] = leg
            source = str(prm.rdata.srcAddress)
            streams = 1
            try:
                streams = max(1, str(prm.rdata.wholeMsg).count("\nm="))
                info = leg.getInfo()
                offered = bool(info.remOfferer) and info.remAudioCount > 0 and streams <= _MOST_STREAMS
                self._post(Invite(leg.key, source, str(info.remoteUri), str(info.localUri), offered))
            except Exception as err:
                log.warning("gateway.invite_unreadable", error=repr(err))
                self._post(Invite(leg.key, source, has_audio=False))
            self.opened.extend([time.monotonic()] * streams)
        except Exception as err:
            log.error("gateway.callback_failed", callback="onIncomingCall", error=repr(err))

    def onIncomingSubscribe(self, prm: Any) -> None:
        """Refuse a SUBSCRIBE: by default pjsua2 serves presence to anybody."""
        prm.code = pj.PJSIP_SC_FORBIDDEN
