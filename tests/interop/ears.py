"""A booth, leads with phones, and a call they may hear: what the tests and the bench of the team lead's ears share."""

import json
import sys
from pathlib import Path
from typing import Any

from assist.bus import Bus
from assist.bus.ears import lead_subject
from assist.wire import EarsAnswer, EarsAsk, LeadWish
from tests.interop.rig import HOST, Gateway, Process, Sipp, agent, wait_for
from tests.interop.rtp import RtpEnd
from tests.ports import rtp_start, sip_port

WAIT_PHONE = "uas_wait_bye.xml"


def leads_toml(ports: dict[str, int], *, booth: str = "", queues: str = '["*"]', may: str = "") -> str:
    """Settings of leads by id with phones at these ports, and of their booth."""
    head = f"[booth]\nport = {sip_port()}\nrtp_start = {rtp_start()}\nring_s = 5\n{booth}\n"
    each = "".join(
        f'[[lead]]\nid = "{lead}"\nsip = "sip:{lead}@{HOST}:{port}"\nqueues = {queues}\n{may}\n'
        for lead, port in ports.items()
    )
    return head + each


class Booth(Process):
    """``python -m gateway.booth`` with a gateway's settings."""

    def __init__(self, tmp: Path, gateway: Gateway) -> None:
        argv = [sys.executable, "-m", "gateway.booth", "--config", str(gateway.config)]
        super().__init__(argv, tmp / f"booth-{sip_port()}", cwd=Path(__file__).parents[2])

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Log lines of this event."""
        entries = [json.loads(line) for line in self.err.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry.get("event") == name]

    def wait_ready(self) -> "Booth":
        wait_for(lambda: bool(self.lines("booth.ready")) or not self.running, 30, "booth.ready")
        assert self.running, self.text()
        return self


def lead_phone(tmp: Path, port: int, end: RtpEnd, **values: object) -> Sipp:
    """A lead's phone that answers and talks through ``end``."""
    return Sipp(tmp, agent(tmp, RTP_PORT=end.port, **values), port=port)


async def ask(bus: Bus, lead: str, call_id: str, wish: LeadWish) -> EarsAnswer | None:
    """What the hub asks when a lead wants something; None when no booth has the lead."""
    return await bus.ask_ears(lead_subject(lead), EarsAsk(call_id=call_id, lead_id=lead, wish=wish), timeout=10)
