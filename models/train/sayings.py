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
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from models.train.calls import LANGUAGES, call_rows

HOLD_EVERY: Final = 5
"""One in so many acts, by its id, is not learnt from: ``bench.wordings`` judges by those acts. Acts with others near
them are learnt from always: they would be known from those."""
ACTS: Final = 112
"""Of the bank in a step, with `EACH` wordings in each language; no two that are near each other."""
INTENTS: Final = 24
"""Of one public set in a step, with twice `EACH` lines."""
EACH: Final = 2
LOOSE: Final = 160
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
    near: Mapping[str, frozenset[str]]
    """Acts by id of which many wordings would do for the act, too."""
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
    """What is learnt from: the acts of ``folder`` that are not held out, and the intents of ``data``."""
    every, near = bank(folder)
    acts = {name: group for name, group in every.items() if near[name] or zlib.crc32(name.encode()) % HOLD_EVERY}
    return Sayings(
        acts,
        near,
        intents(data, seed),
        tuple(loose(data, acts, seed)),
        tuple(name for name in every if name not in acts),
    )


def bank(folder: Path) -> tuple[dict[str, Group], dict[str, frozenset[str]]]:
    """The acts of the bank in the order of the product with their wordings es, en; and those near each."""
    acts: dict[str, Group] = {}
    near: dict[str, frozenset[str]] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(folder.glob("*.yaml")):
        for name, entry in yaml.load(file.read_text(encoding="utf-8"), loader).items():
            acts[name] = tuple(tuple(map(plain, filter(None, entry[tongue].splitlines()))) for tongue in LANGUAGES)
            near[name] = frozenset(entry.get("near", ()))
    return acts, near


def intents(data: Path, seed: int) -> dict[str, dict[str, Group]]:
    """The public sets' intents by set. Lines of NLU++ with the same intents are one."""
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
        found[name] = groups
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


@dataclass(frozen=True, slots=True)
class Part:
    """Texts of one step that are compared with each other: as written, as heard, and of which group each is."""

    written: list[str]
    heard: list[str]
    groups: list[int]


class Sampler:
    """What each step compares, the same for the same seed and step."""

    def __init__(self, known: Sayings, seed: int) -> None:
        self._known, self._seed = known, seed
        self._sets = [list(groups.values()) for groups in known.sets.values()]

    def step(self, number: int) -> tuple[Part, Part, Part]:
        """Of the bank, of a public set, and lines of which nothing is known, each a group of its own."""
        rng = random.Random(f"{self._seed} {number}")
        public, loose = self._sets[number % len(self._sets)], self._known.loose
        some = [((line,),) for line in rng.sample(loose, min(LOOSE, len(loose)))]
        return (
            _drawn(self._apart(rng), EACH, rng),
            _drawn(rng.sample(public, min(INTENTS, len(public))), 2 * EACH, rng),
            _drawn(some, 1, rng),
        )

    def _apart(self, rng: random.Random) -> list[Group]:
        """Acts of which none is near another."""
        chosen: list[Group] = []
        taken: set[str] = set()
        names = list(self._known.acts)
        for name in rng.sample(names, len(names)):
            if name not in taken:
                chosen.append(self._known.acts[name])
                taken |= self._known.near[name]
                if len(chosen) == ACTS:
                    break
        return chosen


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
