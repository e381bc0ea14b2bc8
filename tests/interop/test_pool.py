"""Several workers: what happens to one is its own affair. A worker that is told wrong settings keeps its old ones."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from assist.control import Ask
from assist.events import CallAnswered, CallEnded, CallStarted
from tests.interop import audio
from tests.interop.conftest import Listener
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, wait_for
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop


async def test_the_calls_of_the_other_workers_go_on_when_one_is_killed(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    argv = [sys.executable, "-m", "gateway.worker", "--index", "1", "--config", str(gateway.config)]
    second = Process(argv, tmp_path / "second", cwd=Path(__file__).parents[2])
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port, calls=2)
    processes += [second, phone]
    await asyncio.to_thread(wait_for, lambda: "gateway.ready" in second.err.read_text(), 20, "the second worker")
    end = RtpEnd(audio.bursts(5, 4.0))
    try:
        doomed = Sipp(tmp_path, caller(tmp_path, TALK_MS=60_000), port=sip_port(), to=gateway.port + 1)
        path = caller(tmp_path, RTP_PORT=end.port, TALK_MS=4500)
        customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
        processes += [doomed, customer]
        await listener.until(lambda: listener.kinds().count("CallAnswered") == 2, what="both calls")
        answers = await listener.bus.ask_gateway(Ask(order="state"), timeout=10, enough=2)
        assert [len(answer.calls) for answer in answers] == [1, 1]
        since = time.monotonic()
        second.popen.send_signal(signal.SIGSEGV)
        second.wait(10)
        await asyncio.to_thread(customer.check)
        assert end.longest_pause(since) < audio.STALL_S
    finally:
        end.close()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    ended = [event for event in listener.events if isinstance(event, CallEnded)]
    assert [event.reason for event in ended] == ["customer_hangup"]


async def test_a_call_outlives_wrong_and_new_settings(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port, calls=3)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=4000), port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    right = gateway.config.read_text()
    gateway.config.write_text(right.replace('agent = "ana"', 'agent = "nobody"'))
    gateway.popen.send_signal(signal.SIGHUP)
    await asyncio.to_thread(wait_for, lambda: bool(gateway.lines("gateway.reload_refused")), 10, "the refusal")
    assert "nobody" in gateway.lines("gateway.reload_refused")[0]["error"]
    gateway.config.write_text(right.replace('name = "pbx"', 'name = "new"'))
    gateway.popen.send_signal(signal.SIGHUP)
    await asyncio.to_thread(wait_for, lambda: bool(gateway.lines("gateway.reloaded")), 10, "the reload")
    # The call that was up goes on, the next is the new trunk's.
    following = Sipp(tmp_path, caller(tmp_path, TALK_MS=200), port=sip_port(), to=gateway.port)
    processes.append(following)
    await asyncio.to_thread(following.check)
    await asyncio.to_thread(customer.check)
    await listener.until(lambda: listener.kinds().count("CallEnded") == 2, what="both ends")
    assert [event.trunk for event in listener.events if isinstance(event, CallStarted)] == ["pbx", "new"]
    assert {event.reason for event in listener.events if isinstance(event, CallEnded)} == {"customer_hangup"}
    assert listener.last(CallAnswered).at < listener.last(CallEnded).at
