"""A worker tells the edge what it has left: on every change, and once a second."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.capacity import CapacityReport
from gateway.edge.link import EdgeLink


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "sock"))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def report(tmp_path: Path, edge: socket.socket) -> CapacityReport:
    return CapacityReport(EdgeLink("h", 1, 2, str(tmp_path / "sock"), "t"), 3, 4444)


def heard(sock: socket.socket) -> list[list[Any]]:
    found = []
    while True:
        try:
            found.append(json.loads(sock.recv(4096))["params"])
        except BlockingIOError:
            return found


def test_it_is_said_at_once_and_again_when_something_changes(edge: socket.socket, report: CapacityReport) -> None:
    report.report(4, 0)
    assert heard(edge) == [["free", "3", 4], ["mail", "3", 4444]]
    report.report(4, 0)
    assert heard(edge) == []
    report.report(2, 1)
    assert heard(edge)[0] == ["free", "3", 2]
    # An INVITE that was refused: the edge has counted it and has to hear that nothing was taken.
    report.report(2, 2)
    assert heard(edge)[0] == ["free", "3", 2]


def test_it_is_said_again_after_a_while(
    edge: socket.socket, report: CapacityReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.edge.capacity.time.monotonic", lambda: now)
    report.report(4, 0)
    heard(edge)
    now = 100.9
    report.report(4, 0)
    assert heard(edge) == []
    now = 101.1
    report.report(4, 0)
    assert heard(edge)


def test_an_edge_that_is_away_costs_nothing_and_hears_it_when_it_is_back(tmp_path: Path) -> None:
    report = CapacityReport(EdgeLink("h", 1, 2, str(tmp_path / "sock"), "t"), 0, 1)
    report.report(4, 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "sock"))
        sock.setblocking(False)
        report.report(4, 0)
        assert heard(sock)[0] == ["free", "0", 4]
        report.close()
        assert heard(sock) == [["free", "0", 0]]
