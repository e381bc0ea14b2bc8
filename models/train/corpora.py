"""What the mood model learns from: public sets in one shape, and lines as customers say them on the phone.

The public sets lie in a folder given by the caller (docs/models/sentiment-card.md names them and their licences);
no line of theirs is part of this project.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

Split: TypeAlias = Literal["train", "dev"]

SENTIMENTS: Final = ("negative", "neutral", "positive")
EMOTIONS: Final = ("frustration_anger", "worry_sadness", "joy_relief", "neutral")
FLAGS: Final = ("intensity", "urgency", "effort")

_COARSE: Final = {
    "anger": "frustration_anger",
    "disgust": "frustration_anger",
    "sadness": "worry_sadness",
    "fear": "worry_sadness",
    "joy": "joy_relief",
    "neutral": "neutral",
}
"""Ekman's classes; surprise is none of ours."""
_EMOTION_SETS: Final = {"emoevent_es": "es", "emoevent_en": "en", "goemotions_ekman_en": "en"}


@dataclass(frozen=True, slots=True)
class Row:
    """A text with what is known of it; None where nothing is. ``flags`` are in the order of `FLAGS`."""

    text: str
    language: str
    source: str
    sentiment: int | None = None
    emotion: int | None = None
    flags: tuple[int, int, int] | None = None


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def sentiment_rows(data: Path, name: str) -> list[Row]:
    """The rows of ``sentiment/<name>.jsonl``: ``es_train``, ``en_dev``…"""
    rows = _read(data / "sentiment" / f"{name}.jsonl")
    return [Row(r["text"], name[:2], r["src"], sentiment=SENTIMENTS.index(r["label"])) for r in rows]


def emotion_rows(data: Path, split: Split) -> list[Row]:
    """The emotion sets in our four classes; rows of surprise are left out."""
    rows: list[Row] = []
    for name, language in _EMOTION_SETS.items():
        for r in _read(data / "emotion" / f"{name}_{split}.jsonl"):
            if (coarse := _COARSE.get(r["label"])) is not None:
                rows.append(Row(r["text"], language, name, emotion=EMOTIONS.index(coarse)))
    return rows


def public_rows(data: Path, rng: random.Random) -> list[Row]:
    """What is learnt from.

    The smaller Spanish sets come twice (the second time the words are roughened otherwise), airline tweets are thinned
    out: they are many and alike.
    """
    spanish, english, emotion = (
        sentiment_rows(data, "es_train"),
        sentiment_rows(data, "en_train"),
        emotion_rows(data, "train"),
    )
    for rows in (spanish, english, emotion):
        rng.shuffle(rows)

    def some(rows: Sequence[Row], source: str, most: int) -> list[Row]:
        return [row for row in rows if row.source.startswith(source)][:most]

    chosen = 2 * (some(spanish, "tass", 9999) + some(spanish, "umsab", 9999)) + some(spanish, "air", 2500)
    chosen += some(english, "umsab", 5000) + some(english, "te", 7000) + some(english, "air", 2500)
    for source, most in (("emoevent_es", 5700), ("emoevent_en", 3000), ("goemotions", 8000)):
        # Even classes: most of what people write has no emotion at all, and those lines teach little.
        for coarse in range(len(EMOTIONS)):
            chosen += some([r for r in emotion if r.emotion == coarse], source, most // 4)
    rng.shuffle(chosen)
    return chosen


_MARKS: Final = re.compile(r"[^\w\s']|_")
_HANDLE: Final = re.compile(r"=?@user\b", re.IGNORECASE)


def as_recognised(text: str) -> str:
    """``text`` as a recogniser without punctuation writes it."""
    bare = _MARKS.sub(" ", _HANDLE.sub(" ", text.lower()))
    return " ".join(bare.split())


def roughen(text: str, rng: random.Random) -> str:
    """``text`` as it may come: as it is, without marks, or without marks and accents."""
    chance = rng.random()
    if chance < 0.55:
        return text
    bare = as_recognised(text) or text
    if chance < 0.92:
        return bare
    plain = unicodedata.normalize("NFD", bare)
    return "".join(c for c in plain if not unicodedata.combining(c) or c == "\u0303")
