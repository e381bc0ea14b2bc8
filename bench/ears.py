"""How late a team lead hears a call, and an agent the lead: from audio in at one phone to audio out at the other.

    python -m bench.ears [--seconds 20]        # needs sipp (Debian: sip-tester)

sipp sets up a call through a real worker and the lead's call from a real booth; RTP ends of our own play noise bursts
and note when each packet left and came. A half-second window is found by correlation, as in bench.gateway. Between the
two phones lie a worker, the broker and the booth, each with its buffer: listening is phone → jitter buffer → bus → the
booth's jitter buffer → phone, whispering the same backwards.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from assist.bus import Bus
from assist.events import CallAnswered, EarsChanged, Event
from assist.wire import LeadWish
from tests.interop import audio
from tests.interop.ears import Booth, ask, lead_phone, leads_toml
from tests.interop.rig import Gateway, Process, Sipp, agent, caller
from tests.interop.rtp import PACKET, RtpEnd
from tests.ports import sip_port
from tests.support import running_broker

OUT = Path(__file__).parent / "out" / "ears.json"
_WAIT_S = 30.0


class _Watch:
    """Waits for events of the one call."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def take(self, event: Event) -> None:
        self.events.append(event)

    async def until(self, *kinds: type[Event]) -> Event:
        deadline = time.monotonic() + _WAIT_S
        while True:
            found = next((event for event in self.events if isinstance(event, kinds)), None)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                sys.exit(f"no {kinds[0].__name__} within {_WAIT_S:g} s")
            await asyncio.sleep(0.02)

    async def state(self, state: str) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not any(isinstance(event, EarsChanged) and event.state == state for event in self.events):
            if time.monotonic() > deadline:
                sys.exit(f"the lead is not {state} within {_WAIT_S:g} s")
            await asyncio.sleep(0.02)


async def measure(wish: LeadWish, state: str, sender: str, receiver: str, seconds: float) -> dict[str, object]:
    """Milliseconds from ``sender`` to ``receiver`` in a call whose lead does ``wish``; the others are silent."""
    folder = Path(tempfile.mkdtemp(prefix="apuntador-bench-"))
    signal = audio.bursts(41, seconds + 40)
    quiet = np.zeros(audio.RATE, np.int16)
    ends = {who: RtpEnd(signal if who == sender else quiet) for who in ("customer", "agent", "luz")}
    processes: list[Process] = []
    try:
        with running_broker(folder) as broker:
            broker.address.save(folder / "run" / "nats.json")
            bus, watch = Bus(broker.address, name="bench"), _Watch()
            await bus.start()
            await bus.ready()
            await bus.follow(watch.take)
            port = sip_port()
            gateway = Gateway(folder, folder, more=leads_toml({"luz": port}))
            booth = Booth(folder, gateway.wait_ready())
            processes += [gateway, booth.wait_ready()]
            processes.append(Sipp(folder, agent(folder, RTP_PORT=ends["agent"].port), port=gateway.agent_port))
            path = caller(folder, RTP_PORT=ends["customer"].port, TALK_MS=1, END="uac_wait_bye.xml")
            processes.append(Sipp(folder, path, port=sip_port(), to=gateway.port))
            call = await watch.until(CallAnswered)
            processes.append(lead_phone(folder, port, ends["luz"]))
            answer = await ask(bus, "luz", call.call_id, wish)
            if answer is None or not answer.accepted:
                sys.exit(f"the booth refused: {answer}")
            await watch.state(state)
            cpu, began = gateway.cpu_s(), time.monotonic()
            await asyncio.sleep(seconds)
            share = (gateway.cpu_s() - cpu) / (time.monotonic() - began)
            await bus.close(0.1)
            values = latencies(ends[sender], ends[receiver], signal)
    finally:
        for process in reversed(processes):
            if isinstance(process, Sipp):
                process.popen.kill()
            process.end()
        for end in ends.values():
            end.close()
        shutil.rmtree(folder, ignore_errors=True)
    if not values:
        sys.exit(f"{receiver} did not hear {sender}: the machine is too busy to measure")
    p50, p95 = (round(float(np.percentile(values, p)), 1) for p in (50, 95))
    return {
        "what": state,
        "from": sender,
        "to": receiver,
        "p50": p50,
        "p95": p95,
        "n": len(values),
        "cpu": round(share, 4),
    }


async def _run(seconds: float) -> list[dict[str, object]]:
    return [
        await measure("listen", "listening", "customer", "luz", seconds),
        await measure("whisper", "whispering", "luz", "agent", seconds),
        await measure("listen", "listening", "customer", "agent", seconds),
    ]


_SURE = 0.95


def latencies(sender: RtpEnd, receiver: RtpEnd, played: audio.Pcm) -> list[float]:
    """Milliseconds for each window of ``played`` that was found in what ``receiver`` got."""
    arrivals = sorted((packet.timestamp, packet.at) for packet in receiver.packets if packet.payload_type == 0)
    base = arrivals[0][0]
    starts = np.array([timestamp - base for timestamp, _ in arrivals])
    correlations, places = audio.windows_found(receiver.pcm(), played)
    width = len(played) // len(correlations)
    found = []
    for window, (correlation, place) in enumerate(zip(correlations, places, strict=True)):
        if correlation < _SURE:
            continue
        arrived = arrivals[int(np.searchsorted(starts, place, side="right")) - 1][1]
        found.append((arrived - sender.sent_at[window * width // PACKET]) * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    if shutil.which("sipp") is None:
        sys.exit("sipp is missing; run: apt install sip-tester")
    rows = asyncio.run(_run(args.seconds))
    for row in rows:
        heard = f"{row['from']} to {row['to']} while {row['what']}"
        print(
            f"{heard:<38}p50/p95 ms {row['p50']}/{row['p95']}   {row['n']} windows, worker {row['cpu']:.1%} of a core"
        )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
