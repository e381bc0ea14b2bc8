"""Real calls at real time through the whole stack, and what a screen saw of them and when.

Phones, gateway, broker, recogniser, assist core and hub are the product's own processes; the observer is a WebSocket
client with a team lead's token. The start of each recording on the leg's media clock is found by correlation, so a
latency counts from the moment a word's last sample reached the gateway's media port. Everything runs on one machine
and so on one clock.
"""

import asyncio
import contextlib
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

from assist import config
from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.demo.conversation import Conversation, load
from assist.demo.run import choose_ports
from assist.events import CallEnded, CallStarted, CaseSaved, Event, Language, Party
from assist.hub.auth import TokenStore
from assist.stack.up import Stack
from assist.wire import AudioChunk
from tui.client import HubClient
from tui.frames import Frame, Incoming, Snapshot

_RATE: Final = 8000
_CALLS_PER_GATEWAY: Final = 2


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

    def saved(self) -> bool:
        """Whether the case history has the call."""
        return any(isinstance(event, CaseSaved) for _, event in self.seen)


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
        async with live_rig(folder, language, calls) as rig:
            await asyncio.gather(*(rig.place(index, after_s=index * stagger_s) for index in range(calls)))
            await rig.all_saved(30)
            return list(rig.calls.values())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def live_rig(folder: Path, language: Language, calls: int) -> AsyncIterator["LiveRig"]:
    """A running stack below ``folder`` with room for ``calls`` calls, and its observer."""
    settings, path, phones = _write_settings(folder, language, calls)
    stack = Stack(settings, config_path=path, on_status=lambda line: None, log_dir=folder / "logs")
    await stack.start()
    try:
        bus = Bus(BusAddress.of(settings), name="bench")
        await bus.start()
        await bus.ready()
        rig = LiveRig(stack, settings, bus, load(language), phones)
        token, _ = TokenStore.in_dir(settings.data_dir).create("lead", "bench", days=1)
        client = HubClient(f"ws://{settings.hub.bind}:{settings.hub.port}", token)
        watching = asyncio.create_task(client.run(rig.receive))
        try:
            yield rig
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await bus.close()
    finally:
        await stack.stop()


def _write_settings(folder: Path, language: Language, calls: int) -> tuple[Settings, Path, list[int]]:
    ports = choose_ports()
    phones = [choose_ports().agent_phone for _ in range(calls)]
    lines = [
        f'language = "{language}"',
        f'data_dir = "{folder}"',
        f'models_dir = "{Settings().models_path}"',
        '[edge]\nmode = "off"',
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


class LiveRig:
    """Places calls on a running stack and notes what the observer sees of them, and when."""

    def __init__(
        self, stack: Stack, settings: Settings, bus: Bus, conversation: Conversation, phones: list[int]
    ) -> None:
        self.stack = stack
        self.settings = settings
        self.conversation = conversation
        self.calls: dict[str, LiveCall] = {}
        self._bus = bus
        self._phones = phones
        self._following: set[asyncio.Task[object]] = set()

    async def place(self, index: int, *, after_s: float = 0.0, record: Path | None = None) -> None:
        """One call from customer ``index`` to agent ``index``; returns when it is over.

        With ``record`` what each phone hears is written there as ``customer.wav`` and ``agent.wav``.
        """
        conversation = self.conversation
        agent = await self._phone(
            "agent", record, "--port", str(self._phones[index]), "--answer", "--play", str(conversation.wav("agent"))
        )
        assert agent.stdout is not None
        await agent.stdout.readline()
        await asyncio.sleep(after_s)
        sip = self.settings.gateway.port + index // _CALLS_PER_GATEWAY
        customer = await self._phone(
            "customer", record, "--bind", f"127.0.1.{index + 1}", "--port", str(self._phones[index]),
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

    async def _phone(self, party: Party, record: Path | None, *arguments: str) -> asyncio.subprocess.Process:
        recording = ["--record", str(record / f"{party}.wav")] if record else []
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.endpoint.phone", *arguments, *recording,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    def receive(self, frame: Frame) -> None:
        """The observer's sink."""
        now = time.time()
        if isinstance(frame, Incoming):
            self._note(now, frame.event)
        elif isinstance(frame, Snapshot):
            known = {event.seq for _, event in self.calls[frame.call_id].seen} if frame.call_id in self.calls else set()
            for event in frame.events:
                if event.seq not in known:
                    self._note(now, event)

    def _note(self, now: float, event: Event) -> None:
        if isinstance(event, CallStarted) and event.call_id not in self.calls:
            self._watch_call(event.call_id)
        # System-wide events (a broker that is down) concern every call.
        for call in [self.calls[event.call_id]] if event.call_id in self.calls else self.calls.values():
            if event.call_id in ("", call.call_id):
                call.seen.append((now, event))

    def _watch_call(self, call_id: str) -> None:
        call = self.calls[call_id] = LiveCall(call_id, self.conversation)

        async def on_audio(party: Party, chunk: AudioChunk) -> None:
            leg = call.audio.setdefault(party, LegAudio())
            leg.epoch = chunk.epoch
            leg.chunks.append(chunk)

        task: asyncio.Task[object] = asyncio.create_task(self._bus.follow_audio(call_id, on_audio))
        self._following.add(task)

    async def all_saved(self, timeout: float) -> None:
        """Wait until every agent's call is in the case history.

        Raises:
            RuntimeError: it is not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while (saved := sum(call.saved() for call in self.calls.values())) < len(self._phones):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{saved} of {len(self._phones)} cases were saved in {timeout:g} s")
            await asyncio.sleep(0.1)
