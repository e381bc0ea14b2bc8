"""The case service while its database is full, locked or gone: the screen is told once, and nothing is lost."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sa_event

from assist.bus import Bus
from assist.config import Settings
from assist.errors import StoreError
from assist.events import CaseSaved, Degraded, Event, Heard
from assist.store import engine as engine_module
from assist.store.engine import open_for_reading
from assist.store.reader import CaseFile, read_case
from assist.store.service import CaseService
from tests.support import eventually
from tests.unit.decide.calls import heard
from tests.unit.store.test_store import stored_events

EVENTS = stored_events("es", "c1")
HALF = len(EVENTS) // 2


class Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def __call__(self, event: Event) -> None:
        self.events.append(event)

    def levels(self) -> list[str]:
        return [event.level for event in self.events if isinstance(event, Degraded)]

    def saved(self) -> int:
        return sum(isinstance(event, CaseSaved) for event in self.events)


def case_of(settings: Settings, call_id: str) -> CaseFile:
    engine = open_for_reading(settings.store_url)
    try:
        with engine.connect() as connection:
            return read_case(connection, call_id)
    finally:
        engine.dispose()


def send(bus: Bus, events: list[Event]) -> None:
    for event in events:
        bus.send(event)


def complete(settings: Settings, *more: str) -> None:
    case = case_of(settings, "c1")
    expected = [event.utterance_id for event in EVENTS if isinstance(event, Heard)]
    assert sorted(line["utterance_id"] for line in case.lines) == sorted([*expected, *more])
    assert case.case["revision"] == 1


async def test_a_full_disk_is_told_once_and_waited_out(bus: Bus, settings: Settings) -> None:
    seen = Recorder()
    await bus.follow(seen)
    service = CaseService(bus, settings)
    await service.start()
    assert service._engine is not None
    limit = {"pages": 0}

    @sa_event.listens_for(service._engine, "begin")
    def _fill(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit['pages'] or 1_000_000}")

    send(bus, EVENTS[:HALF])
    await eventually(lambda: len(case_of_or_none(settings)) > 0, what="the first lines")
    limit["pages"] = 1  # SQLite takes the present size: not a page more
    # The empty tables' own pages take a little; a long line takes more than they have.
    send(bus, [heard("agent", "palabra " * 4000, 200, 201, uid="long", call_id="c1"), *EVENTS[HALF:]])
    await eventually(lambda: "down" in seen.levels(), timeout=20, what="the warning")
    assert seen.saved() == 0
    limit["pages"] = 0
    await eventually(lambda: seen.saved() == 1, timeout=30, what="the case")
    assert seen.levels() == ["down", "ok"]
    complete(settings, "long")
    await service.stop()


def case_of_or_none(settings: Settings) -> tuple[Any, ...]:
    try:
        return case_of(settings, "c1").lines
    except StoreError:
        return ()


async def test_a_locked_database_is_waited_for(bus: Bus, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=50")
    monkeypatch.setattr(engine_module, "_PRAGMAS", quick)
    seen = Recorder()
    await bus.follow(seen)
    service = CaseService(bus, settings)
    await service.start()
    holder = sqlite3.connect(settings.data_dir / "cases.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    send(bus, EVENTS)
    await eventually(lambda: seen.levels() == ["down"], what="the warning")
    holder.execute("ROLLBACK")
    holder.close()
    await eventually(lambda: seen.saved() == 1, timeout=30, what="the case")
    assert seen.levels() == ["down", "ok"]
    complete(settings)
    await service.stop()


async def test_a_killed_service_continues_where_it_was(bus: Bus, settings: Settings, tmp_path: Path) -> None:
    seen = Recorder()
    await bus.follow(seen)
    first = CaseService(bus, settings)
    await first.start()
    send(bus, EVENTS)
    await eventually(lambda: seen.saved() == 1)
    await first.stop()
    # The file is lost, the broker is not: a fresh consumer would write it again; this one has acknowledged all of it.
    again = CaseService(bus, settings)
    for event in [event for event in seen.events if not isinstance(event, CaseSaved)]:
        again._engine = engine_module.open_store(settings.store_url)
        await again.on_event(event)
        again._engine.dispose()
    complete(settings)
    assert seen.saved() == 1
    await again.stop()


async def test_an_event_that_can_never_be_stored_does_not_hold_up_the_others(bus: Bus, settings: Settings) -> None:
    seen = Recorder()
    await bus.follow(seen)
    service = CaseService(bus, settings)
    await service.start()
    send(bus, EVENTS[:3])
    assert service._engine is not None

    @sa_event.listens_for(service._engine, "before_cursor_execute", retval=True)
    def _break(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> Any:
        # A release that forgot a value: the database refuses the row whatever the time of day.
        if "INSERT INTO moods" in statement:
            statement = "INSERT INTO moods (call_id) VALUES ('nobody')"
            parameters = ()
        return statement, parameters

    send(bus, EVENTS[3:])
    await eventually(lambda: seen.saved() == 1, timeout=20, what="the case")
    assert seen.levels() == []
    case = case_of(settings, "c1")
    assert case.moods == ()
    complete(settings)
    await service.stop()


async def test_a_store_that_cannot_be_opened_is_refused_at_start(bus: Bus, settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "cases.db").write_bytes(b"not a database at all" * 300)
    with pytest.raises(StoreError, match="damaged"):
        await CaseService(bus, settings).start()
