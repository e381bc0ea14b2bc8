"""Calls that can't be had, and input that is no call: a clear answer, and the worker lives on."""

import asyncio
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted, Party
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.rig import (
    NO_BODY,
    SDP,
    Gateway,
    Process,
    Sipp,
    agent,
    caller,
    scenario,
    send_datagram,
    wait_for,
)
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop


async def _refused(tmp_path: Path, gateway: Gateway, code: int, body: str = SDP) -> None:
    path = scenario(tmp_path, "uac_expect", CODE=code, BODY=body)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=gateway.port).check)


async def _short_call(tmp_path: Path, gateway: Gateway, processes: list[Process]) -> None:
    """A whole call: the proof that the worker still works."""
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    processes.append(phone)
    await asyncio.to_thread(Sipp(tmp_path, caller(tmp_path, TALK_MS=200), port=sip_port(), to=gateway.port).check)
    await asyncio.to_thread(phone.check)


async def test_a_third_call_is_busy(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    assert gateway.lines("gateway.ready")[0]["calls"] == 2
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port, calls=2)
    processes.append(phone)
    callers = [Sipp(tmp_path, caller(tmp_path, TALK_MS=3000), port=sip_port(), to=gateway.port) for _ in range(2)]
    processes.extend(callers)
    await listener.until(lambda: listener.kinds().count("CallAnswered") == 2, what="two calls up")
    await _refused(tmp_path, gateway, 486)
    for one in callers:
        await asyncio.to_thread(one.check)
    await asyncio.to_thread(phone.check)
    assert listener.kinds().count("CallStarted") == 2
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="two ends")
    # Both dialogs of both calls are free again.
    await asyncio.sleep(0.2)
    await _short_call(tmp_path, gateway, processes)


async def test_a_source_that_is_not_allowed_is_forbidden(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path, allow="10.0.0.0/8")
    processes.append(gateway)
    gateway.wait_ready()
    await _refused(tmp_path, gateway, 403)
    await _refused(tmp_path, gateway, 403, NO_BODY)
    assert listener.events == []


async def test_an_offer_without_audio_is_not_acceptable(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    for _ in range(3):
        await _refused(tmp_path, gateway, 488, SDP.replace("m=audio", "m=video"))
    await _short_call(tmp_path, gateway, processes)


@pytest.mark.parametrize(
    ("agent_says", "caller_gets", "reason"), [(486, 486, "rejected"), (503, 503, "failed"), (302, 480, "failed")]
)
async def test_the_agents_rejection_reaches_the_caller(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    processes: list[Process],
    agent_says: int,
    caller_gets: int,
    reason: str,
) -> None:
    processes.append(Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=agent_says), port=gateway.agent_port))
    await _refused(tmp_path, gateway, caller_gets)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    ended = listener.last(CallEnded)
    assert (ended.reason, ended.sip_code, ended.answered) == (reason, agent_says, False)


async def test_a_phone_that_is_not_answered_gives_480(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path, ring_s=5)
    processes.append(gateway)
    gateway.wait_ready()
    phone = Sipp(tmp_path, scenario(tmp_path, "uas_silent"), port=gateway.agent_port)
    processes.append(phone)
    await _refused(tmp_path, gateway, 480)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallEnded"]
    assert listener.last(CallEnded).sip_code == 480


async def test_a_caller_that_gives_up_cancels_the_phone(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, scenario(tmp_path, "uas_silent"), port=gateway.agent_port)
    processes.append(phone)
    path = scenario(tmp_path, "uac_cancel", BODY=SDP)
    await asyncio.to_thread(Sipp(tmp_path, path, port=sip_port(), to=gateway.port).check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    ended = listener.last(CallEnded)
    assert (ended.reason, ended.sip_code, ended.answered) == ("cancelled", 487, False)


def _hostile(gateway: Gateway) -> list[bytes]:
    head = (
        f"INVITE sip:900@127.0.0.1:{gateway.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK%d\r\n"
        "From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:900@127.0.0.1>\r\nCall-ID: h%d\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:x@127.0.0.1:9>\r\nMax-Forwards: 70\r\n"
    )
    bodies = [
        b"v=0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 99999 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 97\r\n",
        b"\x00\xff" * 200,
        # 32 sockets each, before anybody can refuse them.
        *[
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            + b"m=audio 4000 RTP/AVP 0\r\n" * 16
        ]
        * 6,
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 "
        + b"a" * 400
        + b"\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    ]
    messages = [b"", b"\r\n\r\n", b"INVITE", b"\x00" * 60, random.Random(5).randbytes(1400), b"SIP/2.0 200 OK\r\n\r\n"]
    messages += [
        b"INVITE sip:@ SIP/2.0\r\nVia: \r\n\r\n",
        (head % (99, 99)).encode() + b"Content-Length: 99999\r\n\r\nv=0",
    ]
    for number, body in enumerate(bodies):
        kind = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
        messages.append((head % (number, number) + kind).encode() + body)
    messages.append((head % (50, 50)).encode().replace(b"<sip:x@127.0.0.1>", b"<sip:" + b"x" * 3000 + b"@h>") + b"\r\n")
    return messages


async def test_malformed_messages_do_not_stop_the_worker(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    for message in _hostile(gateway):
        send_datagram(gateway.port, message)
        await asyncio.sleep(0.05)
    assert gateway.running, gateway.text()[-2000:]
    # Unanswered rejections hold their dialogs until SIP gives up on the ACK (timer H, 32 s).
    # An INVITE with a caller of 3,000 letters and no body is a late offer, and may ring.
    assert sum(isinstance(e, CallStarted) for e in listener.events) <= 1


@pytest.mark.parametrize(
    ("setting", "now", "code"),
    [('"127.0.0.0/8"', '"10.0.0.0/8"', 403), ('\nagent = "ana"', "", 404)],
    ids=["by-the-gate", "by-the-switchboard"],
)
async def test_a_flood_of_refused_calls_does_not_stop_the_worker(
    tmp_path: Path,
    real_broker: RealBroker,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    setting: str,
    now: str,
    code: int,
) -> None:
    """Past the gate pjsua2 opens sockets for each offer, and aborts when its queue of 64 is full."""
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path)
    processes.append(gateway)
    gateway.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=8000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.extend([phone, customer])
    await asyncio.to_thread(wait_for, lambda: len(ends["agent"].packets) > 50, 10, "audio at the agent's end")
    gateway.config.write_text(gateway.config.read_text().replace(setting, now))
    gateway.popen.send_signal(signal.SIGHUP)
    await asyncio.to_thread(wait_for, lambda: bool(gateway.lines("gateway.reloaded")), 5, "the reload")

    since = time.monotonic()
    path = scenario(tmp_path, "uac_expect", CODE=code, BODY=SDP)
    flood = Sipp(tmp_path, path, port=sip_port(), to=gateway.port, calls=150, more=("-r", "150"))
    processes.append(flood)
    if code == 403:
        # No dialog, no socket; answers are few, and so are the lines.
        await asyncio.to_thread(wait_for, lambda: bool(gateway.lines("gateway.call_refused")), 10, "refusals")
        await asyncio.sleep(2.0)
        lines = gateway.lines("gateway.call_refused")
        assert 1 <= len(lines) < 10
        assert all((line["why"], line["trunk"]) == ("source", "") for line in lines)
    else:
        await asyncio.to_thread(wait_for, lambda: len(gateway.lines("gateway.call_refused")) > 25, 20, "refusals")
        await asyncio.sleep(1.0)
    assert gateway.running, gateway.text()[-2000:]
    # The two people of the call that was up hear each other all the while.
    assert ends["agent"].longest_pause(since) < audio.STALL_S
    assert ends["agent"].missing() == 0
    flood.end()
    await asyncio.to_thread(customer.check)


async def test_a_busy_port_is_one_clear_line(tmp_path: Path, gateway: Gateway, processes: list[Process]) -> None:
    second = Gateway(tmp_path / "..", tmp_path, port=gateway.port)
    processes.append(second)
    assert await asyncio.to_thread(second.wait, 20) == 3
    text = second.err.read_text()
    assert text.count("\n") == 1
    assert str(gateway.port) in text
    assert "gateway.port" in text
    assert second.out.read_text() == ""


async def test_sigterm_refuses_new_calls_and_hangs_up_after_the_grace(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    processes.append(phone)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=1, END="uac_wait_bye.xml"), port=sip_port(), to=gateway.port)
    processes.append(customer)
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    gateway.popen.send_signal(signal.SIGTERM)
    await asyncio.to_thread(wait_for, lambda: bool(gateway.lines("gateway.draining")), 3, "draining")
    await _refused(tmp_path, gateway, 503)
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    assert await asyncio.to_thread(gateway.wait, 10) == 0
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "lost"
    assert gateway.out.read_text() == ""


def test_no_broker_address_is_one_clear_line(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, tmp_path / "nowhere")
    try:
        assert gateway.wait(20) != 0
    except subprocess.TimeoutExpired:
        gateway.end()
        raise
    assert gateway.err.read_text().count("\n") == 1
    assert "apuntador up" in gateway.err.read_text()
