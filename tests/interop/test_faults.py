"""What happens to a call when something else dies: nothing. And to its transcript: nothing is lost that need not be."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from assist.bus import Bus
from assist.events import CallEnded, CallStarted, Degraded, Party
from tests.interop import audio
from tests.interop.conftest import Listener, need
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, wait_for
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker, alive

pytestmark = pytest.mark.interop


def _call(
    tmp_path: Path, gateway: Gateway, processes: list[Process], ends: dict[Party, RtpEnd], talk_ms: int
) -> tuple[Sipp, Sipp]:
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=talk_ms)
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.extend([phone, customer])
    return customer, phone


async def test_the_broker_dies_and_nobody_hears_it(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    real_broker: RealBroker,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
) -> None:
    customer, _ = _call(tmp_path, gateway, processes, ends, 9000)
    await listener.until(lambda: bool(listener.chunks), what="audio on the bus")
    call_id = listener.last(CallStarted).call_id
    before = time.monotonic()
    await asyncio.sleep(1.0)
    real_broker.kill(signal.SIGKILL)
    await asyncio.sleep(3.0)
    real_broker.start()
    await asyncio.to_thread(customer.check)

    for party, other in (("customer", "agent"), ("agent", "customer")):
        assert ends[party].missing() == 0  # type: ignore[index]
        assert ends[party].longest_pause(before) < audio.STALL_S  # type: ignore[index]
        played = audio.bursts(12 if other == "agent" else 11, 6.0)
        # The ends play in a loop; every half second of what was played meanwhile was heard.
        assert audio.share_heard(ends[party].pcm(), played) >= audio.HEARD  # type: ignore[index]

    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    fresh = Bus(real_broker.address, name="reader")
    await fresh.start()
    stored = [type(event).__name__ for event in await fresh.history(call_id)]
    await fresh.close()
    assert [kind for kind in stored if kind.startswith("Call")] == [
        "CallStarted",
        "CallRinging",
        "CallAnswered",
        "CallEnded",
    ]
    # What was said while the broker was away was kept and replayed: the leg has no hole.
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    assert len(listener.claims) >= 2
    assert _holes(listener, call_id, "customer") == 0


def _holes(listener: Listener, call_id: str, party: Party) -> int:
    """Samples of a leg that never came, replays counted."""
    chunks = listener.chunks[call_id, party]
    heard = np.zeros(max(c.start + c.samples for c in chunks), bool)
    for chunk in chunks:
        heard[chunk.start : chunk.start + chunk.samples] = True
    return int((~heard).sum())


async def test_a_dead_transcriber_is_replaced_and_the_unsettled_audio_replayed(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    real_broker: RealBroker,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
) -> None:
    second = Listener(Bus(real_broker.address, name="second"), worker_id="second")
    second.accepting = False
    await second.start()
    customer, _ = _call(tmp_path, gateway, processes, ends, 9000)
    await listener.until(lambda: bool(listener.done) or second.claims != [], what="a claim")
    await listener.until(lambda: bool(listener.done), what="the first transcriber's claim")
    call_id = next(iter(listener.done))
    await asyncio.sleep(2.0)
    settled = 8000
    listener.done[call_id] = {"customer": settled, "agent": settled}
    await asyncio.sleep(1.0)
    listener.beating = listener.accepting = False
    second.accepting = True
    await listener.until(lambda: bool(second.done), what="the second transcriber's claim")
    await asyncio.to_thread(customer.check)
    await second.until(lambda: second.ended(call_id), what="the last chunk of both legs")

    assert second.claims[-1].resume == {"customer": settled, "agent": settled}
    for party in ("customer", "agent"):
        chunks = second.chunks[call_id, party]  # type: ignore[index]
        assert chunks[0].start == settled
        assert chunks[0].replay
        assert not chunks[-2].replay
        gaps = [b.start - (a.start + a.samples) for a, b in itertools.pairwise(chunks)]
        assert set(gaps) == {0}
        # The replay fits onto what the first one heard.
        first, again = listener.pcm(call_id, party), second.pcm(call_id, party)  # type: ignore[arg-type]
        assert np.array_equal(first[settled : settled + 8000], again[settled : settled + 8000])
    levels = [e.level for e in listener.events if isinstance(e, Degraded)]
    # More than once only where this test's own beats came late.
    assert levels == ["down", "ok"] * (len(levels) // 2)
    assert levels
    await second.stop()


async def test_without_any_transcriber_the_call_goes_on_and_says_so(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    listener.accepting = False
    customer, _ = _call(tmp_path, gateway, processes, ends, 4000)
    await listener.until(lambda: "Degraded" in listener.kinds(), what="Degraded")
    listener.accepting = True
    await listener.until(lambda: bool(listener.done), what="a claim accepted")
    await asyncio.to_thread(customer.check)
    call_id = listener.last(CallStarted).call_id
    await listener.until(lambda: listener.ended(call_id), what="the last chunk of both legs")
    assert listener.chunks[call_id, "customer"][0].start == 0
    assert _holes(listener, call_id, "customer") == 0


async def test_a_leg_without_rtp_is_lost(
    tmp_path: Path,
    real_broker: RealBroker,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
) -> None:
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path, arguments=("--rtp-timeout", "2"))
    processes.append(gateway)
    gateway.wait_ready()
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
    path = caller(tmp_path, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
    customer = Sipp(tmp_path, path, port=sip_port(), to=gateway.port)
    processes.extend([phone, customer])
    await listener.until(lambda: bool(listener.chunks), what="audio on the bus")
    await asyncio.sleep(1.0)
    ends["customer"].muted.set()
    await asyncio.to_thread(customer.check)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "lost"


async def test_an_orphan_finishes_its_call_and_goes(
    tmp_path: Path, real_broker: RealBroker, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    need("sipp")
    model = Gateway(tmp_path, tmp_path)  # for its settings
    model.end()
    # A parent that starts the worker and is then killed.
    script = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); time.sleep(600)"
    )
    worker = [sys.executable, "-m", "gateway.worker", "--index", "0", "--config", str(model.config)]
    with model.err.open("wb") as err:
        parent = subprocess.Popen(  # noqa: ASYNC220 -- returns at once
            [sys.executable, "-c", script, *worker],
            stdout=subprocess.PIPE,
            stderr=err,
            cwd=Path(__file__).parents[2],
        )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        await asyncio.to_thread(wait_for, lambda: bool(model.lines("gateway.ready")), 15, "gateway.ready")
        customer, _ = _call(tmp_path, model, processes, ends, 3000)
        await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
        parent.kill()
        parent.wait(5)
        await asyncio.to_thread(customer.check)
        await asyncio.to_thread(wait_for, lambda: not alive(pid), 10, "the worker's end")
        await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
        assert listener.last(CallEnded).reason == "customer_hangup"
    finally:
        parent.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def test_calls_of_a_killed_worker_are_reported_lost_by_its_successor(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process]
) -> None:
    phone = Sipp(tmp_path, agent(tmp_path), port=gateway.agent_port)
    customer = Sipp(tmp_path, caller(tmp_path, TALK_MS=30_000), port=sip_port(), to=gateway.port)
    processes += [phone, customer]
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    gateway.popen.kill()
    gateway.wait(5)
    assert "CallEnded" not in listener.kinds()

    successor = Process(
        [sys.executable, "-m", "gateway.worker", "--index", "0", "--config", str(gateway.config)],
        tmp_path / "successor",
        cwd=Path(__file__).parents[2],
    )
    processes.append(successor)
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    ended = listener.last(CallEnded)
    assert (ended.reason, ended.answered) == ("lost", True)
    assert listener.kinds().count("CallEnded") == 1
