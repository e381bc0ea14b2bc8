"""A softphone without a screen: calls or answers once, plays one WAV file, may record what it hears.

The demo, the benches and test calls use it as a real SIP peer, one process each::

    python -m gateway.endpoint.phone --port 5080 --answer --play agent.wav
    python -m gateway.endpoint.phone --port 5081 --call sip:100@127.0.0.1:5060 --play customer.wav --hang-up

It prints one JSON object per line on standard output: ``ready``, ``registered`` (with the ``code``), ``ringing``,
``playing`` (with ``at``, seconds UTC), ``played``, ``ended`` (with the SIP ``code``); with ``--report`` also ``media``
(the stream's counters and where its packets came from) and ``messages`` (the call's SIP messages). Exit code 0 after
an answered call, 1 otherwise, 3 when the port is taken or a file is no 16-bit mono WAV.
"""

import argparse
import dataclasses
import gc
import json
import os
import signal
import sys
import time
import wave
from collections import deque
from pathlib import Path
from typing import Any, TypeAlias

import pjsua2 as pj

from assist.config import read_secret
from assist.errors import ConfigError
from gateway.endpoint.leg import counters_of
from gateway.endpoint.library import c_library, silence
from gateway.endpoint.log import LEVEL, MessageLog
from gateway.fork import RATE
from gateway.trace import SipTrace

_TRANSPORTS = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
_POLL_MS = 20
_Events: TypeAlias = "deque[tuple[str, Any]]"
"""What happened, as (name, value)."""


class _Call(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """Puts what happens into a queue: nothing may be called from inside pjsua2's callbacks."""

    def __init__(self, account: "_Account", call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._events = account.events

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        self._events.append(("state", (info.state, info.lastStatusCode)))

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # kept: its media vector dies with it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._events.append(("media", index))

    def onStreamDestroyed(self, prm: Any) -> None:
        self.look()

    def look(self) -> None:
        """Tell what the audio stream has counted so far; one that is gone tells nothing."""
        try:
            info = self.getInfo()
            for index, media in enumerate(info.media):
                if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                    stream, transport = self.getStreamInfo(index), self.getMedTransportInfo(index)
                    seen = dataclasses.asdict(counters_of(stream, self.getStreamStat(index)))
                    source = str(transport.srcRtpName)
                    self._events.append(("seen", {**seen, "source": source, "sip_call_id": str(info.callIdString)}))
                    return
        except pj.Error:
            return


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, events: _Events) -> None:
        super().__init__()
        self.events = events

    def onRegState(self, prm: Any) -> None:
        self.events.append(("registered", int(prm.code)))

    def onIncomingCall(self, prm: Any) -> None:
        # The object must exist when this returns, or pjsua2 rejects the call with 500.
        self.events.append(("incoming", _Call(self, prm.callId)))


class _Player(pj.AudioMediaPlayer):  # type: ignore[misc]
    def __init__(self, events: _Events) -> None:
        super().__init__()
        self._events = events

    def onEof2(self) -> None:
        self._events.append(("played", None))


class Phone:
    """One endpoint, one account, one call."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._events: _Events = deque()
        self._call: _Call | None = None
        self._player: _Player | None = None
        self._recorder: Any = None
        self._answered = False
        self._seen: dict[str, Any] = {}
        self._trace = SipTrace()
        self._endpoint = self._make_endpoint()
        self._account = self._make_account()

    def run(self) -> int:
        """Place or await the call and see it to its end; returns the exit code."""
        say(event="ready", port=self._args.port)
        signal.signal(signal.SIGTERM, lambda *_: self._events.append(("stop", None)))
        deadline = time.monotonic() + self._args.wait_s
        if self._args.call and not self._args.registrar:
            self._dial()
        while True:
            if not self._events:
                # pjsua2's own threads would wait for Python's lock while they hold a call's, and Python for the call's.
                self._endpoint.libHandleEvents(_POLL_MS)
                if not self._answered and time.monotonic() > deadline:
                    return 1
                continue
            name, value = self._events.popleft()
            if name == "registered":
                say(event="registered", code=value)
                if self._call is None and value < 300 and self._args.call:
                    self._dial()
                elif value >= 300:
                    return 1
            elif name == "seen":
                self._seen = value
            elif name == "incoming":
                self._on_incoming(value)
            elif name == "media":
                self._on_media(value)
            elif name == "played":
                say(event="played", at=time.time())
                if self._args.report and self._call is not None:
                    self._call.look()
                if self._args.hang_up:
                    self._hang_up()
            elif name == "state":
                state, code = value
                if state == pj.PJSIP_INV_STATE_EARLY:
                    say(event="ringing", code=code)
                elif state == pj.PJSIP_INV_STATE_CONFIRMED:
                    self._answered = True
                elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
                    say(event="ended", code=code, at=time.time())
                    return 0 if self._answered else 1
            elif name == "stop":
                self._hang_up()
                return 0 if self._answered else 1

    def _dial(self) -> None:
        self._call = _Call(self._account)
        self._call.makeCall(self._args.call, pj.CallOpParam(True))
        self._trace.belongs("call", "customer", str(self._call.getInfo().callIdString))

    def report(self) -> None:
        """Print the counters and messages of the call."""
        say(event="media", **self._seen)
        messages = self._trace.messages("call", full=False, bodies=True)
        say(event="messages", messages=[dataclasses.asdict(message) for message in messages])

    def close(self) -> None:
        """Destroy in pjsua2's order: every object of ours before the library, or it aborts."""
        self._call = self._player = self._recorder = None
        gc.collect()
        self._account.shutdown()
        del self._account
        gc.collect()
        self._endpoint.libDestroy()

    def _on_incoming(self, call: _Call) -> None:
        prm = pj.CallOpParam()
        if self._call is not None or not self._args.answer:
            prm.statusCode = 486
            call.hangup(prm)
            return
        self._call = call
        prm.statusCode = 180
        call.answer(prm)
        say(event="ringing", code=180)
        prm.statusCode = 200
        call.answer(prm)

    def _on_media(self, index: int) -> None:
        assert self._call is not None
        media = self._call.getAudioMedia(index)
        if self._args.echo:
            media.startTransmit(media)
        if self._args.record and self._recorder is None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self._args.record))
        if self._recorder is not None:
            media.startTransmit(self._recorder)
        if self._args.play and self._player is None:
            self._player = _Player(self._events)
            self._player.createPlayer(str(self._args.play), pj.PJMEDIA_FILE_NO_LOOP)
            say(event="playing", at=time.time())
        if self._player is not None:
            self._player.startTransmit(media)

    def _hang_up(self) -> None:
        if self._call is not None:
            # Over already is as good as hung up.
            try:
                self._call.hangup(pj.CallOpParam())
            except pj.Error:
                return

    def _make_endpoint(self) -> Any:
        silence(c_library())
        endpoint = pj.Endpoint()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = LEVEL if self._args.report else 0
        config.logConfig.decor = 0
        config.logConfig.writer = MessageLog(self._trace).__disown__()  # pjsua2 destroys it
        config.medConfig.clockRate = config.medConfig.sndClockRate = RATE
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.port = self._args.port
        transport.boundAddress = self._args.bind
        endpoint.transportCreate(_TRANSPORTS[self._args.transport], transport)
        endpoint.audDevManager().setNullDev()
        endpoint.libStart()
        for codec in endpoint.codecEnum2():
            wanted = [name for name in self._args.codec.split(",") if codec.codecId.startswith(name)]
            place = self._args.codec.split(",").index(wanted[0]) if wanted else 0
            endpoint.codecSetPriority(codec.codecId, 255 - place if wanted else 0)
        return endpoint

    def _make_account(self) -> _Account:
        config = pj.AccountConfig()
        more = "" if self._args.transport == "udp" else f";transport={self._args.transport}"
        config.idUri = self._args.identity or f"sip:{self._args.user}@{self._args.bind}:{self._args.port}{more}"
        if self._args.secret:
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", self._args.auth_user, 0, self._args.secret)
            )
        if self._args.registrar:
            config.regConfig.registrarUri = self._args.registrar
            config.regConfig.timeoutSec = 60
        if self._args.srtp:
            # Offered as RTP/SAVP only; keys in SDP (SDES) over whatever transport was asked for.
            config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            config.mediaConfig.srtpSecureSignaling = 0
        config.mediaConfig.transportConfig.port = self._args.rtp_port
        config.mediaConfig.transportConfig.portRange = 20
        config.mediaConfig.transportConfig.boundAddress = self._args.bind
        account = _Account(self._events)
        account.create(config)
        return account


def say(**fields: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _check_wav(path: Path | None) -> None:
    if path is None:
        return
    try:
        with wave.open(str(path)) as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2 or file.getnframes() == 0:
                raise wave.Error("not 16-bit mono, or empty")
    except (OSError, EOFError, wave.Error) as err:
        sys.stderr.write(f"apuntador phone: {path} can't be played: {err}; a 16-bit mono WAV is needed\n")
        raise SystemExit(3) from None


def main(argv: list[str] | None = None) -> int:
    """Process entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="apuntador-phone", description=__doc__.splitlines()[0])
    parser.add_argument("--bind", default="127.0.0.1", help="address for SIP and RTP")
    parser.add_argument("--port", type=int, required=True, help="SIP port (UDP)")
    parser.add_argument("--rtp-port", type=int, default=0, help="first RTP port; 0 lets the library choose")
    parser.add_argument("--user", default="phone", help="user part of its own address")
    parser.add_argument("--codec", default="PCMU", help="PCMU, PCMA or G722; several with commas")
    parser.add_argument("--call", help="SIP URI to call")
    parser.add_argument("--answer", action="store_true", help="answer the first call")
    parser.add_argument("--play", type=Path, help="WAV file to play once")
    parser.add_argument("--record", type=Path, help="WAV file for what is heard")
    parser.add_argument("--hang-up", action="store_true", help="hang up when the file has been played")
    parser.add_argument("--echo", action="store_true", help="send back what is heard")
    parser.add_argument("--report", action="store_true", help="print counters and SIP messages at the end")
    parser.add_argument("--transport", default="udp", choices=sorted(_TRANSPORTS), help="of its own messages")
    parser.add_argument("--srtp", action="store_true", help="encrypted audio only (SRTP with SDES)")
    parser.add_argument("--identity", default="", help="SIP URI of itself; its address when left out")
    parser.add_argument("--registrar", default="", help="SIP URI to register with before calling")
    parser.add_argument("--auth-user", default="", help="user name for digest")
    parser.add_argument("--secret", default="", help="where the password is: file:/path or env:NAME")
    parser.add_argument("--wait-s", type=float, default=60, help="seconds to wait for an answer")
    args = parser.parse_args(argv)
    _check_wav(args.play)
    try:
        args.secret = read_secret(args.secret) if args.secret else ""
        phone = Phone(args)
    except ConfigError as err:
        sys.stderr.write(f"apuntador phone: {err}\n")
        return 3
    except pj.Error as err:
        sys.stderr.write(f"apuntador phone: port {args.port} on {args.bind} can't be used: {err.reason}\n")
        return 3
    code = phone.run()
    if args.report:
        phone.report()
    phone.close()
    return code


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    # pjsua2's threads may still be unwinding; nothing of ours is left to save.
    os._exit(exit_code)
