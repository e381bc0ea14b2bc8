"""A second implementation as the agent's phone: both parties hear each other, in every codec we offer."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallEnded, Party
from tests.interop import audio
from tests.interop.baresip import Baresip
from tests.interop.conftest import Listener, need
from tests.interop.rig import Gateway, Process, Sipp, caller, sip_port
from tests.interop.rtp import RtpEnd

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
    assert audio.share_heard(ends["customer"].pcm(), said[: 4 * audio.RATE]) >= 0.85
    assert audio.share_heard(listener.pcm(call_id, "agent"), said[: 4 * audio.RATE]) >= 0.85
    assert audio.share_heard(listener.pcm(call_id, "customer"), played) >= 0.85
    assert audio.share_heard(phone.heard(), played) >= 0.85
    assert "CallHeld" not in listener.kinds()
