"""How many calls a trunk has, counted over all workers of this machine.

Workers are processes that share nothing, so the count is a small SQLite file in the run folder: a process that is
killed half-way leaves it as it was. A worker that begins forgets what its predecessor held. When the file can't be
used the answer is no: a fence that fails open is none. Several machines have a count each; give each its share.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import structlog

from assist.config import Trunk

Refusal: TypeAlias = Literal["max_calls", "max_per_minute", "uncounted"]
_WINDOW_S: Final = 60.0
_PATIENCE_S: Final = 0.05
"""SIP waits meanwhile; another worker needs the file for about a millisecond."""
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS call
(trunk TEXT NOT NULL, worker TEXT NOT NULL, call_id TEXT NOT NULL, begun REAL NOT NULL, live INTEGER NOT NULL)"""

log = structlog.get_logger(__name__)


class Leases:
    """This worker's share of the counts.

    Args:
        folder: the run folder.
        worker: name of this worker, which no other live one has.
        clock: seconds UTC.
    """

    def __init__(self, folder: Path, worker: str, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / "outbound.db"
        self._worker = worker
        self._clock = clock
        with self._safely(), self._book() as book:
            book.execute("UPDATE call SET live = 0 WHERE worker = ?", (worker,))

    def take(self, trunk: Trunk, call_id: str) -> Refusal | None:
        """Count one more call to ``trunk``; returns why it may not begin, None when it may."""
        limits = trunk.outbound
        refusal: Refusal | None = None
        with self._safely() as gone_well, self._book() as book:
            now = self._clock()
            # A clock that was set back must not keep the window shut for longer.
            book.execute("DELETE FROM call WHERE NOT live AND NOT (? < begun AND begun <= ?)", (now - _WINDOW_S, now))
            live, begun = book.execute(
                "SELECT COALESCE(SUM(live), 0), COALESCE(SUM(begun > ?), 0) FROM call WHERE trunk = ?",
                (now - _WINDOW_S, trunk.name),
            ).fetchone()
            if live >= limits.max_calls:
                refusal = "max_calls"
            elif begun >= limits.max_per_minute:
                refusal = "max_per_minute"
            else:
                book.execute("INSERT INTO call VALUES (?, ?, ?, ?, 1)", (trunk.name, self._worker, call_id, now))
            gone_well.append(True)
        return refusal if gone_well else "uncounted"

    def give_back(self, call_id: str) -> None:
        """The call has ended. One that can't be written down stays counted until this worker starts again."""
        with self._safely(), self._book() as book:
            book.execute("UPDATE call SET live = 0 WHERE worker = ? AND call_id = ?", (self._worker, call_id))

    @contextlib.contextmanager
    def _book(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None)) as book:
            # A power cut ends all calls anyway, so nothing is flushed to the disk for its sake.
            book.execute("PRAGMA synchronous = OFF")
            book.execute("BEGIN IMMEDIATE")
            try:
                book.execute(_SCHEMA)
                yield book
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    book.execute("ROLLBACK")
                raise
            book.execute("COMMIT")

    @contextlib.contextmanager
    def _safely(self) -> Iterator[list[bool]]:
        """What is put into the list counts only when everything, the commit too, went well."""
        done: list[bool] = []
        try:
            yield done
        except (OSError, sqlite3.Error) as err:
            done.clear()
            log.error("gateway.fence_uncounted", file=str(self._path), error=repr(err))
