"""TLS and SRTP with another implementation at the other end, and what a trunk that wants them refuses."""

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted, Party
from tests.certificates import Pair, TestAuthority
from tests.interop import audio
from tests.interop.baresip import Baresip
from tests.interop.conftest import Listener, need
from tests.interop.rig import HOST, SDP, Gateway, Process, Sipp, agent, caller, scenario
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

SDES = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
PBX = "127.0.0.2"


class Site:
    """A worker with a certificate, an SRTP-only TLS trunk and a plain one."""

    def __init__(self, tmp: Path, processes: list[Process], *, verify_client: bool = False, phone: str = "") -> None:
        need("openssl")
        self.tmp = tmp
        self.authority = TestAuthority(tmp)
        self.pair = self.authority.sign("gateway")
        self.tls_port = sip_port()
        self.phone_port = sip_port()
        phone = phone or f"sip:ana@{HOST}:{self.phone_port}"
        secure = "required" if "tls" in phone else "off"
        self.gateway = Gateway(
            tmp,
            tmp,
            routing=f"[gateway.tls]\nport = {self.tls_port}\n{self._files()}"
            f"verify_client = {str(verify_client).lower()}\n"
            f'[[trunk]]\nname = "plain"\nallow = ["{PBX}/32"]\nagent = "ana"\n'
            '[[trunk]]\nname = "sbc"\nallow = ["127.0.0.1/32"]\ntransport = "tls"\nsrtp = "required"\nagent = "ana"\n'
            '[[trunk]]\nname = "either"\nallow = ["127.0.0.3/32"]\nsrtp = "optional"\nagent = "ana"\n'
            f'[[agent]]\nid = "ana"\nsip = "{phone}"\nsrtp = "{secure}"\n',
        )
        processes.append(self.gateway)
        self.gateway.wait_ready()

    def _files(self) -> str:
        return (
            f'certificate = "{self.pair.certificate}"\nkey = "{self.pair.key}"\n'
            f'ca = "{self.authority.own.certificate}"\n'
        )


def baresip_tls(tmp: Path, authority: TestAuthority, pair: Pair) -> str:
    """Lines of baresip's configuration: its own certificate with the key in one file, and whom it trusts."""
    both = tmp / f"{pair.certificate.stem}-both.pem"
    both.write_text(pair.certificate.read_text() + pair.key.read_text())
    return f"module srtp.so\nsip_certificate {both}\nsip_cafile {authority.own.certificate}\n"


async def test_a_phone_over_tls_with_encrypted_audio(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
) -> None:
    need("sipp")
    need("baresip")
    port = sip_port()
    site = Site(tmp_path, processes, phone=f"sip:ana@{HOST}:{port + 1};transport=tls")
    said = audio.bursts(51, 5.0)
    config = baresip_tls(tmp_path, site.authority, site.authority.sign("phone"))
    phone = Baresip(tmp_path, port, said, account=";mediaenc=srtp-mand", config=config)
    processes.append(phone)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
    # The caller's media is at 127.0.0.1, its signalling at the plain trunk's address.
    customer = Sipp(tmp_path, path, port=sip_port(), to=site.gateway.port, host=PBX, more=("-mi", HOST))
    processes.append(customer)
    await asyncio.to_thread(customer.check, 40)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    call_id = listener.last(CallEnded).call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    phone.end()
    played = audio.bursts(11, 6.0)[: 4 * audio.RATE]
    assert audio.share_heard(ends["customer"].pcm(), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(call_id, "agent"), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(phone.heard(), played) >= audio.HEARD
    assert "SRTP" in phone.text()


async def test_a_phone_with_a_certificate_of_somebody_elses_is_not_called(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    need("baresip")
    port = sip_port()
    site = Site(tmp_path, processes, phone=f"sip:ana@{HOST}:{port + 1};transport=tls")
    stranger = TestAuthority(tmp_path, "stranger")
    config = baresip_tls(tmp_path, stranger, stranger.sign("impostor"))
    processes.append(Baresip(tmp_path, port, audio.bursts(54, 1.0), account=";mediaenc=srtp-mand", config=config))
    path = scenario(tmp_path, "uac_expect", CODE=503, BODY=SDP)
    customer = Sipp(tmp_path, path, port=sip_port(), to=site.gateway.port, host=PBX)
    processes.append(customer)
    await asyncio.to_thread(customer.check, 40)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert (listener.last(CallEnded).reason, listener.last(CallEnded).answered) == ("failed", False)


async def test_encryption_that_is_optional_is_no_condition(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    phone_port = sip_port()
    gateway = Gateway(
        tmp_path,
        tmp_path,
        routing=f'[[trunk]]\nname = "pbx"\nallow = ["{PBX}/32"]\nsrtp = "optional"\nagent = "ana"\n'
        f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}:{phone_port}"\nsrtp = "optional"\n',
    )
    processes.append(gateway)
    gateway.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path), port=phone_port)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=300), port=sip_port(), to=gateway.port, host=PBX)
    processes += [phone, customer]
    await asyncio.to_thread(customer.check, 30)
    await asyncio.to_thread(phone.check, 20)
    assert "a=crypto:" in phone.messages()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).answered


async def test_an_sbc_calls_over_tls_with_encrypted_audio(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("baresip")
    site = Site(tmp_path, processes, verify_client=True)
    agent_said, caller_said = audio.bursts(52, 5.0), audio.bursts(53, 5.0)
    processes.append(Baresip(tmp_path, site.phone_port, agent_said))
    config = baresip_tls(tmp_path, site.authority, site.authority.sign("sbc"))
    dial = ("-e", f"/dial sip:900@{HOST}:{site.tls_port};transport=tls")
    sbc = Baresip(
        tmp_path, sip_port(), caller_said, account=";mediaenc=srtp-mand;transport=tls", config=config, extra=dial
    )
    processes.append(sbc)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    started = listener.last(CallStarted)
    assert (started.trunk, started.callee) == ("sbc", "900")
    assert listener.last(CallEnded).answered
    await listener.until(lambda: listener.ended(started.call_id), what="the last chunk of both legs")
    assert audio.share_heard(listener.pcm(started.call_id, "customer"), caller_said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(started.call_id, "agent"), agent_said[: 4 * audio.RATE]) >= audio.HEARD
    sbc.end()
    assert audio.share_heard(sbc.heard(), agent_said[: 4 * audio.RATE]) >= audio.HEARD


def by_tls(site: Site, body: str, *, pair: Pair | None = None) -> str:
    """The first status line in answer to an INVITE sent over TLS: 100 where it is let in."""
    context = ssl.create_default_context(cafile=str(site.authority.own.certificate))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    with (
        socket.create_connection((HOST, site.tls_port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as sock,
    ):
        here = "{}:{}".format(*sock.getsockname())
        sock.sendall(
            f"INVITE sip:900@{HOST}:{site.tls_port};transport=tls SIP/2.0\r\n"
            f"Via: SIP/2.0/TLS {here};branch=z9hG4bKt\r\n"
            f"From: <sip:x@{here}>;tag=1\r\nTo: <sip:900@{HOST}>\r\nCall-ID: {here}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:x@{here};transport=tls>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        return sock.recv(8192).decode().split("\r\n", 1)[0]


def offer(profile: str, *lines: str) -> str:
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            f"m=audio 47998 {profile} 0",
            *lines,
            "",
        ]
    )


async def test_what_does_not_fit_the_trunk_is_refused(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    site = Site(tmp_path, processes)

    async def refused(code: int, body: str, host: str) -> None:
        path = scenario(tmp_path, "uac_expect", CODE=code, BODY=body)
        peer = Sipp(tmp_path, path, port=sip_port(), to=site.gateway.port, host=host)
        processes.append(peer)
        await asyncio.to_thread(peer.check, 30)

    encrypted = SDP.replace("RTP/AVP", "RTP/SAVP") + f"\n{SDES}"
    dtls = (
        SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
        + "\na=setup:actpass\na=fingerprint:sha-256 "
        + ":".join(["AA"] * 32)
    )
    # A TLS trunk takes nothing by UDP, whatever it brings.
    await refused(403, encrypted, "127.0.0.1")
    # By TLS it takes nothing unencrypted, and nothing keyed by DTLS, which would end the process.
    assert "488" in await asyncio.to_thread(by_tls, site, offer("RTP/AVP"))
    assert "488" in await asyncio.to_thread(by_tls, site, offer("UDP/TLS/RTP/SAVPF", "a=setup:actpass"))
    await refused(488, encrypted, PBX)
    for body, host in ((dtls, PBX), (dtls, "127.0.0.3"), (SDP.replace("RTP/AVP", "RTP/SAVP"), "127.0.0.3")):
        await refused(488, body, host)
    assert listener.events == []
    assert site.gateway.running, site.gateway.text()[-2000:]
    # What fits rings the phone, which is not there.
    assert "100" in await asyncio.to_thread(by_tls, site, offer("RTP/SAVP", SDES))
    await listener.until(lambda: "CallStarted" in listener.kinds(), what="the call that fits")
    assert listener.last(CallStarted).trunk == "sbc"


async def test_a_call_that_is_encrypted_does_not_step_down(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    site = Site(tmp_path, processes)
    again = scenario(tmp_path, "uac_reinvite", BEFORE_MS=300, CSEQ=2, DIRECTION="sendrecv").read_text()
    path = caller(tmp_path, DURING=again.replace('response="200"', 'response="488"'), TALK_MS=300)
    text = path.read_text()
    # Only the first of the two offers is encrypted.
    path.write_text(text.replace("RTP/AVP 0 101\n", f"RTP/SAVP 0 101\n{SDES}\n", 1))
    phone = Sipp(tmp_path, agent(tmp_path), port=site.phone_port)
    customer = Sipp(tmp_path, path, port=sip_port(), to=site.gateway.port, host="127.0.0.3")
    processes += [phone, customer]
    await asyncio.to_thread(customer.check, 30)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"


async def test_a_peer_without_a_certificate_of_ours_gets_no_connection(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes, verify_client=True)
    stranger = TestAuthority(tmp_path, "stranger").sign("stranger-sbc")
    for pair in (None, stranger):
        answer = ""
        with contextlib.suppress(OSError):
            # With TLS 1.2 the handshake fails, or the connection ends with it: no SIP is spoken.
            answer = await asyncio.to_thread(by_tls, site, offer("RTP/SAVP", SDES), pair=pair)
        assert answer == ""
    good = site.authority.sign("good")
    assert "100" in await asyncio.to_thread(by_tls, site, offer("RTP/SAVP", SDES), pair=good)


async def test_a_certificate_that_has_run_out_stops_the_worker_with_one_line(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    need("openssl")
    old = TestAuthority(tmp_path).sign("old", expired=True)
    settings = (
        f'[gateway.tls]\nport = {sip_port()}\ncertificate = "{old.certificate}"\nkey = "{old.key}"\n'
        f'ca = "{tmp_path / "authority.pem"}"\n'
        '[[trunk]]\nname = "pbx"\nagent = "ana"\n[[agent]]\nid = "ana"\nsip = "sip:ana@127.0.0.1"\n'
    )
    worker = Gateway(tmp_path, tmp_path, routing=settings)
    processes.append(worker)
    assert await asyncio.to_thread(worker.wait, 30) == 3
    text = worker.err.read_text()
    assert text.count("\n") == 1
    assert "old.pem: certificate has expired; renew it" in text
