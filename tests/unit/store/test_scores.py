"""Moods and scores read back as they were written, disputes and what they win, and the list for quality people."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect

import assist.store
from assist.events import AgentDid, CallScored, Event, LeadDid, ScoreItem, SentimentChanged
from assist.store.engine import open_store
from assist.store.reader import CaseFile, read_case
from assist.store.scores import list_scores, score_item
from assist.store.writer import write
from tests.unit.decide.calls import T0, begin

ZONE = ZoneInfo("America/Bogota")

MOOD = SentimentChanged(
    call_id="c1",
    at=T0 + 3,
    seq=7,
    party="agent",
    mood="negative",
    score=-0.5,
    trend=-0.25,
    evidence=("u1", "u2"),
    probabilities=(0.75, 0.125, 0.125),
    emotion="frustration_anger",
    intensity=0.9,
    urgency=0.4,
    effort=0.3,
    turn="worse",
    model="mood-1",
)


def item(name: str, points: float | None, *, critical: bool = False) -> ScoreItem:
    return ScoreItem(
        item_id=name,
        label=f"Item {name}",
        group="Grupo",
        critical=critical,
        points=points,
        of=10.0,
        why="Porque sí.",
        evidence=("u1",),
    )


ITEMS = (item("a", 10.0), item("b", 0.0, critical=True), item("c", 5.0), item("d", None))
SCORED = CallScored(
    call_id="c1", at=T0 + 90, seq=20, revision=2, card="Ficha", score=30.0, items=ITEMS, failed=("b",), cap=30.0
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_store(f"sqlite:///{tmp_path / 'cases.db'}")
    yield engine
    engine.dispose()


def put(engine: Engine, *events: Event) -> None:
    for event in events:
        with engine.begin() as connection:
            write(connection, event, ZONE)


def case_of(engine: Engine, call_id: str = "c1") -> CaseFile:
    with engine.connect() as connection:
        return read_case(connection, call_id)


def listed(engine: Engine, **how: Any) -> list[str]:
    with engine.connect() as connection:
        return [row["call_id"] for row in list_scores(connection, **{"limit": 9, **how})]


def disputed(target: str, at: float, seq: int, text: str = "se lo dije") -> AgentDid:
    return AgentDid(
        call_id="c1", at=T0 + at, seq=seq, agent_id="ana", action="score_disputed", target=target, text=text
    )


def answered(target: str, at: float, seq: int, action: Any = "dispute_upheld") -> LeadDid:
    return LeadDid(call_id="c1", at=T0 + at, seq=seq, lead_id="luz", action=action, target=target, text="es cierto")


def plain(value: Any) -> Any:
    return [plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def test_everything_a_mood_tells_is_read_back(engine: Engine) -> None:
    put(engine, *begin("c1", "es"), MOOD)
    row = case_of(engine).moods[0]
    told = {field.name: plain(getattr(MOOD, field.name)) for field in dataclasses.fields(MOOD)}
    assert {**row, "call_id": "c1"} == told
    # A field that is left at its default proves nothing.
    unset = [f.name for f in dataclasses.fields(MOOD) if getattr(MOOD, f.name) == f.default]
    assert unset == []


def test_everything_a_score_tells_is_read_back(engine: Engine) -> None:
    put(engine, *begin("c1", "es"), SCORED)
    case = case_of(engine)
    row = case.scores[0]
    told = {name: plain(getattr(SCORED, name)) for name in ("revision", "card", "score", "failed", "cap", "at")}
    assert row == told
    assert tuple(score_item(one) for one in case.score_items) == ITEMS
    assert {field.name for field in dataclasses.fields(CallScored)} == {*told, "call_id", "seq", "items"}


def test_an_older_scoring_does_not_replace_a_newer_one(engine: Engine) -> None:
    newer = dataclasses.replace(SCORED, revision=3, score=80.0, items=ITEMS[:1], failed=())
    put(engine, *begin("c1", "es"), SCORED, newer, SCORED)
    case = case_of(engine)
    assert (case.scores[0]["score"], len(case.score_items)) == (80.0, 1)


def test_an_upheld_dispute_gives_its_points_in_the_store_and_twice_is_as_good_as_once(engine: Engine) -> None:
    acts = [disputed("b", 100, 30), answered("b", 200, 40)]
    put(engine, *begin("c1", "es"), SCORED, *acts)
    case = case_of(engine)
    assert [row["points"] for row in case.score_items] == [10.0, 10.0, 5.0, None]
    assert "luz" in case.score_items[1]["why"]
    assert (case.scores[0]["score"], case.scores[0]["failed"]) == (83.3, [])
    assert [(act["role"], act["person"], act["at"], act["text"]) for act in case.actions] == [
        ("agent", "ana", T0 + 100, "se lo dije"),
        ("lead", "luz", T0 + 200, "es cierto"),
    ]
    put(engine, *acts)
    assert case_of(engine) == case


def test_an_upheld_item_frees_from_the_cap_only_when_no_other_critical_item_failed(engine: Engine) -> None:
    two = dataclasses.replace(SCORED, items=(*ITEMS[:2], item("c", 5.0, critical=True)), failed=("b", "c"))
    put(engine, *begin("c1", "es"), two, disputed("b", 100, 30), answered("b", 200, 40))
    row = case_of(engine).scores[0]
    assert (row["score"], row["failed"]) == (30.0, ["c"])


@pytest.mark.parametrize(
    "acts",
    [
        [answered("b", 200, 40)],
        [disputed("b", 100, 30), answered("b", 200, 40, "dispute_rejected")],
        [disputed("b", 100, 30), answered("c", 200, 40)],
        [disputed("nothing", 100, 30), answered("nothing", 200, 40)],
        [disputed("d", 100, 30), answered("d", 200, 40)],
    ],
    ids=["nobody disputed it", "rejected", "another item", "no such item", "no occasion"],
)
def test_points_are_given_only_for_an_upheld_dispute(engine: Engine, acts: list[Event]) -> None:
    put(engine, *begin("c1", "es"), SCORED, *acts)
    case = case_of(engine)
    assert tuple(score_item(one) for one in case.score_items) == ITEMS
    assert case.scores[0]["score"] == 30.0


def test_the_list_is_newest_first_and_can_be_narrowed(engine: Engine) -> None:
    good = dataclasses.replace(SCORED, call_id="c2", score=90.0, failed=(), items=ITEMS[:1])
    later = [dataclasses.replace(event, at=event.at + 500, agent_id="luis") for event in begin("c2", "es")[:1]]  # type: ignore[call-arg]
    unscored = dataclasses.replace(begin("c3", "es")[0], at=T0 + 900)
    put(engine, *begin("c1", "es"), SCORED, *later, good, unscored)
    assert listed(engine) == ["c2", "c1"]
    assert listed(engine, limit=1) == ["c2"]
    assert listed(engine, since=T0 + 100) == ["c2"]
    assert listed(engine, agent_id="ana") == ["c1"]
    assert listed(engine, below=70) == ["c1"]
    assert listed(engine, critical=True) == ["c1"]
    assert listed(engine, disputed=True) == []
    put(engine, disputed("b", 100, 30))
    assert listed(engine, disputed=True) == ["c1"]
    put(engine, answered("b", 200, 40, "dispute_rejected"))
    assert listed(engine, disputed=True) == []


def test_the_list_asks_for_more_calls_than_one_statement_may_name(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assist.store.scores._MANY", 3)
    calls = [f"n{number}" for number in range(8)]
    for number, call_id in enumerate(calls):
        start = dataclasses.replace(begin(call_id, "es")[0], at=T0 + number)
        act = dataclasses.replace(disputed("b", 100, 100 + number), call_id=call_id)
        put(engine, start, dataclasses.replace(SCORED, call_id=call_id), act)
    assert listed(engine, disputed=True) == calls[::-1]


def test_a_store_of_before_gets_the_new_columns_and_keeps_what_it_has(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = open_store(url)
    put(engine, *begin("c1", "es"), MOOD, SCORED)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(assist.store.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        assert "emotion" not in {column["name"] for column in inspect(connection).get_columns("moods")}
    engine.dispose()
    engine = open_store(url)
    case = case_of(engine)
    assert (case.moods[0]["mood"], case.moods[0]["emotion"], case.moods[0]["probabilities"]) == ("negative", "", [])
    assert (case.scores[0]["score"], case.scores[0]["cap"]) == (30.0, 0.0)
    engine.dispose()
