"""What is wrong with the gateway's processes, and that each wrong thing says what to do."""

import dataclasses

import pytest

from assist.config import Settings
from assist.control import Answer, LiveCall
from assist.events import LegQuality
from gateway.show.pool import Registration, problems, registrations_of, rows, source_table, span

READY = {"state": "ready", "pid": 11, "restarts": 0, "detail": ""}
SETTINGS = Settings.model_validate({"language": "en"})
GOOD = LegQuality(
    party="customer",
    codec="PCMA",
    packets=900,
    lost=0,
    discarded=0,
    loss=0.0,
    jitter_ms=1.0,
    round_trip_ms=None,
    mos=4.4,
    reported_loss=None,
    reported_jitter_ms=None,
)
CALL = LiveCall(
    call_id="abcdef0123456789",
    trunk="local",
    caller="•••567",
    agent_id="ana",
    state="up",
    started_at=0.0,
    answered_at=1.0,
    legs=(GOOD,),
)
FINE = Answer(
    worker_id="gateway.0",
    host="here",
    pid=11,
    address="127.0.0.1:5060",
    mode="ready",
    calls=(),
    capacity=2,
    started_at=0.0,
    served=3,
    memory_kb=50_000,
    trunks=("local",),
)


def wrong(services: dict[str, dict[str, object]], *answers: Answer, broker: bool = True) -> list[tuple[str, str]]:
    found = problems(SETTINGS, services, rows(services, answers), broker=broker)
    assert all(problem.what and problem.remedy for problem in found)
    return [(problem.mark, problem.what) for problem in found]


def test_all_well() -> None:
    assert wrong({"broker": READY, "gateway.0": READY}, FINE) == []


@pytest.mark.parametrize(
    ("services", "answer", "mark", "says"),
    [
        ({}, None, "failed", "No stack runs"),
        ({"gateway.0": {**READY, "state": "failed", "detail": "exit 3"}}, None, "failed", "for good (exit 3)"),
        ({"gateway.0": {**READY, "state": "restarting", "detail": "SIGSEGV"}}, None, "failed", "dies again"),
        ({"gateway.0": READY}, None, "failed", "(process 11) does not answer"),
        ({"gateway.0": {**READY, "restarts": 2}}, FINE, "warning", "died 2 time(s)"),
        ({"gateway.0": READY}, dataclasses.replace(FINE, memory_kb=900_000), "warning", "needs 878 MB"),
        ({"gateway.0": READY}, dataclasses.replace(FINE, mode="drained"), "failed", "all are drained"),
        ({"gateway.0": READY}, dataclasses.replace(FINE, calls=(CALL, CALL)), "warning", "the next call gets 486"),
        (
            {"gateway.0": READY},
            dataclasses.replace(FINE, trunks=("old",)),
            "warning",
            "in the workers: trunk local",
        ),
        ({"gateway.0": READY, "edge": {**READY, "state": "failed"}}, FINE, "failed", "edge has ended for good"),
    ],
    ids=["none", "failed", "dying", "silent", "died", "heavy", "drained", "full", "changed", "edge"],
)
def test_each_trouble_is_told(
    services: dict[str, dict[str, object]], answer: Answer | None, mark: str, says: str
) -> None:
    told = wrong(services, *([answer] if answer else []))
    assert len(told) == 1
    assert told[0][0] == mark
    assert says in told[0][1]


def test_without_the_broker_workers_are_not_called_silent() -> None:
    told = wrong({"gateway.0": READY}, broker=False)
    assert [mark for mark, _ in told] == ["failed"]
    assert "broker" in told[0][1]


def test_booths_and_the_edge_answer_nobody_and_a_reload_starts_the_edge_anew() -> None:
    services = {"gateway.0": READY, "gateway.booth.0": READY, "edge": {**READY, "restarts": 3}}
    assert wrong(services, FINE) == []
    assert [row.state for row in rows(services, [FINE])] == ["ready", "ready", "ready"]


def test_one_of_two_drained_is_a_warning() -> None:
    other = dataclasses.replace(FINE, worker_id="gateway.1", mode="drained")
    told = wrong({"gateway.0": READY, "gateway.1": READY}, FINE, other)
    assert told == [("warning", "Drained: gateway.1")]


def test_a_call_that_is_heard_badly_is_told() -> None:
    bad = dataclasses.replace(CALL, legs=(dataclasses.replace(GOOD, mos=2.9, loss=14.2),))
    told = wrong({"gateway.0": READY}, dataclasses.replace(FINE, calls=(bad,)))
    assert told == [("warning", "Call abcdef01: the customer is heard badly (MOS 2.9, 14.2 % lost)")]


def test_workers_of_another_machine_are_named_by_it() -> None:
    services = {"gateway.0": READY}
    there = dataclasses.replace(FINE, host="there", worker_id="gateway.1")
    assert [row.name for row in rows(services, [FINE, there])] == ["gateway.0", "there/gateway.1"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(7, "0:07"), (723, "12:03"), (11100, "3 h 05"), (353000, "4 d 02 h"), (-1, "0:00")]
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_registrations_are_shown_and_those_that_failed_told() -> None:
    texts = [
        '{"at": 1.0, "registrations": {"a": {"state": "registered", "code": 200, "expires": 300}}, "refused": {}}',
        '{"registrations": {"local": {"state": "refused", "code": 403, "expires": 0}}}',
        "not JSON",
        "[]",
    ]
    found = registrations_of(texts)
    assert found == {"a": Registration("registered", 200), "local": Registration("refused", 403)}
    lines = rows({"gateway.0": READY}, [FINE])
    told = problems(SETTINGS, {"gateway.0": READY}, lines, broker=True, registrations=found)
    assert [(one.mark, one.what) for one in told] == [("failed", "Trunk local: the registration is refused (403)")]
    table = source_table(SETTINGS, lines, found)
    assert table is not None
    assert list(table.columns[4].cells) == ["refused (403)"]
    plain = source_table(SETTINGS, lines)
    assert plain is not None
    assert len(plain.columns) == 4
