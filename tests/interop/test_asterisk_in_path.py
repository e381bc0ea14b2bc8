"""A real Asterisk on either side of a call that we bridge: who is put on hold there, who is transferred there."""

import asyncio
from pathlib import Path

import pytest

from assist.events import CallEnded, CallHeld, CallResumed, CallStarted, Party
from tests.interop import audio
from tests.interop.conftest import Listener
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller, scenario, wait_for
from tests.interop.rtp import RtpEnd
from tests.interop.test_asterisk import CARRIER, PlainAsterisk, rendered
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

BEA = """[bea]
type = endpoint
context = none
disallow = all
allow = ulaw
direct_media = no
aors = bea
[bea]
type = aor
contact = sip:bea@@HOST@:@PORT@
"""
BEHIND = """exten => ana,1,Dial(PJSIP/ana,20)
exten => bea,1,Dial(PJSIP/bea,20)
"""


async def test_hold_and_resume_from_asterisk_s_side(
    tmp_path: Path, gateway: Gateway, listener: Listener, ends: dict[Party, RtpEnd], processes: list[Process]
) -> None:
    trunk = rendered("asterisk", ports=(gateway.port,))
    # Asterisk's own music by default; with this it passes the hold on.
    pjsip = trunk["pjsip.conf"].replace("direct_media=no", "direct_media=no\nmoh_passthrough=yes")
    plain = PlainAsterisk(tmp_path, more_pjsip=pjsip, more_plan=trunk["extensions.conf"], carrier=CARRIER)
    processes.append(plain)
    during = "".join(
        scenario(
            tmp_path,
            "uac_reinvite",
            BEFORE_MS=2000,
            CSEQ=number,
            DIRECTION=direction,
            HOST=HOST,
            RTP_PORT=ends["customer"].port,
        ).read_text()
        for number, direction in ((2, "sendonly"), (3, "sendrecv"))
    )
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, DURING=during, TALK_MS=4000)
    customer = Sipp(tmp_path, path, port=sip_port(), to=plain.sip, host=CARRIER, media_host=HOST, more=("-s", "901"))
    processes += [phone, customer]
    await asyncio.to_thread(customer.check, 60)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    kinds = [kind for kind in listener.kinds() if kind.startswith("Call")]
    assert kinds == ["CallStarted", "CallRinging", "CallAnswered", "CallHeld", "CallResumed", "CallEnded"]
    assert listener.last(CallHeld).by == listener.last(CallResumed).by == "customer"
    assert listener.last(CallEnded).reason == "customer_hangup"
    call_id = listener.last(CallStarted).call_id
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    # Heard again after the hold: the last two seconds of the call are the customer's.
    tail = listener.pcm(call_id, "customer")[-2 * audio.RATE :]
    assert max(audio.windows_found(audio.bursts(11, 12.0), tail, seconds=0.25)[0]) > 0.9


async def test_a_blind_transfer_inside_asterisk_keeps_the_call(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    ends: dict[Party, RtpEnd],
    processes: list[Process],
) -> None:
    bea, port = RtpEnd(audio.bursts(16, 6.0)), sip_port()
    plain = PlainAsterisk(
        tmp_path,
        more_pjsip=BEA.replace("@HOST@", HOST).replace("@PORT@", str(port)),
        more_plan=BEHIND,
    )
    processes.append(plain)
    gateway = Gateway(tmp_path, tmp_path, agent_uri=f"sip:ana@{HOST}:{plain.sip}")
    processes.append(gateway)
    await asyncio.to_thread(gateway.wait_ready)
    try:
        first = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=plain.phone)
        second = Sipp(tmp_path, agent(tmp_path, RTP_PORT=bea.port), port=port)
        path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=9000)
        customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
        processes += [first, second, customer]
        await asyncio.to_thread(wait_for, lambda: len(ends["agent"].packets) > 50, 30, "ana hears")
        # What Asterisk does when ana transfers the call: the channel towards us goes elsewhere in the dialplan.
        lines = plain.command("core show channels concise").splitlines()
        ours = next(line.split("!")[0] for line in lines if line.startswith("PJSIP/carrier"))
        plain.command(f"channel redirect {ours} from-carrier,bea,1")
        await asyncio.to_thread(first.check, 30)
        await asyncio.to_thread(wait_for, lambda: len(bea.packets) > 50, 30, "bea hears")
        await asyncio.to_thread(customer.check, 60)
        await asyncio.to_thread(second.check, 30)
        await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
        ended = listener.last(CallEnded)
        assert (ended.reason, ended.answered) == ("customer_hangup", True)
        assert listener.kinds().count("CallStarted") == 1
        heard = ends["customer"].pcm()
        assert max(audio.windows_found(heard, audio.bursts(12, 6.0))[0]) > 0.9
        assert max(audio.windows_found(heard, audio.bursts(16, 6.0))[0]) > 0.9
        assert max(audio.windows_found(bea.pcm(), audio.bursts(11, 6.0))[0]) > 0.9
        await listener.until(lambda: listener.ended(ended.call_id), what="both legs")
        said = listener.pcm(ended.call_id, "agent")
        assert max(audio.windows_found(said, audio.bursts(16, 6.0))[0]) > 0.9
    finally:
        bea.close()
