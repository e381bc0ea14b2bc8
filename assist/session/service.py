"""Live sessions: events from the bus through the decision core and back to the bus.

One task hands over stored inputs in order, another partials, a third ticks; all on one loop, so a session is never
touched by two at once. What a session decides is folded at once and does not wait for the broker.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import structlog

from assist.bus import Bus
from assist.config import Settings
from assist.decide.core import step
from assist.decide.kit import Decision, Kit, SentenceEncoder, SentimentModel
from assist.decide.playbook import Playbook
from assist.decide.state import SessionState, Stimulus, Tick, fold, revisit
from assist.errors import BusError
from assist.events import (
    AgentDid,
    ArticleFound,
    CallStarted,
    Degraded,
    Event,
    HandOverDrafted,
    Heard,
    Language,
    LeadDid,
    SummaryDrafted,
)
from assist.process import end_tasks
from assist.session.articles import ArticleDesk, Library, asks, unanswered
from assist.session.catchup import recover
from assist.session.handover import WITHIN_S, HandOvers
from assist.session.kits import make_kits
from assist.session.language import call_language, undecided
from assist.session.mood import open_mood
from assist.session.playbooks import load_playbooks
from assist.session.rephrase import rephrase
from assist.strings import say

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
    reworded: bool = False
    """The local language model has been asked."""


class SessionService:
    """All live sessions of this process.

    ``playbooks`` default to the settings' files, ``sentiment`` to the packaged mood model, ``meaning`` to none
    (playbooks are then matched by words alone), ``articles`` to none, ``clock`` gives seconds UTC.
    """

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        playbooks: Mapping[Language, Playbook] | None = None,
        *,
        sentiment: SentimentModel | None = None,
        meaning: SentenceEncoder | None = None,
        articles: Library | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._playbooks = playbooks
        self._sentiment = sentiment
        self._meaning = meaning
        self._clock = clock
        self._kits: dict[Language, Kit] = {}
        self._sessions: dict[str, _Session] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._hand_overs = HandOvers()
        self._rewording: set[asyncio.Task[None]] = set()
        self._desk = ArticleDesk(articles, self._found) if articles is not None else None

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
        self._kits = await asyncio.to_thread(self._made, self._settings)
        await self._remember_hand_overs()
        await self._bus.follow_live(self.on_partial)
        await self._bus.consume("sessions", "calls.*.in.>", self.on_event)
        self._ticker = asyncio.create_task(self._tick_for_ever(), name="session-ticks")
        if self._desk is not None:
            self._desk.start()
        names = {name: kit.playbook.name for name, kit in self._kits.items()}
        log.info("session.started", playbooks=names, mood=self._mood().name)

    async def reload(self, settings: Settings) -> None:
        """Take the playbooks that ``settings`` name for calls that begin from now on; running calls keep theirs.

        Raises:
            ConfigError: a playbook is wrong; the running ones stay.
        """
        self._kits = await asyncio.to_thread(self._made, settings)  # running calls must not wait for it
        log.info("session.playbooks_read", playbooks={name: kit.playbook.version for name, kit in self._kits.items()})

    def _mood(self) -> SentimentModel:
        if self._sentiment is None:
            self._sentiment = open_mood()
        return self._sentiment

    def _made(self, settings: Settings) -> dict[Language, Kit]:
        playbooks = self._playbooks if self._playbooks is not None else load_playbooks(settings)
        return make_kits(settings, playbooks, sentiment=self._mood(), meaning=self._meaning)

    async def stop(self) -> None:
        """Stop ticking; the bus, which is the caller's, stops the rest when it is closed."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await end_tasks(self._rewording)
        if self._desk is not None:
            await self._desk.stop()

    async def on_event(self, event: Event) -> None:
        """Handle one stored input.

        Raises:
            BusError: the broker's outbox is full or its history could not be read; the event must come again.
        """
        if not event.call_id:
            return
        if isinstance(event, CallStarted):
            self._hand_to(event)
        session = self._sessions.get(event.call_id)
        history: list[Event] = []
        if session is None:
            if isinstance(event, Degraded):
                return
            if not isinstance(event, CallStarted) or event.seq > 1:
                history = await self._bus.history(event.call_id)
            if undecided([*history, event]) or _only_people([*history, event]):
                return
            session = await self._open(event, history)
        session.touched = self._clock()
        self._step(session, event)
        self._ask_for_words(session)
        # The first event of a session that this process did not know: what was searched for may have been lost.
        for line in (*unanswered(history, event), event):
            self._ask_articles(session, line)
        # The input is acknowledged when this returns: what follows from it must be stored by then.
        await self._bus.flush()

    async def _remember_hand_overs(self) -> None:
        """What was handed over before this process started; each call's customer is in its first event."""
        customers: dict[str, str] = {}
        for event in sorted(await self._bus.recent(WITHIN_S), key=lambda event: event.seq):
            if isinstance(event, HandOverDrafted) and event.target:
                if event.call_id not in customers:
                    state = revisit(SessionState(call_id=event.call_id), await self._bus.history(event.call_id))
                    customers[event.call_id] = state.customer
                self._hand_overs.put(event, customers[event.call_id])

    def _hand_to(self, start: CallStarted) -> None:
        """Show the next agent what the one before handed over."""
        received = self._hand_overs.take(start)
        if received is not None:
            self._bus.send(received, dedup=f"handover.{received.from_call}")
            log.info("session.handed_over", call_id=start.call_id, from_call=received.from_call)

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

    def _ask_for_words(self, session: _Session) -> None:
        """Once the summary is complete and nobody has touched it, a local model may reword it; nothing waits for it."""
        state = session.state
        if session.reworded or not self._settings.summary.llm.url or not state.settled or state.summary is None:
            return
        session.reworded = True
        if any(action.action == "summary_edited" for action in state.agent_did):
            return
        task = asyncio.create_task(self._reword(session, state.summary), name="summary-reword")
        self._rewording.add(task)
        task.add_done_callback(self._rewording.discard)

    def _ask_articles(self, session: _Session, event: Event) -> None:
        """Have the articles searched for what a customer has just said; what is found comes back as an input."""
        if self._desk is None or session.kit.articles is None or not session.state.live:
            return
        if isinstance(event, Heard) and asks(event):
            self._desk.ask(event, session.kit.articles.confidence)

    def _found(self, found: ArticleFound, dedup: str) -> None:
        with contextlib.suppress(BusError):  # the outbox is full of what matters more
            self._bus.send(found, dedup=dedup)

    async def _reword(self, session: _Session, draft: SummaryDrafted) -> None:
        items = await rephrase(draft.items, session.kit.playbook.language, self._settings.summary.llm)
        now = session.state.summary
        if items == draft.items or now is None or now.revision != draft.revision:
            return  # the agent, or a late line, was quicker: theirs counts
        better = replace(draft, items=items, revision=draft.revision + 1, seq=0)
        session.state = fold(session.state, better)
        with contextlib.suppress(BusError):  # the draft as it was is stored: no words are lost
            self._bus.send(better, dedup=f"summary.{better.revision}")

    def _send(self, session: _Session, decisions: list[Decision]) -> None:
        try:
            for event, dedup in decisions:
                self._bus.send(event, dedup=dedup)
                if isinstance(event, HandOverDrafted):
                    self._hand_overs.put(event, session.state.customer)
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


def _only_people(events: list[Event]) -> bool:
    """Whether all that is left of a call is what people did about it: nothing can be decided on that."""
    return all(isinstance(event, AgentDid | LeadDid) for event in events)
