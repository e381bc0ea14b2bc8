"""An engine that never comes back: the process ends itself, another takes the call, and no word is lost."""

import sys
from pathlib import Path

from assist.bus import Bus
from assist.events import PARTIES, Degraded, Heard, TranscriptSettled
from assist.process import EXIT_RETRY
from assist.stack.supervisor import Service, Supervisor
from gateway.fork import FRAME_SAMPLES
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from tests.fakes.number_recogniser import UTTERANCE
from tests.support import RealBroker, eventually, eventually_async, loud

COUNT = 16


async def test_a_step_that_hangs_costs_no_word(bus: Bus, real_broker: RealBroker, tmp_path: Path) -> None:
    flag = tmp_path / "has-hung"
    address = real_broker.address
    module = "tests.fakes.hanging_transcriber"
    supervisor = Supervisor(tmp_path / "logs", lambda: None)
    publisher = Publisher(
        lambda: Bus(address, name="gateway"), chunk_ms=60, keep_s=30, ledger=Ledger(tmp_path / "calls.json")
    )
    supervisor.add(Service("transcriber", [sys.executable, "-m", module, address.url, address.token, str(flag)]))
    publisher.start()
    try:
        assert await supervisor.wait_ready("transcriber", 30)
        rings = publisher.add_call("c1", "es")
        for party in PARTIES:
            for _ in range(COUNT * UTTERANCE // FRAME_SAMPLES):
                rings[party].put(loud(FRAME_SAMPLES))
        # The call goes on while the engine hangs.
        await eventually(lambda: supervisor.status["transcriber"].restarts == 1, 30, "the hanging process's end")
        assert supervisor.status["transcriber"].detail in (f"exit {EXIT_RETRY}", "")
        for party in PARTIES:
            rings[party].close()
        publisher.end_call("c1")

        async def settled() -> bool:
            return any(isinstance(event, TranscriptSettled) for event in await bus.history("c1"))

        await eventually_async(settled, 40, "the transcript")
    finally:
        publisher.stop(2)
        await supervisor.stop()
    history = await bus.history("c1")
    for party in PARTIES:
        texts = [event.text for event in history if isinstance(event, Heard) and event.party == party]
        assert texts == [str(number) for number in range(COUNT)]
    levels = [event.level for event in history if isinstance(event, Degraded)]
    # While it hung the text was late; then nobody had the call.
    assert "down" in levels
    assert levels[-1] == "ok"
    assert "engine_hangs" in (tmp_path / "logs" / "transcriber.log").read_text()
