"""Takes calls, serves their legs on one compute thread, publishes, and tells the gateway how far it is.

Who is served next is :mod:`assist.transcriber.schedule`'s business, how well each call is served
:mod:`assist.transcriber.admission`'s. onnxruntime releases the interpreter lock, so the event loop keeps reading audio
while a decode runs.
"""

import asyncio
import dataclasses
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias, cast

import structlog

from assist.bus import Bus
from assist.errors import BusError, WireError
from assist.events import CallLanguage, Degraded, DegradedLevel, Event, Heard, Language, Party, TranscriptSettled
from assist.process import EXIT_RETRY, end_tasks
from assist.text.polish import Polisher
from assist.transcriber.admission import Admission, AdmissionConfig
from assist.transcriber.leg import Leg, introduce
from assist.transcriber.schedule import Level, Schedule, turn
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer, ServiceLevel
from models.asr.types import Recogniser
from models.errors import ModelsError

_BEAT_S: Final = 0.5
_SILENT_GATEWAY_S: Final = 15.0
"""Without audio for so long, the gateway's worker is gone: close the call's books."""
_HANG_S: Final = 10.0
"""A step that runs for so long will not come back; the worst real one takes a second."""
_TELL_EVERY_S: Final = 10.0
"""How often a screen hears by how much a late call is late now."""
_PEER_S: Final = 2.0
_IDLE_S: Final = 0.05
_LOOK_S: Final = 0.01
"""Seconds between two looks at what is due, while nothing or only finals are."""
_MOST_ASKS: Final = 10
"""So often a call is left to a transcriber that has more room; then it is taken as well as can be."""
_LEVELS: Final[Mapping[Level, ServiceLevel]] = {Level.FULL: "full", Level.FINALS: "finals", Level.LATE: "late"}

_Key: TypeAlias = tuple[str, Party]

log = structlog.get_logger(__name__)


@dataclasses.dataclass(slots=True)
class _Call:
    claim: Claim
    legs: dict[Party, Leg]
    unsubscribe: Callable[[], Coroutine[Any, Any, None]]
    last_audio: float
    told: DegradedLevel
    """What the call's screens know of the recogniser."""
    told_at: float = 0.0
    told_lag: float = 0.0
    computing: int = 0
    """Steps whose results have not reached the event loop yet."""


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """How busy a transcriber is: see :class:`assist.wire.Beat`."""

    calls: Mapping[ServiceLevel, int]
    load: float
    lag: float


class TranscriberService:
    """One process's share of the calls.

    Args:
        bus: connected to the broker.
        recognisers: language of a call → loaded recogniser.
        calls: most calls held at a time, late ones included: a bound on memory.
        polishers: language → what writes its finals for people; without one they stay as recognised.
        admission: when calls are served less than fully.
        hang_s: seconds after which a step counts as hanging.
        on_hang: called on the event loop then; by default it ends the process, for nothing else ends a thread.
    """

    def __init__(
        self,
        bus: Bus,
        recognisers: Mapping[CallLanguage, Recogniser],
        *,
        calls: int,
        polishers: Mapping[Language, Polisher] | None = None,
        admission: AdmissionConfig | None = None,
        hang_s: float = _HANG_S,
        on_hang: Callable[[], None] | None = None,
    ) -> None:
        self.worker_id = f"t{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._bus = bus
        self._recognisers = dict(recognisers)
        self._limit = calls
        self._polishers = polishers
        self._hang_s = hang_s
        self._on_hang = on_hang or _end_process
        self._calls: dict[str, _Call] = {}
        self._admission = Admission(admission)
        self._schedule: Schedule[_Key] = Schedule()
        self._peers: dict[str, tuple[ServiceLevel | None, float]] = {}
        self._looked = 0.0
        self._step: tuple[str, Party, float] | None = None
        self._restarts = 0
        self._lost_s = 0.0
        """Of calls that are over."""
        self._lock = threading.Lock()
        """Guards calls, their tapes, admission and schedule against the compute thread."""
        self._work = threading.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._live_tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._compute, name="recogniser", daemon=True)

    async def start(self) -> None:
        """Answer claims from now on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        await self._bus.follow_beats(self._on_beat)
        await self._bus.serve_claims(self._on_claim)
        self._tasks = [asyncio.create_task(self._beat_for_ever(), name="transcriber-beat")]

    async def stop(self) -> None:
        """End the compute thread; calls still open are for another transcriber to take."""
        self._stopping = True
        self._work.set()
        await end_tasks(self._tasks)
        await asyncio.to_thread(self._thread.join, 5)

    @property
    def calls(self) -> int:
        """Calls held now."""
        return len(self._calls)

    @property
    def load(self) -> Load:
        """How busy it is now."""
        now = time.monotonic()
        with self._lock:
            counts = self._admission.counts()
            lag = max((self._lag(call_id, call, now) for call_id, call in self._calls.items()), default=0.0)
            return Load({_LEVELS[level]: count for level, count in counts.items()}, self._admission.load(now), lag)

    # --- taking a call ---------------------------------------------------------------------------------------

    async def _on_claim(self, claim: Claim) -> ClaimAnswer:
        recogniser = self._recognisers.get(cast(CallLanguage, claim.language))
        if recogniser is None:
            return self._decline(f"no model for {claim.language}")
        if claim.call_id not in self._calls:
            if len(self._calls) >= self._limit:
                return self._decline("full", elsewhere=self._anyone_above(None))
            if claim.attempt < _MOST_ASKS and self._anyone_above(self._next_level()):
                return self._decline("another has more room", elsewhere=True)
        try:
            history = await self._bus.history(claim.call_id)
        except BusError as err:
            return self._decline(str(err))
        settled, told = _settled_until(claim, history), _told(history)
        try:
            legs = {
                party: self._leg(
                    claim, party, claim.rate, claim.resume.get(party, 0), epoch, settled_until=settled.get(party, 0)
                )
                for party, epoch in claim.epoch.items()
            }
        except ModelsError as err:
            return self._decline(str(err))
        await self._unfollow(claim.call_id)
        call_id = claim.call_id

        async def on_audio(party: Party, chunk: AudioChunk) -> None:
            await self._on_audio(call_id, party, chunk)

        unsubscribe = await self._bus.follow_audio(call_id, on_audio)
        with self._lock:
            level = self._admission.take(call_id, time.monotonic())
            if told == "down":
                # The gateway says what has become of it, from our answer.
                told = _degraded_level(level)
            self._calls[call_id] = _Call(claim, legs, unsubscribe, time.monotonic(), told)
        log.info(
            "transcriber.claimed",
            call_id=call_id,
            resume=dict(claim.resume),
            level=_LEVELS[level],
            worker=self.worker_id,
        )
        return ClaimAnswer(worker_id=self.worker_id, accepted=True, level=_LEVELS[level])

    def _decline(self, reason: str, *, elsewhere: bool = False) -> ClaimAnswer:
        return ClaimAnswer(worker_id=self.worker_id, accepted=False, reason=reason, elsewhere=elsewhere)

    def _next_level(self) -> Level | None:
        """Of a call that would come now; None: it would not be taken."""
        if len(self._calls) >= self._limit:
            return None
        with self._lock:
            return self._admission.level_for_next(time.monotonic())

    def _anyone_above(self, level: Level | None) -> bool:
        """Whether another transcriber would serve a call better."""
        recent = time.monotonic() - _PEER_S
        mine = -1 if level is None else level
        ranks = {name: rank for rank, name in _LEVELS.items()}
        return any(offer is not None and ranks[offer] > mine and at >= recent for offer, at in self._peers.values())

    async def _on_beat(self, beat: Beat) -> None:
        now = time.monotonic()
        if beat.worker_id != self.worker_id:
            self._peers[beat.worker_id] = beat.next_level, now
        for worker_id in [known for known, (_, at) in self._peers.items() if now - at > _PEER_S]:
            del self._peers[worker_id]

    def _leg(self, claim: Claim, party: Party, rate: int, start: int, epoch: float, *, settled_until: int = 0) -> Leg:
        return Leg(
            claim.call_id,
            party,
            self._recognisers[cast(CallLanguage, claim.language)],
            rate=rate,
            start=start,
            epoch=epoch,
            settled_until=settled_until,
            polishers=self._polishers,
        )

    async def _on_audio(self, call_id: str, party: Party, chunk: AudioChunk) -> None:
        call = self._calls.get(call_id)
        if call is None:
            return
        call.last_audio = time.monotonic()
        leg = call.legs.get(party)
        if leg is None:
            # A leg that came up after the claim (the agent answered later than the customer's early media).
            try:
                leg = self._leg(call.claim, party, chunk.rate, chunk.start, chunk.epoch)
            except ModelsError as err:
                log.warning("transcriber.audio_refused", call_id=call_id, party=party, error=str(err))
                return
        if chunk.replay and chunk.samples and chunk.start + chunk.samples <= leg.fed:
            # Audio we had is sent again and we did not ask: the gateway took us for dead, another has the call now.
            log.warning("transcriber.call_taken_over", call_id=call_id)
            await self._unfollow(call_id)
            with self._lock:
                self._admission.drop(call_id)
            return
        with self._lock:
            call.legs[party] = leg
            introduce(call.legs.values())
            taken = leg.feed(chunk)
        if not taken and leg.refused == 1:
            log.warning(
                "transcriber.audio_refused", call_id=call_id, party=party, rate=chunk.rate, expected_rate=leg.rate
            )
        self._work.set()

    async def _unfollow(self, call_id: str) -> None:
        with self._lock:
            call = self._forget(call_id)
        if call is not None:
            await call.unsubscribe()

    def _forget(self, call_id: str) -> _Call | None:
        call = self._calls.pop(call_id, None)
        if call is not None:
            self._lost_s += _lost(call)
            self._restarts += sum(leg.restarts for leg in call.legs.values())
            for party in call.legs:
                self._schedule.remove((call_id, party))
        return call

    # --- compute thread --------------------------------------------------------------------------------------

    def _compute(self) -> None:
        while not self._stopping:
            with self._lock:
                chosen = self._choose()
            if chosen is None:
                self._work.wait(_IDLE_S)
                self._work.clear()
                # Every chunk of every leg wakes this: without a pause looking around would be most of the work.
                time.sleep(max(0.0, self._looked + _LOOK_S - time.monotonic()))
                continue
            (call_id, party), call, leg, partial = chosen
            began = time.monotonic()
            self._step = (call_id, party, began)
            heard: list[Heard] = []
            try:
                heard = leg.step()
            except Exception as err:
                with self._lock:
                    self._remedy(leg, err)
            self._step = None
            now = time.monotonic()
            with self._lock:
                self._admission.spent(call_id, now - began, now, partial=partial)
            self._loop.call_soon_threadsafe(self._on_step_done, call_id, call, leg, heard)

    def _choose(self) -> tuple[_Key, _Call, Leg, bool] | None:
        now = time.monotonic()
        key = self._schedule.next()
        # A final that was due a moment ago still is; what counts for less waits for a look at what is due now.
        if key is None or now - self._looked >= _LOOK_S or not self._schedule.is_final(key):
            self._look_around(now)
            key = self._schedule.next()
        if key is None:
            return None
        self._schedule.served(key)
        call = self._calls[key[0]]
        call.computing += 1
        leg = call.legs[key[1]]
        return key, call, leg, leg.next_is_partial

    def _look_around(self, now: float) -> None:
        self._looked = now
        for call_id, call in self._calls.items():
            level = self._admission.level(call_id)
            for party, leg in call.legs.items():
                was_settled = leg.settled
                try:
                    urgency = leg.urgency(self._admission.pace)
                    due = turn(urgency, level, mute=leg.mute)
                except Exception as err:
                    self._remedy(leg, err)
                    due = None
                self._schedule.offer((call_id, party), due, now)
                if leg.settled and not was_settled:
                    self._loop.call_soon_threadsafe(self._settle_if_done, call_id)

    def _remedy(self, leg: Leg, err: Exception) -> None:
        """One leg's bad luck must not end the others."""
        # Only the error's type: its text may quote what somebody said.
        told = {"call_id": leg.call_id, "party": leg.party, "error": type(err).__name__}
        try:
            log.error("transcriber.step_failed", remedy=leg.failed(), **told)
        except Exception as fatal:
            leg.abandon()
            log.error("transcriber.leg_abandoned", cause=type(fatal).__name__, **told)

    # --- what came of a step -----------------------------------------------------------------------------------

    def _on_step_done(self, call_id: str, call: _Call, leg: Leg, heard: list[Heard]) -> None:
        for event in heard:
            try:
                self._publish(leg, event)
            except (BusError, WireError) as err:
                log.error("transcriber.text_lost", call_id=call_id, party=leg.party, error=type(err).__name__)
                if event.final:
                    leg.stored(event)
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

    def _settle_if_done(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is None or call.computing or not call.legs:
            return
        if not all(leg.settled and leg.done >= leg.fed for leg in call.legs.values()):
            return
        with self._lock:
            self._forget(call_id)
            self._admission.drop(call_id)
        log.info("transcriber.settled", call_id=call_id, lost_s=round(_lost(call), 2))
        if call.told != "ok":
            self._tell(call_id, call, "ok", 0.0, time.monotonic())
        self._bus.send(TranscriptSettled(call_id=call_id, at=time.time()), dedup="settled")
        self._keep(call.unsubscribe())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        # Referenced until done: the loop itself keeps only weak references.
        task = self._loop.create_task(work)
        self._live_tasks.add(task)
        task.add_done_callback(self._live_tasks.discard)

    # --- heartbeat -------------------------------------------------------------------------------------------

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                self._watch_step()
                self._review()
                await self._bus.send_beat(self._beat())
            except Exception:
                # Without a beat the gateway takes every call away.
                log.exception("transcriber.beat_failed")
            for call_id in list(self._calls):
                self._settle_if_done(call_id)

    def _watch_step(self) -> None:
        step = self._step
        if not self._thread.is_alive() and not self._stopping:
            log.critical("transcriber.compute_thread_died")
            self._on_hang()
        if step is not None and time.monotonic() - step[2] > self._hang_s:
            call_id, party, began = step
            log.critical(
                "transcriber.engine_hangs", call_id=call_id, party=party, after_s=round(time.monotonic() - began, 1)
            )
            self._on_hang()

    def _review(self) -> None:
        """Measure how late each call is, let the admission judge, and tell the screens what has changed."""
        now = time.monotonic()
        with self._lock:
            worst = 0.0
            for call_id, call in self._calls.items():
                self._admission.lags(call_id, self._lag(call_id, call, now), now)
                if self._admission.level(call_id) is not Level.LATE:
                    worst = max([worst, *(self._schedule.waited((call_id, party), now) for party in call.legs)])
            changed = self._admission.review(now, worst)
            if changed is not None:
                log.warning(
                    "transcriber.level",
                    call_id=changed,
                    level=_LEVELS[self._admission.level(changed)],
                    load=round(self._admission.load(now), 2),
                    wait_s=round(worst, 2),
                )
            if any(now - call.last_audio > _SILENT_GATEWAY_S for call in self._calls.values()):
                self._close_books(now)
            news = [(call_id, call, *self._state(call_id, call, now)) for call_id, call in self._calls.items()]
        for call_id, call, state, lag in news:
            fresh = state != call.told
            if state == "late" and now - call.told_at >= _TELL_EVERY_S:
                fresh |= abs(lag - call.told_lag) >= 1.0
            if fresh:
                self._tell(call_id, call, state, lag, now)

    def _close_books(self, now: float) -> None:
        for call in self._calls.values():
            if now - call.last_audio > _SILENT_GATEWAY_S:
                for leg in call.legs.values():
                    leg.finish()
        self._work.set()

    def _state(self, call_id: str, call: _Call, now: float) -> tuple[DegradedLevel, float]:
        lag = self._lag(call_id, call, now)
        if self._admission.behind(call_id):
            return "late", lag
        if any(leg.abandoned or (leg.stalled and not leg.settled) for leg in call.legs.values()):
            return "stalled", lag
        return _degraded_level(self._admission.level(call_id)), lag

    def _lag(self, call_id: str, call: _Call, now: float) -> float:
        """Seconds by which the call's text is late: audio not yet listened to, or a final that waits."""
        waits = [self._schedule.waited((call_id, party), now) for party in call.legs]
        return max([0.0, *waits, *(leg.lag for leg in call.legs.values())])

    def _tell(self, call_id: str, call: _Call, level: DegradedLevel, lag: float, now: float) -> None:
        call.told, call.told_at, call.told_lag = level, now, lag
        lost = 0.0 if level == "ok" else round(_lost(call), 1)
        log.warning("transcriber.told", call_id=call_id, level=level, lag_s=round(lag, 1), lost_s=lost)
        self._bus.send(
            Degraded(
                call_id=call_id,
                at=time.time(),
                component="recogniser",
                level=level,
                detail="",
                lag_s=round(lag, 1) if level == "late" else 0.0,
                lost_s=lost,
            )
        )

    def _beat(self) -> Beat:
        load, offer = self.load, self._next_level()
        return Beat(
            worker_id=self.worker_id,
            done={
                call_id: {party: leg.done for party, leg in call.legs.items()} for call_id, call in self._calls.items()
            },
            lag=load.lag,
            load=load.load,
            calls=dict(load.calls),
            next_level=None if offer is None else _LEVELS[offer],
            restarts=self._restarts + sum(leg.restarts for call in self._calls.values() for leg in call.legs.values()),
            lost_s=self._lost_s + sum(map(_lost, self._calls.values())),
        )


def _settled_until(claim: Claim, history: list[Event]) -> dict[Party, int]:
    """Where the finals that are already stored end, so that a replay says nothing twice."""
    ends: dict[Party, int] = {}
    for event in history:
        if isinstance(event, Heard) and event.party in claim.epoch:
            sample = round((event.t1 - claim.epoch[event.party]) * claim.rate)
            ends[event.party] = max(ends.get(event.party, 0), sample)
    return ends


def _told(history: list[Event]) -> DegradedLevel:
    """What the call's screens have last been told of the recogniser."""
    told = [event for event in history if isinstance(event, Degraded) and event.component == "recogniser"]
    return told[-1].level if told else "ok"


def _degraded_level(level: Level) -> DegradedLevel:
    # Late is said of what is late, not of what may become so.
    return "ok" if level is Level.FULL else "reduced"


def _lost(call: _Call) -> float:
    """Seconds of a call's audio that came, or should have, and will never be transcribed."""
    return sum(leg.lost / leg.rate for leg in call.legs.values())


def _end_process() -> None:
    """The hanging thread can't be ended and the process with it: the supervisor starts another, the gateway replays."""
    sys.stderr.flush()
    os._exit(EXIT_RETRY)
