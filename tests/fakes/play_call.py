"""Play the scripted call through a real broker and a real hub, to look at the screen.

python tests/fakes/play_call.py es 8765 ~/token [mid|end|live]
apuntador agent --url ws://127.0.0.1:8765/ --token-file ~/token
"""

import asyncio
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from assist.bus import Bus, BusAddress
from assist.config import Hub as HubSettings
from assist.config import Settings
from assist.events import CallEnded, Event, Heard
from assist.hub.auth import TokenStore
from assist.hub.server import Hub
from tests.fakes import scripted_call
from tests.support import running_broker


async def play(language: str, port: int, token_file: Path, how: str, data: Path, address: BusAddress) -> None:
    """Start hub and bus and send the call; runs until cancelled."""
    bus = Bus(address, name="play")
    await bus.start()
    settings = Settings(language=language, data_dir=data, hub=HubSettings(port=port))
    hub = Hub(bus, settings)
    await hub.start()
    secret, _ = TokenStore.in_dir(data).create("agent", scripted_call.AGENT)
    await asyncio.to_thread(token_file.write_text, secret)
    await send(bus, language, how)
    await asyncio.Event().wait()


async def send(bus: Bus, language: str, how: str) -> None:
    """The call now: at once up to its middle or its end, or at the pace it has."""
    whole = [*scripted_call.after_call(language), scripted_call.scored(language)]
    events = scripted_call.mid_call(language) if how == "mid" else whole
    last = next((event.at for event in events if isinstance(event, CallEnded)), events[-1].at)
    begin = time.time() if how == "live" else time.time() - (last - events[0].at)
    shift = begin - events[0].at
    for event in events:
        moved: Event = dataclasses.replace(event, at=event.at + shift, seq=0)
        if isinstance(moved, Heard):
            moved = dataclasses.replace(moved, t0=moved.t0 + shift, t1=moved.t1 + shift)
        if hasattr(moved, "due_at") and moved.due_at is not None:
            moved = dataclasses.replace(moved, due_at=moved.due_at + shift)
        if how == "live":
            await asyncio.sleep(max(0.0, moved.at - time.time()))
        if isinstance(moved, Heard) and not moved.final:
            await asyncio.sleep(0.5)
            # In the middle of the call its last words stay open for as long as somebody looks.
            for _ in range(2000 if how == "mid" else 1):
                await bus.send_live(moved)
                await asyncio.sleep(0.3)
        else:
            bus.send(moved)


def main() -> None:
    """``play_call LANGUAGE PORT TOKEN_FILE [mid|end|live]``."""
    language, port, token_file = sys.argv[1:4]
    how = sys.argv[4] if len(sys.argv) > 4 else "live"
    with tempfile.TemporaryDirectory(prefix="apuntador-play-") as folder, running_broker(Path(folder)) as broker:
        asyncio.run(play(language, int(port), Path(token_file), how, Path(folder), broker.address))


if __name__ == "__main__":
    main()
