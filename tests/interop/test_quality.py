"""How well each leg is heard, measured on a real call and told in its events."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallEnded, Party, QualityMeasured
from tests.interop.conftest import Listener
from tests.interop.rig import Gateway, Process, Sipp, agent, caller
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop


async def test_each_leg_is_measured_on_its_own(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    # Every fifth packet of the customer is lost on the way to us; the agent's all come.
    ends["customer"].lose_every = 5
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=4000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await asyncio.to_thread(customer.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert isinstance(listener.events[-2], QualityMeasured)
    told = listener.last(QualityMeasured)
    assert told.final
    assert told.call_id == listener.last(CallEnded).call_id
    legs = {leg.party: leg for leg in told.legs}
    assert legs["customer"].codec == legs["agent"].codec == "PCMU"
    # Whoever hangs up is counted to the last packet: 4 s are 200, of which a fifth is lost.
    assert 150 < legs["customer"].packets < 175
    assert 190 < legs["agent"].packets < 215
    assert 12 < legs["customer"].loss < 28
    assert legs["agent"].loss < 3
    assert legs["customer"].mos < 3 < 4 < legs["agent"].mos
    # Our peers send no RTCP.
    assert legs["customer"].round_trip_ms is None
    assert legs["customer"].reported_loss is None
