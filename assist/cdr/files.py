"""The files of call records: one a day and format, only for the service's user, each line on disk before it counts.

A line is written whole or not at all: what a crash or a full disk left of one is cut off before the next. A record
that stands at the end of its file already is not written again.
"""

import contextlib
import csv
import io
import json
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from assist.cdr.record import FIELDS, CallRecord, values
from assist.errors import StoreError

Format: TypeAlias = Literal["csv", "jsonl"]

_MODE: Final = 0o600
_TAIL: Final = 16 * 1024
"""More than the records that can be under way at once take."""


class RecordFiles:
    """Writes records into ``folder``, in each of ``formats``; ``keep_days`` 0 keeps them for ever."""

    def __init__(self, folder: Path, formats: Sequence[Format], *, keep_days: int = 0) -> None:
        self.folder = folder
        self._formats = tuple(formats)
        self._keep_days = keep_days
        self._swept: date | None = None

    def write(self, record: CallRecord) -> None:
        """Append the record, and return when it is on disk.

        Raises:
            StoreError: it can't be written now; nothing of it is in the files of the formats that failed.
        """
        day = datetime.fromisoformat(record.ended).date()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            for kind in self._formats:
                _append(self.folder / f"cdr-{day.isoformat()}.{kind}", kind, record)
            self._sweep(day)
        except OSError as err:
            raise StoreError(
                f"call records can't be written to {self.folder} ({err.strerror}); free space or mend the folder's "
                "owner: they wait in the broker for seven days"
            ) from None

    def _sweep(self, today: date) -> None:
        if not self._keep_days or self._swept == today:
            return
        self._swept = today
        for path, day in _dated(self.folder):
            if day < today - timedelta(days=self._keep_days):
                path.unlink(missing_ok=True)


def read(folder: Path, since: float, until: float) -> Iterator[dict[str, Any]]:
    """Records of calls that ended from ``since`` to before ``until`` (seconds UTC), oldest file first.

    Where a day has both formats, JSONL is read. Numbers of CSV come as text.

    Raises:
        StoreError: the folder can't be read.
    """
    days: dict[date, Path] = {}
    try:
        for path, day in _dated(folder):
            if day not in days or path.suffix == ".jsonl":
                days[day] = path
        for day in sorted(days):
            # A day is one of the call centre's zone, a second in UTC may lie in the day before or after.
            near = timedelta(days=1)
            if day + 2 * near < datetime.fromtimestamp(since).date() or day - near > _day_of(until):
                continue
            for row in _rows(days[day]):
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    if since <= datetime.fromisoformat(row["ended"]).timestamp() < until:
                        yield row
    except OSError as err:
        raise StoreError(f"call records in {folder} can't be read ({err.strerror})", retryable=False) from None


def _day_of(at: float) -> date:
    return datetime.fromtimestamp(min(at, 4e9)).date()


def line(record: dict[str, Any], kind: Format) -> str:
    """One line of a file, with its end."""
    if kind == "jsonl":
        return json.dumps(record, ensure_ascii=False) + "\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow("" if record.get(name) is None else record[name] for name in FIELDS)
    return text.getvalue()


def head(kind: Format) -> str:
    """What a file begins with."""
    return ",".join(FIELDS) + "\n" if kind == "csv" else ""


def _append(path: Path, kind: Format, record: CallRecord) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != _MODE:
            os.fchmod(descriptor, _MODE)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        tail = os.pread(descriptor, min(size, _TAIL), max(0, size - _TAIL))
        whole = tail.rfind(b"\n") + 1
        size -= len(tail) - whole
        if record.call_id.encode() in tail[:whole]:
            return
        text = (head(kind) if size == 0 else "") + line(values(record), kind)
        os.ftruncate(descriptor, size)
        try:
            _write_whole(descriptor, text.encode(), size)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, data: bytes, at: int) -> None:
    while data:
        done = os.pwrite(descriptor, data, at)
        data, at = data[done:], at + done


def _dated(folder: Path) -> Iterator[tuple[Path, date]]:
    for path in folder.glob("cdr-*.*"):
        if path.suffix in (".csv", ".jsonl"):
            with contextlib.suppress(ValueError):
                yield path, date.fromisoformat(path.stem.removeprefix("cdr-"))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            yield from csv.DictReader(file)
            return
        for text in file:
            with contextlib.suppress(ValueError):
                yield json.loads(text)
