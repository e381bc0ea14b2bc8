"""Real calls at real time through the whole stack, and what a screen saw of them and when.

Phones, gateway, broker, recogniser, assist core and hub are the product's own processes; the observer is a WebSocket
client with a team lead's token. The start of each recording on the leg's media clock is found by correlation, so a
latency counts from the moment a word's last sample reached the gateway's media port. Everything runs on one machine
and so on one clock.
"""

import asyncio
import contextlib
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from assist import config, wire
from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.demo.conversation import Conversation, load
from assist.demo.run import choose_ports
from assist.events import CallEnded, CallStarted, CaseSaved, Event, Language, Party
from assist.hub.auth import TokenStore
from assist.stack.up import Stack
from assist.wire import AudioChunk

_RATE: Final = 8000
_CALLS_PER_GATEWAY: Final = 2
PARTIES: Final[tuple[Party, ...]] = ("customer", "agent")


@dataclass(slots=True)
class LegAudio:
    """What the gateway published of one leg."""

    epoch: float = 0.0
    chunks: list[AudioChunk] = field(default_factory=list)

    def samples(self) -> NDArray[np.int16]:
        """The leg on its media clock; what never arrived is silence."""
        length = max((chunk.start + chunk.samples for chunk in self.chunks), default=0)
        pcm = np.zeros(length, np.int16)
        for chunk in self.chunks:
            pcm[chunk.start : chunk.start + chunk.samples] = np.frombuffer(chunk.pcm, "<i2")
        return pcm


@dataclass(slots=True)
class LiveCall:
    """One call as it was seen: ``seen`` holds each event with the UTC second at which the client had it."""

    call_id: str
    conversation: Conversation
    seen: list[tuple[float, Event]] = field(default_factory=list)
    audio: dict[Party, LegAudio] = field(default_factory=dict)

    def file_start(self, party: Party) -> float:
        """UTC second at which sample 0 of the leg's recording reached the gateway's media port."""
        leg = self.audio[party]
        return leg.epoch + find_offset(leg.samples(), read_wav(self.conversation.wav(party))) / _RATE

    def ended_at(self) -> float:
        """UTC second at which the gateway saw the call end."""
        return next(event.at for _, event in self.seen if isinstance(event, CallEnded))


def read_wav(path: Path) -> NDArray[np.int16]:
    """Samples of a 16-bit mono WAV file."""
    import wave

    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def find_offset(heard: NDArray[np.int16], played: NDArray[np.int16]) -> int:
    """Sample of ``heard`` at which ``played`` begins, by the peak of their cross-correlation."""
    size = 1 << math.ceil(math.log2(len(heard) + len(played)))
    spectrum = np.fft.rfft(heard.astype(np.float32), size) * np.conj(np.fft.rfft(played.astype(np.float32), size))
    lag = int(np.fft.irfft(spectrum, size).argmax())
    return lag if lag < len(heard) else lag - size


async def run_calls(language: Language, calls: int, *, stagger_s: float = 1.7) -> list[LiveCall]:
    """Place ``calls`` calls, ``stagger_s`` apart so that they do not speak in step, and watch them to the end."""
    folder = Path(tempfile.mkdtemp(prefix="apuntador-bench-"))
    try:
        settings, path, phones = _write_settings(folder, language, calls)
        stack = Stack(settings, config_path=path, on_status=lambda line: None, log_dir=folder / "logs")
        await stack.start()
        try:
            async with _observer(settings, load(language), calls) as watched:
                await asyncio.gather(
                    *(_place(settings, language, index, port, stagger_s) for index, port in enumerate(phones))
                )
                await watched.all_saved(30)
                return list(watched.calls.values())
        finally:
            await stack.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_settings(folder: Path, language: Language, calls: int) -> tuple[Settings, Path, list[int]]:
    ports = choose_ports()
    phones = [choose_ports().agent_phone for _ in range(calls)]
    lines = [
        f'language = "{language}"',
        f'data_dir = "{folder}"',
        f'models_dir = "{Settings().models_path}"',
        f"[gateway]\nport = {ports.sip}\nworkers = {math.ceil(calls / _CALLS_PER_GATEWAY)}\nrtp_start = {ports.rtp}",
        f'[asr]\nlanguages = ["{language}"]',
        f"[hub]\nport = {ports.hub}",
        '[log]\nlevel = "warning"',
    ]
    for index, phone in enumerate(phones):
        lines.append(
            f'[[trunk]]\nname = "bench{index}"\nallow = ["127.0.1.{index + 1}/32"]\n'
            f'language = "{language}"\nagent = "a{index}"'
        )
        lines.append(f'[[agent]]\nid = "a{index}"\nsip = "sip:a{index}@127.0.0.1:{phone}"')
    path = folder / "apuntador.toml"
    path.write_text("\n".join(lines))
    return config.load(path), path, phones


async def _place(settings: Settings, language: Language, index: int, phone: int, stagger_s: float) -> None:
    conversation = load(language)
    agent = await _phone("--port", str(phone), "--answer", "--play", str(conversation.wav("agent")))
    assert agent.stdout is not None
    await agent.stdout.readline()
    await asyncio.sleep(index * stagger_s)
    sip = settings.gateway.port + index // _CALLS_PER_GATEWAY
    customer = await _phone(
        "--bind", f"127.0.1.{index + 1}", "--port", str(phone),
        "--call", f"sip:100@127.0.0.1:{sip}", "--play", str(conversation.wav("customer")), "--hang-up",
    )  # fmt: skip
    try:
        code = await asyncio.wait_for(customer.wait(), conversation.duration + 30)
        if code != 0:
            raise RuntimeError(f"call {index} was not answered")
        await asyncio.wait_for(agent.wait(), 10)
    finally:
        for process in (customer, agent):
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def _phone(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.endpoint.phone", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


class _Watched:
    def __init__(self, bus: Bus, conversation: Conversation, expected: int) -> None:
        self.calls: dict[str, LiveCall] = {}
        self._bus = bus
        self._conversation = conversation
        self._expected = expected

    async def on_event(self, event: Event) -> None:
        now = time.time()
        if isinstance(event, CallStarted) and event.call_id not in self.calls:
            call = LiveCall(event.call_id, self._conversation)
            self.calls[event.call_id] = call
            await self._bus.follow_audio(event.call_id, lambda party, chunk: self._on_audio(call, party, chunk))
        if event.call_id in self.calls:
            self.calls[event.call_id].seen.append((now, event))

    async def _on_audio(self, call: LiveCall, party: Party, chunk: AudioChunk) -> None:
        leg = call.audio.setdefault(party, LegAudio())
        leg.epoch = chunk.epoch
        leg.chunks.append(chunk)

    def saved(self) -> int:
        return sum(any(isinstance(event, CaseSaved) for _, event in call.seen) for call in self.calls.values())

    async def all_saved(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self.saved() < self._expected:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.saved()} of {self._expected} cases were saved in {timeout:g} s")
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _observer(settings: Settings, conversation: Conversation, expected: int) -> AsyncIterator[_Watched]:
    bus = Bus(BusAddress.load(settings.bus_file), name="bench")
    await bus.start()
    await bus.ready()
    watched = _Watched(bus, conversation, expected)
    token, _ = TokenStore.in_dir(settings.data_dir).create("lead", "bench", days=1)
    url = f"ws://{settings.hub.bind}:{settings.hub.port}"
    async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        await socket.send(json.dumps({"op": "watch", "call_id": "*", "since": 0}))

        async def read() -> None:
            async for message in socket:
                frame = json.loads(message)
                if frame["op"] == "event":
                    await watched.on_event(wire.decode(json.dumps(frame["event"])))
                elif frame["op"] == "snapshot":
                    for raw in frame["events"]:
                        await watched.on_event(wire.decode(json.dumps(raw)))

        reader = asyncio.create_task(read())
        try:
            yield watched
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await bus.close()
