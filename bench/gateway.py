"""What the gateway adds to a call: one-way audio latency through the bridge, and its processor time.

    python -m bench.gateway [--seconds 20]        # needs sipp (Debian: sip-tester)

sipp sets up one call through a real worker; two RTP ends of our own play noise bursts to each other and note when each
packet left and came. The latency of a half-second window is the time between the departure of the packet it began in
and the arrival of the packet in which correlation finds it: both jitter-buffered directions, 20 ms packets, G.711.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.interop import audio
from tests.interop.rig import Gateway, Sipp, agent, caller, sip_port
from tests.interop.rtp import PACKET, RtpEnd
from tests.support import running_broker

OUT = Path(__file__).parent / "out" / "gateway.json"
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


def measure(seconds: float) -> dict[str, object]:
    """One call of ``seconds``."""
    folder = Path(tempfile.mkdtemp(prefix="apuntador-bench-"))
    signals = {"customer": audio.bursts(31, seconds + 5), "agent": audio.bursts(32, seconds + 5)}
    ends = {party: RtpEnd(pcm) for party, pcm in signals.items()}
    try:
        with running_broker(folder) as broker:
            broker.address.save(folder / "run" / "nats.json")
            gateway = Gateway(folder, folder)
            try:
                gateway.wait_ready()
                phone = Sipp(folder, agent(folder, RTP_PORT=ends["agent"].port), port=gateway.agent_port)
                path = caller(folder, RTP_PORT=ends["customer"].port, TALK_MS=round(seconds * 1000))
                cpu, began = gateway.cpu_s(), time.monotonic()
                customer = Sipp(folder, path, port=sip_port(), to=gateway.port)
                customer.check(seconds + 20)
                share = (gateway.cpu_s() - cpu) / (time.monotonic() - began)
                phone.end()
            finally:
                gateway.end()
        played = {party: pcm[: int((seconds - 1) * audio.RATE)] for party, pcm in signals.items()}
        row: dict[str, object] = {"seconds": seconds, "cpu_share": round(share, 4)}
        for sender, receiver in (("customer", "agent"), ("agent", "customer")):
            values = latencies(ends[sender], ends[receiver], played[sender])
            row[f"{sender}_to_{receiver}"] = [round(float(np.percentile(values, p)), 1) for p in (50, 95, 99)]
            row[f"{sender}_windows"] = len(values)
            gaps = [b - a for a, b in pairwise(sorted(ends[sender].sent_at))]
            row[f"{sender}_sender_p99"] = round(statistics.quantiles(gaps, n=100)[-1] * 1000, 1)
        return row
    finally:
        for end in ends.values():
            end.close()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    if shutil.which("sipp") is None:
        sys.exit("sipp is missing; run: apt install sip-tester")
    row = measure(args.seconds)
    for direction in ("customer_to_agent", "agent_to_customer"):
        print(f"{direction:<20}p50/p95/p99 ms  {'/'.join(map(str, row[direction]))}")  # type: ignore[call-overload]
    print(f"worker               {float(str(row['cpu_share'])):.1%} of a core with one call")
    gaps = f"{row['customer_sender_p99']} / {row['agent_sender_p99']}"
    print(f"our own senders      p99 gap between packets {gaps} ms (20 is even)")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
