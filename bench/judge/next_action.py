"""Which action comes next, on STAR (Mosig et al. 2020): dialogues of 24 tasks with what the agent's side did.

A model sees the last six turns, database answers among them, and all actions taken before; it ranks all actions of the
training half. One dialogue in eight of the training half is kept from training to choose the floor above which a
prediction is told; the test half is touched once, here. ``--quick`` trains on a sixth of the dialogues.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.judge.row import OURS, Options, Row
from models.text.linear import Recipe
from models.text.next_action import NextActionModel, Turn, learn

SECTION: Final = "next_action"
WANTED_PRECISION: Final = 0.9
_WHO: Final = {"U": "customer", "W": "agent", "K": "system"}
_NEIGHBOURS: Final = 20
_NEIGHBOUR_QUERIES: Final = 2000
_SEED: Final = 8000

Ranker: TypeAlias = Callable[["Moment"], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of a dialogue: the last turns, the actions before, the action that came."""

    dialogue: int
    turns: tuple[Turn, ...]
    taken: tuple[str, ...]
    action: str


def run(options: Options) -> Sequence[Row]:
    """The rows of this section."""
    folder = options.folder("star")
    known, test = read(folder / "train_next_action.jsonl.gz"), read(folder / "test_next_action.jsonl.gz")
    dialogues = sorted({moment.dialogue for moment in known})
    random.Random(3).shuffle(dialogues)
    kept = set(dialogues[: len(dialogues) // 8])
    taught_by = set(dialogues[len(dialogues) // 8 :: 6 if options.quick else 1])
    teach = [moment for moment in known if moment.dialogue in taught_by]
    dev = [moment for moment in known if moment.dialogue in kept][:: 4 if options.quick else 1]
    test = test[:: 4 if options.quick else 1]
    rows = list(_peers(teach, test))
    model = learn(((one.turns, one.taken, one.action) for one in teach), Recipe(epochs=3 if options.quick else 5))
    rows += _recalls(OURS, lambda moment: _ranked(model, moment), test, (0.72, 0.90, None))
    floor = _floor(model, dev)
    precision, share = _told(model, test, floor)
    note = f"from {floor:.2f} on, chosen on kept dialogues"
    rows.append(Row(SECTION, "STAR, told", "en", OURS, "precision", precision, len(test), note=note))
    rows.append(Row(SECTION, "STAR, told", "en", OURS, "share of moments", share, len(test), note=note))
    return rows


def read(path: Path) -> list[Moment]:
    """The moments of a half, dialogue by dialogue."""
    moments: list[Moment] = []
    last, taken = -1, list[str]()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["d"] != last:
                last, taken = row["d"], []
            turns = tuple((_WHO[who], text) for who, text in row["h"])
            moments.append(Moment(last, turns, tuple(taken), row["y"]))
            taken.append(row["y"])
    return moments


def _recalls(
    system: str, rank: Ranker, test: Sequence[Moment], targets: tuple[float | None, ...] = (None, None, None)
) -> Iterator[Row]:
    ranked = [(rank(moment), moment.action) for moment in test]
    for most, target in zip((1, 3, 5), targets, strict=True):
        value = sum(action in order[:most] for order, action in ranked) / len(ranked)
        yield Row(SECTION, "STAR", "en", system, f"recall@{most}", value, len(ranked), target)


def _ranked(model: NextActionModel, moment: Moment) -> list[str]:
    shares = model.probabilities(moment.turns, moment.taken)
    return sorted(shares, key=lambda name: -shares[name])[:5]


def _best(model: NextActionModel, moments: Sequence[Moment]) -> list[tuple[float, bool]]:
    found = []
    for moment in moments:
        shares = model.probabilities(moment.turns, moment.taken)
        best = max(shares, key=lambda name: shares[name])
        found.append((shares[best], best == moment.action))
    return found


def _floor(model: NextActionModel, dev: Sequence[Moment]) -> float:
    """The lowest floor at which `WANTED_PRECISION` of what is told is right."""
    best = _best(model, dev)
    for step in range(10, 100):
        told = [right for share, right in best if share >= step / 100]
        if told and sum(told) / len(told) >= WANTED_PRECISION:
            return step / 100
    return 0.99


def _told(model: NextActionModel, moments: Sequence[Moment], floor: float) -> tuple[float, float]:
    told = [right for share, right in _best(model, moments) if share >= floor]
    return sum(told) / max(1, len(told)), len(told) / len(moments)


def _peers(teach: Sequence[Moment], test: Sequence[Moment]) -> Iterator[Row]:
    popular = [action for action, _ in Counter(moment.action for moment in teach).most_common(5)]
    yield from _recalls("popularity", lambda _: popular, test)
    yield from _recalls("Markov, two actions", _markov(teach), test)
    linear = learn(((one.turns, (), one.action) for one in teach), Recipe(epochs=3))
    yield from _recalls("TF-IDF linear, text only", lambda one: _ranked(linear, Moment(0, one.turns, (), "")), test)
    some = random.Random(_SEED).sample(list(test), min(_NEIGHBOUR_QUERIES, len(test)))
    yield from _recalls("BM25 neighbours, with actions", _neighbours(teach), some)


def _markov(teach: Sequence[Moment]) -> Ranker:
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for moment in teach:
        for order in range(3):
            counts[moment.taken[len(moment.taken) - order :] if order else ()][moment.action] += 1

    def rank(moment: Moment) -> list[str]:
        found: list[str] = []
        for order in (2, 1, 0):
            past = moment.taken[len(moment.taken) - order :] if order else ()
            if len(past) == order:
                found += [action for action, _ in counts[past].most_common(5) if action not in found]
        return found

    return rank


def _neighbours(teach: Sequence[Moment]) -> Ranker:
    """BM25 (Robertson and Zaragoza 2009, k1 1.5, b 0.75) over the last three turns and two actions; they vote."""
    terms = [Counter(_terms(moment)) for moment in teach]
    lengths = np.array([sum(term.values()) for term in terms], np.float32)
    scale = 1.5 * (0.25 + 0.75 * lengths / lengths.mean())
    posted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, term in enumerate(terms):
        for word, count in term.items():
            posted[word].append((at, count))
    ready: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
    for word, places in posted.items():
        rows = np.array([at for at, _ in places])
        counts = np.array([count for _, count in places], np.float32)
        rarity = math.log(1 + (len(teach) - len(places) + 0.5) / (len(places) + 0.5))
        ready[word] = rows, (rarity * counts * 2.5 / (counts + scale[rows])).astype(np.float32)

    def rank(moment: Moment) -> list[str]:
        scores = np.zeros(len(teach), np.float32)
        for word in _terms(moment):
            if word in ready:
                rows, weights = ready[word]
                scores[rows] += weights
        votes: Counter[str] = Counter()
        for at in np.argpartition(-scores, min(_NEIGHBOURS, len(scores) - 1))[:_NEIGHBOURS]:
            votes[teach[int(at)].action] += float(scores[at])  # type: ignore[assignment]
        return [action for action, _ in votes.most_common(5)]

    return rank


def _terms(moment: Moment) -> list[str]:
    words = " ".join(text for _, text in moment.turns[-3:]).lower().split()
    return words + [f"did:{action}" for action in moment.taken[-2:]]
