"""Files of call records: whole lines, once, for nobody else's eyes, whatever happens to the disk."""

import csv
import dataclasses
import json
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assist.cdr.files import RecordFiles, read
from assist.cdr.record import CallRecord, record_of
from assist.errors import StoreError
from tests.unit.cdr.test_record import ENDED, STARTED, T

ZONE = ZoneInfo("America/Bogota")


def record(number: int, at: float = T) -> CallRecord:
    call_id = f"call{number:04}"
    events = [
        dataclasses.replace(STARTED, call_id=call_id),
        dataclasses.replace(ENDED, call_id=call_id, at=at + number),
    ]
    found = record_of(events, ZONE)
    assert found is not None
    return found


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes; what is written up to there is written (setrlimit(2))."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def one_file(folder: Path, kind: str) -> Path:
    (path,) = folder.glob(f"*.{kind}")
    return path


def test_both_formats_say_the_same_and_nobody_else_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "cdr"
    files = RecordFiles(folder, ("csv", "jsonl"))
    for number in range(3):
        files.write(record(number))
    rows = list(csv.DictReader(one_file(folder, "csv").open()))
    lines = [json.loads(text) for text in one_file(folder, "jsonl").read_text().splitlines()]
    assert [row["call_id"] for row in rows] == [one["call_id"] for one in lines] == ["call0000", "call0001", "call0002"]
    assert rows[0]["mos_agent"] == ""
    assert lines[0]["mos_agent"] is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_day_is_the_call_centres(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, ("csv",))
    files.write(record(1))
    files.write(record(2, T + 86400))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"cdr-{record(1, at).ended[:10]}.csv" for at in (T, T + 86400)
    ]


def test_a_record_that_comes_again_is_not_written_again(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, ("csv",))
    files.write(record(1))
    RecordFiles(tmp_path, ("csv", "jsonl")).write(record(1))
    assert one_file(tmp_path, "csv").read_text().count("call0001") == 1
    assert one_file(tmp_path, "jsonl").read_text().count("call0001") == 1


def test_half_a_line_of_a_crash_is_cut_off(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, ("csv",))
    files.write(record(1))
    path = one_file(tmp_path, "csv")
    whole = path.read_text()
    with path.open("a") as file:
        file.write("call0002,pbx,sopo")
    files.write(record(2))
    text = path.read_text()
    assert text.startswith(whole)
    assert text.count("call0002") == 1
    assert len(list(csv.DictReader(text.splitlines()))) == 2


def test_a_full_disk_leaves_no_half_line_and_is_made_up_for(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, ("csv",))
    files.write(record(1))
    path = one_file(tmp_path, "csv")
    whole = path.read_bytes()
    with disk_of(len(whole) + 40), pytest.raises(StoreError, match="free space") as failure:
        files.write(record(2))
    assert failure.value.retryable
    assert str(tmp_path) in str(failure.value)
    assert path.read_bytes() == whole
    files.write(record(2))
    assert len(list(csv.DictReader(path.open()))) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="wait in the broker"):
        RecordFiles(tmp_path / "file" / "cdr", ("csv",)).write(record(1))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "cdr"
    folder.mkdir()
    (folder / f"cdr-{record(1).ended[:10]}.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        RecordFiles(folder, ("csv",)).write(record(1))
    assert not (tmp_path / "elsewhere").exists()


def test_old_files_go(tmp_path: Path) -> None:
    files = RecordFiles(tmp_path, ("csv",), keep_days=2)
    for day in (0, 1, 2, 3, 4):
        files.write(record(day, T + day * 86400))
    (tmp_path / "notes.txt").write_text("mine")
    files.write(record(5, T + 5 * 86400))
    assert len(list(tmp_path.glob("cdr-*"))) == 3
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("formats", [("csv",), ("jsonl",), ("csv", "jsonl")], ids=["csv", "jsonl", "both"])
def test_a_period_is_read_back(tmp_path: Path, formats: tuple[str, ...]) -> None:
    files = RecordFiles(tmp_path, formats)  # type: ignore[arg-type]
    for day in range(4):
        files.write(record(day, T + day * 86400))
    found = [row["call_id"] for row in read(tmp_path, T + 86400, T + 3 * 86400)]
    assert found == ["call0001", "call0002"]
    assert list(read(tmp_path / "none", 0, 9e9)) == []
