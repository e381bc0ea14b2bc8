"""One real transcriber process on a core of its own, a real broker, and calls fed to it as the gateway feeds them.

The bench's process stands in for the gateway and for the screens: `gateway.publisher.Publisher` takes 20 ms frames out
of its rings, cuts and publishes chunks and claims a transcriber for each call; a bus of its own notes every text and
when it came. It and the broker run on the machine's other cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from assist import config
from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.events import PARTIES, Degraded, Event, Heard, Language, Party, TranscriptSettled
from assist.stack import broker
from assist.wire import Beat
from bench.capacity_run import RigError, Run, Usage, as_shown, read_usage, without_stragglers
from bench.legs import Leg
from gateway.fork import FRAME_S, FRAME_SAMPLES, RATE, Ring
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from models.catalog import load_catalog
from models.store import Store

_READY_S: Final = 120.0
_SETTLE_S: Final = 60.0
"""Seconds after the last call's end in which its transcript has to be complete."""
_BEATS_S: Final = 5.0
_SAMPLE_S: Final = 0.2
_STOP_S: Final = 20.0


def lone_model(name: str, models: Path, folder: Path) -> Path:
    """A models folder below `folder` that holds only this model and its needs, as links to those in `models`.

    Raises `UnknownModel`, `ModelMissing`, `ModelDamaged`.
    """
    alone = folder / "models"
    alone.mkdir()
    store = Store(models)
    for model in load_catalog().closure([name]):
        (alone / model.name).symlink_to(store.require(model.name, recipe=model.recipe).resolve())
    return alone


def split_cores() -> tuple[int, set[int]]:
    """The transcriber's core, and the others. Raises `RigError` where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RigError("this needs two cores, one of them for the transcriber; use bench.asr --calls here")
    return cores[-1], set(cores[:-1])


class MediaClock(threading.Thread):
    """Puts a frame of every running leg into its ring each 20 ms, as a bridge does, and catches up when it is late.

    Args:
        calls: the second at which each call begins, its legs by party, and what gives its rings.
        on_end: called with a call's place when its last frame is in.
    """

    def __init__(
        self,
        calls: Sequence[tuple[float, dict[Party, Leg], Callable[[], dict[Party, Ring]]]],
        on_end: Callable[[int], None],
    ) -> None:
        super().__init__(name="media-clock", daemon=True)
        self._calls = calls
        self._on_end = on_end
        self.rings: list[dict[Party, Ring]] = [{} for _ in calls]

    def run(self) -> None:
        frames = [{party: _frames(leg) for party, leg in legs.items()} for _, legs, _ in self._calls]
        first = [round(begin / FRAME_S) for begin, _, _ in self._calls]
        last = [begin + max(map(len, legs.values())) for begin, legs in zip(first, frames, strict=True)]
        began = time.monotonic()
        for tick in range(max(last) + 1):
            time.sleep(max(0.0, began + tick * FRAME_S - time.monotonic()))
            for place, legs in enumerate(frames):
                if tick == first[place]:
                    self.rings[place] = self._calls[place][2]()
                if first[place] <= tick < last[place]:
                    for party, pieces in legs.items():
                        if tick - first[place] < len(pieces):
                            self.rings[place][party].put(pieces[tick - first[place]])
                if tick == last[place]:
                    for ring in self.rings[place].values():
                        ring.closed = True
                    self._on_end(place)


def _frames(leg: Leg) -> list[bytes]:
    if leg.rate != RATE:
        raise RigError(f"a leg at {leg.rate} Hz; the gateway's audio is at {RATE} Hz")
    size = 2 * FRAME_SAMPLES
    data = leg.pcm.astype("<i2").tobytes()
    return [data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size)]


class Rig:
    """A running broker and transcriber. Made by :func:`running`."""

    def __init__(
        self, process: subprocess.Popen[bytes], told: socket.socket, settings: Settings, bus: Bus, folder: Path
    ) -> None:
        self._process, self._told = process, told
        self._settings, self._bus, self._folder = settings, bus, folder
        self.model = ""
        """What the transcriber says that it has loaded."""
        self._run: Run | None = None
        self._heard: list[tuple[float, Heard]] = []
        self._settled: set[str] = set()
        self._beats: list[tuple[float, Beat]] = []
        self._count = 0

    async def wait_ready(self) -> None:
        """Until it says so. Raises `RigError`."""
        await self._bus.follow_beats(self._on_beat)
        await self._bus.follow_live(self._on_event)
        await self._bus.follow(self._on_event)
        await _until(lambda: self._is_ready() or self._process.poll() is not None, _READY_S)
        if not self.model:
            words = (self._folder / "transcriber.log").read_text(errors="replace").strip().splitlines()
            raise RigError(f"the transcriber did not start: {words[-1] if words else 'it says nothing'}")
        await _until(lambda: bool(self._beats), _BEATS_S)

    def _is_ready(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.model = self.model or model_told(self._told.recv(4096).decode())
        return bool(self.model)

    def usage(self) -> Usage:
        return read_usage(self._process.pid)

    async def hold(self, legs: Sequence[Leg], language: Language, *, stagger: float) -> Run:
        """Calls of two legs each, begun `stagger` seconds apart, from their begin until their transcripts are whole.

        Raises:
            RigError: the transcriber has ended.
        """
        ids = [f"cap{self._count + place}" for place in range(len(legs) // 2)]
        self._count += len(ids)
        run = self._run = Run(legs, ids)
        self._heard, self._settled, before = [], set(), self._beats[-1:]
        self._beats = list(before)
        publisher = Publisher(
            lambda: Bus(BusAddress.of(self._settings), name="bench.gateway"),
            chunk_ms=self._settings.gateway.chunk_ms,
            keep_s=self._settings.gateway.keep_s,
            ledger=Ledger(self._folder / "ledger.json"),
        )
        publisher.start()

        def begin(call_id: str) -> Callable[[], dict[Party, Ring]]:
            return lambda: publisher.add_call(call_id, language)

        clock = MediaClock(
            [
                (place * stagger, dict(zip(PARTIES, legs[2 * place : 2 * place + 2], strict=True)), begin(call_id))
                for place, call_id in enumerate(ids)
            ],
            on_end=lambda place: publisher.end_call(ids[place]),
        )
        clock.start()
        while clock.is_alive():
            run.usage.append(self.usage())
            await asyncio.sleep(_SAMPLE_S)
        await _until(lambda: len(self._settled) == len(ids) or self._process.poll() is not None, _SETTLE_S)
        seen = len(self._beats)
        await _until(lambda: len(self._beats) > seen + 1, _BEATS_S)  # what was lost is told by the next
        self.usage()
        run.unsettled = len(ids) - len(self._settled)
        await asyncio.to_thread(publisher.stop, 5)
        for call_id, rings in zip(ids, clock.rings, strict=True):
            for party in PARTIES:
                epoch = rings[party].epoch or 0.0
                mine = [(at, heard) for at, heard in self._heard if (heard.call_id, heard.party) == (call_id, party)]
                run.epochs.append(epoch)
                run.shown.append(without_stragglers(as_shown(at, heard, epoch) for at, heard in mine))
        run.beats = self._beats
        return run

    async def _on_beat(self, beat: Beat) -> None:
        self._beats.append((time.time(), beat))

    async def _on_event(self, event: Event) -> None:
        match event:
            case Heard():
                self._heard.append((time.time(), event))
            case Degraded() if self._run is not None:
                self._run.told.append(event)
            case TranscriptSettled():
                self._settled.add(event.call_id)


@contextlib.asynccontextmanager
async def running(
    folder: Path, language: Language, *, models: Path, cores: tuple[int, set[int]], engine: str = "auto"
) -> AsyncIterator[Rig]:
    """A broker and one transcriber that has loaded one language, below `folder`; `cores`: its own,
    and those that this process and the broker keep to.

    Raises:
        RigError: the transcriber does not start.
    """
    core, others = cores
    os.sched_setaffinity(0, others)
    path = folder / "apuntador.toml"
    path.write_text(
        f'language = "{language}"\ndata_dir = "{folder}"\nmodels_dir = "{models}"\n'
        f'[asr]\nengine = "{engine}"\nlanguages = ["{language}"]\n[log]\nlevel = "warning"\nformat = "text"\n'
    )
    notify = folder / "notify.sock"
    with contextlib.ExitStack() as ends:
        ends.enter_context(environment(NOTIFY_SOCKET=str(notify)))
        settings = config.load(path)
        private = broker.prepare(folder)
        private.address.save(settings.bus_file)
        told = ends.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        told.bind(str(notify))
        log = ends.enter_context((folder / "transcriber.log").open("wb"))
        ends.callback(_end, _begin(private.argv, log, others))
        process = _begin([sys.executable, "-m", "assist.transcriber.worker", "--config", str(path)], log, {core})
        ends.callback(_end, process)
        bus = Bus(private.address, name="bench.screens")
        await bus.start()
        try:
            await bus.ready()
            rig = Rig(process, told, settings, bus, folder)
            await rig.wait_ready()
            yield rig
        finally:
            await bus.close()


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Without the user's APUNTADOR_ variables, which win over any settings file, and with `values`."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("APUNTADOR_")]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def model_told(message: str) -> str:
    """The model that "READY=1" and "STATUS=en: moonshine-base-en · …" name; "" for any other message."""
    lines = message.splitlines()
    status = next((line for line in lines if line.startswith("STATUS=")), "")
    return status.partition(": ")[2].partition(" · ")[0] if "READY=1" in lines else ""


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for it, so long at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(_SAMPLE_S)


def _begin(command: Sequence[str], log: IO[bytes], cores: set[int]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=log, stderr=log)
    os.sched_setaffinity(process.pid, cores)  # it has one thread yet; the others inherit its cores
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
