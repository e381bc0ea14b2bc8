"""The assist process with a folder of articles: quoted in a call, kept current, and quiet about what it can't read."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from assist.bus import Bus
from assist.demo.run import choose_ports
from assist.events import ArticleFound, CallAnswered, CallStarted, CardOffered, Event, Heard
from models.errors import ModelMissing
from models.store import Store
from tests.support import RealBroker, eventually

pytestmark = [pytest.mark.models, pytest.mark.timeout(240)]

RETURNS = """# Devoluciones

## Plazo para devolver un producto
Un producto sin usar se puede devolver en los treinta días siguientes a la compra, con su caja y la factura.

## Quién paga el envío de la devolución
El envío de la devolución lo paga la tienda cuando el producto llegó dañado.
"""


@dataclass
class Process:
    """The process, its articles, what it logged, and what is stored on its broker."""

    running: asyncio.subprocess.Process
    articles: Path
    log: Path
    bus: Bus
    seen: list[Event]

    async def ask(self, call: str, number: int, text: str) -> None:
        """A customer says it now."""
        now = time.time()
        self.bus.send(
            Heard(
                call_id=call,
                at=now,
                party="customer",
                utterance_id=f"u{number}",
                text=text,
                stable_chars=len(text),
                final=True,
                t0=now - 2,
                t1=now,
                language="es",
                confidence=0.9,
            )
        )

    def begin(self, call: str) -> None:
        now = time.time()
        self.bus.send(
            CallStarted(call_id=call, at=now, trunk="t", caller="1", callee="2", queue="q", agent_id="a", language="es")
        )
        self.bus.send(CallAnswered(call_id=call, at=now))

    def cards(self, call: str) -> list[CardOffered]:
        return [event for event in self.seen if isinstance(event, CardOffered) and event.call_id == call]

    def found(self, call: str) -> list[ArticleFound]:
        return [event for event in self.seen if isinstance(event, ArticleFound) and event.call_id == call]

    def logged(self, text: str) -> int:
        return self.log.read_text(encoding="utf-8").count(text)


@pytest_asyncio.fixture
async def assist(real_broker: RealBroker, bus: Bus, tmp_path: Path) -> AsyncIterator[Process]:
    try:
        Store().require("e5-small-es-en")
    except ModelMissing as missing:
        pytest.skip(str(missing))
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "devoluciones.es.md").write_text(RETURNS, encoding="utf-8")
    with (articles / "video.md").open("wb") as file:
        file.truncate(500_000_000)
    (articles / "foto.md").write_bytes(b"\x89PNG\0\0\0")
    real_broker.address.save(tmp_path / "data" / "run" / "nats.json")
    config = tmp_path / "apuntador.toml"
    config.write_text(
        f'data_dir = "{tmp_path}/data"\nmodels_dir = "{Store().root}"\n[hub]\nport = {choose_ports().hub}\n'
        f'[knowledge]\nfolder = "{articles}"\ncheck_s = 1\n[log]\nformat = "json"\n'
    )
    log = tmp_path / "assist.log"
    with log.open("wb") as out:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "assist.core", "--config", str(config), stdout=out, stderr=out, env={**os.environ}
        )
    seen: list[Event] = []

    async def keep(event: Event) -> None:
        seen.append(event)

    await bus.follow(keep)
    process = Process(running, articles, log, bus, seen)
    try:
        await eventually(lambda: process.logged("knowledge.read") > 0, 120, "the articles")
        yield process
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
            await asyncio.wait_for(running.wait(), 30)


async def test_a_question_brings_the_articles_own_words_and_changes_are_noticed(assist: Process) -> None:
    assert assist.logged('"problem": "too_large"') == 1
    assert assist.logged('"problem": "binary"') == 1
    assist.begin("c1")
    await assist.ask("c1", 1, "¿cuántos días tengo para devolver un producto?")
    await eventually(lambda: bool(assist.cards("c1")), 20, "the card")
    (card,) = assist.cards("c1")
    assert card.say in RETURNS
    assert "treinta días" in card.say
    assert (card.source, card.evidence) == ("devoluciones.es.md:4", ("u1",))
    assert card.title == "Devoluciones › Plazo para devolver un producto"
    await assist.ask("c1", 2, "muchas gracias, muy amable, que tenga buen día")

    reads = assist.logged("knowledge.read")
    (assist.articles / "devoluciones.es.md").write_text(RETURNS.replace("treinta", "sesenta"), encoding="utf-8")
    await eventually(lambda: assist.logged("knowledge.read") > reads, 30, "the changed article")
    assist.begin("c2")
    await assist.ask("c2", 1, "¿cuántos días tengo para devolver un producto?")
    await eventually(lambda: bool(assist.cards("c2")), 20, "the card")
    assert "sesenta días" in assist.cards("c2")[0].say

    (assist.articles / "devoluciones.es.md").unlink()
    await eventually(lambda: assist.logged("knowledge.read") > reads + 1, 30, "the deletion")
    assist.begin("c3")
    await assist.ask("c3", 1, "¿cuántos días tengo para devolver un producto?")
    await assist.ask("c3", 2, "¿me oye?")
    await eventually(
        lambda: any(isinstance(e, Heard) and e.call_id == "c3" and e.utterance_id == "u2" for e in assist.seen)
    )
    await asyncio.sleep(1)
    assert assist.found("c3") == []
    assert len(assist.found("c1")) == 1  # thanks were answered by nothing
    assert assist.logged("devolver un producto") == 0  # nobody's words are in the log


async def test_another_folder_counts_after_a_reload(assist: Process) -> None:
    other = assist.articles.with_name("others")
    other.mkdir()
    (other / "devoluciones.es.md").write_text(RETURNS.replace("treinta", "noventa"), encoding="utf-8")
    config = assist.articles.with_name("apuntador.toml")
    config.write_text(
        config.read_text().replace(str(assist.articles), str(other)).replace("check_s = 1", "check_s = 600")
    )
    reads = assist.logged("knowledge.read")
    assist.running.send_signal(signal.SIGHUP)
    await eventually(lambda: assist.logged("knowledge.read") > reads, 45, "the other folder")
    assist.begin("c1")
    await assist.ask("c1", 1, "¿cuántos días tengo para devolver un producto?")
    await eventually(lambda: bool(assist.cards("c1")), 20, "the card")
    assert "noventa días" in assist.cards("c1")[0].say


async def test_a_folder_that_goes_away_is_one_line_and_calls_go_on(assist: Process) -> None:
    assist.articles.rename(assist.articles.with_name("elsewhere"))
    await eventually(lambda: assist.logged("knowledge.not_read") == 1, 30, "the complaint")
    await asyncio.sleep(2.5)
    assert assist.logged("knowledge.not_read") == 1
    assist.begin("c1")
    await assist.ask("c1", 1, "me cobraron dos veces y ¿cuántos días tengo para devolver un producto?")
    await eventually(lambda: bool(assist.cards("c1")), 20, "a card")
    assert assist.running.returncode is None
