"""Articles searched for what customers say: beside the deciders, sure ones only, and once."""

import asyncio
from dataclasses import replace
from pathlib import Path
from threading import Event as Gate
from typing import Any

import structlog

from assist.config import Knowledge, Settings
from assist.decide.lexicon import LexiconBaseline
from assist.events import ArticleFound, CardOffered, Event, Language
from assist.knowledge.keeper import Answer
from assist.knowledge.passage import Passage
from assist.knowledge.search import Found
from assist.session.articles import MOST_WAITING, ArticleDesk
from assist.session.service import SessionService
from tests.support import eventually
from tests.unit.decide.calls import T0, begin, heard
from tests.unit.session.test_service import MemoryBus

PASSAGE = Passage("El plazo es de treinta días.\x1b[2J", "Devoluciones", "devoluciones.en.md", "Plazo", 3, "en")


class Shelf:
    """Answers whatever has "plazo" in it, as sure as it is told."""

    def __init__(self, confidence: float = 0.9) -> None:
        self.confidence = confidence
        self.asked: list[tuple[str, Language]] = []

    def answer(self, text: str, language: Language) -> Answer | None:
        self.asked.append((text, language))
        if "rompe" in text:
            raise OSError(text)
        return Answer(Found(PASSAGE, self.confidence, True), PASSAGE.text) if "plazo" in text else None


def service(shelf: Any, bus: MemoryBus, tmp_path: Path, **knowledge: Any) -> SessionService:
    settings = Settings(data_dir=tmp_path, knowledge=Knowledge(folder=tmp_path, **knowledge))
    return SessionService(bus, settings, sentiment=LexiconBaseline(), articles=shelf, clock=lambda: T0)


async def give(sessions: SessionService, bus: MemoryBus, *events: Event) -> None:
    for event in events:
        bus.stored.append(replace(event, seq=len(bus.stored) + 1))
        await sessions.on_event(bus.stored[-1])


async def test_a_customers_final_is_searched_and_what_is_found_comes_back_as_an_input(tmp_path: Path) -> None:
    shelf, bus = Shelf(), MemoryBus()
    sessions = service(shelf, bus, tmp_path)
    await sessions.start()
    await give(sessions, bus, *begin("c1", "es"))
    await give(sessions, bus, heard("agent", "el plazo se lo digo yo", 1, 2, uid="a1"))
    await give(sessions, bus, heard("customer", "¿qué plazo tengo para devolverlo?", 3, 5, uid="u1"))
    await eventually(lambda: bool(bus.of(ArticleFound)))
    await sessions.stop()
    assert shelf.asked == [("¿qué plazo tengo para devolverlo?", "es")]
    (found,) = bus.of(ArticleFound)
    assert (found.file, found.line, found.language) == ("devoluciones.en.md", 3, "en")
    assert found.text == "El plazo es de treinta días. [2J"
    assert "ArticleFound.article.u1" in bus.dedups
    assert bus.of(CardOffered) == []  # only once the broker has handed it over
    await sessions.on_event(found)
    (card,) = bus.of(CardOffered)
    assert card.source == "devoluciones.en.md:3"

    # Another process takes the call over: the same state, and the card is not offered again.
    second = service(Shelf(), bus, tmp_path)
    await second.start()
    await give(second, bus, heard("customer", "ya, gracias", 6, 7, uid="u2"))
    await second.stop()
    assert len(bus.of(CardOffered)) == 1


async def test_what_is_unsure_or_unwanted_is_not_sent(tmp_path: Path) -> None:
    for shelf, wanted in ((Shelf(0.6), {}), (Shelf(0.9), {"confidence": 0.95}), (Shelf(), {"cards": False})):
        bus = MemoryBus()
        sessions = service(shelf, bus, tmp_path, **wanted)
        await sessions.start()
        await give(sessions, bus, *begin("c1", "es"), heard("customer", "¿qué plazo hay?", 3, 5, uid="u1"))
        await asyncio.sleep(0.05)
        await sessions.stop()
        assert bus.of(ArticleFound) == []
        assert bool(shelf.asked) == (wanted != {"cards": False})


async def test_a_search_that_fails_ends_no_other_and_quotes_nobody() -> None:
    sent: list[ArticleFound] = []
    desk = ArticleDesk(Shelf(), lambda found, dedup: sent.append(found))
    desk.start()
    with structlog.testing.capture_logs() as logs:
        desk.ask(heard("customer", "esto se rompe", 1, 2, uid="u1"), 0.7)
        desk.ask(heard("customer", "¿y el plazo?", 3, 4, uid="u2"), 0.7)
        await eventually(lambda: bool(sent))
    await desk.stop()
    assert [log["event"] for log in logs] == ["session.search_failed"]
    assert "rompe" not in str(logs)


async def test_more_lines_than_can_be_searched_lose_the_oldest() -> None:
    gate = Gate()
    seen: list[str] = []

    class Slow:
        def answer(self, text: str, language: Language) -> Answer | None:
            gate.wait(5)
            seen.append(text)
            return None

    desk = ArticleDesk(Slow(), lambda found, dedup: None)
    desk.start()
    for number in range(MOST_WAITING + 50):
        desk.ask(heard("customer", f"línea {number}", 1, 2, uid=f"u{number}"), 0.7)
    await asyncio.sleep(0)
    gate.set()
    await eventually(lambda: bool(seen) and seen[-1] == f"línea {MOST_WAITING + 49}")
    await desk.stop()
    assert len(seen) <= MOST_WAITING + 1
