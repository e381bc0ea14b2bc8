"""A call through the gateway between real SIP peers: both legs on the bus, told apart, events in order."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from assist.events import CallAnswered, CallEnded, CallHeld, CallResumed, CallStarted, Party
from tests.interop import audio
from tests.interop.conftest import Listener
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, play, scenario
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop


async def test_both_legs_reach_the_bus_unmixed(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    said = {"customer": audio.bursts(1, 4.0), "agent": audio.bursts(2, 4.0)}
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=gateway.agent_port)
    processes.append(phone)
    customer = Sipp(
        tmp_path, caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=5000), port=sip_port(), to=gateway.port
    )
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")

    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", "CallEnded"]
    started, ended = listener.last(CallStarted), listener.last(CallEnded)
    assert (started.trunk, started.caller, started.callee) == ("pbx", "+573001234567", "900")
    assert (started.agent_id, started.queue, started.language) == ("ana", "soporte", "es")
    assert (ended.reason, ended.sip_code, ended.answered) == ("customer_hangup", 200, True)
    call_id = started.call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")

    for party, other in (("customer", "agent"), ("agent", "customer")):
        heard = listener.pcm(call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, said[party]) >= audio.HEARD
        assert max(audio.windows_found(heard, said[other])[0]) < 0.5

    answered = listener.last(CallAnswered)
    for chunk in (listener.chunks[call_id, "customer"][0], listener.chunks[call_id, "agent"][0]):
        assert abs(chunk.epoch - answered.at) < 5.0


async def test_each_end_hears_the_other(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    processes.append(phone)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=5000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    assert audio.share_heard(ends["agent"].pcm(), audio.bursts(11, 6.0)[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(ends["customer"].pcm(), audio.bursts(12, 6.0)[: 4 * audio.RATE]) >= audio.HEARD
    assert ends["agent"].missing() == ends["customer"].missing() == 0


async def test_the_agent_may_hang_up(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path, END="uas_bye.xml", TALK_MS=500), port=gateway.agent_port)
    processes.append(phone)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=1, END="uac_wait_bye.xml"), port=sip_port(), to=gateway.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "agent_hangup"
    assert listener.kinds().count("CallEnded") == 1


async def test_hold_is_told_and_does_not_break_the_bridge(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    during = "".join(
        scenario(tmp_path, "uac_reinvite", BEFORE_MS=1000, CSEQ=number, HOST=host, DIRECTION=direction).read_text()
        for number, (host, direction) in enumerate(
            (
                ("0.0.0.0", "sendrecv"),  # the way of RFC 2543
                ("[media_ip]", "sendrecv"),
                ("[media_ip]", "sendonly"),
                ("[media_ip]", "inactive"),
                ("[media_ip]", "sendrecv"),
            ),
            start=2,
        )
    )
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    processes.append(phone)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, DURING=during, TALK_MS=4000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check, 25)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    held = ["CallHeld", "CallResumed"]
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", *held, *held, "CallEnded"]
    assert listener.last(CallHeld).by == listener.last(CallResumed).by == "customer"
    call_id = listener.last(CallEnded).call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")

    # The clock goes on while nothing is heard: both legs are as long as the call, the hold's three seconds included.
    talk = listener.last(CallEnded).at - listener.last(CallAnswered).at
    for party in ("customer", "agent"):
        pcm = listener.pcm(call_id, party)  # type: ignore[arg-type]
        assert abs(len(pcm) / audio.RATE - talk) < 1.0
        # After the hold both legs are heard again.
        assert np.abs(pcm[-2 * audio.RATE :].astype(np.int32)).mean() > 300


async def test_digits_are_passed_on(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    processes.append(phone)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=3000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(customer)
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    ends["customer"].send_digit("5")
    ends["agent"].send_digit("8", payload_type=120)  # the type of our offer

    def events(party: Party) -> set[int]:
        return {p.payload[0] for p in ends[party].packets if p.payload_type not in (0, 8) and len(p.payload) == 4}

    await listener.until(lambda: events("agent") == {5}, what="the digit at the agent's end")
    await listener.until(lambda: events("customer") == {8}, what="the digit at the customer's end")
    assert '"5"' not in gateway.err.read_text()


async def test_a_refer_is_declined_and_the_call_goes_on(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    processes.append(phone)
    path = caller(tmp_path, DURING="uac_refer.xml", TALK_MS=500)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(phone.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
