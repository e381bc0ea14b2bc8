"""Calls that leave through a trunk: the customer is at the far end, and the fence stands between."""

import asyncio
import json
from pathlib import Path

import pytest

from assist.events import CallEnded, CallRinging, CallStarted
from tests.interop import audio, steps
from tests.interop.conftest import Listener, need
from tests.interop.rig import DATA, SDP, Gateway, Process, Sipp, agent, caller, play, scenario, wait_for
from tests.interop.test_transfer import refer
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

PBX, CARRIER = "127.0.0.2", "127.0.0.3"


def routing(carrier_port: int, phones: list[int], **outbound: object) -> str:
    limits = {"max_calls": 5, "max_per_minute": 50, **outbound}
    return (
        f'[[trunk]]\nname = "pbx"\nallow = ["{PBX}/32"]\nagent = "ana"\n'
        f'[[trunk]]\nname = "carrier"\nallow = ["{CARRIER}/32"]\nhost = "{CARRIER}:{carrier_port}"\ncountry = "CO"\n'
        f'[trunk.outbound]\nallow = ["+57"]\ncaller = "+576015551234"\n'
        + "".join(f"{key} = {value}\n" for key, value in limits.items())
        + '[[route]]\ntrunk = ["pbx"]\nnumber = "9"\nstrip = 1\nto = ["trunk:carrier"]\nqueue = "cobros"\n'
        '[[route]]\nnumber = "700"\nto = ["queue:ventas"]\n'
        + "".join(
            f'[[agent]]\nid = "{name}"\nsip = "sip:{name}@127.0.0.1:{port}"\nqueues = ["ventas"]\n'
            for name, port in zip(("ana", "luis"), phones, strict=True)
        )
    )


class Site:
    """A gateway between a PBX and a carrier, each at an address of its own."""

    def __init__(self, tmp: Path, processes: list[Process], **outbound: object) -> None:
        need("sipp")
        self.tmp, self.processes = tmp, processes
        self.carrier_port = sip_port()
        self.phones = [sip_port(), sip_port()]
        self.settings = routing(self.carrier_port, self.phones, **outbound)
        self.gateway = Gateway(tmp, tmp, routing=self.settings)
        processes.append(self.gateway)
        self.gateway.wait_ready()

    def carrier(self, **values: object) -> Sipp:
        path = agent(self.tmp, **values)
        peer = Sipp(self.tmp, path, port=self.carrier_port, host=CARRIER)
        self.processes.append(peer)
        return peer

    def dial(self, number: str, path: Path, *, port: int | None = None, source: str = PBX) -> Sipp:
        to = port or self.gateway.port
        peer = Sipp(self.tmp, path, port=sip_port(), to=to, more=("-s", number), host=source)
        self.processes.append(peer)
        return peer

    async def refused(self, number: str, code: int, *, port: int | None = None, source: str = PBX) -> None:
        path = scenario(self.tmp, "uac_expect", CODE=code, BODY=SDP)
        await asyncio.to_thread(self.dial(number, path, port=port, source=source).check)


def messages(tmp: Path, port: int) -> str:
    return "".join(path.read_text() for path in tmp.glob(f"sipp-{port}-*.messages"))


async def test_both_legs_the_right_way_round(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes)
    said = {"customer": audio.bursts(41, 4.0), "agent": audio.bursts(42, 4.0)}
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", pcm) for party, pcm in said.items()}
    carrier = site.carrier(PLAY=play(files["customer"]))
    pbx = site.dial("93001234567", caller(tmp_path, PLAY=play(files["agent"]), TALK_MS=5000))
    await asyncio.to_thread(pbx.check, 40)
    await asyncio.to_thread(carrier.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.kinds() == ["CallStarted", "CallRinging", "CallAnswered", "CallEnded"]
    started = listener.last(CallStarted)
    assert (started.direction, started.trunk, started.queue, started.agent_id) == ("outbound", "pbx", "cobros", "ana")
    assert started.callee == "+573001234567"  # whom it is about, not which keys were pressed
    assert listener.last(CallEnded).reason == "agent_hangup"  # the PBX's side hung up, and that is the agent's
    sent = messages(tmp_path, site.carrier_port)
    assert f"INVITE sip:+573001234567@{CARRIER}:{site.carrier_port} SIP/2.0" in sent
    assert '"+576015551234" <sip:+576015551234@' in sent
    assert "Cliente" not in sent
    await listener.until(lambda: listener.ended(started.call_id), what="the last chunk of both legs")
    for party, other in (("customer", "agent"), ("agent", "customer")):
        heard = listener.pcm(started.call_id, party)  # type: ignore[arg-type]
        assert audio.share_heard(heard, said[party]) >= audio.HEARD
        assert max(audio.windows_found(heard, said[other])[0]) < 0.5
    assert "3001234567" not in site.gateway.text()


async def test_what_the_fence_refuses_never_reaches_the_carrier(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes)
    for number in ("9+34912345678", "9+881612345678", "900441632960000", "9", "93001234567890"):
        await site.refused(number, 403)
    # The carrier itself may not come back out through us, nor anybody dial what no rule takes.
    await site.refused("93001234567", 404, source=CARRIER)
    assert listener.events == []
    whys = [line["why"] for line in site.gateway.lines("gateway.call_refused")]
    assert whys == ["not_allowed", "not_allowed", "unreadable", "unreadable", "unreadable", "route"]
    text = site.gateway.text()
    assert not any(number in text for number in ("34912345678", "881612345678", "441632960000"))
    counted = json.loads((tmp_path / "run" / "gateway.0.lines.json").read_text())["refused"]["carrier"]
    assert counted == {"not_allowed": 2, "unreadable": 3}


async def test_calls_at_once_are_counted_over_the_workers(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes, max_calls=1)
    other = Gateway(tmp_path, tmp_path, routing=site.settings, port=site.gateway.port + 100, arguments=("--index", "1"))
    processes.append(other)
    other.wait_ready()
    other_port = site.gateway.port + 101
    site.carrier(END="uas_wait_bye.xml")
    pbx = site.dial("93001234567", caller(tmp_path, TALK_MS=2500))
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="the first call")
    await site.refused("93001234568", 503, port=other_port)
    await site.refused("93001234568", 503)
    await asyncio.to_thread(pbx.check, 30)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 1, what="the end")
    # Nothing was published of the calls that were refused, and there is room again, at the other worker as well.
    assert listener.kinds().count("CallStarted") == 1
    site.carrier()
    again = site.dial("93001234567", caller(tmp_path, TALK_MS=200), port=other_port)
    await asyncio.to_thread(again.check, 30)


async def test_a_killed_workers_calls_do_not_count_for_ever(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes, max_calls=1)
    site.carrier()
    site.dial("93001234567", caller(tmp_path, TALK_MS=60000))
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="the first call")
    site.gateway.popen.kill()
    site.gateway.wait(10)
    second = Gateway(tmp_path, tmp_path, routing=site.settings)
    processes.append(second)
    second.wait_ready()
    await site.refused("934912345678", 403, port=second.port)
    path = scenario(tmp_path, "uac_cancel", BODY=SDP)
    customer = site.dial("93001234567", path, port=second.port)
    await listener.until(lambda: listener.kinds().count("CallStarted") == 2, what="the second call is let through")
    customer.end()


async def test_calls_in_a_minute(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes, max_per_minute=1)
    site.carrier()
    await asyncio.to_thread(site.dial("93001234567", caller(tmp_path, TALK_MS=200)).check, 30)
    await site.refused("93001234567", 503)
    assert site.gateway.lines("gateway.call_refused")[-1]["why"] == "max_per_minute"


async def test_a_queue_rings_the_next_agent_when_one_is_busy(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    site = Site(tmp_path, processes)
    busy = Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=site.phones[0])
    free = Sipp(tmp_path, agent(tmp_path), port=site.phones[1])
    processes += [busy, free]
    customer = site.dial("700", caller(tmp_path, TALK_MS=300))
    await asyncio.to_thread(customer.check, 30)
    await asyncio.to_thread(free.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    started = listener.last(CallStarted)
    assert (started.direction, started.queue, started.agent_id) == ("inbound", "ventas", "ana")
    assert listener.last(CallRinging).agent_id == "luis"
    assert listener.last(CallEnded).reason == "customer_hangup"
    # All dialogs are free again: the leg that was rejected, too.
    wait_for(lambda: bool(site.gateway.lines("gateway.call_ended")), 10)


async def test_a_transfer_does_not_get_past_the_fence(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process]
) -> None:
    """An agent's phone wants the carrier's customer sent on to a satellite, by the carrier we have an account at."""
    site = Site(tmp_path, processes)
    end = refer("<sip:+881612345678@pbx>", (DATA / "uas_wait_bye.xml").read_text(), code=403)
    phone = Sipp(tmp_path, agent(tmp_path, END=end + steps.use(end)), port=site.phones[0])
    processes.append(phone)
    customer = site.dial("700", caller(tmp_path, TALK_MS=2500), source=CARRIER)
    await asyncio.to_thread(customer.check, 40)
    await asyncio.to_thread(phone.check, 20)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert "CallTransferred" not in listener.kinds()
    assert listener.last(CallEnded).reason == "customer_hangup"
    assert site.gateway.lines("gateway.refer_refused")[0]["why"]
    assert "881612345678" not in site.gateway.text()
