"""A second implementation as the agent's phone: both parties hear each other, in every codec we offer."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallEnded, CallTransferred, Party
from tests.interop import audio
from tests.interop.baresip import Baresip
from tests.interop.conftest import Listener, need
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_baresip_and_the_caller_hear_each_other(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    codec: str,
) -> None:
    need("baresip")
    said = audio.bursts(21, 5.0)
    phone = Baresip(tmp_path, gateway.agent_port, said, codec=codec)
    processes.append(phone)
    # baresip hangs up at its file's end.
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.append(customer)
    await asyncio.to_thread(customer.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    call_id = listener.last(CallEnded).call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    assert listener.last(CallEnded).reason == "agent_hangup"
    phone.end()

    played = audio.bursts(11, 6.0)[: 4 * audio.RATE]
    assert audio.share_heard(ends["customer"].pcm(), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(call_id, "agent"), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(call_id, "customer"), played) >= audio.HEARD
    assert audio.share_heard(phone.heard(), played) >= audio.HEARD
    assert "CallHeld" not in listener.kinds()


async def test_baresip_transfers_its_call(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    """A softphone's own REFER: it waits for the NOTIFY of the 200, and hangs up."""
    need("baresip")
    bea_port = sip_port()
    more = f'[[agent]]\nid = "bea"\nsip = "sip:bea@{HOST}:{bea_port}"\n'
    gateway = Gateway(tmp_path, tmp_path, more=more)
    processes.append(gateway)
    gateway.wait_ready()
    phone = Baresip(tmp_path, gateway.agent_port, audio.bursts(21, 20.0))
    bea = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=bea_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=6000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes += [phone, bea, customer]
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    await asyncio.to_thread(phone.command, "transfer", f"sip:bea@{HOST}")
    await listener.until(lambda: "CallTransferred" in listener.kinds(), what="CallTransferred")
    await asyncio.to_thread(customer.check)
    await asyncio.to_thread(bea.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallTransferred).agent_id == "bea"
    assert listener.last(CallEnded).reason == "customer_hangup"
    phone.end()
    assert "transfer failed" not in phone.text().lower()
