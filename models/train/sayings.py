"""What the paraphrase encoder learns from: the bank of wordings, public intents, and lines of which nothing is known.

The public sets lie in a folder given by the caller (docs/models/paraphrase-card.md names them and their licences); no
line of theirs is part of this project.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from models.train.calls import LANGUAGES, call_rows

HOLD_EVERY: Final = 5
"""Every so many acts and intents are not learnt from: ``bench.wordings`` judges by those acts."""
ACTS: Final = 40
"""Of the bank in a step, with `EACH` wordings in each language."""
INTENTS: Final = 12
"""Of one public set in a step, with twice `EACH` lines."""
EACH: Final = 2
LOOSE: Final = 64
"""Lines of which nothing is known, in a step."""
MISHEARD: Final = 0.33
"""Share of the texts that are roughened."""
_LEAST_LINES: Final = 8
_MOST_LINES: Final = 40
"""Of an intent: more are alike."""
_PUBLIC_LOOSE: Final = 1500
"""Of each public set."""
_SPLICED: Final = 2000
"""Of each language."""
_LONGEST: Final = 24

_WORD: Final = re.compile(r"[\w']+")
_APOSTROPHES: Final = str.maketrans("’`´", "'''")

Group = tuple[tuple[str, ...], ...]
"""Texts that mean the same, in one or two languages."""


@dataclass(frozen=True, slots=True)
class Sayings:
    """All that is learnt from, as `plain` sentences."""

    acts: Mapping[str, Group]
    sets: Mapping[str, Mapping[str, Group]]
    loose: tuple[str, ...]
    held_out: tuple[str, ...]
    """Ids of the acts that are not learnt from."""

    def texts(self) -> list[str]:
        """Each once, always in the same order."""
        groups = [*self.acts.values(), *(group for known in self.sets.values() for group in known.values())]
        said = [line for group in groups for lines in group for line in lines]
        return list(dict.fromkeys([*said, *self.loose]))


def plain(text: str) -> str:
    """As the product gives a sentence to the encoder (``assist.decide.meaning.plain``)."""
    words = " ".join(_WORD.findall(text.lower().translate(_APOSTROPHES)))
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def sayings(data: Path, folder: Path, seed: int) -> Sayings:
    """What is learnt from: the acts of ``folder`` and the intents of ``data`` that are not held out."""
    every = bank(folder)
    acts = _learnt(every)
    return Sayings(
        acts, intents(data, seed), tuple(loose(data, acts, seed)), tuple(id for id in every if id not in acts)
    )


def bank(folder: Path) -> dict[str, Group]:
    """The acts of the bank in the order of the product, and their wordings es, en."""
    acts: dict[str, Group] = {}
    for file in sorted(folder.glob("*.yaml")):
        for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            acts[name] = tuple(tuple(map(plain, filter(None, entry[tongue].splitlines()))) for tongue in LANGUAGES)
    return acts


def intents(data: Path, seed: int) -> dict[str, dict[str, Group]]:
    """The public sets' intents that are not held out, by set. Lines of NLU++ with the same intents are one."""
    sets: dict[str, dict[str, list[str]]] = {"clinc150": {}, "banking77": {}, "nlupp": {}}
    told = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    for text, intent in (*told["train"], *told["val"]):
        sets["clinc150"].setdefault(intent, []).append(text)
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sets["banking77"].setdefault(row["category"], []).append(row["text"])
    for path in sorted((data / "nlupp").glob("*.json")):
        for item in json.loads(path.read_text(encoding="utf-8")):
            if item.get("intents"):
                key = " ".join([path.name.split("_")[0], *sorted(item["intents"])])
                sets["nlupp"].setdefault(key, []).append(item["text"])
    rng = random.Random(seed)
    found: dict[str, dict[str, Group]] = {}
    for name, known in sets.items():
        groups: dict[str, Group] = {}
        for key, said in known.items():
            lines = list(dict.fromkeys(map(plain, said)))
            if len(lines) >= _LEAST_LINES:
                groups[key] = (tuple(rng.sample(lines, min(_MOST_LINES, len(lines)))),)
        found[name] = _learnt(groups)
    return found


def loose(data: Path, acts: Mapping[str, Group], seed: int) -> list[str]:
    """Lines of which nothing is known: STAR, MultiDoGO, our own call lines, and wordings of two acts spliced."""
    rng = random.Random(seed)
    said: list[str] = []
    star: list[str] = []
    with gzip.open(data / "star" / "train_dialogues.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            star += [e["Text"] for e in json.loads(line)["Events"] if e["Action"] == "utter" and e.get("Text")]
    said += rng.sample(sorted(set(star)), _PUBLIC_LOOSE)
    dogo: list[str] = []
    for path in sorted((data / "multidogo").glob("*_train.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            dogo += [
                row["utterance"] for row in map(json.loads, file) if row["utterance"] and row["intent"] != "contentonly"
            ]
    said += rng.sample(sorted(set(dogo)), _PUBLIC_LOOSE)
    for language in LANGUAGES:
        said += [row.text for row in call_rows(language, held=False)]
    groups = list(acts.values())
    for tongue in range(len(LANGUAGES)):
        for _ in range(_SPLICED):
            first, second = (rng.choice(group[tongue]).rstrip(".").split() for group in rng.sample(groups, 2))
            said.append(" ".join([*first[: len(first) // 2 + 1], *second[len(second) // 2 :]]))
    found = (plain(" ".join(text.split()[:_LONGEST])) for text in said)
    return list(dict.fromkeys(text for text in found if " " in text))


def _learnt(groups: Mapping[str, Group]) -> dict[str, Group]:
    return {name: group for at, (name, group) in enumerate(groups.items()) if at % HOLD_EVERY != HOLD_EVERY - 1}


@dataclass(frozen=True, slots=True)
class Part:
    """Texts of one step that are compared with each other: as written, as heard, and of which group each is."""

    written: list[str]
    heard: list[str]
    groups: list[int]


class Sampler:
    """What each step compares, the same for the same seed and step."""

    def __init__(self, known: Sayings, seed: int) -> None:
        self._acts, self._loose, self._seed = list(known.acts.values()), known.loose, seed
        self._sets = [list(groups.values()) for groups in known.sets.values()]

    def step(self, number: int) -> tuple[Part, Part, Part]:
        """Of the bank, of a public set, and lines of which nothing is known, each a group of its own."""
        rng = random.Random(f"{self._seed} {number}")
        acts = rng.sample(self._acts, min(ACTS, len(self._acts)))
        public = self._sets[number % len(self._sets)]
        some = [((line,),) for line in rng.sample(self._loose, min(LOOSE, len(self._loose)))]
        return (
            _drawn(acts, EACH, rng),
            _drawn(rng.sample(public, min(INTENTS, len(public))), 2 * EACH, rng),
            _drawn(some, 1, rng),
        )


def _drawn(groups: Sequence[Group], each: int, rng: random.Random) -> Part:
    part = Part([], [], [])
    for label, group in enumerate(groups):
        for lines in group:
            for line in rng.sample(lines, min(each, len(lines))):
                part.written.append(line)
                part.heard.append(roughened(line, rng) if rng.random() < MISHEARD else line)
                part.groups.append(label)
    return part


def roughened(text: str, rng: random.Random) -> str:
    """``text`` as a recogniser may mishear it: words lost, joined with the next, or with other letters."""
    rate = rng.uniform(0.05, 0.35)
    heard: list[str] = []
    join = False
    for word in text.rstrip(".").lower().split():
        dice = rng.random() / rate
        if join:
            heard[-1] += word
            join = False
        elif dice < 0.25:
            continue
        elif dice < 0.4:
            heard.append(word)
            join = True
        elif dice < 1.0 and len(word) > 2:
            at = rng.randrange(len(word))
            letter = rng.choice("aeiouslnrtdcm")
            heard.append(word[:at] + rng.choice((letter, "", letter + word[at])) + word[at + 1 :])
        else:
            heard.append(word)
    return plain(" ".join(heard)) or text
