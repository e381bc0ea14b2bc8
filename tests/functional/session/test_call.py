"""A whole call through a real broker, the session service and a real SQLite file, with and without a crash."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assist.bus import Bus
from assist.cli.case import app
from assist.config import Settings
from assist.events import (
    CallEnded,
    CardOffered,
    CaseSaved,
    ComplianceChanged,
    Event,
    Heard,
    Language,
    SummaryDrafted,
    TranscriptSettled,
)
from assist.session.service import SessionService
from assist.store.engine import open_for_reading
from assist.store.reader import CaseFile, read_case
from assist.store.service import CaseService
from tests.support import RealBroker, eventually
from tests.unit.decide.calls import demo_events, shifted


class Recorder:
    """Everything stored on the broker, as it comes."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def case_of(settings: Settings, call_id: str) -> CaseFile:
    engine = open_for_reading(settings.store_url)
    try:
        with engine.connect() as connection:
            return read_case(connection, call_id)
    finally:
        engine.dispose()


async def send(bus: Bus, events: list[Event]) -> None:
    for event in events:
        if isinstance(event, Heard) and not event.final:
            await bus.send_live(event)
        else:
            bus.send(event)


@pytest.mark.parametrize("language", ["es", "en"])
async def test_a_call_ends_as_a_saved_case(bus: Bus, settings: Settings, language: Language) -> None:
    seen = Recorder()
    await bus.follow(seen)
    cases, sessions = CaseService(bus, settings), SessionService(bus, settings)
    await cases.start()
    await sessions.start()
    events = shifted(demo_events(language))
    await send(bus, events)
    await eventually(lambda: bool(seen.of(CaseSaved)), what="the case")
    saved = seen.of(CaseSaved)[-1]
    assert isinstance(saved, CaseSaved)
    assert saved.case_id.startswith("AP-")
    finals = {event.utterance_id for event in events if isinstance(event, Heard) and event.final}
    await eventually(lambda: case_of(settings, "demo").case["revision"] >= 1)
    case = case_of(settings, saved.case_id)
    assert {line["utterance_id"] for line in case.lines} == finals
    assert {item["slot"] for item in case.summary} >= {"reason", "promise", "reference", "outcome", "next_step"}
    assert all(item["evidence"] for item in case.summary)
    assert [rule for rule in case.checklist if rule["state"] == "met"]
    await sessions.stop()
    await cases.stop()

    shown = CliRunner().invoke(app, ["export", saved.case_id], obj=settings)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["case"]["call_id"] == "demo"


async def test_a_crash_in_the_middle_loses_and_doubles_nothing(
    real_broker: RealBroker, bus: Bus, settings: Settings
) -> None:
    seen = Recorder()
    await bus.follow(seen)
    events = shifted(demo_events("es"))
    finals = [event for event in events if not (isinstance(event, Heard) and not event.final)]
    half = len(finals) // 2

    first_bus = Bus(real_broker.address, name="first")
    await first_bus.start()
    first, first_cases = SessionService(first_bus, settings), CaseService(first_bus, settings)
    await first_cases.start()
    await first.start()
    await send(bus, finals[:half])
    await eventually(lambda: len(seen.of(Heard)) == half - 2 and bool(seen.of(CardOffered)))
    await eventually(lambda: first._sessions["demo"].state.last_input_seq >= seen.of(Heard)[-1].seq)
    # Killed: nothing is said good-bye to, the connection just goes.
    await first.stop()
    await first_bus.close(flush_s=0)
    await first_cases.stop()

    await send(bus, finals[half:])
    second_bus = Bus(real_broker.address, name="second")
    await second_bus.start()
    second, second_cases = SessionService(second_bus, settings), CaseService(second_bus, settings)
    await second_cases.start()
    await second.start()
    await eventually(lambda: bool(seen.of(CaseSaved)), timeout=45, what="the case")

    case = case_of(settings, "demo")
    expected = sorted(event.utterance_id for event in finals if isinstance(event, Heard))
    assert sorted(line["utterance_id"] for line in case.lines) == expected
    offers = Counter(event.card_id for event in seen.of(CardOffered) if isinstance(event, CardOffered))
    assert offers
    assert max(offers.values()) == 1
    states = Counter(
        (event.rule_id, event.state) for event in seen.of(ComplianceChanged) if isinstance(event, ComplianceChanged)
    )
    assert max(states.values()) == 1
    assert [event.revision for event in seen.of(SummaryDrafted) if isinstance(event, SummaryDrafted)] == [1]
    await second.stop()
    await second_cases.stop()
    await second_bus.close()


async def test_a_service_that_starts_after_the_call_still_drafts_it(bus: Bus, settings: Settings) -> None:
    seen = Recorder()
    await bus.follow(seen)
    await send(bus, [event for event in shifted(demo_events("en")) if not isinstance(event, Heard) or event.final])
    await eventually(lambda: bool(seen.of(TranscriptSettled)))
    sessions = SessionService(bus, settings)
    await sessions.start()
    await eventually(lambda: bool(seen.of(SummaryDrafted)))
    await sessions.stop()


async def test_words_without_a_call_start_are_tolerated(bus: Bus, settings: Settings) -> None:
    seen = Recorder()
    await bus.follow(seen)
    sessions = SessionService(bus, settings)
    await sessions.start()
    events = [event for event in shifted(demo_events("en", "orphan")) if isinstance(event, Heard | CallEnded)]
    await send(bus, events)
    await eventually(lambda: bool(seen.of(SummaryDrafted)), what="a summary")
    summary = seen.of(SummaryDrafted)[-1]
    assert isinstance(summary, SummaryDrafted)
    assert any("518360" in item.text for item in summary.items)
    await sessions.stop()


async def test_a_late_line_brings_a_dropped_session_back(bus: Bus, settings: Settings, tmp_path: Path) -> None:
    seen = Recorder()
    await bus.follow(seen)
    now = 0.0
    sessions = SessionService(bus, settings, clock=lambda: now)
    await sessions.start()
    events = demo_events("es")
    lines = [event for event in events if isinstance(event, Heard) and event.final]
    now = events[-1].at
    late = next(line for line in lines if "radicado" in line.text)
    await send(bus, [e for e in events if e is not late and not (isinstance(e, Heard) and not e.final)])
    await eventually(lambda: bool(seen.of(SummaryDrafted)))
    now += 120
    await eventually(lambda: sessions.live_calls == 0, what="the session's end")
    bus.send(late)
    await eventually(lambda: len(seen.of(SummaryDrafted)) == 2, what="the redraft")
    redraft = seen.of(SummaryDrafted)[-1]
    assert isinstance(redraft, SummaryDrafted)
    assert redraft.revision == 2
    assert any(item.slot == "reference" and late.utterance_id in item.evidence for item in redraft.items)
    await sessions.stop()
    await asyncio.sleep(0)
