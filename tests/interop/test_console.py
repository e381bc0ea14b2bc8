"""What an admin asks a worker over the bus, and orders it to do, while real calls go on."""

import asyncio
from pathlib import Path

import pytest

from assist import process
from assist.control import Answer, Ask
from assist.events import CallEnded
from tests.interop.conftest import Listener, need
from tests.interop.rig import SDP, Gateway, Process, Sipp, agent, caller, scenario
from tests.ports import sip_port
from tests.support import RealBroker, eventually_async

pytestmark = pytest.mark.interop


async def ask(listener: Listener, **what: object) -> Answer:
    answers = await listener.bus.ask_gateway(Ask(**what), timeout=10, enough=1)  # type: ignore[arg-type]
    assert len(answers) == 1
    return answers[0]


async def test_a_call_is_shown_and_its_messages_drawn(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=4000), port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    state = await ask(listener, order="state")
    assert (state.worker_id, state.pid, state.mode) == ("gateway.0", gateway.popen.pid, "ready")
    assert (state.capacity, state.served, state.trunks) == (2, 1, ("pbx",))
    (call,) = state.calls
    assert (call.trunk, call.caller, call.agent_id, call.state) == ("pbx", "•••567", "ana", "up")
    assert call.answered_at is not None
    assert (await ask(listener, order="state", full=True)).calls[0].caller == "+573001234567"
    assert await listener.bus.ask_gateway(Ask(order="state", to="gateway.9"), timeout=0.5) == []

    await asyncio.to_thread(customer.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    call_id = listener.last(CallEnded).call_id

    async def hung_up() -> bool:
        found = await ask(listener, order="trace", call_id=call_id[:6])
        return sum("BYE" in line.cseq and line.first.startswith("SIP/2.0 200") for line in found.messages) == 2

    # Both dialogs are over, and what was said on them can still be read.
    await eventually_async(hung_up, what="both BYEs")
    found = await ask(listener, order="trace", call_id=call_id[:6])
    assert found.call_id == call_id
    assert sorted(found.dialogs.values()) == ["agent", "customer"]
    methods = [line.first.split()[0] for line in found.messages if not line.first.startswith("SIP/")]
    assert methods.count("INVITE") == methods.count("ACK") == methods.count("BYE") == 2
    assert not any("573001234567" in line.head for line in found.messages)
    assert (await ask(listener, order="trace", call_id="no-such")).messages == ()


async def test_a_drained_worker_refuses_and_a_recycled_one_ends_when_idle(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port, calls=2)
    processes.append(phone)

    async def refused_with(code: int) -> None:
        path = scenario(tmp_path, "uac_expect", CODE=code, BODY=SDP)
        probe = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
        processes.append(probe)
        await asyncio.to_thread(probe.check)

    assert (await ask(listener, order="drain")).mode == "drained"
    await refused_with(503)
    # A call that was refused can be looked at by the SIP Call-ID its sender knows.
    (attempt,) = (await ask(listener, order="recent")).attempts
    assert (attempt.call_id, attempt.result[:3], attempt.callee) == ("", "503", "900")
    found = await ask(listener, order="trace", call_id=attempt.sip_call_id)
    assert [line.first.split()[0] for line in found.messages] == ["INVITE", "SIP/2.0", "ACK"]
    assert (await ask(listener, order="undrain", to="gateway.0")).mode == "ready"

    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=3000), port=sip_port(), to=gateway.port)
    processes.append(customer)
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    answer = await ask(listener, order="recycle")
    assert (answer.mode, len(answer.calls)) == ("recycling", 1)
    await refused_with(503)
    assert gateway.running
    await asyncio.to_thread(customer.check)
    # The call was not cut; with it the worker ended, to be started anew.
    assert await asyncio.to_thread(gateway.wait, 30) == process.EXIT_RENEW
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"


async def test_a_worker_that_has_served_enough_is_renewed_when_idle(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("sipp")
    monkeypatch.setenv("APUNTADOR_GATEWAY__RECYCLE_CALLS", "1")
    worker = Gateway(tmp_path, tmp_path)
    processes.append(worker)
    worker.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path), port=worker.agent_port)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=300), port=sip_port(), to=worker.port)
    processes += [phone, customer]
    await asyncio.to_thread(customer.check)
    assert await asyncio.to_thread(worker.wait, 30) == process.EXIT_RENEW
    assert worker.lines("gateway.renewed")[0]["served"] == 1
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
