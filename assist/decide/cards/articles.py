"""Passages of the company's articles as cards: when one is offered, and when the agent has told it.

What was found is in the state; it is quoted as it stands.
"""

from collections.abc import Iterator
from typing import Final

from rapidfuzz import fuzz

from assist.decide.kit import Kit
from assist.decide.playbook import Card, When
from assist.decide.state import SessionState
from assist.decide.text import normalise, sentences
from assist.events import ArticleFound

PREFIX: Final = "article:"
_SHOWN_S: Final = 40.0
"""A passage takes longer to read than a card."""
_TOLD: Final = 80.0
_TOLD_LEAST_WORDS: Final = 5


def card_id(found: ArticleFound) -> str:
    """Names the passage in cards, their history and their feedback."""
    return f"{PREFIX}{found.file}:{found.line}"


def as_card(found: ArticleFound, kit: Kit) -> Card:
    """The passage as a card; its id and length are an article's, not a playbook's."""
    title = " › ".join(part for part in (found.title, found.heading) if part)
    return Card.model_construct(
        id=card_id(found),
        title=title,
        say=found.text,
        priority=kit.articles.priority if kit.articles is not None else 1,
        when=When(),
        ttl_s=_SHOWN_S,
        min_confidence=kit.articles.confidence if kit.articles is not None else 1.0,
    )


def source(state: SessionState, card: Card) -> str:
    """Where the card's words stand, as people write it; empty for a playbook's card."""
    found = behind(state, card.id)
    return f"{found.file}:{found.line}" if found is not None else ""


def behind(state: SessionState, name: str) -> ArticleFound | None:
    """The finding that a card rests on; None for a playbook's card."""
    if not name.startswith(PREFIX):
        return None
    return next((found for found in reversed(state.articles) if card_id(found) == name), None)


def waiting(state: SessionState, since: float, kit: Kit) -> Iterator[tuple[Card, ArticleFound]]:
    """What was found for words said after ``since`` and may be offered, the newest first."""
    wanted = kit.articles
    if wanted is None or sum(offer.card_id.startswith(PREFIX) for offer in state.offers) >= wanted.per_call:
        return
    for found in reversed(state.articles):
        line = state.line(found.utterance_id)
        if line is not None and line.t1 >= since and found.confidence >= wanted.confidence:
            yield as_card(found, kit), found


def told_in(text: str, found: str) -> bool:
    """Whether an agent's line tells a sentence of the passage ``found``."""
    spoken = normalise(text)
    if len(spoken.split()) < _TOLD_LEAST_WORDS:
        return False
    wanted = [normalise(sentence) for sentence in sentences(found)]
    return any(
        fuzz.token_sort_ratio(spoken, sentence) >= _TOLD
        or (len(spoken) >= len(sentence) / 2 and fuzz.partial_ratio(spoken, sentence) >= _TOLD)
        for sentence in wanted
        if len(sentence.split()) >= _TOLD_LEAST_WORDS
    )
