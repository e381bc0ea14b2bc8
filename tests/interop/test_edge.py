"""Calls through the edge: a real kamailio in front of real workers."""

import asyncio
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from assist.events import CallEnded, CallStarted, CallTransferred, Party
from assist.stack import edge as edge_files
from gateway.probe.ask import ask
from gateway.probe.options import Target
from tests.interop import audio, steps
from tests.interop.baresip import Baresip
from tests.interop.conftest import Listener, need
from tests.interop.edge import Edge
from tests.interop.rig import HOST, SDP, Process, Sipp, agent, caller, play, scenario, send_datagram, wait_for
from tests.interop.rtp import RtpEnd
from tests.interop.src import RecordingClient
from tests.interop.test_siprec import ROSA_FIRST
from tests.ports import sip_port

pytestmark = pytest.mark.interop
Starting: TypeAlias = Callable[..., Awaitable[Edge]]


@pytest_asyncio.fixture
async def start(tmp_path: Path, listener: Listener) -> AsyncIterator[Starting]:
    """Starts an edge of the test's own."""
    need("sipp")
    need("kamailio")
    made: list[Edge] = []

    async def starting(**options: Any) -> Edge:
        made.append(Edge(tmp_path, tmp_path, **options))
        return await made[-1].start()

    yield starting
    for one in made:
        await one.stop()


@pytest.fixture
def streams() -> Iterator[tuple[RtpEnd, RtpEnd]]:
    made = RtpEnd(audio.bursts(21, 6.0)), RtpEnd(audio.bursts(22, 6.0))
    yield made
    for end in made:
        end.close()


async def _call(tmp_path: Path, edge: Edge, processes: list[Process], *more: str, **values: object) -> None:
    """A whole call, the proof that all of it works."""
    phone = Sipp(tmp_path, agent(tmp_path), port=edge.agent_port)
    processes.append(phone)
    path = caller(tmp_path, **{"TALK_MS": 200, **values})
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port, more=more).check)
    await asyncio.to_thread(phone.check)


async def _refused(tmp_path: Path, edge: Edge, code: int, body: str = SDP) -> None:
    path = scenario(tmp_path, "uac_expect", CODE=code, BODY=body)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port).check)


async def _shed(tmp_path: Path, edge: Edge) -> None:
    path = scenario(tmp_path, "uac_shed", BODY=SDP)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port).check)


async def test_both_legs_of_a_call_are_forked_and_nothing_behind_the_edge_shows(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process]
) -> None:
    edge = await start()
    said = {"customer": audio.bursts(1, 3.0), "agent": audio.bursts(2, 3.0)}
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=edge.agent_port)
    processes.append(phone)
    during = "".join(
        scenario(tmp_path, "uac_reinvite", BEFORE_MS=200, CSEQ=number, HOST=HOST, DIRECTION=direction).read_text()
        for number, direction in ((2, "sendonly"), (3, "sendrecv"))
    )
    # Kamailio takes bodies of types it has no number for as the same: a digit is no recording's metadata.
    during += steps.request(steps.CALLER, "INFO", 4, body="Signal=7\nDuration=160\n", kind="application/dtmf-relay")
    during += steps.get(200)
    path = caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=3600, DURING=during)
    customer = Sipp(tmp_path, path, port=sip_port(), to=edge.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    kinds = ["CallStarted", "CallRinging", "CallAnswered", "CallHeld", "CallResumed", "CallEnded"]
    assert listener.kinds() == kinds
    started, ended = listener.last(CallStarted), listener.last(CallEnded)
    assert (started.trunk, started.caller, started.callee) == ("pbx", "+573001234567", "900")
    assert (ended.reason, ended.sip_code, ended.answered) == ("customer_hangup", 200, True)
    await listener.until(lambda: listener.ended(started.call_id), what="the last chunk of both legs")
    for party, other in (("customer", "agent"), ("agent", "customer")):
        heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, said[party]) > 0.5
        assert max(audio.windows_found(heard, said[other])[0]) < 0.5

    seen = phone.messages() + customer.messages()
    assert "INVITE" in seen
    assert f":{edge.inner + 1}" not in seen, "the worker's address"
    assert "X-Apuntador-Edge" not in seen
    assert "X-Apuntador-Decided" not in seen
    assert edge.settings.edge_file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "run" / "kamailio.cfg").stat().st_mode & 0o077 == 0


def _make_certificate(certificate: Path, key: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)


async def test_tcp_and_tls_in_and_tls_out(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process]
) -> None:
    need("baresip")
    certificate, key, tls = tmp_path / "edge.pem", tmp_path / "edge.key", sip_port()
    await asyncio.to_thread(_make_certificate, certificate, key)
    (tmp_path / "phone.pem").write_text(certificate.read_text() + key.read_text())
    phone_port = sip_port()
    edge = await start(
        more=f'tls_port = {tls}\ncertificate = "{certificate}"\nkey = "{key}"\nca = "{certificate}"\n',
        agent_uri=f"sip:ana@{HOST}:{phone_port + 1};transport=tls",
    )
    # baresip listens for TLS beside its port, and hangs up at its file's end.
    said = audio.bursts(31, 3.0), audio.bursts(33, 3.0)
    phone = Baresip(tmp_path, phone_port, said[1], certificate=tmp_path / "phone.pem")
    processes.append(phone)
    path = caller(tmp_path, TALK_MS=1, END="uac_wait_bye.xml")
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port, more=("-t", "t1")).check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="the end of the call over TCP")
    assert listener.last(CallEnded).reason == "agent_hangup"

    dial = f"/dial sip:900@{HOST}:{tls};transport=tls"
    processes.append(Baresip(tmp_path, sip_port(), said[0], extra=("-e", dial), transport="tls"))
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="the end of the call over TLS")
    call_id = listener.last(CallEnded).call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    assert audio.share_heard(listener.pcm(call_id, "customer"), said[0][:16000]) > 0.5
    assert audio.share_heard(listener.pcm(call_id, "agent"), said[1][:16000]) > 0.5

    def version(least: ssl.TLSVersion, most: ssl.TLSVersion) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = least, most
        with socket.create_connection((HOST, tls), 5) as plain, context.wrap_socket(plain) as wrapped:
            return wrapped.version()

    assert version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert version(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError), pytest.warns(DeprecationWarning, match="TLS"):
        version(ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)


async def test_a_password_is_asked_for_and_strangers_get_no_answer(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process]
) -> None:
    (tmp_path / "secret").write_text("open-sesame\n")
    trunk = f'allow = ["127.0.0.0/8"]\nuser = "sede1"\nsecret = "file:{tmp_path / "secret"}"\nchallenge = true\n'
    other = '[[trunk]]\nname = "far"\nagent = "ana"\nallow = ["10.9.9.0/24", "fd00::/8"]\n'
    edge = await start(trunks=f'{other}[[trunk]]\nname = "sede.1"\nagent = "ana"\n{trunk}')
    assert "open-sesame" not in (tmp_path / "run" / "kamailio.cfg").read_text()

    def digest(user: str, password: str, code: int) -> Sipp:
        values = {"USER": user, "PASSWORD": password, "CODE": code, "BODY": SDP}
        return Sipp(tmp_path, scenario(tmp_path, "uac_digest", **values), port=sip_port(), to=edge.port)

    for user, password in (("sede1", "wrong"), ("sede2", "open-sesame")):
        await asyncio.to_thread(digest(user, password, 407).check)
    assert listener.events == []
    processes.append(Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=edge.agent_port))
    await asyncio.to_thread(digest("sede1", "open-sesame", 486).check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallStarted).trunk == "sede.1"

    # Nobody reaches a worker past the edge, and nobody uses the edge to reach others.
    path = scenario(tmp_path, "uac_expect", CODE=403, BODY=SDP)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.inner + 1).check)
    assert await asyncio.to_thread(_status, edge.port, _in_dialog(edge.port, HOST, edge.agent_port)) == 403

    # Other trunks, read again without a stop: now loopback is a stranger.
    edge.write(other)
    assert edge_files.renew(edge.settings)
    edge.kill("edge", signal.SIGTERM)
    await edge.until_alive("edge", 1)
    await _refused(tmp_path, edge, 403)
    for _ in range(150):
        await asyncio.to_thread(send_datagram, edge.port, _invite(edge.port))
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(_status, edge.port, _invite(edge.port))


def _invite(port: int, body: str = "") -> bytes:
    number = random.getrandbits(48)
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"INVITE sip:900@{HOST}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST};rport;branch=z9hG4bK{number}\r\n"
        f"From: <sip:x@{HOST}>;tag=1\r\nTo: <sip:900@{HOST}>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:x@{HOST}:9>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _in_dialog(port: int, host: str, target: int) -> bytes:
    """A request that pretends to belong to a dialog, with a route to somewhere else."""
    text = _invite(port).decode().replace(f"To: <sip:900@{HOST}>", f"To: <sip:900@{HOST}>;tag=2")
    route = f"Route: <sip:{HOST}:{port};lr>, <sip:{host}:{target};lr>\r\n"
    return text.replace("Max-Forwards", f"{route}Max-Forwards").encode()


def _status(port: int, message: bytes, timeout: float = 2.0) -> int:
    """Final answer to this datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.sendto(message, (HOST, port))
        while True:
            code = int(sock.recv(65535).split()[1])
            if code >= 200:
                return code


_GOOD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
_CRASHERS = {
    "host": _GOOD.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {'a' * 400}") + "m=audio 4000 RTP/AVP 0\r\n",
    "sixteen": _GOOD + "m=audio 4000 RTP/AVP 0\r\n" * 16,
    "dtls": _GOOD + "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n",
    "second": _GOOD + "m=audio 4000 RTP/AVP 0\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n",
    "line": _GOOD + f"m=audio 4000 RTP/AVP 0\r\na={'x' * 900}\r\n",
    "media": _GOOD + f"m=audio 4000 RTP/AVP {' '.join(str(n) for n in range(120))}\r\n",
    "origin": _GOOD.replace("o=- 1", f"o={'u' * 300} 1") + "m=audio 4000 RTP/AVP 0\r\n",
    "returns": (_GOOD + "m=audio 4000 RTP/AVP 0\r\n" * 16).replace("\r\n", "\r"),
    "lines": _GOOD + "m=audio 4000 RTP/AVP 0\r\n" + "a=x\r\n" * 300,
}


async def test_what_ends_a_worker_is_screened_and_a_flood_is_throttled_beside_a_live_call(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    edge = await start(more="calls_per_s = 20\n")
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=edge.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=6500)
    customer = Sipp(tmp_path, path, port=sip_port(), to=edge.port)
    processes.extend([phone, customer])
    await asyncio.to_thread(wait_for, lambda: len(ends["agent"].packets) > 50, 20, "audio at the agent's end")
    since, pid = time.monotonic(), edge.pid("gateway.0")

    for name, body in _CRASHERS.items():
        for _ in range(2):
            assert await asyncio.to_thread(_status, edge.port, _invite(edge.port, body)) in (488, 503), name
        await asyncio.sleep(0.2)
    assert edge.text("edge").count("screened") > 10
    path = scenario(tmp_path, "uac_shed", BODY=SDP)
    # The one place that is left takes a few of them at most; a phone that never answers 100 does the rest.
    flood = Sipp(tmp_path, path, port=sip_port(), to=edge.port, calls=200, more=("-r", "100"))
    processes.append(flood)
    await asyncio.to_thread(customer.check)
    flood.end()
    assert (await asyncio.to_thread(flood.messages)).count("SIP/2.0 503") > 50
    assert (edge.pid("gateway.0"), edge.restarts("gateway.0")) == (pid, 0)
    assert ends["agent"].longest_pause(since) < audio.STALL_S
    assert ends["agent"].missing() == 0
    assert listener.kinds().count("CallStarted") < 40


def _long(metadata: str, size: int) -> str:
    """The metadata with a vendor's extension data, as some send it."""
    more = "".join(f"<extensiondata><vendor n='{n}'>{'v' * 80}</vendor></extensiondata>" for n in range(size // 130))
    return metadata.replace("<participantstreamassoc", more + "<participantstreamassoc", 1)


async def test_a_recording_of_16_kb_keeps_its_names(
    start: Starting, streams: tuple[RtpEnd, RtpEnd], listener: Listener
) -> None:
    edge = await start()
    client = RecordingClient(edge.port, streams, tcp=True)
    answer = await asyncio.to_thread(lambda: client.invite(_long(ROSA_FIRST, 14_000), padding=3_000))
    assert (answer.code, answer.labels) == (200, ["96", "97"]), answer.text + edge.text("edge")
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    started = listener.last(CallStarted)
    assert (started.caller, started.callee, started.agent_id) == ("+573001234567", "ana", "ana")
    await listener.until(lambda: len(listener.pcm(started.call_id, "agent")) > 3 * 8000, what="three seconds")
    # A re-INVITE and an UPDATE of that size say who is the agent now.
    luis = ROSA_FIRST.replace("sip:ana@pbx", "sip:Ana@pbx2")
    again = await asyncio.to_thread(lambda: client.invite(_long(luis, 14_000)))
    assert again.code == 200
    await listener.until(lambda: "CallTransferred" in listener.kinds(), what="the re-INVITE's metadata")
    assert listener.last(CallTransferred).target == "sip:Ana@pbx2.example"
    updated = await asyncio.to_thread(client.update, _long(luis.replace("@pbx2", "@pbx3"), 14_000))
    assert updated.code == 200
    await listener.until(lambda: listener.last(CallTransferred).target == "sip:Ana@pbx3.example", what="the UPDATE's")
    assert (await asyncio.to_thread(client.bye)).code == 200
    client.close()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    await listener.until(lambda: listener.ended(started.call_id), what="both legs")
    for party, seed in (("customer", 21), ("agent", 22)):
        heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, audio.bursts(seed, 6.0)[:20000]) > 0.5


async def test_a_full_edge_sheds_a_busy_phone_is_final_and_a_full_worker_passes_on(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process]
) -> None:
    edge = await start(workers=2)
    answer = await ask(Target("", HOST, edge.port, "udp"))
    assert answer.code == 200

    # The agent's phone is busy: that is so for every worker.
    processes.append(Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=edge.agent_port))
    await _refused(tmp_path, edge, 486)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds().count("CallStarted") == 1
    processes[-1].wait(10)

    # Four calls fill both workers; the fifth is told to come back, and may when one has ended.
    phone = Sipp(tmp_path, agent(tmp_path), port=edge.agent_port, calls=9)
    processes.append(phone)
    live: list[Sipp] = []

    def taken() -> bool:
        return listener.kinds().count("CallAnswered") == len(live)

    for number in range(4):
        # The busy phone's call may keep its place for a moment: who is refused for that calls again.
        while len(live) == number or not taken():
            del live[number:]
            path = caller(tmp_path, TALK_MS=2500 if number == 0 else 40_000)
            live.append(Sipp(tmp_path, path, port=sip_port(), to=edge.port))
            processes.append(live[-1])
            await listener.until(lambda: taken() or not live[-1].running, what=f"call {number + 1}")
    # While the four came, one may have gone to a worker that had not yet said it was full, and on to the other.
    asked = len(edge.lines("gateway.0", "gateway.call_refused"))
    await _shed(tmp_path, edge)
    assert len(edge.lines("gateway.0", "gateway.call_refused")) == asked
    await asyncio.to_thread(live[0].check)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="room")
    path = caller(tmp_path, TALK_MS=100)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port).check)
    assert listener.kinds().count("CallStarted") == 6

    # Which worker has the room? The other is believed to have more, and answers 486: the call goes on to the first.
    full = next(n for n in ("gateway.0", "gateway.1") if len(edge.lines(n, "gateway.call_started")) < 4)
    lying = asyncio.create_task(_lie(edge, int(full[-1])))
    path = caller(tmp_path, TALK_MS=100)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port).check)
    lying.cancel()
    assert f"worker {full[-1]} answered 486" in edge.text("edge")
    assert listener.kinds().count("CallStarted") == 7


async def test_a_worker_that_stops_passes_calls_on_and_one_that_hangs_does_not(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process]
) -> None:
    edge = await start(workers=2, more="ping_s = 1\n", grace_s=4)
    edge.kill("gateway.1", signal.SIGSTOP)
    lying = asyncio.create_task(_lie(edge, 1))
    await _refused(tmp_path, edge, 500)
    lying.cancel()
    edge.kill("gateway.1", signal.SIGCONT)
    assert not edge.lines("gateway.0", "gateway.call_started")
    # Meanwhile the agent's phone, which isn't there, was asked by OPTIONS.
    down = f"{HOST}:{edge.agent_port} does not answer OPTIONS"
    await listener.until(lambda: down in edge.text("edge"), what="a word about the phone")
    phone = Sipp(tmp_path, agent(tmp_path), port=edge.agent_port, calls=99, more=("-aa",))
    await listener.until(lambda: "answers OPTIONS again" in edge.text("edge"), what="a word about the phone")

    # A worker with a call is told to stop: it answers 503, and the other takes the next call.
    path = caller(tmp_path, TALK_MS=1, END="uac_wait_bye.xml")
    processes.extend([phone, Sipp(tmp_path, path, port=sip_port(), to=edge.port)])
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    stopping = next(n for n in (0, 1) if edge.lines(f"gateway.{n}", "gateway.call_started")[-1:])
    edge.kill(f"gateway.{stopping}", signal.SIGTERM)
    await listener.until(lambda: bool(edge.lines(f"gateway.{stopping}", "gateway.draining")), what="draining")
    lying = asyncio.create_task(_lie(edge, stopping))
    path = caller(tmp_path, TALK_MS=100)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=edge.port).check)
    lying.cancel()
    assert f"worker {stopping} answered 503" in edge.text("edge")


async def _lie(edge: Edge, worker: int) -> None:
    """Keep telling the edge that this worker has more room than any."""
    message = {"jsonrpc": "2.0", "method": "htable.seti", "params": ["free", str(worker), 9]}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        while True:
            sock.sendto(json.dumps(message).encode(), str(edge.settings.run_dir / "edge.sock"))
            await asyncio.sleep(0.005)


async def test_a_killed_edge_comes_back_and_the_call_never_noticed(
    tmp_path: Path, start: Starting, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    edge = await start()
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=edge.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=5000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=edge.port)
    processes.extend([phone, customer])
    await asyncio.to_thread(wait_for, lambda: len(ends["agent"].packets) > 50, 20, "audio at the agent's end")
    since, main = time.monotonic(), edge.pid("edge")
    os.kill(main, signal.SIGKILL)
    await edge.until_alive("edge", 1)
    assert edge.pid("edge") != main
    # The BYE finds its way although nobody remembers the call.
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
    for end in ends.values():
        assert end.longest_pause(since) < audio.STALL_S
        assert end.missing() == 0
    # And the next call comes through.
    await _call(tmp_path, edge, processes)
