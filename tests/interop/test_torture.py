"""What nobody should send: the worker lives, the call that is up hears nothing of it, and the next call works.

The cases' outcomes are in docs/security.md.
"""

import asyncio
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from assist.events import CallStarted, Party
from gateway.taps.audiosocket import pack
from tests.interop import torture
from tests.interop.conftest import Listener, need
from tests.interop.live import Call
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller, scenario, wait_for
from tests.interop.rtp import RtpEnd
from tests.interop.src import RecordingClient
from tests.interop.test_siprec import ROSA_FIRST
from tests.interop.test_taps import SECRET, Taps
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

STRANGER = "127.0.0.66"
"""Not in the trunk's networks."""
TOP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0\r\n"


@pytest.fixture
def fenced(tmp_path: Path, real_broker: RealBroker, processes: list[Process]) -> Gateway:
    """A worker whose trunk is 127.0.0.1 only."""
    need("sipp")
    worker = Gateway(tmp_path, tmp_path, allow="127.0.0.1/32")
    processes.append(worker)
    return worker.wait_ready()


async def _whole_call(tmp_path: Path, gateway: Gateway, processes: list[Process]) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    processes.append(phone)
    await asyncio.to_thread(Sipp(tmp_path, caller(tmp_path, TALK_MS=200), port=sip_port(), to=gateway.port).check)
    await asyncio.to_thread(phone.check)


def _all_idle(gateway: Gateway) -> bool:
    return len(gateway.lines("gateway.call_started")) == len(gateway.lines("gateway.call_ended"))


def _sent(port: int, *, host: str, patience_s: float) -> dict[tuple[str, bool], int]:
    return {
        (case.name, tcp): torture.send(case, port, tcp=tcp, host=host, patience_s=patience_s)
        for case in torture.cases()
        for tcp in (False, True)
    }


async def test_rfc_4475_from_a_stranger_while_a_call_is_up(
    tmp_path: Path, fenced: Gateway, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, fenced, processes, ends, 100_000).wait_up)
    since = time.monotonic()
    codes = await asyncio.to_thread(_sent, fenced.port, host=STRANGER, patience_s=0.05)
    assert len(codes) == 98
    assert fenced.running, fenced.text()[-2000:]
    call.unharmed(since)
    assert len(fenced.lines("gateway.call_started")) == 1
    assert codes["esc01", False] in (0, 403)


async def test_rfc_4475_from_the_trunk(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    refusing = Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=gateway.agent_port, calls=100)
    processes.append(refusing)
    codes = await asyncio.to_thread(_sent, gateway.port, host=HOST, patience_s=0.15)
    assert gateway.running, gateway.text()[-2000:]
    # A valid INVITE rings the agent's phone, which is busy; a valid OPTIONS is answered.
    valid = ["esc01", "longreq"]
    assert {codes[name, False] for name in valid} == {486}
    assert {codes[name, tcp] for name in ("lwsdisp", "semiuri", "transports") for tcp in (False, True)} == {200}
    # What says two things at once, or nothing that counts, rings nobody.
    assert not {codes[name, False] for name in ("insuf", "badinv01", "ncl", "quotbal", "multi01")} & {180, 200, 486}
    await asyncio.to_thread(wait_for, lambda: _all_idle(gateway), 20, "no call is left")
    refusing.end()
    await _whole_call(tmp_path, gateway, processes)


def _descriptions() -> Iterator[tuple[str, str]]:
    """SDP that is broken or too much, each with the content type it is sent under."""
    plain = "application/sdp"
    for body in ("v=0\r\n", "m=audio", "=\r\n=\r\n", TOP, TOP * 50, TOP + "m=\r\n", TOP + "m=audio\r\n", "\0" * 300):
        yield body, plain
    for line in ("m=audio -1 RTP/AVP 0", "m=audio 99999 RTP/AVP 0", "m=audio 4000/65535 RTP/AVP 0", "m=audio 4000 X 0"):
        yield f"{TOP}{line}\r\n", plain
    for address in ("999.1.1.1", "a" * 400, "slow.invalid", "::1", "255.255.255.255", "224.0.0.1/127", "127.0.0.1 x y"):
        yield TOP.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {address}") + AUDIO, plain
    yield TOP + AUDIO * 16, plain
    yield TOP + AUDIO * 16, plain
    yield TOP + AUDIO * 16, plain
    yield TOP + AUDIO * 16, plain
    for transport in (
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVP",
        "RTP/SAVP",
        "RTP/SAVPF",
        "RTP/AVPF",
    ):
        yield f"{TOP}m=audio 4000 {transport} 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}\r\n", plain
    yield TOP + "m=audio 4000 RTP/AVP " + " ".join(map(str, range(120))) + "\r\n", plain
    attributes = (
        "rtpmap:0 " + "x" * 900,
        "rtpmap:",
        "fmtp:101 " + "0-" * 400,
        "ptime:0",
        "ptime:-20",
        "maxptime:999999",
    )
    for attribute in (
        *attributes,
        "crypto:1 X inline:",
        "rtcp:4001 IN IP4 slow.invalid",
        "rtcp:-1",
        "ssrc:",
        "sendrecv\r\na=inactive",
    ):
        yield f"{TOP}{AUDIO}a={attribute}\r\n", plain
    yield TOP + AUDIO + "a=x\r\n" * 700, plain
    part = f"Content-Type: application/sdp\r\n\r\n{TOP}{AUDIO}\r\n"
    yield f"--b\r\n{part}--b--\r\n", "multipart/mixed"
    yield f"--other\r\n{part}--other--\r\n", "multipart/mixed;boundary=b"
    yield f"--b\r\n{part}" * 8 + "--b--\r\n", "multipart/mixed;boundary=b"
    yield "--b\r\n" * 400 + "--b--\r\n", "multipart/mixed;boundary=b"
    nested = part
    for depth in range(12):
        nested = f"Content-Type: multipart/mixed;boundary=n{depth}\r\n\r\n--n{depth}\r\n{nested}\r\n--n{depth}--\r\n"
    yield f"--b\r\n{nested}\r\n--b--\r\n", "multipart/mixed;boundary=b"
    yield f"--b\r\n{part}", f"multipart/mixed;boundary={'b' * 300}"
    yield TOP + AUDIO, "application/sdp;" * 60
    yield TOP + AUDIO, "/"


async def test_broken_descriptions_and_bodies(
    tmp_path: Path, gateway: Gateway, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 100_000).wait_up)
    # The phone has its call; whoever else is let in is put down after ring_s at the latest.
    since = time.monotonic()
    codes = []
    for number, (body, kind) in enumerate(_descriptions()):
        text = torture.build(f"sdp{number}", method="INVITE", body=body, Content_Type=kind)
        case = torture.Case("", f"sdp{number}", text)
        codes.append(await asyncio.to_thread(torture.send, case, gateway.port, patience_s=0.1))
        assert gateway.running, (number, gateway.text()[-2000:])
    assert codes.count(488) >= 10
    call.unharmed(since)


async def test_a_host_too_long_for_pjsua2_is_refused_before_the_phone_rings(
    tmp_path: Path, gateway: Gateway, processes: list[Process]
) -> None:
    body = TOP.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {'a' * 400}") + AUDIO
    case = torture.Case("", "long", torture.build("long", method="INVITE", body=body))
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    processes.append(phone)
    assert await asyncio.to_thread(torture.send, case, gateway.port, patience_s=3) == 488
    assert gateway.running
    assert not gateway.lines("gateway.call_started")
    await asyncio.to_thread(Sipp(tmp_path, caller(tmp_path, TALK_MS=200), port=sip_port(), to=gateway.port).check)
    await asyncio.to_thread(phone.check)


async def test_recording_metadata_that_is_a_bomb(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ja"}">' for n in range(10))
    bombs = [
        f"<!DOCTYPE r [{laughs}]><recording>&l9;</recording>",
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><recording>&x;</recording>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><recording/>',
        "<a>" * 500,
        "<recording>" + "<participant/>" * 150 + "</recording>",
        ROSA_FIRST.replace("Rosa", "\x01\ud7ff"),
        ROSA_FIRST.replace("UTF-8", "UTF-32"),
        ROSA_FIRST.replace("UTF-8", "x-user-defined"),
    ]
    for bomb in bombs:
        pair = RtpEnd(None), RtpEnd(None)
        client = RecordingClient(gateway.port, pair)
        try:
            # The recording is taken, the names are not: our trouble with them is no reason to lose the voices.
            assert (await asyncio.to_thread(client.invite, bomb)).code == 200
            assert (await asyncio.to_thread(client.bye)).code == 200
        finally:
            client.close()
            for end in pair:
                end.close()
    await listener.until(lambda: listener.kinds().count("CallEnded") == len(bombs), what="all ends")
    assert "root:" not in gateway.text()
    assert {e.caller for e in listener.events if isinstance(e, CallStarted)} <= {"anonymous", "+573001234567"}


def _flood(port: int, method: str, count: int, *, host: str, a_second: int) -> None:
    begin = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        via = f"{host}:{sock.getsockname()[1]}"
        for number in range(count):
            time.sleep(max(0.0, begin + number / a_second - time.monotonic()))
            body = TOP + AUDIO if method == "INVITE" else ""
            text = torture.build(f"flood{number}", method=method, body=body)
            sock.sendto(torture.Case("", f"f{number}", text).bytes_for(port, via, "UDP"), (HOST, port))


@pytest.mark.parametrize("host", [STRANGER, HOST], ids=["stranger", "trunk"])
async def test_floods(
    tmp_path: Path, fenced: Gateway, processes: list[Process], ends: dict[Party, RtpEnd], host: str
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, fenced, processes, ends, 100_000).wait_up)
    since = time.monotonic()
    for method in ("OPTIONS", "REGISTER", "SUBSCRIBE", "INVITE", "NONSENSE"):
        await asyncio.to_thread(_flood, fenced.port, method, 200, host=host, a_second=400)
        assert fenced.running, fenced.text()[-2000:]
    call.unharmed(since)
    # One line for many: a flood must not fill the disk.
    assert len(fenced.lines("gateway.screened")) <= 5
    assert len(fenced.err.read_text().splitlines()) < 60


async def test_connections_that_say_little_or_too_much(
    tmp_path: Path, fenced: Gateway, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, fenced, processes, ends, 100_000).wait_up)
    since = time.monotonic()
    ping = next(case for case in torture.cases() if case.name == "lwsdisp")
    with ExitStack() as held:
        silent = []
        for number in range(90):
            sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.bind((STRANGER if number % 2 else HOST, 0))
            sock.settimeout(0.05)
            with suppress(OSError):
                sock.connect((HOST, fenced.port))
                silent.append(sock)
        noise = random.Random(3)
        for turn in range(10):
            for number, sock in enumerate(silent):
                with suppress(OSError):
                    sock.sendall(
                        (b"INVITE sip:900@h SIP/2.0\r\n", b"Via: x\r\n", b"X: y", noise.randbytes(9))[
                            (turn + number) % 4
                        ]
                    )
            await asyncio.sleep(0.1)
        assert fenced.running, fenced.text()[-2000:]
        # UDP is served all the while.
        assert await asyncio.to_thread(torture.send, ping, fenced.port) == 200
        # As many again, each gone at once: a place in pjsip's queue outlives its connection.
        for _ in range(150):
            with suppress(OSError), socket.create_connection((HOST, fenced.port), 0.01) as sock:
                sock.sendall(b"x")
        assert fenced.running, fenced.text()[-2000:]
    for size in (3_900, 4_100, 16_000, 200_000):
        for tcp in (False, True):
            if tcp or size < 60_000:
                text = torture.build("big", more=f"X-Filler: {'x' * size}\r\n")
                await asyncio.to_thread(torture.send, torture.Case("", "big", text), fenced.port, tcp=tcp)
    assert fenced.running, fenced.text()[-2000:]
    call.unharmed(since)
    # And TCP is, once they have gone.
    deadline = time.monotonic() + 30
    while await asyncio.to_thread(torture.send, ping, fenced.port, tcp=True) != 200:
        assert time.monotonic() < deadline, "TCP is not served any more"
        await asyncio.sleep(0.2)


async def test_streams_that_say_little_or_too_much(
    tmp_path: Path, listener: Listener, processes: list[Process]
) -> None:
    taps = Taps(tmp_path, max_streams=64)
    processes.append(taps)
    await asyncio.to_thread(taps.wait_ready)
    with ExitStack() as held:
        socks = []
        for number in range(80):
            sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.connect((HOST, taps.port if number % 2 else taps.tcp_port))
            sock.sendall((b"\x01", b"GET /asterisk HTTP/1.1\r\n", b"\x01\x00", b"\x00" * 9)[number % 4])
            socks.append(sock)
        for huge in (pack(0x10, b"\0" * 65535) * 3, b"GET /" + b"a" * 100_000, b"\xff" * 50_000):
            for port in (taps.port, taps.tcp_port):
                sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                sock.connect((HOST, port))
                with suppress(OSError):
                    sock.sendall(huge)
        # A good one gets in among them.
        async with connect(taps.uri("freeswitch", f"?token={SECRET}")) as peer:
            await peer.send(f'{{"call": "{uuid4()}", "caller": "5551234"}}')
            for _ in range(20):
                await peer.send(b"\0" * 640)
            await listener.until(lambda: "CallStarted" in listener.kinds(), what="CallStarted")
        # WebSockets that don't say what they want have been closed by us; an AudioSocket has ten seconds for it.
        for sock in socks[1::2]:
            sock.settimeout(20)
            with suppress(ConnectionError):
                while await asyncio.to_thread(sock.recv, 4096):
                    pass
    assert taps.running, taps.text()[-2000:]
