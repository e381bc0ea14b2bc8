"""Opening the case store: what differs between databases is here and nowhere else."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from assist.errors import StoreError

_BUSY_MS: Final = 5000
# FULL: with NORMAL a power cut may take back commits that were already confirmed.
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}")
_DAMAGED: Final = ("malformed", "not a database", "file is encrypted")


def open_store(url: str) -> Engine:
    """The store at ``url``, made if it does not exist and brought to the newest schema.

    Raises:
        StoreError: the URL is wrong, the database can't be reached or written, or its file is damaged.
    """
    parsed = _parse(url)
    with translated(url):
        path = _sqlite_file(parsed)
        if path is not None:
            _make_private(path)
        engine = _engine(parsed, write=True)
        with engine.begin() as connection:
            migrate(connection)
        return engine


def open_for_reading(url: str) -> Engine:
    """The store at ``url`` as it is; nothing is created or changed.

    Raises:
        StoreError: there is none yet, it can't be read, or its schema is another release's.
    """
    parsed = _parse(url)
    path = _sqlite_file(parsed)
    if path is not None and not path.is_file():
        raise StoreError(f"no case history at {path} yet; it begins with: apuntador up", retryable=False)
    with translated(url):
        engine = _engine(parsed, write=False)
        with engine.connect() as connection:
            if not inspect(connection).has_table("cases"):
                raise StoreError(f"{url} holds no case history; check [store] url", retryable=False)
        return engine


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest version, inside the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the database's errors into :class:`StoreError` that says what to do."""
    where = _shown(url)
    try:
        yield
    except DBAPIError as err:
        cause = str(err.orig)
        if any(sign in cause for sign in _DAMAGED):
            raise StoreError(
                f"case store {where} is damaged ({cause}); stop the stack, move the file away and restore a backup, "
                "or start without it: an empty one is made",
                retryable=False,
            ) from err
        raise StoreError(f"case store {where}: {cause}; {_remedy(cause)}") from err
    except SQLAlchemyError as err:
        raise StoreError(f"case store {where}: {err}") from err
    except OSError as err:
        raise StoreError(f"case store {where}: {err.strerror or err}; check the path and its permissions") from err


def _remedy(cause: str) -> str:
    low = cause.lower()
    if "full" in low:
        return "free disk space; nothing is lost meanwhile, events wait in the broker"
    if "locked" in low or "busy" in low:
        return "another program holds it; close that program"
    if "readonly" in low or "read-only" in low or "unable to open" in low:
        return "check the path and its permissions"
    return "check that the database runs and can be reached"


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise StoreError(
            f"[store] url {url!r} is no SQLAlchemy URL; e.g. sqlite:////var/lib/apuntador/cases.db", retryable=False
        ) from None


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return url
    path = _sqlite_file(parsed)
    return str(path) if path is not None else parsed.render_as_string(hide_password=True)


def _sqlite_file(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def _engine(url: URL, *, write: bool) -> Engine:
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as err:
        raise StoreError(f"[store] url: driver for {url.drivername} is missing ({err})", retryable=False) from None
    if url.get_backend_name() == "sqlite":
        _tune_sqlite(engine, "BEGIN IMMEDIATE" if write else "BEGIN")
    return engine


def _tune_sqlite(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not begin transactions by its own rules: the schema is migrated in one, too.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read lock later can fail without waiting.
        connection.exec_driver_sql(begin)
