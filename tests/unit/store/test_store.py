"""The case history: migrations, idempotence, case ids, permissions, and errors that say what to do."""

import dataclasses
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect, select

from assist.decide import priors
from assist.decide.core import step
from assist.decide.priors import CardPrior, count
from assist.decide.state import SessionState, Tick
from assist.errors import StoreError
from assist.events import (
    AgentDid,
    CallAnswered,
    CallRinging,
    CallStarted,
    CallTransferred,
    CardOffered,
    CardWithdrawn,
    CaseSaved,
    ComplianceChanged,
    EarsChanged,
    Event,
    Heard,
    Language,
    SummaryDrafted,
    SurveyAnswered,
    SurveyEnded,
)
from assist.store.document import as_markdown
from assist.store.engine import open_for_reading, open_store
from assist.store.reader import card_outcomes, list_cases, read_case
from assist.store.schema import cases, lines, metadata
from assist.store.writer import Saved, keeps, write
from assist.text.polish import polisher
from tests.unit.decide.calls import T0, begin, demo_events, heard, packaged_kit, with_ticks

ZONE = ZoneInfo("America/Bogota")


def stored_events(language: Language, call_id: str = "demo") -> list[Event]:
    """A demo call as the broker would store it, inputs and outputs."""
    state, kit = SessionState(call_id=call_id), packaged_kit(language)
    out: list[Event] = []
    for stimulus in with_ticks(demo_events(language, call_id)):
        if not isinstance(stimulus, Tick) and getattr(stimulus, "final", True):
            out.append(stimulus)
        state, made = step(state, stimulus, kit)
        out += [event for event, _ in made]
    return [dataclasses.replace(event, seq=n) for n, event in enumerate(out, start=1)]


EVENTS = stored_events("es")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cases.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_store(url)
    yield engine
    engine.dispose()


def put(engine: Engine, *events: Event) -> list[Saved]:
    saved = []
    for event in events:
        with engine.begin() as connection:
            result = write(connection, event, ZONE)
            if result is not None:
                saved.append(result)
    return saved


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(map(str, row)) for row in connection.execute(select(table))), key=str)
            for table in metadata.sorted_tables
        }


def test_migrations_make_exactly_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})
        assert compare_metadata(context, metadata) == []
        assert inspect(connection).has_table("alembic_version")


def test_the_case_is_the_agents_who_answered(engine: Engine) -> None:
    start = next(event for event in EVENTS if isinstance(event, CallStarted))
    ringing = CallRinging(call_id=start.call_id, at=start.at + 1, seq=1000)
    put(engine, start, ringing)

    def agent() -> object:
        with engine.connect() as connection:
            return connection.execute(select(cases.c.agent_id)).scalar_one()

    assert agent() == start.agent_id
    put(engine, dataclasses.replace(ringing, seq=1001, agent_id="luis"))
    assert agent() == "luis"
    put(engine, CallAnswered(call_id=start.call_id, at=start.at + 2, seq=1002))
    assert agent() == "luis"
    put(engine, CallAnswered(call_id=start.call_id, at=start.at + 3, seq=1003, agent_id="eva"))
    assert agent() == "eva"


def test_opening_again_changes_nothing(engine: Engine, url: str) -> None:
    put(engine, *EVENTS)
    before = dump(engine)
    again = open_store(url)
    assert dump(again) == before
    again.dispose()


def test_sqlite_is_set_for_durability_and_privacy(engine: Engine, tmp_path: Path) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
        for path in tmp_path.glob("cases.db*"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_case_says_by_which_playbook_it_was_judged_and_what_was_consented(engine: Engine) -> None:
    book = packaged_kit("es").playbook
    consent = ComplianceChanged(
        call_id="demo", at=T0, rule_id="ask", label="Permiso", state="met", due_at=None, evidence=(), consent="refused"
    )
    put(engine, *EVENTS, consent)
    with engine.connect() as connection:
        case = read_case(connection, "demo")
    assert (case.case["playbook"], case.case["playbook_version"]) == (book.name, book.version)
    assert [row["consent"] for row in case.checklist if row["rule_id"] == "ask"] == ["refused"]
    assert f"{book.name} (versión {book.version})" in as_markdown(case, "es", ZONE)


def test_what_agents_did_with_cards_is_counted_from_the_cases_as_from_the_events(engine: Engine) -> None:
    first = next(event for event in EVENTS if isinstance(event, CardOffered))
    press = AgentDid(call_id="demo", at=T0, agent_id="a", action="card_not_useful", target=first.offer_id, seq=9_999)
    put(engine, *EVENTS, press)
    with engine.connect() as connection:
        counted = {card: CardPrior(**found) for card, found in card_outcomes(connection).items()}
    assert counted == count([*EVENTS, press])
    assert counted[first.card_id].not_useful == 1
    assert priors.load(priors.dump(counted), "p.json") == counted


def test_a_call_becomes_a_case(engine: Engine) -> None:
    saved = put(engine, *EVENTS)
    assert saved == [Saved("AP-20261121-000001", 1)]
    with engine.connect() as connection:
        case = read_case(connection, "ap-20261121-000001")
    assert case.case["status"] == "open"
    assert case.case["caller"] == "+573001112233"
    assert len(case.lines) == sum(isinstance(event, Heard) for event in EVENTS)
    assert [line["t0"] for line in case.lines] == sorted(line["t0"] for line in case.lines)
    assert case.cards
    assert case.tags
    assert case.moods
    assert {rule["state"] for rule in case.checklist} == {"met"}
    known = {line["utterance_id"] for line in case.lines}
    assert all(item["evidence"] and set(item["evidence"]) <= known for item in case.summary)


def test_the_recognised_words_are_kept_beside_the_text(engine: Engine) -> None:
    raw = "son veinte quetzales"
    polished = polisher("es").polish(raw)
    line = heard("customer", raw, 2, 4, uid="c99")
    line = dataclasses.replace(line, text=polished.text, spoken=raw, changes=polished.changes, call_id="demo", seq=3)
    put(engine, *EVENTS[:2], line)
    with engine.connect() as connection:
        row = connection.execute(select(lines).where(lines.c.utterance_id == "c99")).one()
    assert (row.text, row.spoken) == ("Son Q20.", raw)
    assert row.changes[1] == {"kind": "money", "start": 4, "end": 7, "spoken": "veinte quetzales", "value": "20.00 GTQ"}


@pytest.fixture(scope="module")
def written_once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    engine = open_store(f"sqlite:///{tmp_path_factory.mktemp('once') / 'cases.db'}")
    put(engine, *EVENTS)
    rows = dump(engine)
    engine.dispose()
    return rows


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_redelivery_of_any_stretch_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, written_once: dict[str, list[tuple[Any, ...]]], data: st.DataObject
) -> None:
    twice = open_store(f"sqlite:///{tmp_path_factory.mktemp('twice') / 'cases.db'}")
    end = data.draw(st.integers(1, len(EVENTS)))
    start = data.draw(st.integers(max(0, end - 15), end))
    put(twice, *EVENTS[:end], *EVENTS[start:end], *EVENTS[end:])
    assert dump(twice) == written_once
    twice.dispose()


def test_the_same_summary_again_is_saved_again_and_an_older_one_is_not(engine: Engine) -> None:
    put(engine, *EVENTS)
    draft = next(event for event in EVENTS if isinstance(event, SummaryDrafted))
    assert put(engine, draft) == [Saved("AP-20261121-000001", 1)]
    newer = dataclasses.replace(draft, revision=3, disposition="Otro", items=draft.items[:1])
    assert put(engine, newer) == [Saved("AP-20261121-000001", 3)]
    assert put(engine, draft) == []
    with engine.connect() as connection:
        case = read_case(connection, "demo")
    assert (case.case["disposition"], len(case.summary)) == ("Otro", 1)


def test_accepting_closes_the_case(engine: Engine) -> None:
    put(engine, *EVENTS)
    done = AgentDid(call_id="demo", at=T0 + 200, seq=9000, agent_id="ana", action="summary_accepted", target="1")
    put(engine, done)
    with engine.connect() as connection:
        case = read_case(connection, "demo").case
    assert (case["status"], case["closed_at"]) == ("closed", T0 + 200)


def test_numbers_count_per_day_of_the_call_centre(engine: Engine) -> None:
    late = 1_795_323_600.0  # 2026-11-22 05:00 UTC: midnight in Bogotá
    for n, at in enumerate((late - 3600, late - 1, late, late + 1)):
        put(engine, dataclasses.replace(begin(f"c{n}", "es")[0], at=at))
    with engine.connect() as connection:
        ids = list(connection.execute(select(cases.c.case_id).order_by(cases.c.started_at)).scalars())
    assert ids == ["AP-20261121-000001", "AP-20261121-000002", "AP-20261122-000001", "AP-20261122-000002"]


def test_an_offer_that_comes_again_does_not_reopen_a_card(engine: Engine) -> None:
    put(engine, *EVENTS)
    offer = next(event for event in EVENTS if type(event).__name__ == "CardOffered")
    put(engine, offer)
    with engine.connect() as connection:
        assert all(card["outcome"] for card in read_case(connection, "demo").cards)


def test_a_line_that_was_taken_back_is_gone(engine: Engine) -> None:
    put(
        engine, *begin("c1", "es"), heard("agent", "hola", 0, 1, uid="u"), heard("agent", "hola a todos", 0, 1, uid="u")
    )
    with engine.connect() as connection:
        assert [line["text"] for line in read_case(connection, "c1").lines] == ["hola a todos"]
    put(engine, heard("agent", "", 0, 1, uid="u"))
    with engine.connect() as connection:
        assert read_case(connection, "c1").lines == ()


def test_events_of_a_call_whose_start_was_lost_make_a_case(engine: Engine) -> None:
    put(engine, heard("agent", "hola", 0, 1, uid="u", call_id="orphan"))
    put(engine, begin("orphan", "en")[0])
    with engine.connect() as connection:
        case = read_case(connection, "orphan")
    assert (case.case["language"], case.case["queue"]) == ("en", "general")


def test_what_is_not_kept() -> None:
    assert not keeps(heard("agent", "ho", 0, 1, uid="u", stable=1))
    assert not keeps(CaseSaved(call_id="c", at=0, case_id="x", revision=1))
    assert not keeps(CardWithdrawn(call_id="", at=0, offer_id="x", reason="said"))


def test_a_deleted_case_takes_everything_with_it(engine: Engine) -> None:
    put(engine, *EVENTS)
    with engine.begin() as connection:
        connection.execute(cases.delete())
    with engine.connect() as connection:
        assert connection.execute(select(lines)).first() is None


def test_a_list_is_newest_first_with_tags(engine: Engine) -> None:
    put(engine, *EVENTS, *[dataclasses.replace(event, at=event.at + 500) for event in begin("later", "en")])
    with engine.connect() as connection:
        rows = list_cases(connection, limit=10)
        assert [row["call_id"] for row in rows] == ["later", "demo"]
        assert "Cobro doble" in rows[1]["tags"]
        assert len(list_cases(connection, limit=1)) == 1
        assert [row["call_id"] for row in list_cases(connection, limit=9, since=T0 + 100)] == ["later"]
    json.dumps(rows)


# --- errors --------------------------------------------------------------------------------------------------


def test_an_unknown_case_names_the_nearest(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StoreError, match="history is empty"):
        read_case(connection, "AP-1")
    put(engine, *EVENTS)
    with engine.connect() as connection, pytest.raises(StoreError, match="nearest: AP-20261121-000001"):
        read_case(connection, "AP-20261121-000007")


def test_a_corrupt_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "cases.db"
    path.write_bytes(b"this is no database, " * 500)
    for opener in (open_store, open_for_reading):
        with pytest.raises(StoreError, match=r"damaged.*restore a backup") as caught:
            opener(f"sqlite:///{path}")
        assert not caught.value.retryable


def test_no_history_yet(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no case history at .* yet"):
        open_for_reading(f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_something_else(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("create table x (y)")
    other.close()
    with pytest.raises(StoreError, match="holds no case history"):
        open_for_reading(f"sqlite:///{tmp_path / 'other.db'}")


def test_a_wrong_url_or_a_missing_driver() -> None:
    with pytest.raises(StoreError, match="no SQLAlchemy URL"):
        open_store("cases.db")
    with pytest.raises(StoreError, match="driver"):
        open_store("oracle://u:secret@h/x")


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StoreError, match="check the path"):
        open_store(f"sqlite:///{blocker / 'sub' / 'cases.db'}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "ro"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="permissions"):
        open_store(f"sqlite:///{folder / 'cases.db'}")


def test_the_case_goes_along_with_the_customer_to_a_colleague(engine: Engine) -> None:
    start, answered = begin("c9", "es")
    moved = CallTransferred(call_id="c9", at=T0 + 5, target="sip:luis@pbx", agent_id="luis", by_agent="ana")
    away = CallTransferred(call_id="c9", at=T0 + 9, target="sip:700@pbx", by_agent="luis")
    put(engine, start, answered, moved)
    with engine.connect() as connection:
        case = read_case(connection, "c9").case
        assert (case["agent_id"], case["transferred_to"]) == ("luis", "sip:luis@pbx")
    put(engine, away)
    with engine.connect() as connection:
        case = read_case(connection, "c9").case
        assert (case["agent_id"], case["transferred_to"]) == ("luis", "sip:700@pbx")


def test_leads_and_surveys_are_kept_and_shown(tmp_path: Path) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 'cases.db'}")
    about: dict[str, Any] = {"call_id": "demo", "lead_id": "luz"}
    late = [
        EarsChanged(**about, at=T0 + 20, state="listening", seq=9001),
        EarsChanged(**about, at=T0 + 30, state="refused", reason="speaking", by="marta", seq=9002),
        SurveyAnswered(call_id="demo", at=T0 + 200, question_id="sat", kind="csat", low=1, high=5, score=4, seq=9003),
        SurveyAnswered(call_id="demo", at=T0 + 210, question_id="nps", kind="nps", low=0, high=10, score=10, seq=9004),
        SurveyEnded(call_id="demo", at=T0 + 211, outcome="hung_up", asked=3, answered=2, seq=9005),
    ]
    for event in [*EVENTS, *late, *late]:
        with engine.begin() as connection:
            write(connection, event, ZONE)
    with engine.connect() as connection:
        case = read_case(connection, "demo")
    assert [(row["question_id"], row["score"]) for row in case.survey] == [("sat", 4), ("nps", 10)]
    assert (case.case["survey"], case.case["survey_asked"]) == ("hung_up", 3)
    text = as_markdown(case, "en", ZONE)
    for part in ("luz listens", "another team lead speaks", "Satisfaction (sat): 4 / 5", "hung up: 2 of 3 questions"):
        assert part in text
    assert "Recomendaría (nps): 10 / 10" in as_markdown(case, "es", ZONE)
    engine.dispose()
