"""A lead's order over a real broker to a gateway process that only listens in on a call, as taps and SIPREC do."""

import asyncio
from pathlib import Path

from assist.bus import Bus
from assist.bus.ears import call_subject
from assist.events import Party
from assist.wire import AudioChunk, EarsOrder
from gateway.fork import FRAME_BYTES
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from tests.support import RealBroker, eventually, eventually_async


async def test_a_call_that_others_bridge_is_heard_and_not_spoken_in(real_broker: RealBroker, tmp_path: Path) -> None:
    bus = Bus(real_broker.address, name="booth")
    await bus.start()
    await bus.ready()
    heard: list[tuple[str, AudioChunk]] = []

    async def on_heard(party: str, chunk: AudioChunk) -> None:
        heard.append((party, chunk))

    publisher = Publisher(
        lambda: Bus(real_broker.address, name="taps"), chunk_ms=60, keep_s=5, ledger=Ledger(tmp_path / "calls.json")
    )
    publisher.start()
    try:
        rings = publisher.add_call("c1", "es")
        await bus.follow_chunks("ears.heard.c1.*", on_heard)

        async def there() -> bool:
            look = EarsOrder(lead_id="luz", wish="look")
            return await bus.ask_ears(call_subject("c1"), look, timeout=2) is not None

        await eventually_async(there, what="the call on the bus")
        answer = await bus.ask_ears(call_subject("c1"), EarsOrder(lead_id="luz", wish="whisper"), timeout=2)
        assert answer is not None
        assert answer.reason == "listen_only"
        answer = await bus.ask_ears(call_subject("c1"), EarsOrder(lead_id="luz", wish="listen"), timeout=2)
        assert answer is not None
        assert answer.accepted
        parties: tuple[Party, Party] = ("customer", "agent")
        for number in range(10):
            for party in parties:
                rings[party].put(bytes([number + 1]) * FRAME_BYTES)
            await asyncio.sleep(0.01)
        await eventually(lambda: len(heard) == 20, what="all frames")
        for party in parties:
            frames = [chunk.pcm for name, chunk in heard if name == party]
            assert frames == [bytes([number + 1]) * FRAME_BYTES for number in range(10)]
        publisher.end_call("c1")

        async def gone() -> bool:
            return not await there()

        await eventually_async(gone, what="nobody answers for an ended call")
    finally:
        await asyncio.to_thread(publisher.stop, 0.5)
        await bus.close()
