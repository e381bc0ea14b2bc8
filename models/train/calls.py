"""Call lines of our own: templates and lists in ``lines/<language>*.yaml``, filled in at random but always alike."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from models.train.corpora import EMOTIONS, FLAGS, SENTIMENTS, Row

LANGUAGES: Final = ("es", "en")
HELD_EVERY: Final = 7
"""Every seventh template, with all that is made of it, is held out to choose by."""
_FILLINGS: Final = 3
_SLOT: Final = re.compile(r"\{(\w+)\}")

Flags: TypeAlias = tuple[int, int, int]


def read(language: str) -> Mapping[str, Any]:
    """``lists``, ``openers`` and ``groups`` of a language: its first file's, with the groups of the others added."""
    folder = Path(__file__).parent / "lines"
    found: dict[str, Any] = yaml.safe_load((folder / f"{language}.yaml").read_text(encoding="utf-8"))
    for path in sorted(folder.glob(f"{language}.*.yaml")):
        for key, templates in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"].items():
            found["groups"].setdefault(key, []).extend(templates)
    return found


def fill(template: str, lists: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """A template with a member of each list it names; it begins with a capital when it did in the file."""
    line = _SLOT.sub(lambda slot: rng.choice(lists[slot[1]]), template)
    return line[:1].upper() + line[1:] if template[:1] in "{¡¿" or template[:1].isupper() else line


def call_rows(language: str, *, held: bool, seed: int = 0) -> list[Row]:
    """Rows of one language, of the held-out templates or of the others.

    A template with slots gives several rows. Of those that are learnt from, each comes once more in a longer turn:
    behind a word that opens one, behind or before a neutral line (the mood of a turn is the mood of what has one), or
    with another line of its mood (what either is marked with, both are).
    """
    rng = random.Random(f"{language} {held} {seed}")
    source = read(language)
    lists: Mapping[str, Sequence[str]] = source["lists"]
    rows: list[Row] = []
    for key, templates in source["groups"].items():
        sentiment, emotion, flags = key.split("/")
        marked = set(filter(None, flags.split("+")))
        labels = (
            SENTIMENTS.index(sentiment),
            EMOTIONS.index(emotion),
            (int(FLAGS[0] in marked), int(FLAGS[1] in marked), int(FLAGS[2] in marked)),
        )
        for number, template in enumerate(templates):
            if (number % HELD_EVERY == HELD_EVERY - 1) != held:
                continue
            lines = {fill(template, lists, rng) for _ in range(_FILLINGS if _SLOT.search(template) else 1)}
            rows += [Row(line, language, "calls", *labels) for line in sorted(lines)]
    if not held:
        rows += _longer(rows, source["openers"], rng)
    return rows


def _longer(rows: Sequence[Row], openers: Sequence[str], rng: random.Random) -> list[Row]:
    neutral = [row for row in rows if row.emotion == EMOTIONS.index("neutral") and row.flags == (0, 0, 0)]
    alike: dict[int | None, list[Row]] = {}
    for row in rows:
        alike.setdefault(row.emotion, []).append(row)
    made: list[Row] = []
    for row in rows:
        flags, chance = row.flags, rng.random()
        if chance < 0.4:
            opener = rng.choice(openers)
            text = f"{opener[:1].upper()}{opener[1:]}, {row.text[:1].lower()}{row.text[1:]}"
        elif chance < 0.65:
            text = f"{rng.choice(neutral).text} {row.text}"
        elif chance < 0.8:
            text = f"{row.text} {rng.choice(neutral).text}"
        else:
            other = rng.choice(alike[row.emotion])
            text = f"{row.text} {other.text}"
            flags = _either(flags, other.flags)
        made.append(Row(text, row.language, row.source, row.sentiment, row.emotion, flags))
    return made


def _either(one: Flags | None, other: Flags | None) -> Flags | None:
    if one is None or other is None:
        return one or other
    return max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2])
