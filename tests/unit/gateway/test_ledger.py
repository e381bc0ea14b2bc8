"""The ledger: what a killed worker leaves behind, and what it does when the disk does not play along."""

from pathlib import Path

import pytest

from gateway.ledger import Ledger


def test_a_successor_finds_what_was_open(tmp_path: Path) -> None:
    path = tmp_path / "run" / "calls.json"
    ledger = Ledger(path)
    assert ledger.leftovers() == {}
    ledger.open("a", answered=False)
    ledger.open("a", answered=True)
    ledger.open("b", answered=False)
    ledger.open("c", answered=True)
    ledger.close("c")
    ledger.close("never seen")
    assert Ledger(path).leftovers() == {"a": True, "b": False}


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "calls.json"
    path.write_text(content)
    ledger = Ledger(path)
    assert ledger.leftovers() == {}
    ledger.open("a", answered=True)
    assert Ledger(path).leftovers() == {"a": True}


def test_a_disk_that_takes_nothing_stops_no_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ledger = Ledger(tmp_path / "file" / "calls.json")
    ledger.open("a", answered=True)
    ledger.close("a")
