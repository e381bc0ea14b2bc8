"""Transfers with a real PBX behind the trunk: Asterisk, with the files that `apuntador sip render asterisk` prints."""

import asyncio
from pathlib import Path

import pytest

from assist.events import PARTIES, CallEnded, CallStarted, CallTransferred, Party
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.phone import TwoLinePhone
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, caller
from tests.interop.rtp import RtpEnd
from tests.interop.test_asterisk import CARRIER, PlainAsterisk, rendered
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

EXTENSION = """[bea]
type = endpoint
context = none
disallow = all
allow = ulaw
direct_media = no
aors = bea
[bea]
type = aor
contact = sip:bea@@HOST@:@BEA@
"""
PLAN = """[from-apuntador]
exten => 700,1,Dial(PJSIP/bea,20)
[from-carrier]
exten => 700,1,Goto(from-apuntador,700,1)
"""


@pytest.mark.parametrize("attended", [False, True], ids=["blind", "attended"])
async def test_a_transfer_to_an_extension_of_the_pbx(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    attended: bool,
) -> None:
    """The extension is no agent of ours, so its number goes to the PBX; attended, with Replaces of the second call."""
    bea_port = sip_port()
    trunk = rendered("asterisk", ports=(gateway.port,))
    extension = EXTENSION.replace("@BEA@", str(bea_port)).replace("@HOST@", HOST).replace("bea@@", "bea@")
    plain = PlainAsterisk(
        tmp_path,
        more_pjsip=trunk["pjsip.conf"] + extension,
        more_plan=trunk["extensions.conf"] + PLAN,
        carrier=CARRIER,
    )
    processes.append(plain)
    await listener.until(plain.reaches_us, 20, "OPTIONS is answered")
    bea = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=bea_port)
    processes.append(bea)
    spare = RtpEnd(None)
    phone = TwoLinePhone(gateway.agent_port, spare)
    second = TwoLinePhone(sip_port(), spare, host=CARRIER)
    try:
        path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=9000)
        customer = Sipp(
            tmp_path, path, port=sip_port(), to=plain.sip, host=CARRIER, media_host=HOST, more=("-s", "901")
        )
        processes.append(customer)
        first = await asyncio.to_thread(phone.answered.get, True, 20)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
        to = f"sip:700@{HOST}:{plain.sip}"
        if attended:
            line = await asyncio.to_thread(second.call, "700", plain.sip)
            to += f"?Replaces={line.replaces()}"
        assert await asyncio.to_thread(phone.refer, first, to) == 202
        await listener.until(lambda: "CallTransferred" in listener.kinds(), what="CallTransferred")
        assert await asyncio.to_thread(first.over.wait, 10)
        if attended:
            assert await asyncio.to_thread(line.over.wait, 10)
        assert first.notified[-1] == "SIP/2.0 200 OK"
        await asyncio.to_thread(customer.check, 40)
        await asyncio.to_thread(bea.check)
    finally:
        for one in (phone, second, spare):
            one.close()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    moved, call_id = listener.last(CallTransferred), listener.last(CallStarted).call_id
    assert (moved.target, moved.agent_id, moved.by_agent) == (f"sip:700@{HOST}:{plain.sip}", "", "ana")
    assert listener.last(CallEnded).reason == "customer_hangup"
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    played = {"customer": audio.bursts(11, 6.0)[: 4 * audio.RATE], "agent": audio.bursts(12, 6.0)[: 4 * audio.RATE]}
    assert audio.share_heard(ends["agent"].pcm(), played["customer"]) >= audio.HEARD
    assert audio.share_heard(ends["customer"].pcm(), played["agent"]) >= audio.HEARD
    for party in PARTIES:
        assert audio.share_heard(listener.pcm(call_id, party), played[party]) >= audio.HEARD


PHONES = """[agente]
type = endpoint
context = from-apuntador
disallow = all
allow = ulaw
direct_media = no
callerid = "Ana" <800>
aors = agente
[agente]
type = aor
contact = sip:agente@@HOST@:@ANA@
"""
EXTENSIONS = """[from-apuntador]
exten => 800,1,Dial(PJSIP/agente,20)
"""


async def test_a_transfer_within_the_pbx_is_noticed(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    """The agents' phones are Asterisk's: it transfers by itself, and says in an UPDATE who is there now."""
    need("sipp")
    bea_port, ana_port, gateway_port = sip_port(), sip_port(), sip_port()
    trunk = rendered("asterisk", ports=(gateway_port,))
    extensions = (EXTENSION.replace("aors = bea", 'callerid = "Bea" <700>\naors = bea') + PHONES).replace("@@", "@|")
    for mark, value in {"@BEA@": bea_port, "@ANA@": ana_port, "@HOST@": HOST, "@|HOST@": f"@{HOST}"}.items():
        extensions = extensions.replace(mark, str(value))
    plain = PlainAsterisk(
        tmp_path,
        more_pjsip=trunk["pjsip.conf"] + extensions,
        more_plan=trunk["extensions.conf"] + PLAN + EXTENSIONS,
        carrier=CARRIER,
    )
    processes.append(plain)
    bea_agent = f'[[agent]]\nid = "bea"\nsip = "sip:700@{HOST}:{plain.sip}"\n'
    gateway = Gateway(tmp_path, tmp_path, port=gateway_port, agent_uri=f"sip:800@{HOST}:{plain.sip}", more=bea_agent)
    processes.append(gateway)
    gateway.wait_ready()
    await listener.until(plain.reaches_us, 20, "OPTIONS is answered")
    bea = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=bea_port)
    processes.append(bea)
    spare = RtpEnd(None)
    phone = TwoLinePhone(ana_port, spare)
    try:
        path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=8000)
        customer = Sipp(
            tmp_path, path, port=sip_port(), to=plain.sip, host=CARRIER, media_host=HOST, more=("-s", "901")
        )
        processes.append(customer)
        line = await asyncio.to_thread(phone.answered.get, True, 20)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
        assert await asyncio.to_thread(phone.refer, line, f"sip:700@{HOST}:{plain.sip}") == 202
        await listener.until(lambda: "CallTransferred" in listener.kinds(), what="CallTransferred")
        await asyncio.to_thread(customer.check, 40)
    finally:
        for one in (phone, spare):
            one.close()
    moved = listener.last(CallTransferred)
    assert (moved.agent_id, moved.by_agent) == ("bea", "ana")
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
