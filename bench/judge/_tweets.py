"""TweetSumm dialogues, our summary of each as text, and the extractive peers' (LexRank, TextRank, the first sentences).

The peers are the two algorithms as their papers give them, over sentences and with cosine or shared-word similarity:
Erkan and Radev 2004 ("LexRank", threshold 0.1, damping 0.15) and Mihalcea and Tarau 2004 ("TextRank", section 4.1).
Each takes as many sentences as reach the mean length of a human summary. Another annotator's summary, scored against
the others, shows how far people agree.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assist.decide.core import step
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.state import SessionState
from assist.decide.text import sentences
from assist.events import CallAnswered, CallEnded, CallStarted, Event, Heard, Party, TranscriptSettled
from assist.session.playbooks import packaged_playbook
from bench.judge.row import OURS

HUMAN: Final = "another person"
_WORDS: Final = 36
"""Mean length of the human summaries."""
_DAMPING: Final = 0.85
_LEXRANK_THRESHOLD: Final = 0.1
_NOISE: Final = re.compile(r"@\w+|https?://\S+|\^\w+|[*/]\w{2,3}$")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns of customer and agent, and the people's summaries."""

    turns: tuple[tuple[Party, str], ...]
    references: tuple[str, ...]


Written: TypeAlias = tuple[str, tuple[str, ...]]
"""A summary and what it is scored against."""
System: TypeAlias = Callable[[Dialogue], Written]


def dialogues(path: Path) -> list[Dialogue]:
    """The dialogues of a file; mentions, links and signatures are taken out of the turns."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        turns = tuple(
            ("customer" if who == "Customer" else "agent", " ".join(_NOISE.sub(" ", text).split()))
            for who, text in raw["turns"]
        )
        found.append(Dialogue(turns, tuple(raw["abs"])))  # type: ignore[arg-type]
    return found


def systems() -> Iterator[tuple[str, System]]:
    """Ours and the peers, by name."""
    yield OURS, lambda talk: (ours(talk), talk.references)
    yield "LexRank", lambda talk: (_ranked(talk, _lexrank), talk.references)
    yield "TextRank", lambda talk: (_ranked(talk, _textrank), talk.references)
    yield "first sentences", lambda talk: (_first(talk), talk.references)
    yield HUMAN, lambda talk: (talk.references[0], talk.references[1:])


def ours(talk: Dialogue) -> str:
    """Our summary of a dialogue as a text: reason, acts, promises and next step, without dates and labels."""
    # Only facts are taken from the call: no mood, no meaning matters to them.
    kit = Kit(packaged_playbook("en"), LexiconBaseline())
    state = SessionState(call_id="tweet")
    start = CallStarted(
        call_id="tweet", at=0.0, trunk="b", caller="1", callee="2", queue="q", agent_id="a", language="en"
    )
    events: list[Event] = [start, CallAnswered(call_id="tweet", at=1.0)]
    events += [_heard(number, party, text) for number, (party, text) in enumerate(talk.turns)]
    end = 10.0 * len(talk.turns) + 10
    events.append(CallEnded(call_id="tweet", at=end, reason="customer_hangup", sip_code=200, answered=True))
    events.append(TranscriptSettled(call_id="tweet", at=end))
    for event in events:
        state, _ = step(state, event, kit)
    assert state.summary is not None
    slots = ("reason", "done", "promise")
    said = [item.text.strip("“”") for item in state.summary.items if item.slot in slots]
    return " ".join(said) or _first(talk)


def _heard(number: int, party: Party, text: str) -> Heard:
    t0 = 10.0 * number + 2
    return Heard(
        call_id="tweet",
        at=t0 + 5,
        party=party,
        utterance_id=f"u{number}",
        text=text or ".",
        stable_chars=len(text),
        final=True,
        t0=t0,
        t1=t0 + 5,
        language="en",
        confidence=1.0,
    )


# --- peers ---------------------------------------------------------------------------------------------------


def _sentences(talk: Dialogue) -> list[str]:
    return [sentence for _, text in talk.turns for sentence in sentences(text) if len(sentence.split()) > 2]


def _first(talk: Dialogue) -> str:
    return _cut(_sentences(talk))


def _cut(chosen: Sequence[str]) -> str:
    taken: list[str] = []
    for sentence in chosen:
        if taken and sum(len(one.split()) for one in taken) + len(sentence.split()) > _WORDS:
            break
        taken.append(sentence)
    return " ".join(taken)


def _ranked(talk: Dialogue, similar: Callable[[list[list[str]]], NDArray[np.float64]]) -> str:
    said = _sentences(talk)
    if len(said) < 3:
        return " ".join(said)
    weights = similar([re.findall(r"[a-z0-9']+", sentence.lower()) for sentence in said])
    rank = np.full(len(said), 1 / len(said))
    flow = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    for _ in range(60):
        rank = (1 - _DAMPING) / len(said) + _DAMPING * (flow.T @ rank)
    return _cut([said[place] for place in np.argsort(-rank, kind="stable")])


def _lexrank(words: list[list[str]]) -> NDArray[np.float64]:
    known = {word: n for n, word in enumerate(sorted({word for one in words for word in one}))}
    found = Counter(word for one in words for word in set(one))
    table = np.zeros((len(words), len(known)))
    for row, one in enumerate(words):
        for word, count in Counter(one).items():
            table[row, known[word]] = count * math.log(len(words) / found[word] + 1e-9)
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    cosines = table @ table.T
    linked: NDArray[np.float64] = np.where(cosines > _LEXRANK_THRESHOLD, 1.0, 0.0)
    return linked


def _textrank(words: list[list[str]]) -> NDArray[np.float64]:
    weights = np.zeros((len(words), len(words)))
    for i, one in enumerate(words):
        for j, other in enumerate(words):
            length = math.log(len(one) + 1e-9) + math.log(len(other) + 1e-9)
            if i != j and length > 0:
                weights[i, j] = len(set(one) & set(other)) / length
    return weights
