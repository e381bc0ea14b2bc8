"""Fixtures of the interop tests: a broker of the test's own, someone who listens on it, and the processes' clean-up."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from assist.bus import Bus
from assist.events import Event, Party, QualityMeasured
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from tests.interop import audio
from tests.interop.audio import Pcm
from tests.interop.rig import Gateway, Process
from tests.interop.rtp import RtpEnd
from tests.support import RealBroker, running_broker

DEBIAN_PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "kamailio": "kamailio and kamailio-tls-modules",
    "linphonec": "linphone-cli",
    "openssl": "openssl",
    "rtpengine": "rtpengine-daemon",
}


def need(tool: str) -> None:
    """Skip the test when a peer isn't installed."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is missing; install the Debian package {DEBIAN_PACKAGES[tool]}")


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[RealBroker]:
    with running_broker(tmp_path) as real:
        real.address.save(tmp_path / "run" / "nats.json")
        yield real


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """Whatever a test puts here is ended by its id, last first."""
    started: list[Process] = []
    yield started
    for process in reversed(started):
        process.end()


class Listener:
    """Takes every call like a transcriber and keeps what it hears; keeps every stored event, too."""

    def __init__(self, bus: Bus, worker_id: str = "listener") -> None:
        self.bus = bus
        self.worker_id = worker_id
        self.accepting = True
        self.beating = True
        self.claims: list[Claim] = []
        self.events: list[Event] = []
        self.chunks: dict[tuple[str, Party], list[AudioChunk]] = {}
        self.done: dict[str, dict[Party, int]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.bus.start()
        await self.bus.ready()
        await self.bus.serve_claims(self._on_claim)
        await self.bus.follow(self._on_event)
        self._tasks.append(asyncio.create_task(self._beat()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bus.close(0.1)

    async def _on_event(self, event: Event) -> None:
        self.events.append(event)

    async def _on_claim(self, claim: Claim) -> ClaimAnswer:
        self.claims.append(claim)
        if not self.accepting:
            return ClaimAnswer(worker_id=self.worker_id, accepted=False, reason="test")
        if claim.call_id not in self.done:

            async def on_audio(party: Party, chunk: AudioChunk) -> None:
                self.chunks.setdefault((claim.call_id, party), []).append(chunk)

            await self.bus.follow_audio(claim.call_id, on_audio)
        self.done[claim.call_id] = dict(claim.resume)
        return ClaimAnswer(worker_id=self.worker_id, accepted=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            if self.beating:
                await self.bus.send_beat(Beat(worker_id=self.worker_id, done=self.done, lag=0.0))

    # --- what was heard ------------------------------------------------------------------------------------------

    def kinds(self) -> list[str]:
        """What happened, in order; measurements, which come whenever it is time for one, are left out."""
        return [type(event).__name__ for event in self.events if not isinstance(event, QualityMeasured)]

    def last(self, kind: type[Any]) -> Any:
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    def ended(self, call_id: str) -> bool:
        """Both legs' last chunks have come."""
        parties: tuple[Party, Party] = ("customer", "agent")
        return all(any(c.end for c in self.chunks.get((call_id, party), [])) for party in parties)

    def pcm(self, call_id: str, party: Party) -> Pcm:
        """The leg's audio, each chunk at its place on the leg's clock."""
        chunks = self.chunks.get((call_id, party), [])
        out = np.zeros(max((c.start + c.samples for c in chunks), default=0), np.int16)
        for chunk in chunks:
            out[chunk.start : chunk.start + chunk.samples] = np.frombuffer(chunk.pcm, "<i2")
        return out

    async def until(self, condition: Callable[[], bool], timeout: float = 45.0, what: str = "the condition") -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true in {timeout:g} s; events: {self.kinds()}"
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def listener(real_broker: RealBroker) -> AsyncIterator[Listener]:
    found = Listener(Bus(real_broker.address, name="listener"))
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
def gateway(tmp_path: Path, real_broker: RealBroker, processes: list[Process]) -> Gateway:
    """A worker that is ready, its trunk open to loopback."""
    need("sipp")
    worker = Gateway(tmp_path, tmp_path)
    processes.append(worker)
    return worker.wait_ready()


@pytest.fixture
def ends() -> Iterator[dict[Party, RtpEnd]]:
    """An RTP end for each party, playing different signals of six seconds over and over."""
    made: dict[Party, RtpEnd] = {"customer": RtpEnd(audio.bursts(11, 6.0)), "agent": RtpEnd(audio.bursts(12, 6.0))}
    yield made
    for end in made.values():
        end.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the test's processes said last, under its failure: a run on another machine can't be looked at again."""
    report = yield
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            for process in value if isinstance(value, list) else [value]:
                if isinstance(process, Process):
                    report.sections.append((str(process.popen.args)[:200], process.text()[-4000:]))
    return report
