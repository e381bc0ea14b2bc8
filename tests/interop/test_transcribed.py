"""Calls from sipp and from baresip, heard by the real recogniser: each party's words on its own leg."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from assist.bus import Bus
from assist.config import Settings
from assist.demo.conversation import load
from assist.events import CallStarted, Event, Heard, Party, TranscriptSettled
from bench.g711 import from_ulaw, to_ulaw
from bench.live import read_wav
from bench.text import normalise
from tests.interop import audio
from tests.interop.audio import Pcm
from tests.interop.baresip import Baresip
from tests.interop.conftest import need
from tests.interop.rig import Gateway, Process, Sipp, agent, caller, play
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port
from tests.support import RealBroker, eventually

pytestmark = [pytest.mark.interop, pytest.mark.models]

SECONDS = 16
"""The agent's greeting and the customer's complaint: one long turn each."""
EXPECTED: dict[Party, set[str]] = {
    "agent": {"cordillera", "llamada", "grabada", "calidad"},
    "customer": {"molesto", "cobraron", "factura", "respuesta"},
}


class Witness:
    """Keeps every stored event and takes no call."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.events: list[Event] = []

    async def start(self) -> None:
        await self.bus.start()
        await self.bus.ready()
        await self.bus.follow(self._on_event)

    async def _on_event(self, event: Event) -> None:
        self.events.append(event)

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    def words(self, party: Party) -> list[str]:
        """What the party's finals say, in order."""
        finals = [e for e in self.events if isinstance(e, Heard) and e.final and e.party == party]
        return normalise(" ".join(e.text for e in sorted(finals, key=lambda e: e.t0)), "es")


@pytest_asyncio.fixture
async def witness(real_broker: RealBroker) -> AsyncIterator[Witness]:
    found = Witness(Bus(real_broker.address, name="witness"))
    await found.start()
    yield found
    await found.bus.close(0.1)


@pytest.fixture
def transcriber(tmp_path: Path, gateway: Gateway, processes: list[Process]) -> Process:
    """The product's transcriber process, Spanish only, beside the gateway's worker."""
    started = Process(
        [sys.executable, "-m", "assist.transcriber.worker", "--config", str(gateway.config)],
        tmp_path / "transcriber",
        cwd=Path(__file__).parents[2],
        env={
            "APUNTADOR_MODELS_DIR": os.environ.get("APUNTADOR_MODELS_DIR") or str(Settings().models_path),
            "APUNTADOR_ASR__LANGUAGES": '["es"]',
        },
    )
    processes.append(started)
    return started


def speech(party: Party) -> Pcm:
    """The beginning of the demo's recording of one leg."""
    return np.asarray(read_wav(load("es").wav(party))[: SECONDS * audio.RATE], np.int16)


def spoken(party: Party) -> Pcm:
    """The part of :func:`speech` in which the party speaks, once through µ-law."""
    turn = load("es").spoken_by(party)[0]
    pcm = speech(party)[round(turn.t0 * audio.RATE) : round(turn.t1 * audio.RATE)]
    return from_ulaw(to_ulaw(pcm))


@pytest.fixture
def agent_end() -> Iterator[RtpEnd]:
    end = RtpEnd(speech("agent"))
    yield end
    end.close()


def check_words(witness: Witness) -> None:
    for party, other in (("customer", "agent"), ("agent", "customer")):
        said = witness.words(party)  # type: ignore[arg-type]
        assert len(EXPECTED[party] & set(said)) >= 3, f"{party}: {said}"  # type: ignore[index]
        assert not EXPECTED[other] & set(said), f"{other}'s words on the leg of {party}: {said}"  # type: ignore[index]


async def test_a_call_from_sipp_is_transcribed_leg_by_leg(
    tmp_path: Path, gateway: Gateway, transcriber: Process, witness: Witness, processes: list[Process]
) -> None:
    await eventually(lambda: "transcriber.ready" in transcriber.text(), 60, "the recogniser")
    files = {party: audio.write_ulaw(tmp_path / f"{party}.ulaw", speech(party)) for party in EXPECTED}
    phone = Sipp(tmp_path, agent(tmp_path, PLAY=play(files["agent"])), port=gateway.agent_port)
    processes.append(phone)
    customer = Sipp(
        tmp_path,
        caller(tmp_path, PLAY=play(files["customer"]), TALK_MS=SECONDS * 1000),
        port=sip_port(),
        to=gateway.port,
    )
    processes.append(customer)
    await asyncio.to_thread(customer.check, SECONDS + 15)
    await eventually(lambda: witness.has(TranscriptSettled), 20, "the settled transcript")
    check_words(witness)


async def test_a_call_from_baresip_is_transcribed_and_both_hear_each_other(
    tmp_path: Path,
    gateway: Gateway,
    transcriber: Process,
    witness: Witness,
    processes: list[Process],
    agent_end: RtpEnd,
) -> None:
    need("baresip")
    await eventually(lambda: "transcriber.ready" in transcriber.text(), 60, "the recogniser")
    phone = Sipp(tmp_path, agent(tmp_path, RTP_PORT=agent_end.port), port=gateway.agent_port)
    processes.append(phone)
    # baresip hangs up at its file's end.
    customer = Baresip(
        tmp_path, sip_port(), speech("customer"), extra=("-e", f"/dial sip:900@127.0.0.1:{gateway.port}")
    )
    processes.append(customer)
    await eventually(lambda: witness.has(CallStarted), 10, "the call")
    await eventually(lambda: witness.has(TranscriptSettled), SECONDS + 40, "the settled transcript")
    await asyncio.to_thread(phone.check)
    customer.end()
    check_words(witness)
    assert audio.share_heard(customer.heard(), spoken("agent"), limit=0.9) >= audio.HEARD
    assert audio.share_heard(agent_end.pcm(), spoken("customer"), limit=0.9) >= audio.HEARD
