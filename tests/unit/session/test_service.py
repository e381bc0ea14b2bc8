"""The session service against a bus that only remembers: failures, memory, late starters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from assist.bus import Bus
from assist.config import Settings
from assist.decide.sentiment import LexiconBaseline
from assist.errors import BusError
from assist.events import (
    CardOffered,
    ComplianceChanged,
    Degraded,
    Event,
    Language,
    SummaryDrafted,
)
from assist.session import service as service_module
from assist.session.service import KEEP_S, SessionService
from tests.unit.decide.calls import T0, begin, demo_events, heard


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

    async def follow_live(self, handler: Any) -> None:
        pass

    async def consume(self, durable: str, subject: str, handler: Any) -> None:
        pass

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.stored if isinstance(event, kind)]


class Rig:
    """A service, its bus and its clock."""

    def __init__(self, sentiment: Any = None) -> None:
        self.now = T0
        self.bus = MemoryBus()
        self.service = SessionService(self.bus, Settings(), sentiment=sentiment, clock=lambda: self.now)

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


async def test_each_call_has_its_own_languages_playbook() -> None:
    rig = await Rig().start()
    for language in ("es", "en"):
        for event in begin(f"c-{language}", language):
            await rig.give(event)
    labels = {event.call_id: event.label for event in rig.bus.of(ComplianceChanged) if event.rule_id == "greeting"}
    assert labels == {"c-es": "Saludo con nombre", "c-en": "Greeting with name"}


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

    def score(self, text: str, language: Language) -> float:
        if text and "cobr" in text:
            raise RuntimeError(f"cannot score {text}")
        return 0.0


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


async def test_the_default_model_is_the_named_baseline() -> None:
    assert LexiconBaseline.name == "lexicon-baseline"
    rig = await Rig().start()
    assert rig.service.live_calls == 0
