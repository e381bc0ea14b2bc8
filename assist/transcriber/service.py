"""Takes calls, schedules their legs on one compute thread, publishes, and tells the gateway how far it is.

Finals go before partials; among equals the leg that has waited longest goes first, so no call starves another.
onnxruntime releases the interpreter lock, so the event loop keeps reading audio while a decode runs.
"""

import asyncio
import dataclasses
import os
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Literal, cast

import structlog

from assist.bus import Bus
from assist.errors import BusError
from assist.events import Degraded, Heard, Language, Party, TranscriptSettled
from assist.text.polish import Polisher
from assist.transcriber.leg import Leg
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from models.asr.types import Recogniser, Urgency

_BEAT_S: Final = 0.5
_SILENT_GATEWAY_S: Final = 15.0
"""Without audio for so long, the gateway's worker is gone: close the call's books."""
_MOST_FAILURES: Final = 3
_LATE_S: Final = 2.0
_ON_TIME_S: Final = 0.5

log = structlog.get_logger(__name__)


@dataclasses.dataclass(slots=True)
class _Call:
    claim: Claim
    legs: dict[Party, Leg]
    unsubscribe: Callable[[], Coroutine[Any, Any, None]]
    last_audio: float
    waiting_since: dict[Party, float] = dataclasses.field(default_factory=dict)
    computing: int = 0
    """Steps whose results have not reached the event loop yet."""
    failures: dict[Party, int] = dataclasses.field(default_factory=dict)
    """Failed steps in a row; the compute thread's own."""
    late: bool = False


class TranscriberService:
    """One process's share of the calls. ``recognisers`` and ``polishers`` map a language to its own."""

    def __init__(
        self,
        bus: Bus,
        recognisers: Mapping[Language, Recogniser],
        *,
        calls: int,
        polishers: Mapping[Language, Polisher] | None = None,
    ) -> None:
        self.worker_id = f"t{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._bus = bus
        self._recognisers = dict(recognisers)
        self._limit = calls
        self._polishers = polishers
        self._calls: dict[str, _Call] = {}
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._live_tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._compute, name="recogniser", daemon=True)

    async def start(self) -> None:
        """Answer claims from now on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        await self._bus.serve_claims(self._on_claim)
        self._tasks = [asyncio.create_task(self._beat_for_ever(), name="transcriber-beat")]

    async def stop(self) -> None:
        """End the compute thread; calls still open are for another transcriber to take."""
        self._stopping = True
        self._work.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.join, 5)

    @property
    def calls(self) -> int:
        """Calls held now."""
        return len(self._calls)

    # --- taking a call ---------------------------------------------------------------------------------------

    async def _on_claim(self, claim: Claim) -> ClaimAnswer:
        recogniser = self._recognisers.get(cast(Language, claim.language))
        if recogniser is None:
            return ClaimAnswer(worker_id=self.worker_id, accepted=False, reason=f"no model for {claim.language}")
        if claim.call_id not in self._calls and len(self._calls) >= self._limit:
            return ClaimAnswer(worker_id=self.worker_id, accepted=False, reason="full")
        try:
            settled = await self._settled_until(claim)
        except BusError as err:
            return ClaimAnswer(worker_id=self.worker_id, accepted=False, reason=str(err))
        await self._drop(claim.call_id)
        legs = {
            party: Leg(
                claim.call_id,
                party,
                recogniser,
                language=cast(Language, claim.language),
                rate=claim.rate,
                start=claim.resume.get(party, 0),
                epoch=epoch,
                settled_until=settled.get(party, 0),
                polishers=self._polishers,
            )
            for party, epoch in claim.epoch.items()
        }
        call_id = claim.call_id

        async def on_audio(party: Party, chunk: AudioChunk) -> None:
            await self._on_audio(call_id, party, chunk)

        unsubscribe = await self._bus.follow_audio(call_id, on_audio)
        with self._lock:
            self._calls[call_id] = _Call(claim, legs, unsubscribe, time.monotonic())
        log.info("transcriber.claimed", call_id=call_id, resume=dict(claim.resume), worker=self.worker_id)
        return ClaimAnswer(worker_id=self.worker_id, accepted=True)

    async def _settled_until(self, claim: Claim) -> dict[Party, int]:
        """Where the finals that are already stored end, so that a replay says nothing twice."""
        ends: dict[Party, int] = {}
        for event in await self._bus.history(claim.call_id):
            if isinstance(event, Heard) and event.party in claim.epoch:
                sample = round((event.t1 - claim.epoch[event.party]) * claim.rate)
                ends[event.party] = max(ends.get(event.party, 0), sample)
        return ends

    async def _on_audio(self, call_id: str, party: Party, chunk: AudioChunk) -> None:
        call = self._calls.get(call_id)
        if call is None:
            return
        call.last_audio = time.monotonic()
        leg = call.legs.get(party)
        if leg is None:
            # A leg that came up after the claim (the agent answered later than the customer's early media).
            leg = Leg(
                call_id,
                party,
                self._recognisers[cast(Language, call.claim.language)],
                language=cast(Language, call.claim.language),
                rate=chunk.rate,
                start=chunk.start,
                epoch=chunk.epoch,
            )
        if chunk.replay and chunk.samples and chunk.start + chunk.samples <= leg.fed:
            # Audio we had is sent again and we did not ask: the gateway took us for dead, another has the call now.
            log.warning("transcriber.call_taken_over", call_id=call_id)
            await self._drop(call_id)
            return
        with self._lock:
            call.legs[party] = leg
            leg.feed(chunk)
        self._work.set()

    async def _drop(self, call_id: str) -> None:
        with self._lock:
            call = self._calls.pop(call_id, None)
        if call is not None:
            await call.unsubscribe()

    # --- compute thread --------------------------------------------------------------------------------------

    def _compute(self) -> None:
        while not self._stopping:
            chosen = self._most_urgent()
            if chosen is None:
                self._work.wait(0.02)
                self._work.clear()
                continue
            call_id, call, party, leg = chosen
            try:
                heard = leg.step()
                call.failures.pop(party, None)
            except Exception:
                # One leg's bad luck must not end the others. A stream tries a failed decode again; one that fails
                # every time would do so for ever.
                log.exception("transcriber.step_failed", call_id=call_id, party=party)
                heard = []
                call.failures[party] = call.failures.get(party, 0) + 1
                if call.failures[party] >= _MOST_FAILURES:
                    del call.failures[party]
                    with self._lock:
                        leg.restart()
            with self._lock:
                call.waiting_since.pop(party, None)
            self._loop.call_soon_threadsafe(self._on_step_done, call_id, call, leg, heard)

    def _most_urgent(self) -> tuple[str, _Call, Party, Leg] | None:
        with self._lock:
            now = time.monotonic()
            best: tuple[tuple[int, float], tuple[str, _Call, Party, Leg]] | None = None
            for call_id, call in self._calls.items():
                for party, leg in call.legs.items():
                    was_settled = leg.settled
                    urgency = leg.urgency()
                    if urgency is Urgency.NONE:
                        if leg.settled and not was_settled:
                            self._loop.call_soon_threadsafe(self._settle_if_done, call_id)
                        continue
                    waited = now - call.waiting_since.setdefault(party, now)
                    rank = (int(urgency), waited)
                    if best is None or rank > best[0]:
                        best = (rank, (call_id, call, party, leg))
            if best is None:
                return None
            best[1][1].computing += 1
            return best[1]

    def _on_step_done(self, call_id: str, call: _Call, leg: Leg, heard: list[Heard]) -> None:
        for event in heard:
            self._publish(leg, event)
        with self._lock:
            call.computing -= 1
        self._settle_if_done(call_id)

    def _publish(self, leg: Leg, heard: Heard) -> None:
        if not heard.final:
            self._keep(self._bus.send_live(heard))
            return

        def stored() -> None:
            leg.stored(heard)
            self._settle_if_done(heard.call_id)

        self._bus.send(heard, dedup=heard.utterance_id, stored=stored)

    # --- heartbeat -------------------------------------------------------------------------------------------

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            now = time.monotonic()
            lag = 0.0
            for call_id, call in list(self._calls.items()):
                waits = [now - since for since in list(call.waiting_since.values())]
                lag = max([lag, *waits])
                self._report_lateness(call_id, call, max(waits, default=0.0))
                if now - call.last_audio > _SILENT_GATEWAY_S:
                    for leg in call.legs.values():
                        leg.finish()
                    self._work.set()
            done = {
                call_id: {party: leg.done for party, leg in call.legs.items()} for call_id, call in self._calls.items()
            }
            await self._bus.send_beat(Beat(worker_id=self.worker_id, done=done, lag=lag))
            for call_id in list(self._calls):
                self._settle_if_done(call_id)

    def _report_lateness(self, call_id: str, call: _Call, wait: float) -> None:
        if not call.late and wait > _LATE_S:
            call.late = True
            self._degraded(call_id, "late", f"{wait:.0f} s behind")
        elif call.late and wait < _ON_TIME_S:
            call.late = False
            self._degraded(call_id, "ok", "")

    def _degraded(self, call_id: str, level: Literal["late", "ok"], detail: str) -> None:
        self._bus.send(Degraded(call_id=call_id, at=time.time(), component="recogniser", level=level, detail=detail))

    def _settle_if_done(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is None or call.computing or not call.legs:
            return
        if all(leg.settled and leg.done >= leg.fed for leg in call.legs.values()):
            with self._lock:
                del self._calls[call_id]
            lost = sum(leg.lost for leg in call.legs.values())
            log.info("transcriber.settled", call_id=call_id, lost_samples=lost)
            self._bus.send(TranscriptSettled(call_id=call_id, at=time.time()), dedup="settled")
            self._keep(call.unsubscribe())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        # Referenced until done: the loop itself keeps only weak references.
        task = self._loop.create_task(work)
        self._live_tasks.add(task)
        task.add_done_callback(self._live_tasks.discard)
