"""The edge past capacity: how many calls are admitted, whether any of them is dropped, how soon the others are told.

    python -m bench.edge [--workers 4] [--rate 40] [--calls 300]     # needs kamailio and sipp (Debian: sip-tester)

sipp offers calls at a fixed rate to a real Kamailio in front of real workers; each rings for 50 ms and is held for
0.4 s. Every call must end as 200 and BYE, or as 503; anything else is a failure. Times are from sipp's trace: INVITE
to 503, and INVITE to 200 without the ringing.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from tests.interop.edge import Edge
from tests.interop.rig import Sipp, agent, caller
from tests.ports import sip_port
from tests.support import running_broker

OUT = Path(__file__).parent / "out" / "edge.json"
RING_MS: Final = 50
_RECORD: Final = re.compile(r"^-{20,} (\S+ \S+)\n", re.MULTILINE)
_FINAL: Final = re.compile(r"SIP/2\.0 ([2-6]\d\d)")


def answers(trace: str) -> dict[str, tuple[str, float]]:
    """Final status of each INVITE in sipp's trace, and milliseconds to it, by Call-ID."""
    pieces = _RECORD.split(trace)
    sent: dict[str, datetime] = {}
    found: dict[str, tuple[str, float]] = {}
    for stamp, text in zip(pieces[1::2], pieces[2::2], strict=True):
        call = re.search(r"Call-ID: (\S+)", text)
        if call is None or not re.search(r"CSeq: \d+ INVITE", text):
            continue
        at, final = datetime.fromisoformat(stamp), _FINAL.search(text)
        if "\nINVITE " in text:
            sent.setdefault(call[1], at)
        elif final is not None and call[1] not in found:
            found[call[1]] = final[1], (at - sent[call[1]]).total_seconds() * 1000
    return found


async def measure(workers: int, rate: int, calls: int) -> dict[str, object]:
    """One run."""
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as name, running_broker(Path(name)) as broker:
        folder = Path(name)
        broker.address.save(folder / "run" / "nats.json")
        edge = Edge(folder, folder, workers=workers, more="ping_s = 0\ncalls_per_s = 1000\n")
        phone = Sipp(folder, agent(folder, RING_MS=RING_MS), port=edge.agent_port, calls=1_000_000)
        try:
            await edge.start()
            more = ("-r", str(rate), "-l", str(calls))
            customers = Sipp(folder, caller(folder, TALK_MS=400), port=sip_port(), to=edge.port, calls=calls, more=more)
            await asyncio.to_thread(customers.wait, calls / rate + 60)
            done = answers(customers.messages())
            ended = sum(len(edge.lines(f"gateway.{n}", "gateway.call_ended")) for n in range(workers))
        finally:
            phone.end()
            await edge.stop()
    admitted = sorted(ms - RING_MS for code, ms in done.values() if code == "200")
    shed = sorted(ms for code, ms in done.values() if code == "503")
    return {
        "workers": workers,
        "rate": rate,
        "calls": calls,
        "admitted": len(admitted),
        "admitted_and_ended": ended,
        "shed": len(shed),
        "failed": calls - len(admitted) - len(shed),
        "restarts": sum(edge.restarts(f"gateway.{n}") for n in range(workers)),
        "set_up_ms": [round(statistics.quantiles(admitted, n=20)[at], 1) for at in (9, 18)],
        "shed_ms": [round(statistics.quantiles(shed, n=20)[at], 1) for at in (9, 18)] if len(shed) > 1 else [],
    }


def main() -> int:
    """Print the table and write it to bench/out; 1 when a call failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=int, default=40, help="calls a second")
    parser.add_argument("--calls", type=int, default=300)
    args = parser.parse_args()
    result = asyncio.run(measure(args.workers, args.rate, args.calls))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1))
    for name, value in result.items():
        sys.stdout.write(f"{name:<20}{value}\n")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
