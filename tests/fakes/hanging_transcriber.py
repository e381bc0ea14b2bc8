"""A transcriber process whose engine hangs once: ``python -m tests.fakes.hanging_transcriber URL TOKEN FLAG_FILE``."""

import asyncio
import sys
from pathlib import Path

from assist import notify
from assist.bus import Bus, BusAddress
from assist.transcriber.service import TranscriberService
from tests.fakes.number_recogniser import Engine, NumberRecogniser


async def serve(url: str, token: str, flag: Path) -> None:
    """Run until killed."""
    bus = Bus(BusAddress(url, token), name="hanging")
    await bus.start()
    await bus.ready()
    service = TranscriberService(bus, {"es": NumberRecogniser(Engine(hangs_until=flag))}, calls=4, hang_s=1.0)
    await service.start()
    notify.ready()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
