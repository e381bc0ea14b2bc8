"""The case store at work: every event of every call into the database, in order, nothing lost while it is away."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from assist.bus import Bus
from assist.config import Settings
from assist.errors import StoreError
from assist.events import CallEnded, CallStarted, CaseSaved, Degraded, Event
from assist.store.engine import open_store, translated
from assist.store.writer import Saved, keeps, write

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


def _misfit(err: BaseException | None) -> bool:
    """Whether the database refuses the row itself, as against being unable to write any."""
    own_fault = isinstance(err, StatementError) and not isinstance(err, DBAPIError)
    return own_fault or isinstance(err, IntegrityError | DataError)


class CaseService:
    """Consumes all stored events and keeps the case history. One thread of its own does the database's work."""

    def __init__(self, bus: Bus, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._bus = bus
        self._url = settings.store_url
        self._zone = ZoneInfo(settings.timezone)
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="case-store")
        self._engine: Engine | None = None
        self._live: set[str] = set()
        self._told: set[str] = set()

    async def start(self) -> None:
        """Open the store, migrate it and take up work.

        Raises:
            StoreError: the store can't be opened; its message says what to do.
            BusError: the broker does not answer within a minute.
        """
        self._engine = await self._in_thread(lambda: open_store(self._url))
        await self._bus.consume("cases", "calls.>", self.on_event)
        log.info("cases.started")

    async def stop(self) -> None:
        """Finish the write under way and close the database."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await self._in_thread(engine.dispose)
        self._thread.shutdown(wait=True)

    async def on_event(self, event: Event) -> None:
        """Write one event.

        Raises:
            StoreError: the database is away, full or locked; the event must come again.
        """
        self._notice(event)
        if not keeps(event):
            return
        engine = self._engine
        if engine is None:
            raise StoreError("the case store is stopped")
        try:
            saved = await self._in_thread(lambda: self._write(engine, event))
        except StoreError as err:
            if _misfit(err.__cause__):
                self._refuse(event, err.__cause__)
                return
            self._tell_down(event.call_id, str(err))
            raise
        except Exception as err:
            self._refuse(event, err)
            return
        self._tell_well()
        if saved is not None:
            done = CaseSaved(call_id=event.call_id, at=self._clock(), case_id=saved.case_id, revision=saved.revision)
            self._bus.send(done, dedup=f"saved.{saved.revision}")
            log.info("cases.saved", call_id=event.call_id, case_id=saved.case_id, revision=saved.revision)

    def _write(self, engine: Engine, event: Event) -> Saved | None:
        with translated(self._url), engine.begin() as connection:
            return write(connection, event, self._zone)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _refuse(self, event: Event, err: BaseException | None) -> None:
        """Leave out an event that does not fit: it would not fit the next time either, and all others wait for it."""
        kind = type(event).__name__
        log.error("cases.event_refused", call_id=event.call_id, type=kind, seq=event.seq, error=type(err).__name__)

    def _notice(self, event: Event) -> None:
        if isinstance(event, CallStarted):
            self._live.add(event.call_id)
        elif isinstance(event, CallEnded):
            self._live.discard(event.call_id)

    def _tell_down(self, call_id: str, detail: str) -> None:
        """Say once, on the screens of all live calls, that cases wait."""
        fresh = ({call_id} | self._live) - self._told
        if not self._told:
            log.error("cases.store_down", call_id=call_id, error=detail)
        for one in sorted(fresh):
            self._told.add(one)
            # The detail stays in the log: paths and hosts are nothing for an agent's screen.
            self._bus.send(Degraded(call_id=one, at=self._clock(), component="case_store", level="down", detail=""))

    def _tell_well(self) -> None:
        for one in sorted(self._told):
            self._bus.send(Degraded(call_id=one, at=self._clock(), component="case_store", level="ok", detail=""))
        if self._told:
            log.info("cases.store_well")
        self._told.clear()
