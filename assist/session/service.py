"""Live sessions: events from the bus through the decision core and back to the bus.

One task hands over stored inputs in order, another partials, a third ticks; all on one loop, so a session is never
touched by two at once. What a session decides is folded at once and does not wait for the broker.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog

from assist.bus import Bus
from assist.config import Settings
from assist.decide.core import step
from assist.decide.kit import Decision, Kit, SentimentModel
from assist.decide.playbook import Playbook
from assist.decide.sentiment import LexiconBaseline
from assist.decide.state import SessionState, Stimulus, Tick
from assist.errors import BusError
from assist.events import CallStarted, Degraded, Event, Heard, Language
from assist.session.catchup import recover
from assist.session.language import call_language, undecided
from assist.session.playbooks import load_playbooks
from assist.strings import say
from assist.text.style import NumberFormat

TICK_S: Final = 0.25
KEEP_S: Final = 60.0
"""Seconds a finished session stays in memory after its last event; later ones bring it back from the broker."""
_ABANDONED_S: Final = 4 * 3600.0
_WELL_AFTER_S: Final = 30.0
_YIELD_EVERY: Final = 16

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Session:
    state: SessionState
    kit: Kit
    touched: float
    failed: dict[str, float] = field(default_factory=dict)
    """When a decider failed last, by its name; the screen has been told."""


class SessionService:
    """All live sessions of this process.

    ``playbooks`` default to the settings' files, ``sentiment`` to the lexicon baseline, ``clock`` gives seconds UTC.
    """

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        playbooks: Mapping[Language, Playbook] | None = None,
        *,
        sentiment: SentimentModel | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._playbooks = playbooks
        self._sentiment: SentimentModel = sentiment if sentiment is not None else LexiconBaseline()
        self._clock = clock
        self._kits: dict[Language, Kit] = {}
        self._sessions: dict[str, _Session] = {}
        self._ticker: asyncio.Task[None] | None = None

    @property
    def live_calls(self) -> int:
        """Sessions in memory, those just finished included."""
        return len(self._sessions)

    @property
    def unfinished(self) -> int:
        """Calls that are live, or over without their summary."""
        return sum(one.state.ended_at is None or one.state.summary is None for one in self._sessions.values())

    async def start(self) -> None:
        """Load the playbooks and take up work.

        Raises:
            ConfigError: a playbook is wrong.
            BusError: the broker does not answer within a minute.
        """
        playbooks = self._playbooks if self._playbooks is not None else load_playbooks(self._settings)
        formats: dict[Language, NumberFormat] = {
            "es": self._settings.asr.spanish_numbers,
            "en": self._settings.asr.english_numbers,
        }
        self._kits = {
            language: Kit(playbook, self._sentiment, self._settings.timezone, formats[language]).warm()
            for language, playbook in playbooks.items()
        }
        await self._bus.follow_live(self.on_partial)
        await self._bus.consume("sessions", "calls.*.in.>", self.on_event)
        self._ticker = asyncio.create_task(self._tick_for_ever(), name="session-ticks")
        log.info("session.started", playbooks={name: kit.playbook.name for name, kit in self._kits.items()})

    async def stop(self) -> None:
        """Stop ticking; the bus, which is the caller's, stops the rest when it is closed."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker

    async def on_event(self, event: Event) -> None:
        """Handle one stored input.

        Raises:
            BusError: the broker's outbox is full or its history could not be read; the event must come again.
        """
        if not event.call_id:
            return
        session = self._sessions.get(event.call_id)
        if session is None:
            if isinstance(event, Degraded):
                return
            history: list[Event] = []
            if not isinstance(event, CallStarted) or event.seq > 1:
                history = await self._bus.history(event.call_id)
            if undecided([*history, event]):
                return
            session = await self._open(event, history)
        session.touched = self._clock()
        self._step(session, event)
        # The input is acknowledged when this returns: what follows from it must be stored by then.
        await self._bus.flush()

    async def on_partial(self, event: Event) -> None:
        """Handle one partial; before the call's first stored event it is of no use."""
        session = self._sessions.get(event.call_id)
        if session is not None and isinstance(event, Heard) and not event.final:
            session.touched = self._clock()
            self._step(session, event)

    def on_tick(self, now: float) -> None:
        """Let time pass for every session and forget those that are over."""
        for call_id, session in list(self._sessions.items()):
            self._tick(call_id, session, now)

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for count, (call_id, session) in enumerate(list(self._sessions.items()), start=1):
                try:
                    self._tick(call_id, session, self._clock())
                except BusError as err:
                    log.error("session.tick_failed", call_id=call_id, error=str(err))
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)

    def _tick(self, call_id: str, session: _Session, now: float) -> None:
        if self._sessions.get(call_id) is not session:
            return
        state = session.state
        if state.live or (state.ended_at is not None and state.summary is None):
            self._step(session, Tick(now))
        self._well_again(session, now)
        idle = now - session.touched
        finished = session.state.ended_at is not None and session.state.summary is not None
        if (finished and idle >= KEEP_S) or idle >= _ABANDONED_S:
            del self._sessions[call_id]
            log.info("session.dropped", call_id=call_id, finished=finished)

    async def _open(self, event: Event, history: list[Event]) -> _Session:
        """A new session, or one that this process does not know yet because it was started after it began."""
        kit = self._kit([*history, event])
        state = SessionState(call_id=event.call_id, language=kit.playbook.language)
        session = _Session(state, kit, self._clock())
        decisions: list[Decision] = []
        try:
            session.state, decisions = recover(event.call_id, history, event, kit, self._on_failure(session))
        except Exception as err:
            # A history that can't be folded must not hold up every other call: begin anew from here.
            self._on_failure(session)("recovery", err)
        if session.state.last_input_seq:
            log.info("session.recovered", call_id=event.call_id, events=len(history), decided_again=len(decisions))
        elif not isinstance(event, CallStarted):
            log.warning("session.without_start", call_id=event.call_id, first=type(event).__name__)
        self._sessions[event.call_id] = session
        self._send(session, decisions)
        return session

    def _kit(self, events: list[Event]) -> Kit:
        language = call_language(events) or self._settings.language
        return self._kits.get(language) or next(iter(self._kits.values()))

    def _step(self, session: _Session, stimulus: Stimulus) -> None:
        try:
            session.state, decisions = step(session.state, stimulus, session.kit, on_failure=self._on_failure(session))
        except Exception as err:
            self._on_failure(session)("session", err)
            return
        self._send(session, decisions)

    def _send(self, session: _Session, decisions: list[Decision]) -> None:
        try:
            for event, dedup in decisions:
                self._bus.send(event, dedup=dedup)
        except BusError:
            # The state believes these were said. Forget it: the broker's history knows what really was.
            self._sessions.pop(session.state.call_id, None)
            raise

    def _on_failure(self, session: _Session) -> Callable[[str, Exception], None]:
        def report(decider: str, err: Exception) -> None:
            call_id = session.state.call_id
            first = decider not in session.failed
            session.failed[decider] = self._clock()
            if first:
                # Only the error's type and place: its text may quote what somebody said.
                place = err.__traceback__
                while place is not None and place.tb_next is not None:
                    place = place.tb_next
                where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
                log.error(
                    "session.decider_failed", call_id=call_id, decider=decider, error=type(err).__name__, at=where
                )
                self._tell(session, "late", say(session.kit.playbook.language, "decide.degraded", decider=decider))

        return report

    def _well_again(self, session: _Session, now: float) -> None:
        if session.failed and all(now - at >= _WELL_AFTER_S for at in session.failed.values()):
            session.failed.clear()
            self._tell(session, "ok", "")

    def _tell(self, session: _Session, level: Literal["late", "ok"], detail: str) -> None:
        call_id = session.state.call_id
        self._bus.send(Degraded(call_id=call_id, at=self._clock(), component="assist", level=level, detail=detail))
