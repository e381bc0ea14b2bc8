"""The session service against a bus that only remembers: failures, memory, late starters."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from assist.bus import Bus
from assist.config import Knowledge, Settings
from assist.config import Playbook as PlaybookSettings
from assist.config import Summary as SummarySettings
from assist.decide.lexicon import LexiconBaseline, Tendency
from assist.errors import BusError, ConfigError
from assist.events import (
    AgentDid,
    ArticleFound,
    CardOffered,
    ComplianceChanged,
    Degraded,
    Event,
    Heard,
    Language,
    LeadDid,
    PlaybookChosen,
    SummaryDrafted,
)
from assist.knowledge.keeper import Answer
from assist.knowledge.passage import Passage
from assist.knowledge.search import Found
from assist.session import service as service_module
from assist.session.articles import found_for
from assist.session.mood import open_mood
from assist.session.rephrase import WORDED
from assist.session.service import KEEP_S, SessionService
from models.errors import ModelDamaged
from tests.support import eventually
from tests.unit.decide.calls import T0, begin, demo_events, heard
from tests.unit.session.test_rephrase import chat, model


class MemoryBus(Bus):
    """Stores what is sent; nothing is delivered by itself. The real one has its own tests."""

    def __init__(self) -> None:
        self.stored: list[Event] = []
        self.dedups: list[str] = []
        self.full = False
        self.asked: list[str] = []

    def send(self, event: Event, *, dedup: str = "", stored: Callable[[], None] | None = None) -> None:
        if self.full:
            raise BusError("full")
        self.stored.append(replace(event, seq=len(self.stored) + 1))
        self.dedups.append(f"{type(event).__name__}.{dedup}")

    async def flush(self) -> None:
        pass

    async def history(self, call_id: str, *, before: int | None = None) -> list[Event]:
        self.asked.append(call_id)
        return [e for e in self.stored if e.call_id == call_id and (before is None or e.seq < before)]

    async def recent(self, since_s: float) -> list[Event]:
        return list(self.stored)

    async def follow_live(self, handler: Any) -> None:
        pass

    async def consume(self, durable: str, subject: str, handler: Any) -> None:
        pass

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.stored if isinstance(event, kind)]


class Rig:
    """A service, its bus and its clock."""

    def __init__(self, sentiment: Any = None, settings: Settings | None = None) -> None:
        sentiment = sentiment if sentiment is not None else LexiconBaseline()
        self.now = T0
        self.bus = MemoryBus()
        self.service = SessionService(self.bus, settings or Settings(), sentiment=sentiment, clock=lambda: self.now)

    async def start(self) -> "Rig":
        await self.service.start()
        await self.service.stop()  # ticks are given by hand
        return self

    async def give(self, event: Event) -> None:
        self.bus.stored.append(replace(event, seq=len(self.bus.stored) + 1))
        await self.service.on_event(self.bus.stored[-1])


async def test_a_new_call_asks_for_no_history_on_a_fresh_broker() -> None:
    rig = await Rig().start()
    for event in begin("c1", "es"):
        await rig.give(event)
    assert rig.bus.asked == []
    assert rig.bus.of(ComplianceChanged)


class Shelf:
    """Articles that answer everything, some time after they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, text: str, language: Language) -> Answer | None:
        self.asked.append(text)
        passage = Passage("Las devoluciones tardan cinco días.", "Devoluciones", "d.md", "Plazo", 3, language)
        return Answer(Found(passage, 0.9, True), passage.text)


async def test_a_search_that_died_with_its_process_is_made_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, knowledge=Knowledge(folder=tmp_path))
    rig = Rig(settings=settings)
    for event in begin("c1", "es"):
        rig.bus.stored.append(replace(event, seq=len(rig.bus.stored) + 1))
    lines = ["hola buenas tardes", "¿cuánto tarda la devolución?", "¿y a qué cuenta me llega?", "espero"]
    for number, text in enumerate(lines):
        line = heard(
            "customer", text, 40.0 * (number > 0) + number, 40.0 * (number > 0) + number + 0.5, uid=f"u{number}"
        )
        rig.bus.stored.append(replace(line, seq=len(rig.bus.stored) + 1))
    answered = found_for(rig.bus.of(Heard)[2], Shelf().answer("", "es"))  # type: ignore[arg-type]
    rig.bus.stored.append(replace(answered, seq=len(rig.bus.stored) + 1))

    shelf = Shelf()
    rig.service = SessionService(rig.bus, settings, sentiment=LexiconBaseline(), articles=shelf, clock=lambda: rig.now)
    await rig.service.start()
    await rig.give(heard("customer", "¿me oye usted?", 44, 45, uid="u9"))
    await eventually(lambda: len(rig.bus.of(ArticleFound)) == 4, 30, "the searches")
    await rig.service.stop()
    # Not what was answered (u2), and not what is too old for a card (u0).
    assert shelf.asked == [lines[1], lines[3], "¿me oye usted?"]
    assert [found.utterance_id for found in rig.bus.of(ArticleFound)] == ["u2", "u1", "u3", "u9"]
    await rig.give(heard("customer", "otra cosa más", 46, 47, uid="u10"))
    assert rig.bus.asked == ["c1"]  # the past is looked at once


async def test_an_answer_to_a_dispute_of_a_call_the_broker_has_forgotten_decides_nothing() -> None:
    rig = await Rig().start()
    about = {"call_id": "old", "target": "greets", "text": "es cierto"}
    await rig.give(AgentDid(**about, at=T0, agent_id="ana", action="score_disputed"))
    await rig.give(LeadDid(**about, at=T0 + 9, lead_id="luz", action="dispute_upheld"))
    assert [type(event) for event in rig.bus.stored] == [AgentDid, LeadDid]
    assert rig.service.live_calls == 0


async def test_each_call_has_its_own_languages_playbook() -> None:
    rig = await Rig().start()
    for language in ("es", "en"):
        for event in begin(f"c-{language}", language):
            await rig.give(event)
    labels = {event.call_id: event.label for event in rig.bus.of(ComplianceChanged) if event.rule_id == "greeting"}
    assert labels == {"c-es": "Saludo con nombre", "c-en": "Greeting with name"}


async def test_reloaded_playbooks_serve_new_calls_and_running_calls_keep_theirs(tmp_path: Path) -> None:
    rig = await Rig().start()
    for event in begin("c1", "es"):
        await rig.give(event)
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nlanguage: es\nrules: [{id: only, label: Solo, phrases: [hola]}]\n")
    await rig.service.reload(Settings(playbook=PlaybookSettings(files=(mine,))))
    mine.write_text("name: mine\nlanguage: es\nrules: [{id: only, label: Solo}]\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml:3"):
        await rig.service.reload(Settings(playbook=PlaybookSettings(files=(mine,))))
    for event in begin("c2", "es"):
        await rig.give(event)
    await rig.give(heard("agent", "hola", 1, 2, uid="u", call_id="c1"))
    rules: dict[str, set[str]] = {}
    for event in rig.bus.of(ComplianceChanged):
        rules.setdefault(event.call_id, set()).add(event.rule_id)
    assert rules["c2"] == {"only"}
    assert "only" not in rules["c1"]
    chosen = {event.call_id: event.name for event in rig.bus.of(PlaybookChosen)}
    assert chosen["c2"] == "mine" != chosen["c1"]


async def test_partials_count_and_those_of_unknown_calls_do_not() -> None:
    rig = await Rig().start()
    text = "me cobraron dos veces"
    await rig.service.on_partial(heard("customer", text, 1, 2, uid="u", call_id="c9", stable=len(text)))
    assert rig.service.live_calls == 0
    for event in begin("c1", "es"):
        await rig.give(event)
    await rig.service.on_partial(heard("customer", text, 1, 2, uid="u", call_id="c1", stable=len(text)))
    assert [card.card_id for card in rig.bus.of(CardOffered)] == ["double_charge"]


class Broken:
    """A mood model that fails."""

    name = "broken"

    def read(self, text: str, language: Language) -> Tendency:
        if text and "cobr" in text:
            raise RuntimeError(f"cannot score {text}")
        return Tendency(0.0, 1.0, 0.0, 0.0)

    def score(self, text: str, language: Language) -> float:
        return self.read(text, language).positive


async def test_a_failing_decider_is_told_once_and_the_others_go_on() -> None:
    rig = await Rig(Broken()).start()
    for event in begin("c1", "es"):
        await rig.give(event)
    for n in range(3):
        await rig.give(heard("customer", f"me cobraron dos veces {n}", n, n + 1, uid=f"u{n}", call_id="c1"))
    degraded = rig.bus.of(Degraded)
    assert [(event.component, event.level) for event in degraded] == [("assist", "late")]
    assert "sentiment" in degraded[0].detail
    assert "cobraron" not in degraded[0].detail
    assert rig.bus.of(CardOffered)
    rig.service.on_tick(T0 + 20)
    assert len(rig.bus.of(Degraded)) == 1
    rig.service.on_tick(T0 + 31)
    assert [event.level for event in rig.bus.of(Degraded)] == ["late", "ok"]


async def test_even_a_broken_fold_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig().start()
    for event in begin("c1", "es"):
        await rig.give(event)

    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("what somebody said")

    with monkeypatch.context() as patch:
        patch.setattr(service_module, "step", broken)
        await rig.give(heard("customer", "hola", 1, 2, uid="u", call_id="c1"))
        rig.service.on_tick(T0 + 3)
        await rig.service.on_partial(heard("customer", "ho", 1, 2, uid="v", call_id="c1", stable=2))
    assert [event.level for event in rig.bus.of(Degraded)] == ["late"]
    await rig.give(heard("customer", "me cobraron dos veces", 4, 5, uid="w", call_id="c1"))
    assert rig.bus.of(CardOffered)


async def test_a_history_that_cannot_be_folded_does_not_hold_up_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig().start()

    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("x")

    monkeypatch.setattr(service_module, "recover", broken)
    for event in begin("c1", "es"):
        await rig.give(event)
    assert rig.bus.of(ComplianceChanged)


async def test_a_full_outbox_raises_and_nothing_is_forgotten() -> None:
    rig = await Rig().start()
    for event in begin("c1", "es"):
        await rig.give(event)
    line = heard("customer", "me cobraron dos veces", 1, 2, uid="u", call_id="c1")
    rig.bus.full = True
    with pytest.raises(BusError):
        await rig.give(line)
    rig.bus.full = False
    await rig.service.on_event(rig.bus.stored[-1])
    assert [card.card_id for card in rig.bus.of(CardOffered)] == ["double_charge"]


async def test_finished_sessions_are_dropped_and_come_back() -> None:
    rig = await Rig().start()
    for event in demo_events("es", "c1"):
        rig.now = event.at
        if getattr(event, "final", True):
            await rig.give(event)
    assert len(rig.bus.of(SummaryDrafted)) == 1
    rig.service.on_tick(rig.now + KEEP_S - 1)
    assert rig.service.live_calls == 1
    rig.service.on_tick(rig.now + KEEP_S)
    assert rig.service.live_calls == 0
    await rig.give(heard("agent", "Su número de folio es 8 8 1 2.", 60, 63, uid="late", call_id="c1"))
    assert [draft.revision for draft in rig.bus.of(SummaryDrafted)] == [1, 2]


async def test_system_events_and_stray_degradations_open_no_session() -> None:
    rig = await Rig().start()
    for call_id in ("", "c7"):
        await rig.give(Degraded(call_id=call_id, at=T0, component="broker", level="down", detail=""))
    assert rig.service.live_calls == 0


def test_where_the_model_is_damaged_a_list_of_words_judges_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> None:
        raise ModelDamaged("no model", where="here", do="install again")

    monkeypatch.setattr("assist.session.mood.MoodModel.open", damaged)
    with structlog.testing.capture_logs() as logs:
        model = open_mood()
    assert model.name == "lexicon-baseline"
    assert [(entry["event"], entry["log_level"], entry["model"]) for entry in logs] == [
        ("mood.fallback", "warning", "lexicon-baseline")
    ]
    assert "install again" in logs[0]["reason"]


async def drafts_of(answer: bytes, *, edit: bool = False) -> list[SummaryDrafted]:
    """The drafts of the demo call's summary with a local language model that gives this answer."""
    async with model(answer) as llm:
        rig = await Rig(settings=Settings(summary=SummarySettings(llm=llm))).start()
        events = [e for e in demo_events("es", "c1") if not isinstance(e, Heard) or e.final]
        for event in events[:-1]:
            await rig.give(event)
        if edit:
            edit_event = AgentDid(
                call_id="c1", at=rig.now, agent_id="ana", action="summary_edited", target="disposition", text="Mía"
            )
            await rig.give(edit_event)
        await rig.give(events[-1])
        await asyncio.wait_for(asyncio.gather(*rig.service._rewording), 10)
        await rig.service.stop()
        return rig.bus.of(SummaryDrafted)


async def test_a_local_model_may_reword_the_finished_summary_once() -> None:
    plain = (await drafts_of(b"not json"))[-1]
    worded = [item.text for item in plain.items if item.slot in WORDED]
    shouted = chat(*(text.upper() for text in worded))
    drafts = await drafts_of(shouted)
    assert [draft.revision for draft in drafts] == [plain.revision, plain.revision + 1]
    assert [item.text for item in drafts[-1].items if item.slot in WORDED] == [text.upper() for text in worded]
    assert [item.evidence for item in drafts[-1].items] == [item.evidence for item in plain.items]


async def test_a_summary_that_the_agent_corrected_is_not_reworded() -> None:
    plain = (await drafts_of(b"not json"))[-1]
    shouted = chat(*(item.text.upper() for item in plain.items if item.slot in WORDED))
    last = (await drafts_of(shouted, edit=True))[-1]
    assert [item.text for item in last.items] == [item.text for item in plain.items]
