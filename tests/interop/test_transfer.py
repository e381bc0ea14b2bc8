"""REFER from the agent's phone: the customer and the case follow, and are never dropped by a transfer that fails."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from assist.events import PARTIES, CallEnded, CallStarted, CallTransferred, Party
from tests.interop import audio, steps
from tests.interop.conftest import Listener, need
from tests.interop.phone import Line, TwoLinePhone
from tests.interop.rig import DATA, HOST, Gateway, Process, Sipp, agent, caller, scenario
from tests.interop.rtp import RtpEnd
from tests.interop.steps import PHONE
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

BYE = (DATA / "uas_wait_bye.xml").read_text()


class Office:
    """A worker whose agents are ana, who gets the calls, and bea."""

    def __init__(self, tmp: Path, processes: list[Process], more: str = "", **settings: object) -> None:
        need("sipp")
        self.bea_port = sip_port()
        bea = f'[[agent]]\nid = "bea"\nsip = "sip:bea@{HOST}:{self.bea_port}"\n'
        self.gateway = Gateway(tmp, tmp, more=bea + more, **settings)  # type: ignore[arg-type]
        self.tmp, self.processes = tmp, processes
        processes.append(self.gateway)
        self.gateway.wait_ready()

    def phone(self, port: int, path: Path, calls: int = 1) -> Sipp:
        one = Sipp(self.tmp, path, port=port, calls=calls)
        self.processes.append(one)
        return one

    def ana(self, end: str, calls: int = 1, **values: object) -> Sipp:
        return self.phone(self.gateway.agent_port, agent(self.tmp, END=end + steps.use(end), **values), calls)

    def bea(self, **values: object) -> Sipp:
        return self.phone(self.bea_port, agent(self.tmp, **values))

    def call(self, **values: object) -> Sipp:
        one = Sipp(self.tmp, caller(self.tmp, **values), port=sip_port(), to=self.gateway.port)
        self.processes.append(one)
        return one


@pytest.fixture
def office(tmp_path: Path, real_broker: RealBroker, processes: list[Process]) -> Office:
    return Office(tmp_path, processes, ring_s=5)


def refer(to: str, then: str, *, code: int = 202, before_ms: int = 400, number: int = 1) -> str:
    """The agent's phone sends a REFER."""
    fields = (f"Refer-To: {to}", "Referred-By: <sip:ana@pbx>")
    wanted = steps.request(PHONE, "REFER", number, *fields)
    return steps.pause(before_ms) + wanted + steps.get(code) + then


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "leaves while it rings"])
async def test_a_blind_transfer_to_an_agent(
    office: Office, listener: Listener, ends: dict[Party, RtpEnd], stays: bool
) -> None:
    told = steps.notified(100) + steps.notified(180)
    bye = steps.request(PHONE, "BYE", 2) + steps.get(200)
    ana = office.ana(refer("<sip:bea@pbx>", told + (steps.notified(200, final=True) + BYE if stays else bye)))
    bea = office.bea(RTP_PORT=ends["agent"].port, RING_MS=600)
    customer = office.call(RTP_PORT=ends["customer"].port, TALK_MS=4000)
    await asyncio.to_thread(ana.check)
    await asyncio.to_thread(customer.check, 45)
    await asyncio.to_thread(bea.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")

    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", "CallTransferred", "CallEnded"]
    moved, call_id = listener.last(CallTransferred), listener.last(CallStarted).call_id
    assert (moved.call_id, moved.agent_id, moved.by_agent) == (call_id, "bea", "ana")
    assert moved.target == f"sip:bea@{HOST}:{office.bea_port}"
    assert listener.last(CallEnded).reason == "customer_hangup"
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    # The customer and the new agent hear each other, and both are still heard by the transcriber, in their places.
    assert hears(ends["agent"].pcm(), "customer")
    assert hears(ends["customer"].pcm(), "agent")
    for party in PARTIES:
        assert hears(listener.pcm(call_id, party), party)
    assert abs(len(listener.pcm(call_id, "agent")) - len(listener.pcm(call_id, "customer"))) < audio.RATE


@pytest.mark.parametrize(("code", "hasty"), [(486, False), (603, True)], ids=["stays on the line", "hangs up at once"])
async def test_a_target_that_refuses_does_not_cost_the_call(
    office: Office, listener: Listener, ends: dict[Party, RtpEnd], code: int, hasty: bool
) -> None:
    """A phone that hangs up on the REFER's 202, as many do, is rung back when the target has refused."""
    told = steps.notified(100) + steps.notified(180) + steps.notified(code, final=True)
    bye = (DATA / "uas_bye.xml").read_text().replace("@TALK_MS@", "300").replace("CSeq: 1", "CSeq: 2")
    ana = office.ana(refer("<sip:bea@pbx>", told + (bye if hasty else BYE)))
    bea = office.phone(office.bea_port, scenario(office.tmp, "uas_ring_reject", RING_MS=200, CODE=code))
    customer = office.call(RTP_PORT=ends["customer"].port, TALK_MS=4500 if hasty else 2000)
    await asyncio.to_thread(bea.check)
    if hasty:
        await asyncio.to_thread(ana.check)
        ana = office.ana(BYE, RTP_PORT=ends["agent"].port)
    await asyncio.to_thread(customer.check, 45)
    await asyncio.to_thread(ana.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", "CallEnded"]
    assert listener.last(CallEnded).reason == "customer_hangup"
    if hasty:
        assert hears(ends["agent"].pcm(), "customer")


class FullOffice(Office):
    """The worker has a second call, of agent carl: no dialog is free."""

    def __init__(self, tmp: Path, processes: list[Process]) -> None:
        self.carl_port = sip_port()
        trunk = '[[trunk]]\nname = "two"\nallow = ["127.0.0.2/32"]\nagent = "carl"\n'
        carl = f'[[agent]]\nid = "carl"\nsip = "sip:carl@{HOST}:{self.carl_port}"\n'
        super().__init__(tmp, processes, more=trunk + carl, allow=f"{HOST}/32", ring_s=8, arguments=("--grace", "0"))

    async def fill(self, listener: Listener) -> None:
        self.phone(self.carl_port, agent(self.tmp))
        path = caller(self.tmp, TALK_MS=25000)
        one = Sipp(self.tmp, path, port=sip_port(), to=self.gateway.port, host="127.0.0.2")
        self.processes.append(one)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="the call that fills the worker")
        listener.events.clear()


@pytest.mark.parametrize(
    ("target", "back", "kinds", "reason"),
    [
        ("answers", None, ["CallTransferred"], "customer_hangup"),
        ("refuses", "answers", [], "customer_hangup"),
        ("refuses", "refuses", [], "transfer_failed"),
    ],
    ids=["answered", "rung back", "nobody"],
)
async def test_without_a_free_dialog_the_transferor_goes_first(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    target: str,
    back: str | None,
    kinds: list[str],
    reason: str,
) -> None:
    """NOTIFY 100, BYE, then the target; when it refuses, the transferor is rung back; then there is an end to it."""
    office = FullOffice(tmp_path, processes)
    await office.fill(listener)
    ana = office.ana(refer("<sip:bea@pbx>", steps.notified(100) + BYE))
    refusing = scenario(tmp_path, "uas_ring_reject", RING_MS=1500, CODE=486)
    bea = (
        office.bea(RTP_PORT=ends["agent"].port, RING_MS=500)
        if target == "answers"
        else office.phone(office.bea_port, refusing)
    )
    ending = (
        {"TALK_MS": 1, "END": "uac_wait_bye.xml"}
        if reason == "transfer_failed"
        else {"TALK_MS": 5500 if back else 3500}
    )
    customer = office.call(RTP_PORT=ends["customer"].port, **ending)
    await asyncio.to_thread(ana.check)
    if back == "answers":
        ana = office.ana(BYE, RTP_PORT=ends["agent"].port)
    elif back == "refuses":
        ana = office.phone(office.gateway.agent_port, scenario(tmp_path, "uas_ring_reject", RING_MS=200, CODE=480))
    await asyncio.to_thread(customer.check, 45)
    await asyncio.to_thread(ana.check)
    await asyncio.to_thread(bea.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", *kinds, "CallEnded"]
    assert listener.last(CallEnded).reason == reason
    if reason != "transfer_failed":
        assert hears(ends["agent"].pcm(), "customer")
    # While nobody was there to talk to, the customer heard a ringing tone.
    assert tone_s(ends["customer"].pcm()) > 0.3


def hears(pcm: audio.Pcm, party: Party, seconds: float = 3.0) -> bool:
    """Whether what ``party`` plays over and over was heard in the last seconds.

    One half-second that is the same is proof enough: no other signal correlates so, and a busy machine loses frames.
    """
    played = audio.bursts({"customer": 11, "agent": 12}[party], 6.0)
    last = np.trim_zeros(pcm)[-int(seconds * audio.RATE) :]
    if len(last) < audio.RATE:
        return False
    with np.errstate(invalid="ignore"):  # a window of silence correlates with nothing
        found = audio.windows_found(np.concatenate([played, played]), last)[0]
    return bool(np.nan_to_num(found).max() >= 0.9)


def tone_s(pcm: audio.Pcm) -> float:
    """Seconds of a pure tone of 425 Hz."""
    frames = pcm[: len(pcm) // 400 * 400].reshape(-1, 400).astype(np.float64)
    wave = np.exp(-2j * np.pi * 425 / audio.RATE * np.arange(400))
    power = 2 * np.abs(frames @ wave) ** 2 / 400
    energy = (frames * frames).sum(axis=1) + 1.0
    return float(np.sum((power / energy > 0.9) & (energy > 400 * 100**2))) * 400 / audio.RATE


async def test_a_target_that_does_not_answer_does_not_cost_the_call(office: Office, listener: Listener) -> None:
    ana = office.ana(
        refer("<sip:bea@pbx>", steps.notified(100) + steps.notified(180) + steps.notified(480, final=True) + BYE)
    )
    bea = office.phone(office.bea_port, scenario(office.tmp, "uas_silent"))
    customer = office.call(TALK_MS=7000)
    for one in (bea, ana, customer):
        await asyncio.to_thread(one.check, 45)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", "CallEnded"]
    assert listener.last(CallEnded).reason == "customer_hangup"


async def test_replaces_goes_on_to_where_the_consultation_is(office: Office, listener: Listener) -> None:
    """Attended: the dialog that the target is to give up is between the two phones, or the PBX's."""
    wanted = "<sip:bea@pbx?Replaces=c1%40phone%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>"
    ana = office.ana(refer(wanted, steps.notified(100) + steps.notified(180) + steps.notified(200, final=True) + BYE))
    seen = "Replaces: c1@phone;to-tag=t1;from-tag=f1.*Referred-By: .*ana@pbx"
    text = (
        agent(office.tmp)
        .read_text()
        .replace(
            "</action>\n</recv>",
            f'<ereg regexp="{seen}" search_in="msg" check_it="true" assign_to="1"/></action></recv>',
            1,
        )
    )
    path = office.tmp / "bea.xml"
    path.write_text(text.replace('variables="caller"', 'variables="caller,1"'))
    bea = office.phone(office.bea_port, path)
    customer = office.call(TALK_MS=3000)
    for one in (ana, customer, bea):
        await asyncio.to_thread(one.check, 30)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallTransferred).agent_id == "bea"


async def test_a_refer_that_names_nobody_or_somebody_who_is_out_of_bounds(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    office = Office(tmp_path, processes, trunk='transfers = "agents"\n')
    wrong = (
        ("<http://example.net>", 400),
        ("<sip:bea@pbx?Replaces=x>", 400),
        ("<sip:@pbx>", 404),
        ("<sip:+1900555@pbx>", 403),
    )
    asked = [refer(to, "", code=code, before_ms=50, number=at) for at, (to, code) in enumerate(wrong, start=1)]
    ana = office.ana("".join(asked) + BYE)
    customer = office.call(TALK_MS=1000)
    await asyncio.to_thread(ana.check)
    await asyncio.to_thread(customer.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"


@pytest.mark.parametrize("consulted", ["answered", "rings"])
async def test_attended_where_the_consultation_is_a_call_of_this_worker(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    consulted: str,
) -> None:
    """ana calls bea through the gateway and joins the customer with her; all four dialogs are taken meanwhile."""
    trunk = '[[trunk]]\nname = "phones"\nallow = ["127.0.0.2/32"]\nagent = "bea"\n'
    office = Office(tmp_path, processes, more=trunk, allow=f"{HOST}/32")
    spare = RtpEnd(None)
    phone = TwoLinePhone(office.gateway.agent_port, spare)
    # The consultation comes from another address, so that it belongs to the trunk that rings bea.
    second = TwoLinePhone(sip_port(), spare, host="127.0.0.2")
    try:
        bea = office.bea(RTP_PORT=ends["agent"].port, RING_MS=300 if consulted == "answered" else 2500)
        customer = office.call(RTP_PORT=ends["customer"].port, TALK_MS=5000 if consulted == "answered" else 6500)
        first = await asyncio.to_thread(phone.answered.get, True, 20)
        await listener.until(lambda: listener.kinds().count("CallAnswered") == 1, what="CallAnswered")
        call_id = listener.last(CallStarted).call_id
        consulting = asyncio.create_task(asyncio.to_thread(second.call, "901", office.gateway.port))
        if consulted == "answered":
            line = await consulting
            await listener.until(lambda: listener.kinds().count("CallAnswered") == 2, what="the consultation")
        else:
            await listener.until(lambda: listener.kinds().count("CallRinging") == 1, what="bea's phone rings")
            line = second.ringing()
        code = await asyncio.to_thread(phone.refer, first, f"sip:apuntador@{HOST}?Replaces={line.replaces()}")
        assert code == 202
        await listener.until(lambda: "CallTransferred" in listener.kinds(), what="CallTransferred")
        assert await asyncio.to_thread(first.over.wait, 10)
        if consulted == "answered":
            assert await asyncio.to_thread(line.over.wait, 10)
        assert first.notified[0] == "SIP/2.0 100 Trying"
        assert first.notified[-1] == "SIP/2.0 200 OK"
        await asyncio.to_thread(customer.check, 45)
        await asyncio.to_thread(bea.check)
        consulting.cancel()
    finally:
        for one in (phone, second, spare):
            one.close()
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="both ends")
    moved = listener.last(CallTransferred)
    assert (moved.call_id, moved.agent_id, moved.by_agent) == (call_id, "bea", "ana")
    ends_of = {event.call_id: event.reason for event in listener.events if isinstance(event, CallEnded)}
    assert ends_of.pop(call_id) == "customer_hangup"
    assert list(ends_of.values()) == ["ended"]
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    assert hears(ends["agent"].pcm(), "customer")
    assert hears(listener.pcm(call_id, "agent"), "agent")


async def test_a_transfer_within_the_pbx_is_told_by_its_update(office: Office, listener: Listener) -> None:
    """The agents' phones belong to a PBX, which moves the customer by itself and says who is there now (RFC 5876)."""
    update = steps.request(PHONE, "UPDATE", 1, "P-Asserted-Identity: <sip:bea@pbx>") + steps.get(200)
    ana = office.ana(steps.pause(300) + update + BYE)
    customer = office.call(TALK_MS=1500)
    for one in (ana, customer):
        await asyncio.to_thread(one.check, 45)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    moved = listener.last(CallTransferred)
    assert (moved.target, moved.agent_id, moved.by_agent) == ("sip:bea@pbx", "bea", "ana")


ODD = (
    "Refer-To:",
    "Refer-To: <>",
    "Refer-To: " + "a" * 3000,
    "Refer-To: <sip:" + "a" * 900 + "@pbx>",
    "Refer-To: <sip:bea@pbx?Replaces=%00%00%3Bto-tag%3D%00>",
    "Refer-To: <sip:bea@pbx?Replaces=" + "x" * 500 + "%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    "Refer-To: <sip:%ff%fe@pbx>",
    "Refer-To: \u00f1 <sip:\u00f1@pbx>",
    "Refer-To: <sip:bea@pbx>\r\nRefer-To: <sip:bea@pbx>",
    "Refer-To: <tel:>",
    "X-None: 1",
)


async def test_odd_refers_do_not_stop_the_worker(office: Office, listener: Listener) -> None:
    """In a dialog, in one that isn't there, and without one; the call goes on."""
    spare = RtpEnd(None)
    phone = TwoLinePhone(office.gateway.agent_port, spare)
    try:
        customer = office.call(TALK_MS=2000)
        line = await asyncio.to_thread(phone.answered.get, True, 20)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
        other = Line("nobody", line.local, line.remote, line.target)
        loose = Line("loose", "<sip:ana@x>;tag=1", f"<sip:gw@{HOST}>", line.target)
        for field in ODD:
            for one in (line, other, loose):
                one.sequence += 1
                phone.send_raw(one, "REFER", field)
        await asyncio.to_thread(customer.check, 45)
    finally:
        phone.close()
        spare.close()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
    assert "CallTransferred" not in listener.kinds()
    assert office.gateway.running
    assert not office.gateway.lines("gateway.callback_failed")
