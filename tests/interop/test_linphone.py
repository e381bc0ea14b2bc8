"""A third implementation as the agent's phone."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallAnswered, CallEnded, Party
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.linphone import Linphone
from tests.interop.rig import Gateway, Process, Sipp, caller
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop


async def test_linphone_and_the_caller_hear_each_other(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    need("linphonec")
    said = audio.bursts(21, 5.0)
    phone = Linphone(tmp_path, gateway.agent_port, said)
    try:
        path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
        customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
        processes.append(customer)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
        call_id = listener.last(CallAnswered).call_id
        phone.talk()
        await listener.until(lambda: len(listener.pcm(call_id, "agent")) > 7 * audio.RATE, what="seven seconds")
        phone.hang_up()
        await asyncio.to_thread(customer.check)
        await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
        await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    finally:
        phone.end()
    assert listener.last(CallEnded).reason == "agent_hangup"
    played = audio.bursts(11, 6.0)[: 4 * audio.RATE]
    assert audio.share_heard(ends["customer"].pcm(), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(call_id, "agent"), said[: 4 * audio.RATE]) >= audio.HEARD
    assert audio.share_heard(listener.pcm(call_id, "customer"), played) >= audio.HEARD
    assert audio.share_heard(phone.heard(), played) >= audio.HEARD
