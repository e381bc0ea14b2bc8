"""What the gateway's pool carries on one core: calls at once, set-ups a second, what it adds, and what it turns away.

    python -m bench.sip [--full] [--calls 10,20,40] [--seconds 12]

Real workers behind nothing, real SIP and RTP from one process of peers (:mod:`bench.sip_peers`), a real broker, and a
listener in place of the transcribers that claims each call and takes both legs' audio. All workers share one core; the
peers, the broker and the listener have the others, and their processor time is told apart. The delay of a packet is the
time from its leaving one peer to its coming to the other: two jitter buffers, the bridge, 20 ms packets, G.711.

On a machine that has other work, Linux shares processor time by session first: begin with
``setsid bash -c 'echo -12 > /proc/self/autogroup; exec python -m bench.sip'`` (as root) or the figures are the others'.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assist.bus import Bus
from assist.events import Party
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from bench import machine
from bench.sip_peers import serve
from gateway.endpoint.library import RTP_PORTS
from tests.interop.rig import HOST, Process
from tests.ports import sip_port
from tests.support import RealBroker, running_broker

OUT = Path(__file__).parent / "out" / "sip.json"
CALLS_PER_WORKER = 2
_LATE_MS = 20.0
_REMEMBERED_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Listener:
    """Takes every call as a transcriber does and counts what it hears."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._next: dict[tuple[str, Party], int] = {}
        self._ended: deque[tuple[float, tuple[str, Party]]] = deque()
        self.chunks = self.missing = 0

    async def run(self) -> None:
        await self._bus.start()
        await self._bus.ready()
        await self._bus.serve_claims(self._on_claim)
        while True:
            done: dict[str, dict[Party, int]] = {}
            for (call, party), position in self._next.items():
                done.setdefault(call, {})[party] = position
            await self._bus.send_beat(Beat(worker_id="bench", done=done, lag=0.0))
            while self._ended and self._ended[0][0] < time.monotonic() - _REMEMBERED_S:
                self._next.pop(self._ended.popleft()[1], None)
            await asyncio.sleep(0.5)

    async def _on_claim(self, claim: Claim) -> ClaimAnswer:
        async def on_audio(party: Party, chunk: AudioChunk) -> None:
            key = claim.call_id, party
            self.chunks += 1
            expected = self._next.get(key)
            if expected is not None and chunk.start > expected:
                self.missing += chunk.start - expected
            self._next[key] = chunk.start + chunk.samples
            if chunk.end:
                self._ended.append((time.monotonic(), key))

        await self._bus.follow_audio(claim.call_id, on_audio)
        return ClaimAnswer(worker_id="bench", accepted=True)


class Pool:
    """Workers of one gateway, all on one core."""

    def __init__(self, folder: Path, count: int, agent_port: int, core: int | None) -> None:
        first = _free_ports(count)
        self.ports = list(range(first, first + count))
        start = 65536 - RTP_PORTS * (count + 1)
        config = folder / "sip.toml"
        config.write_text(
            f'data_dir = "{folder}"\n[gateway]\nport = {first}\nrtp_start = {start - start % 2}\n'
            f'[[trunk]]\nname = "bench"\nallow = ["127.0.0.0/8"]\nagent = "ana"\n'
            f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}:{agent_port}"\n'
        )
        self._processes = []
        for index in range(count):
            argv = [sys.executable, "-m", "gateway.worker", "--index", str(index), "--config", str(config)]
            process = Process(argv, folder / f"worker-{index}", cwd=Path(__file__).parents[1])
            if core is not None:
                os.sched_setaffinity(process.popen.pid, {core})
            self._processes.append(process)
        deadline = time.monotonic() + 30 + 4 * count
        for process in self._processes:
            while '"gateway.ready"' not in process.text():
                if not process.running or time.monotonic() > deadline:
                    raise SystemExit(f"a worker did not start:\n{process.text()[-1500:]}")
                time.sleep(0.05)

    def cpu_s(self) -> float:
        """User and system seconds of all workers."""
        total = 0
        for process in self._processes:
            fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_mb(self) -> tuple[float, float]:
        """Proportional set size of all workers, and of the largest."""
        sizes = []
        for process in self._processes:
            text = Path(f"/proc/{process.popen.pid}/smaps_rollup").read_text()
            sizes.append(int(text.split("Pss:")[1].split()[0]) / 1024)
        return sum(sizes), max(sizes)

    @property
    def died(self) -> int:
        """Workers that are no more."""
        return sum(not process.running for process in self._processes)

    def end(self) -> None:
        for process in self._processes:
            process.popen.terminate()
        for process in self._processes:
            process.end(10)


def _free_ports(count: int) -> int:
    while True:
        first = sip_port()
        with contextlib.suppress(OSError):
            if first + count < 32000:
                _probe(first, count)
                return first


def _probe(first: int, count: int) -> None:
    for port in range(first, first + count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((HOST, port))
            tcp.bind((HOST, port))


@contextlib.contextmanager
def _peers(ports: list[int], agent_port: int, calls: int) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, ports, agent_port, calls), daemon=True)
    process.start()
    assert ours.recv() == "ready"

    def ask(name: str, *arguments: object) -> dict[str, Any]:
        ours.send((name, arguments))
        answer: dict[str, Any] = ours.recv()
        return answer

    try:
        yield ask
    finally:
        ours.send(None)
        process.join(10)
        if process.is_alive():
            process.kill()


async def measure(folder: Path, broker: RealBroker, steps: list[int], seconds: float) -> dict[str, Any]:
    """All of it, on a pool that is just large enough for the largest step."""
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1] if len(cores) > 1 else None
    agent_port = sip_port()
    workers = -(-max(steps) // CALLS_PER_WORKER)
    pool = await asyncio.to_thread(Pool, folder, workers, agent_port, core)
    if core is not None:
        os.sched_setaffinity(0, set(cores[:-1]))
    cpu, began = pool.cpu_s(), time.monotonic()
    await asyncio.sleep(3)
    idle_cpu = (pool.cpu_s() - cpu) / (time.monotonic() - began) / workers
    idle_mb = round(pool.memory_mb()[0] / workers, 1)
    listener = Listener(Bus(broker.address, name="bench"))
    task = asyncio.create_task(listener.run())
    rows = []
    try:
        with _peers(pool.ports, agent_port, max(steps) + 10) as ask:
            rate = await asyncio.to_thread(ask, "set_up_rate", min(workers * CALLS_PER_WORKER, 20), seconds)
            for calls in steps:
                extra = 10 if calls == workers * CALLS_PER_WORKER else 0
                row = await _step(ask, pool, listener, calls, seconds, extra)
                rows.append(row)
                _print_row(row)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(pool.end)
    about = {"workers": workers, "one_core": core is not None, "idle_cpu": round(idle_cpu, 4), "idle_mb": idle_mb}
    return {**about, "set_up": rate, "rows": rows}


async def _step(ask: Any, pool: Pool, listener: Listener, calls: int, seconds: float, extra: int) -> dict[str, Any]:
    missing, chunks = listener.missing, listener.chunks
    holding = asyncio.create_task(asyncio.to_thread(ask, "hold", calls, seconds, extra))
    # The middle of the time in which all are up.
    await asyncio.sleep(calls / 30 + 2.5)
    cpu, began = pool.cpu_s(), time.monotonic()
    await asyncio.sleep(max(1.0, seconds - 3))
    share = (pool.cpu_s() - cpu) / (time.monotonic() - began)
    memory, largest = pool.memory_mb()
    row: dict[str, Any] = await holding
    row |= {
        "workers_cpu": round(share, 3),
        "cpu_a_call": round(share / max(1, row["up"]), 4),
        "memory_mb": round(memory),
        "memory_mb_a_call": round(memory / max(1, row["up"]), 1),
        "largest_worker_mb": round(largest),
        "chunks": listener.chunks - chunks,
        "fork_missing_s": round((listener.missing - missing) / 8000, 2),
        "workers_died": pool.died,
    }
    return row


def _print_row(row: dict[str, Any]) -> None:
    delay, frame = "/".join(map(str, row["delay_ms"])), "/".join(map(str, row["frame_ms"]))
    print(
        f"{row['up']:>4} calls  workers {row['workers_cpu']:>5.0%} of a core ({row['cpu_a_call']:.1%} a call)  "
        f"{row['memory_mb_a_call']} MB a call  delay p50/95/99 {delay} ms  frame p50/99/99.9 {frame} ms  "
        f"jitter {row['jitter_ms']} ms  lost {row['lost_share']:.2%}  fork gaps {row['fork_missing_s']} s  "
        f"dropped {row['dropped']}  our senders late p99 {row['sender_late_ms'][1]} ms, peers {row['peers_cpu']:.0%}"
    )
    if row["sender_late_ms"][1] > _LATE_MS:
        print("      our own senders were late: this machine is too busy for these figures to be the gateway's")
    if row["not_up"]:
        print(f"      {row['asked'] - row['up']} of {row['asked']} did not come up: {row['not_up']}")
    if row["offered_past"]:
        print(
            f"      past capacity: {row['offered_past']} offered, {row['refused']} refused with {row['refusals']}, "
            f"{row['got_in']} got in, {row['dropped']} of those admitted dropped"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="more steps, 30 s each")
    parser.add_argument("--calls", help="calls at once, such as 1,10,40")
    parser.add_argument("--seconds", type=float, default=None, help="seconds of each step")
    args = parser.parse_args()
    steps = [1, 10, 20, 30, 40, 50, 60] if args.full else [1, 20, 40]
    if args.calls:
        steps = sorted(int(part) for part in args.calls.split(","))
    seconds = args.seconds or (30 if args.full else 12)
    print(machine.describe())
    folder = Path(tempfile.mkdtemp(prefix="apuntador-bench-"))
    try:
        with running_broker(folder) as broker:
            broker.address.save(folder / "run" / "nats.json")
            result = asyncio.run(measure(folder, broker, steps, seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rate = result["set_up"]
    print(
        f"set-up: {rate['calls_s']} calls/s, {rate['at_once']} at once, "
        f"p50/99 {'/'.join(map(str, rate['set_up_ms']))} ms, {rate['failed']} failed"
    )
    print(f"idle: {result['idle_cpu']:.1%} of a core and {result['idle_mb']} MB a worker")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": str(machine.describe()), "load": os.getloadavg(), **result}, indent=1))


if __name__ == "__main__":
    main()
