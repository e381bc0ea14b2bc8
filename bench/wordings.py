"""How well paraphrases are found with and without the bank of wordings, measured on the bank itself.

    python -m bench.wordings [--seed N] [--misses]

The acts that the paraphrase encoder has not learnt from (one in five, ``models.train.sayings``) play rules. Five of the
first wordings of each are the rule's examples, half of the others stay in the bank, the rest has to be found. *Known*:
the act is in the bank. *Unknown*: those that play rules are taken out of it. False positives are counted per rule and
turn on the development calls of ``bench/judge/data/calls`` (some of them rightly mean the act: an upper bound) and on
the wordings of all other acts that play. The constants of ``assist/decide/{meaning,borrowing}.py`` and the encoder were
chosen by these figures; the test set of ``bench.judge compliance`` played no part in it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assist.decide.borrowing import LANGUAGES, Bank
from assist.decide.kit import SentenceEncoder
from assist.decide.meaning import MeaningIndex, background, plain
from assist.decide.playbook import Spot
from assist.decide.wordings import Act, packaged_acts
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.wordings import open_bank
from bench.judge._scripted import load
from models.text.encoder import HELD_OUT, PARAPHRASE

_EXAMPLES: Final = 5
_FIRST: Final = 12
"""A supervisor writes what comes to mind first: the examples are among the first wordings of an act."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """An act's wordings in one language: the rule's examples, what stays in the bank, what has to be found."""

    examples: tuple[str, ...]
    lent: tuple[str, ...]
    sought: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of one language and case. ``taken`` of the rules borrowed from the right act, ``mistaken`` from another;
    ``neutral`` and ``others`` are false positives per rule and turn."""

    recall: float
    neutral: float
    others: float
    taken: float
    mistaken: float


class Memory:
    """An encoder that encodes each text once, and those of the packaged bank never: their rows come with it."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._rows: dict[str, Rows] = {}
        packaged = open_bank(encoder)
        if packaged is not None:
            for at, act in enumerate(packaged.acts):
                for tongue in LANGUAGES:
                    rows = packaged.rows[tongue][at].astype(np.float32)
                    self._rows.update(zip(map(plain, act.wordings[tongue]), rows, strict=True))
        self.size = encoder.size

    def __call__(self, texts: Sequence[str]) -> Rows:
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            self._rows.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._rows[text] for text in texts]) if texts else np.zeros((0, self.size), np.float32)


@cache
def held_out() -> frozenset[str]:
    """Ids of the acts that the encoder has not learnt from."""
    return frozenset(json.loads((PARAPHRASE / HELD_OUT).read_text(encoding="utf-8")))


def divided(act: Act, language: Language, seed: int) -> Part:
    """The wordings of an act, divided by chance."""
    chance = random.Random(f"{act.id}.{language}.{seed}")
    lines = list(act.wordings[language])
    examples = chance.sample(lines[:_FIRST], _EXAMPLES)
    rest = [line for line in lines if line not in examples]
    chance.shuffle(rest)
    half = len(rest) // 2
    return Part(tuple(examples), tuple(rest[:half]), tuple(rest[half:]))


def measure(
    language: Language, encode: Memory, *, known: bool, bank: bool = True, seed: int = 0, misses: bool = False
) -> Figures:
    """The figures of a language."""
    acts = packaged_acts()
    parts = {act.id: {tongue: divided(act, tongue, seed) for tongue in LANGUAGES} for act in acts}
    talk = [turn.text for call in load(language, dev=True) for turn in call.turns]
    playing = [act for act in acts if act.id in held_out()]
    kept = [act for act in acts if known or act not in playing]
    lent = _bank(kept, parts, encode) if bank else None
    spots = [Spot(act.id, examples=parts[act.id][language].examples, party=act.party) for act in playing]
    index = MeaningIndex(spots, encode, language, lent)
    loans = [(key, loan.act) for key, loan in index.loans().items() if loan is not None]
    taken = sum(key == act for key, act in loans) / len(spots)
    mistaken = sum(key != act for key, act in loans) / len(spots)
    calm = [len(index.hits(line)) / len(spots) for line in talk]
    right, wrong = [], []
    for act in playing:
        for line in parts[act.id][language].sought:
            found = set(index.hits(line))
            right.append(act.id in found)
            wrong.append(len(found - {act.id}) / (len(spots) - 1))
            if misses and act.id not in found:
                print(f"  {act.id}: {line}  {sorted(found)}")
    return Figures(float(np.mean(right)), float(np.mean(calm)), float(np.mean(wrong)), taken, mistaken)


def _bank(acts: Sequence[Act], parts: dict[str, dict[Language, Part]], encode: Memory) -> Bank:
    reduced = tuple(
        Act(act.id, act.party, {tongue: parts[act.id][tongue].lent for tongue in LANGUAGES}, act.near) for act in acts
    )
    return Bank(
        reduced,
        {
            tongue: tuple(encode([plain(line) for line in act.wordings[tongue]]).astype(np.float16) for act in reduced)
            for tongue in LANGUAGES
        },
        {tongue: encode(background(tongue)) for tongue in LANGUAGES},
    )


def _lines(encode: Memory, seed: int, misses: bool) -> Iterator[str]:
    yield f"{'case':<22}{'lang':<6}{'recall':>8}{'calls':>8}{'others':>8}{'taken':>8}{'mistaken':>10}"
    for name, known, bank in (("without a bank", True, False), ("unknown act", False, True), ("known act", True, True)):
        for language in LANGUAGES:
            f = measure(language, encode, known=known, bank=bank, seed=seed, misses=misses)
            found = f"{f.recall:>8.3f}{f.neutral:>8.4f}{f.others:>8.4f}"
            yield f"{name:<22}{language:<6}{found}{f.taken:>8.2f}{f.mistaken:>10.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", action="store_true", help="name the wordings that were not found")
    args = parser.parse_args()
    encoder = installed_encoder()
    if encoder is None:
        raise SystemExit("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    for line in _lines(Memory(encoder), args.seed, args.misses):
        print(line, flush=True)


if __name__ == "__main__":
    main()
