"""Searching the articles for what customers say, beside the deciders: reading and models take their time.

What is found goes to the broker as an input of the call and reaches the session like every other, in its order: so a
session that is played again decides the same. What was being searched for when a process died is searched for again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from assist.decide.text import as_said
from assist.events import ArticleFound, Event, Heard, Language
from assist.knowledge.keeper import Answer
from assist.process import end_tasks

MOST_WAITING: Final = 64
"""Lines that wait for their search; of more the oldest are dropped, for their moment has passed."""

AGAIN_S: Final = 25.0
"""Seconds after which a customer's words are too old for a card, and so for a search."""

log = structlog.get_logger(__name__)

Send = Callable[[ArticleFound, str], None]
"""Hand an input to the broker, with the name of its meaning within the call."""


class Library(Protocol):
    """What can be searched; :class:`assist.knowledge.keeper.KnowledgeKeeper` is one."""

    def answer(self, text: str, language: Language) -> Answer | None:
        """The likeliest passage for a customer's line; None when there is none. Blocks for milliseconds."""
        ...


class ArticleDesk:
    """One search at a time, in a thread. ``send`` is called on the loop."""

    def __init__(self, library: Library, send: Send) -> None:
        self._library = library
        self._send = send
        self._waiting: deque[tuple[Heard, float]] = deque(maxlen=MOST_WAITING)
        self._something = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._failing = False

    def start(self) -> None:
        """Take up work; on the running loop."""
        self._worker = asyncio.create_task(self._work(), name="article-search")

    async def stop(self) -> None:
        """Give up what waits."""
        if self._worker is not None:
            await end_tasks([self._worker])

    def ask(self, heard: Heard, floor: float) -> None:
        """Search for a final; what is at least ``floor`` sure to answer it is sent."""
        self._waiting.append((heard, floor))
        self._something.set()

    async def _work(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                heard, floor = self._waiting.popleft()
                try:
                    answer = await asyncio.to_thread(self._library.answer, as_said(heard), heard.language)
                except Exception as err:  # a search that fails must not end the searches of all other calls
                    if not self._failing:
                        log.error("session.search_failed", call_id=heard.call_id, error=type(err).__name__)
                    self._failing = True
                    continue
                self._failing = False
                if answer is not None and answer.found.confidence >= floor:
                    self._send(found_for(heard, answer), f"article.{heard.utterance_id}")


def asks(event: Event) -> bool:
    """Whether an article may answer ``event``: a final of the customer's."""
    return isinstance(event, Heard) and event.final and event.party == "customer" and bool(event.text.strip())


def unanswered(history: Iterable[Event], now: Event) -> list[Heard]:
    """The customer's lines of a call's past that are still news at ``now`` and for which nothing has been found."""
    known = list(history)
    found = {event.utterance_id for event in known if isinstance(event, ArticleFound)}
    lines = {event.utterance_id: event for event in known if isinstance(event, Heard) and asks(event)}
    return [
        line
        for line in lines.values()
        if line.utterance_id not in found and now.at - line.at <= AGAIN_S and (not now.seq or line.seq < now.seq)
    ]


def found_for(heard: Heard, answer: Answer) -> ArticleFound:
    """The event that tells what was found for ``heard``."""
    passage = answer.found.passage
    return ArticleFound(
        call_id=heard.call_id,
        at=heard.at,
        utterance_id=heard.utterance_id,
        title=_plain(passage.title),
        heading=_plain(passage.heading),
        file=_plain(passage.file),
        line=passage.line,
        text="\n".join(_plain(line) for line in answer.quoted.splitlines()),
        language=passage.language,
        confidence=round(answer.found.confidence, 3),
    )


def _plain(text: str) -> str:
    """Without control characters: an article must not steer a terminal."""
    return "".join(ch if ch.isprintable() else " " for ch in text)
