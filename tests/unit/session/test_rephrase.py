"""Rewording by a local model, over real HTTP: taken when faithful, dropped when it adds, never waited for."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Literal

import pytest

from assist.config import SummaryLlm
from assist.events import Language, Party, SummaryItem
from assist.session.rephrase import faithful, rephrase

ITEM = SummaryItem(slot="done", text="ya generé el reembolso de los 349 pesos", evidence=("a1",))
AMOUNT = SummaryItem(slot="amount", text="349 pesos", evidence=("a1",))


@contextlib.asynccontextmanager
async def model(answer: bytes, *, delay: float = 0.0) -> AsyncIterator[SummaryLlm]:
    """A server that gives this answer to every request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/chat/completions ")
        if delay:
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield SummaryLlm(url=f"http://127.0.0.1:{port}/v1", timeout_s=0.3 if delay else 4.0)
    finally:
        server.close()


async def reworded(answer: bytes, *, delay: float = 0.0) -> tuple[SummaryItem, ...]:
    """The items through such a server."""
    async with model(answer, delay=delay) as settings:
        return await rephrase([ITEM, AMOUNT], "es", settings)


def chat(*texts: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": json.dumps(texts)}}]}).encode()


def test_a_faithful_rewording_is_taken_and_numbers_are_left_alone() -> None:
    good = "El agente generó el reembolso de los 349 pesos"
    assert asyncio.run(reworded(chat(good))) == (replace(ITEM, text=good), AMOUNT)


@pytest.mark.parametrize(
    "answer",
    [
        chat("El agente generó el reembolso de los 500 pesos"),
        chat("El agente no generó el reembolso de los 349 pesos"),
        chat("El agente generó el reembolso de los 349 pesos a Laura"),
        chat("El agente generó el reembolso de los 349 pesos y lo llama mañana"),
        chat(""),
        chat("uno", "dos"),
        b'{"choices": []}',
        b"not json",
        b'{"choices": [{"message": {"content": "{}"}}]}',
        b"x" * 100_000,
    ],
)
def test_what_adds_or_is_broken_is_dropped(answer: bytes) -> None:
    assert asyncio.run(reworded(answer)) == (ITEM, AMOUNT)


def test_a_model_that_does_not_answer_is_not_waited_for() -> None:
    assert asyncio.run(reworded(chat("x"), delay=1)) == (ITEM, AMOUNT)


def test_nobody_listens_and_nothing_is_set() -> None:
    assert asyncio.run(rephrase([ITEM], "es", SummaryLlm())) == (ITEM,)
    assert asyncio.run(rephrase([ITEM], "es", SummaryLlm(url="http://127.0.0.1:1/v1"))) == (ITEM,)


def test_english_negation_is_watched() -> None:
    assert faithful("I can't promise it today", "The agent can't promise it today", "en")
    assert not faithful("I can't promise it today", "The agent promises it today", "en")


@pytest.mark.parametrize(
    ("original", "wording", "language", "party"),
    [
        # Sums that change places, a promise told as done, an act told as a promise, a condition or an offer left out.
        ("su plan pasa de 300 a 500 pesos", "El plan pasa de 500 a 300 pesos", "es", ""),
        ("le voy a cancelar el plan", "El agente cancela el plan", "es", "agent"),
        ("I've refunded the charge", "The agent will refund the charge", "en", "agent"),
        ("si paga hoy le quito la mora", "Paga hoy, le quito la mora", "es", "agent"),
        ("I could refund the charge", "The agent refunds the charge", "en", "agent"),
        # Who owes it.
        ("the bill I paid on Monday", "The agent paid the bill on Monday", "en", "customer"),
        ("lo deposito el lunes", "El agente lo deposito el lunes", "es", "customer"),
        # A day, a name, a number in words.
        ("le llamo el lunes", "El agente llamo el martes", "es", "agent"),
        ("le llamo el lunes", "Laura le llamo el lunes", "es", "agent"),
        ("le llamo en dos horas", "le llamo en tres horas", "es", "agent"),
    ],
)
def test_what_turns_a_fact_round_is_dropped(
    original: str, wording: str, language: Language, party: Party | Literal[""]
) -> None:
    assert not faithful(original, wording, language, party)
    assert faithful(original, original, language, party)
