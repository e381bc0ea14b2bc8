"""One SIP dialog and its audio stream, and the account that receives INVITEs."""

import contextlib
import itertools
import queue
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pjsua2 as pj
import structlog

from gateway.edge.inbox import Passed
from gateway.endpoint.media_lock import MediaLock
from gateway.endpoint.port import ForkPort
from gateway.errors import LegError
from gateway.identity import connected
from gateway.notices import Confirmed, Connected, Digit, Gone, Invite, MediaChanged, Notice, RecordingNews, Ringing
from gateway.quality.meter import Counters
from gateway.refer import sipfrag
from gateway.routing import source_host
from gateway.screening import MOST_STREAMS
from gateway.siprec.body import is_recording, split, with_labels

_USABLE: Final = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)

_HOST: Final = re.compile(r"@(\d+\.\d+\.\d+\.\d+)(?=[:;>]|$)")

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def _as_leg_error(what: str) -> Iterator[None]:
    try:
        yield
    except pj.Error as err:
        raise LegError(f"{what}: {err.reason} ({err.status})") from None


def counters_of(info: Any, stat: Any) -> Counters:
    """Of pjsua2's stream info and statistics. A received packet that was replaced or reordered is no loss."""
    received, sent, trip = stat.rtcp.rxStat, stat.rtcp.txStat, stat.rtcp.rttUsec
    return Counters(
        codec=str(info.codecName),
        packets=int(received.pkt),
        lost=int(received.loss),
        discarded=int(received.discard),
        sent=int(sent.pkt),
        reports=int(sent.updateCount),
        reported_lost=int(sent.loss),
        jitter_ms=received.jitterUsec.last / 1000,
        reported_jitter_ms=sent.jitterUsec.last / 1000,
        round_trip_ms=trip.last / 1000 if trip.n > 0 else None,
        buffer_ms=float(stat.jbuf.avgDelayMsec),
    )


class Leg(pj.Call):  # type: ignore[misc]  # pjsua2 has no type hints
    """A dialog.

    Destroying one hangs up whatever call has its slot by then: see :meth:`gateway.endpoint.library.Endpoint.release`.
    Its methods are for the thread that made the endpoint; each raises LegError when pjsua2 refuses.

    Args:
        account: the account it belongs to.
        key: the leg's number in notices.
        post: takes notices; may be called on pjsua2's media thread.
        lock: closes its media sockets to strangers.
        call_index: pjsua2's index of an incoming call, None for one that is to be dialled.
    """

    def __init__(
        self,
        account: Any,
        key: int,
        post: Callable[[Notice], None],
        lock: MediaLock,
        call_index: int | None = None,
    ) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if call_index is None else call_index)
        self.key = key
        self.account = account
        self.index = call_index
        """Number of pjsua2's slot for the dialog; slots are used again."""
        self.host = ""
        """Where its peer's SIP messages come from, as far as one has come."""
        self._post = post
        self._read: Callable[[str], Passed] | None = getattr(account, "read", None)
        self._lock = lock
        self._media: Any = None
        self._streams: list[Any] = []
        self._ports: dict[int, ForkPort] = {}
        self._offer = ""
        self._last_counters: dict[int, Counters] = {}
        self.sip_call_id = ""
        """Call-ID of the dialog."""

    # --- commands ----------------------------------------------------------------------------------------------

    def dial(self, uri: str, from_header: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send an INVITE to ``uri`` with these header fields more."""
        param = pj.CallOpParam(True)
        param.txOption.localUri = from_header
        param.txOption.headers = _vector(headers)
        named = _HOST.search(uri)
        self.host = named.group(1) if named else ""
        with _as_leg_error("INVITE not sent"):
            self.makeCall(uri, param)
            self._lock.opened()
            self.index = self.getId()
            self.sip_call_id = str(self.getInfo().callIdString)

    def respond(self, code: int, *, streams: int = 1) -> None:
        """Answer the INVITE with ``code``; a 200 takes up to ``streams`` audio streams."""
        param = pj.CallOpParam(True)
        param.opt.audioCount = streams
        param.opt.videoCount = 0
        param.statusCode = code
        with _as_leg_error(f"{code} not sent"):
            self.answer(param)

    def hang_up(self, code: int, *, decided: bool = False) -> None:
        """BYE, CANCEL or the final response ``code``, as the dialog's state asks for.

        ``decided``: the call has been dealt with here, so an edge must not offer it to the next worker.
        """
        param = pj.CallOpParam()
        param.statusCode = code
        if decided and self._read is not None:
            header = pj.SipHeader()
            header.hName, header.hValue = "X-Apuntador-Decided", "1"
            param.txOption.headers.append(header)
        with _as_leg_error("not hung up"):
            self.hangup(param)

    def send_digit(self, digit: str) -> None:
        """Pass a DTMF digit on: as RFC 4733 wants, or by INFO where the peer takes no telephone-event."""
        try:
            self.dialDtmf(digit)
        except pj.Error:
            param = pj.CallSendDtmfParam()
            param.method = pj.PJSUA_DTMF_METHOD_SIP_INFO
            param.digits = digit
            with _as_leg_error("digit not sent"):
                self.sendDtmf(param)

    def notify(self, code: int, *, final: bool, event: str) -> None:
        """Tell the sender of a REFER how the transfer goes (RFC 3515, section 2.4.5)."""
        param = pj.CallSendRequestParam()
        param.method = "NOTIFY"
        state = "terminated;reason=noresource" if final else "active;expires=180"
        param.txOption.headers = _vector([("Event", event), ("Subscription-State", state)])
        param.txOption.contentType = "message/sipfrag;version=2.0"
        param.txOption.msgBody = sipfrag(code)
        with _as_leg_error("NOTIFY not sent"):
            self.sendRequest(param)

    @property
    def over(self) -> bool:
        """Whether the dialog has ended, even if its end hasn't been told yet."""
        return not self.isActive()

    def peer(self) -> str:
        """Contact URI of the other side, empty when there is none yet."""
        with _as_leg_error("no peer"):
            return str(self.getInfo().remoteContact).strip().lstrip("<").partition(">")[0]

    def keep_labels_of(self, offer: str) -> None:
        """Repeat the labels of this SDP in the answers from now on (SIPREC)."""
        self._offer = offer

    def fork(self, port: ForkPort, stream: int = 0) -> None:
        """Feed ``port`` with an audio stream of this leg's peer, from the next :meth:`refresh_media` on."""
        self._ports[stream] = port

    def port(self, stream: int = 0) -> ForkPort | None:
        """The port this audio stream is forked to."""
        return self._ports.get(stream)

    def refresh_media(self) -> bool:
        """Look up the audio streams that are negotiated now and feed the forks; False when the first is not there."""
        self._media, self._streams = None, []
        with _as_leg_error("no media"):
            info = self.getInfo()  # a name of its own: the media vector dies with it
            audio = [(at, media) for at, media in enumerate(info.media) if media.type == pj.PJMEDIA_TYPE_AUDIO]
            for stream, (index, media) in enumerate(audio):
                # On a stream that is wholly inactive there is no conference slot to connect.
                if media.status not in _USABLE or media.audioConfSlot < 0:
                    continue
                source = self.getAudioMedia(index)
                self._streams.append(source)
                if stream == 0:
                    self._media = source
                if stream in self._ports:
                    source.startTransmit(self._ports[stream])
        return self._media is not None

    def send_audio_to(self, other: "Leg") -> None:
        """Let the other leg's peer hear this one's; both need :meth:`refresh_media` before."""
        if self._media is not None and other._media is not None:
            with _as_leg_error("not bridged"):
                self._media.startTransmit(other._media)

    def stop_audio_to(self, other: "Leg") -> None:
        """Let the other leg's peer hear this one's no more; nothing happens where it didn't."""
        if self._media is not None and other._media is not None:
            with contextlib.suppress(pj.Error):
                self._media.stopTransmit(other._media)

    def hear(self, source: Any) -> None:
        """Let this leg's peer hear another port of the bridge; needs :meth:`refresh_media` before."""
        if self._media is not None:
            with _as_leg_error("not played"):
                source.startTransmit(self._media)

    def hear_no_more(self, source: Any) -> None:
        """Undo :meth:`hear`; nothing happens where it wasn't heard."""
        if self._media is not None:
            with contextlib.suppress(pj.Error):
                source.stopTransmit(self._media)

    def detach(self) -> list[ForkPort]:
        """Stop the forks and let go of their ports, which are returned; the dialog goes on."""
        ports = list(self._ports.values())
        for stream, port in self._ports.items():
            port.attach(None)
            if stream < len(self._streams):
                with contextlib.suppress(pj.Error):
                    self._streams[stream].stopTransmit(port)
        self._ports = {}
        return ports

    def packets_received(self) -> int | None:
        """RTP packets that have come so far on all audio streams; None without one."""
        packets: int | None = None
        try:
            info = self.getInfo()
            for index, media in enumerate(info.media):
                if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in _USABLE:
                    packets = (packets or 0) + int(self.getStreamStat(index).rtcp.rxStat.pkt)
        except pj.Error:
            return None
        return packets

    def counters(self, stream: int = 0) -> Counters | None:
        """What an audio stream has counted so far, its last figures once it has ended; None where there was none."""
        try:
            info = self.getInfo()
            audio = [at for at, media in enumerate(info.media) if media.type == pj.PJMEDIA_TYPE_AUDIO]
            if stream < len(audio) and info.media[audio[stream]].status in _USABLE:
                return counters_of(self.getStreamInfo(audio[stream]), self.getStreamStat(audio[stream]))
        except pj.Error:
            pass
        return self._last_counters.get(stream)

    def release(self) -> list[ForkPort]:
        """Let go of streams and fork ports, which are returned; the leg goes when nobody holds it any more."""
        ports = list(self._ports.values())
        self._ports, self._media, self._streams = {}, None, []
        for port in ports:
            port.attach(None)
        return ports

    def destroy(self) -> None:
        """Destroy pjsua2's half now; nothing may be asked of the leg any more.

        Python would do it when nobody holds the leg, and who does isn't ours to say: an exception's traceback that some
        library keeps in a cycle holds it until the garbage is collected, and then somebody else has the slot.
        """
        pj.Call.__swig_destroy__(self)
        del self.this

    # --- callbacks, inside Endpoint.poll or on the media thread: look, post, never raise ------------------------

    def onCallState(self, prm: Any) -> None:
        """The INVITE session's state has changed."""
        try:
            info = self.getInfo()
            if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
                self._post(Ringing(self.key, _brings_body(prm.e)))
            elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
                self._post(Confirmed(self.key))
            elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self._post(Gone(self.key, int(info.lastStatusCode)))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallState", error=repr(err))

    def onStreamDestroyed(self, prm: Any) -> None:
        """A stream ends, with the dialog or because another was negotiated: the last moment to look at its counters."""
        try:
            info, index = self.getInfo(), int(prm.streamIdx)
            audio = [at for at, media in enumerate(info.media) if media.type == pj.PJMEDIA_TYPE_AUDIO]
            if index in audio:
                counters = counters_of(self.getStreamInfo(index), self.getStreamStat(index))
                self._last_counters[audio.index(index)] = counters
        except Exception as err:
            log.debug("gateway.callback_failed", callback="onStreamDestroyed", error=repr(err))

    def onCallMediaState(self, prm: Any) -> None:
        """Media was negotiated, for the first time or again."""
        try:
            self._lock.negotiated(self.key, self, self.host)
            info = self.getInfo()
            audio = [media for media in info.media if media.type == pj.PJMEDIA_TYPE_AUDIO]
            held = bool(audio) and all(media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD for media in audio)
            sending = any(media.status in _USABLE and media.dir & pj.PJMEDIA_DIR_DECODING for media in audio)
            early = info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC
            self._post(MediaChanged(self.key, held, sending, early))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallMediaState", error=repr(err))

    def onCallSdpCreated(self, prm: Any) -> None:
        """An answer is about to be sent."""
        try:
            if self._offer:
                prm.sdp.wholeSdp = with_labels(str(prm.sdp.wholeSdp), self._offer)
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallSdpCreated", error=repr(err))

    def onCallTsxState(self, prm: Any) -> None:
        """A transaction of the dialog moves on; metadata and identities that a request brings are passed on."""
        try:
            if prm.e.type != pj.PJSIP_EVENT_TSX_STATE or prm.e.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
                return
            received = prm.e.body.tsxState.src.rdata
            message = str(received.wholeMsg)
            if self._read is None:
                self.host = self.host or source_host(str(received.srcAddress))
            if message.startswith("SIP/"):
                return
            if self._read is not None:
                message = self._read(message).message
            if is_recording(message):
                self._post(RecordingNews(self.key, split(message).metadata))
            uri = connected(message)
            if uri:
                self._post(Connected(self.key, uri))
        except Exception as err:
            log.error("gateway.callback_failed", callback="onCallTsxState", error=repr(err))

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

    def __init__(
        self, notices: "queue.SimpleQueue[Notice]", lock: MediaLock, read: Callable[[str], Passed] | None
    ) -> None:
        super().__init__()
        self._lock = lock
        self.read = read
        """What an edge in front says about a request; None without an edge."""
        self._post = notices.put
        self._keys = itertools.count(1)
        self.legs: dict[int, Leg] = {}
        self.opened: deque[float] = deque()
        """When media sockets were opened for a leg; time.monotonic()."""

    def share_with(self, other: "Doorman") -> None:
        """Keep legs in the other's book: numbers are the endpoint's, whichever account a leg belongs to."""
        self._keys, self.legs, self.opened = other._keys, other.legs, other.opened

    def new_leg(self) -> Leg:
        """A leg that is to be dialled."""
        self.opened.append(time.monotonic())
        leg = Leg(self, next(self._keys), self._post, self._lock)
        self.legs[leg.key] = leg
        return leg

    def onIncomingCall(self, prm: Any) -> None:
        """Take every INVITE as a leg; who may call and what is answered is decided outside this callback."""
        try:
            leg = Leg(self, next(self._keys), self._post, self._lock, prm.callId)
            self.legs[leg.key] = leg
            source, trunk = str(prm.rdata.srcAddress), ""
            self._lock.opened()
            streams = 1
            try:
                message = str(prm.rdata.wholeMsg)
                if self.read is not None:
                    passed = self.read(message)
                    source, trunk, message = passed.source, passed.trunk, passed.message
                leg.host = source_host(source)
                streams = max(1, message.count("\nm="))
                recording = split(message) if is_recording(message) else None
                if recording is not None:
                    # Here, not when it is accepted: pjsua2 makes the answer as soon as this callback has returned.
                    leg.keep_labels_of(recording.sdp)
                info = leg.getInfo()
                leg.sip_call_id = str(info.callIdString)
                late = not _has_body(message)
                offered = bool(info.remOfferer) and info.remAudioCount > 0 and streams <= MOST_STREAMS
                uris = str(info.remoteUri), str(info.localUri)
                self._post(Invite(leg.key, source, *uris, offered or late, recording, late, message, trunk))
            except Exception as err:
                log.warning("gateway.invite_unreadable", error=repr(err))
                self._post(Invite(leg.key, source, has_audio=False))
            self.opened.extend([time.monotonic()] * streams)
        except Exception as err:
            log.error("gateway.callback_failed", callback="onIncomingCall", error=repr(err))

    def onIncomingSubscribe(self, prm: Any) -> None:
        """Refuse a SUBSCRIBE: by default pjsua2 serves presence to anybody."""
        prm.code = pj.PJSIP_SC_FORBIDDEN


def _brings_body(event: Any) -> bool:
    """Whether the event is a message's arrival, and it has a body."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE or event.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
        return False
    return _has_body(str(event.body.tsxState.src.rdata.wholeMsg))


def _has_body(message: str) -> bool:
    return bool(message.partition("\r\n\r\n")[2].strip())


def _vector(headers: Sequence[tuple[str, str]]) -> Any:
    made = pj.SipHeaderVector()
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        made.push_back(header)
    return made
