"""Team leads at a live call, with real phones: who hears whom, who does not, and that the call never notices."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from assist.events import CallEnded, CallStarted, EarsChanged, LeadDid, SensitiveChanged
from tests.interop import audio
from tests.interop.audio import Pcm
from tests.interop.conftest import Listener, need
from tests.interop.ears import Booth, ask, lead_phone, leads_toml
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, scenario
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop

SIGNALS = {"customer": 11, "agent": 12, "luz": 13, "marta": 14}
SECONDS = 6.0


def signal_of(who: str) -> Pcm:
    return audio.bursts(SIGNALS[who], SECONDS)


def hears(end: RtpEnd, who: str, *, last_s: float = 3.0) -> float:
    """How surely ``who`` is among what came in the last seconds: the best correlation of any half second."""
    heard = end.pcm()[-int(last_s * audio.RATE) :]
    return max(audio.windows_found(heard, signal_of(who))[0])


HEARD = 0.45
"""Of two equal voices mixed, each correlates with about 0.7; three with 0.58. What is not there, with under 0.2."""
NOT_HEARD = 0.3


def hears_tone(end: RtpEnd) -> bool:
    """Whether 1,400 Hz stands out of what came, in any tenth of a second, as it never does from noise."""
    pcm = end.pcm().astype(float)
    pcm = pcm[: len(pcm) // 800 * 800].reshape(-1, 800)
    power = np.abs(np.fft.rfft(pcm * np.hanning(800), axis=1)) ** 2  # bins of 10 Hz
    around = power[:, 30:330].mean(axis=1)
    return bool((power[:, 139:142].max(axis=1) > 40 * around).any())


@dataclass
class Stage:
    """A call that is up, its ends, and the booth."""

    tmp: Path
    gateway: Gateway
    booth: Booth
    listener: Listener
    ends: dict[str, RtpEnd]
    ports: dict[str, int]
    processes: list[Process]
    customer: Sipp
    phone: Sipp
    call_id: str

    async def wish(self, lead: str, wish: str) -> None:
        answer = await ask(self.listener.bus, lead, self.call_id, wish)  # type: ignore[arg-type]
        assert answer is not None
        assert answer.accepted, answer

    def states(self, lead: str) -> list[tuple[str, str]]:
        found = [e for e in self.listener.events if isinstance(e, EarsChanged) and e.lead_id == lead]
        return [(event.state, event.reason) for event in found]

    async def state(self, lead: str, *wanted: str) -> None:
        await self.listener.until(
            lambda: [state for state, _ in self.states(lead)][-len(wanted) :] == list(wanted), what=f"{lead}: {wanted}"
        )

    async def comes_to_hear(self, end: str, who: str) -> None:
        await self.listener.until(lambda: hears(self.ends[end], who, last_s=1.0) > HEARD, what=f"{end} hears {who}")

    async def comes_to_miss(self, end: str, who: str) -> None:
        what = f"{end} no longer hears {who}"
        await self.listener.until(lambda: hears(self.ends[end], who, last_s=1.0) < NOT_HEARD, what=what)

    def key(self, lead: str, key: str) -> None:
        """The lead presses a key; our offer gave telephone-event this number."""
        self.ends[lead].send_digit(key, payload_type=120)

    async def sit_down(self, lead: str, wish: str = "listen", state: str = "listening") -> None:
        """Lead's phone is there, the wish is uttered, the phone answered and the call heard."""
        self.processes.append(lead_phone(self.tmp, self.ports[lead], self.ends[lead]))
        await self.wish(lead, wish)
        await self.state(lead, "calling", state)


@pytest.fixture
def all_ends(processes: list[Process]) -> Iterator[dict[str, RtpEnd]]:
    made = {who: RtpEnd(signal_of(who)) for who in SIGNALS}
    yield made
    for process in processes:
        if isinstance(process, Sipp) and process.running:
            process.popen.kill()  # sipp would wait for its call's end
    for end in made.values():
        end.close()


async def stage(
    tmp_path: Path,
    listener: Listener,
    processes: list[Process],
    ends: dict[str, RtpEnd],
    *,
    booth: str = "",
    **leads: str,
) -> Stage:
    """Gateway, booth, and a call between customer and agent that goes on until somebody hangs up."""
    need("sipp")
    ports = {"luz": sip_port(), "marta": sip_port()}
    more = leads_toml(ports, booth=booth, **leads)
    gateway = Gateway(tmp_path, tmp_path, more=more, arguments=("--grace", "0"))
    processes.append(gateway)
    gateway.wait_ready()
    made = Booth(tmp_path, gateway)
    processes.append(made)
    made.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    call_id = listener.last(CallStarted).call_id
    return Stage(tmp_path, gateway, made, listener, ends, ports, processes, customer, phone, call_id)


async def test_listen_whisper_barge_and_back_by_key(
    tmp_path: Path, listener: Listener, processes: list[Process], all_ends: dict[str, RtpEnd]
) -> None:
    on = await stage(tmp_path, listener, processes, all_ends)
    await on.sit_down("luz")
    await on.comes_to_hear("luz", "customer")
    await on.comes_to_hear("luz", "agent")
    for party in ("customer", "agent"):
        assert hears(on.ends[party], "luz") < NOT_HEARD
        assert not hears_tone(on.ends[party])  # the settings want none

    on.key("luz", "5")
    await on.state("luz", "whispering")
    await on.comes_to_hear("agent", "luz")
    assert hears(on.ends["customer"], "luz") < NOT_HEARD
    await on.comes_to_hear("agent", "customer")

    on.key("luz", "6")
    await on.state("luz", "barging")
    await on.comes_to_hear("customer", "luz")
    await on.comes_to_hear("agent", "luz")

    await on.wish("luz", "listen")
    await on.state("luz", "listening")
    await on.comes_to_miss("customer", "luz")
    await on.comes_to_miss("agent", "luz")

    on.key("luz", "*")
    await on.state("luz", "left")
    assert on.states("luz")[-1] == ("left", "asked")
    did = [event.action for event in listener.events if isinstance(event, LeadDid)]
    assert did == ["whisper", "barge", "leave"]
    assert on.customer.running
    assert "CallEnded" not in listener.kinds()
    # Nothing a lead said is in the transcriber's audio of either leg.
    for party in ("customer", "agent"):
        pcm = listener.pcm(on.call_id, party)  # type: ignore[arg-type]
        assert max(audio.windows_found(pcm, signal_of("luz"))[0]) < NOT_HEARD
        assert on.ends[party].missing() == 0


async def test_two_leads_one_speaks_and_payment_data_is_for_none(
    tmp_path: Path, listener: Listener, processes: list[Process], all_ends: dict[str, RtpEnd]
) -> None:
    on = await stage(tmp_path, listener, processes, all_ends)
    await on.sit_down("luz", "whisper", "whispering")
    await on.sit_down("marta")
    await on.comes_to_hear("agent", "luz")
    await on.comes_to_hear("marta", "luz")  # a lead hears what another says
    await on.comes_to_hear("marta", "customer")

    answer = await ask(listener.bus, "marta", on.call_id, "whisper")
    assert answer is not None
    assert (answer.accepted, answer.reason, answer.by) == (False, "speaking", "luz")
    await on.state("marta", "refused")
    assert on.states("marta")[-1] == ("refused", "speaking")

    begin = SensitiveChanged(call_id=on.call_id, at=0.0, state="begin", reason="card_number", evidence=())
    listener.bus.send(begin)
    for lead in ("luz", "marta"):
        await on.comes_to_miss(lead, "customer")
        await on.comes_to_miss(lead, "agent")
    await on.comes_to_hear("agent", "luz")
    await on.comes_to_hear("agent", "customer")
    listener.bus.send(replace(begin, state="end"))
    await on.comes_to_hear("marta", "customer")

    await on.wish("luz", "leave")
    await on.state("luz", "left")
    await on.comes_to_miss("agent", "luz")
    await on.wish("marta", "whisper")
    await on.comes_to_hear("agent", "marta")
    assert on.customer.running
    assert on.ends["agent"].missing() == on.ends["customer"].missing() == 0


async def test_taking_over_and_hanging_up(
    tmp_path: Path, listener: Listener, processes: list[Process], all_ends: dict[str, RtpEnd]
) -> None:
    on = await stage(tmp_path, listener, processes, all_ends)
    await on.sit_down("luz")
    answer = await ask(listener.bus, "luz", on.call_id, "take_over")
    assert answer is not None
    assert answer.accepted
    await on.state("luz", "taken_over")
    await asyncio.to_thread(on.phone.check, 30)  # the agent was hung up
    await on.comes_to_hear("customer", "luz")
    await on.comes_to_hear("luz", "customer")
    assert "CallEnded" not in listener.kinds()
    # While payment data is told, whoever talks with the customer must hear it; who only records must not.
    listener.bus.send(SensitiveChanged(call_id=on.call_id, at=0.0, state="begin", reason="agent", evidence=()))
    began = len(listener.pcm(on.call_id, "customer"))
    await listener.until(lambda: len(listener.pcm(on.call_id, "customer")) > began + 3 * audio.RATE, what="more audio")
    tail = listener.pcm(on.call_id, "customer")[-audio.RATE :]
    assert not tail.any()
    await on.comes_to_hear("luz", "customer")
    listener.bus.send(SensitiveChanged(call_id=on.call_id, at=0.0, state="end", reason="agent", evidence=()))

    def transcribed() -> bool:
        pcm = listener.pcm(on.call_id, "agent")[-2 * audio.RATE :]
        return max(audio.windows_found(pcm, signal_of("luz"))[0]) > 0.9

    await listener.until(transcribed, what="the lead's voice in the agent's leg")
    assert hears(on.ends["luz"], "luz") < NOT_HEARD  # no echo of the lead's own
    on.key("luz", "*")
    await asyncio.to_thread(on.customer.check, 30)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert (listener.last(CallEnded).reason, listener.last(CallEnded).sip_code) == ("agent_hangup", 200)


async def test_a_broker_and_a_booth_that_are_killed_take_nothing_with_them(
    tmp_path: Path,
    listener: Listener,
    real_broker: RealBroker,
    processes: list[Process],
    all_ends: dict[str, RtpEnd],
) -> None:
    on = await stage(tmp_path, listener, processes, all_ends, booth='tone = "both"')
    await on.sit_down("luz", "barge", "barging")
    await listener.until(lambda: hears_tone(on.ends["customer"]) and hears_tone(on.ends["agent"]), what="the tone")
    await on.comes_to_hear("customer", "luz")
    real_broker.kill()
    await on.comes_to_miss("customer", "luz")
    await on.comes_to_hear("customer", "agent")
    real_broker.start()
    await on.comes_to_hear("customer", "luz")  # by itself
    await on.comes_to_hear("luz", "customer")
    on.booth.popen.send_signal(signal.SIGKILL)
    on.booth.popen.wait(10)
    await on.state("luz", "left")
    assert on.states("luz")[-1] == ("left", "lost")
    await on.comes_to_miss("customer", "luz")
    await on.comes_to_hear("customer", "agent")
    assert await ask(listener.bus, "luz", on.call_id, "listen") is None  # nobody there: the hub says so
    again = Booth(tmp_path, on.gateway)
    processes.append(again)
    again.wait_ready()
    await on.sit_down("marta", "barge", "barging")
    await on.comes_to_hear("customer", "marta")
    assert on.customer.running
    assert "CallEnded" not in listener.kinds()
    assert on.ends["agent"].missing() == on.ends["customer"].missing() == 0
    assert on.ends["customer"].longest_pause() < audio.STALL_S


async def test_what_can_not_be_is_said_and_the_call_goes_on(
    tmp_path: Path, listener: Listener, processes: list[Process], all_ends: dict[str, RtpEnd]
) -> None:
    on = await stage(tmp_path, listener, processes, all_ends, queues='["ventas"]', may='may = ["listen"]')
    for wish in ("listen", "whisper", "leave"):
        answer = await ask(listener.bus, "luz", on.call_id, wish)  # type: ignore[arg-type]
        assert answer is not None
        assert not answer.accepted
    await on.state("luz", "refused", "refused", "refused")
    assert [reason for _, reason in on.states("luz")] == ["not_allowed", "not_allowed", "not_there"]

    text = on.gateway.config.read_text()
    on.gateway.config.write_text(text.replace('queues = ["ventas"]', 'queues = ["soporte"]'))
    on.booth.popen.send_signal(signal.SIGHUP)
    await listener.until(lambda: bool(on.booth.lines("booth.reloaded")), what="booth.reloaded")
    answer = await ask(listener.bus, "luz", "ended-long-ago", "listen")
    assert answer is not None
    assert answer.reason == "call_ended"

    busy = Sipp(tmp_path, scenario(tmp_path, "uas_reject", CODE=486), port=on.ports["luz"])
    processes.append(busy)
    await on.wish("luz", "listen")
    await on.state("luz", "calling", "refused")
    assert on.states("luz")[-1] == ("refused", "phone_busy")
    await on.wish("marta", "listen")  # nothing is at that port: it rings for booth.ring_s at most
    await on.state("marta", "calling", "refused")
    assert on.states("marta")[-1][1] in ("phone_silent", "phone_unreachable")

    # A lead whose call ends is told so and hung up.
    phone = lead_phone(tmp_path, on.ports["luz"], on.ends["luz"])
    processes.append(phone)
    await on.wish("luz", "listen")
    await on.state("luz", "calling", "listening")
    on.customer.end()
    on.gateway.popen.terminate()
    await on.state("luz", "left")
    assert on.states("luz")[-1] == ("left", "call_ended")
    await asyncio.to_thread(phone.check, 30)
