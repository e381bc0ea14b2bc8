"""The demo conversations as data: what is said, by whom, the two recordings, and when each word ends.

    >>> conversation = load("es")
    >>> conversation.wav("customer")
    PosixPath('.../assist/demo/es/customer.wav')

Each leg is a WAV file of its own (8 kHz, mono, 16 bit), both the same length: while one party speaks the other leg
carries faint comfort noise, as the two directions of a telephone call do. All times are seconds from the start of
the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import yaml

from assist.errors import DemoError
from assist.events import PARTIES, Language, Party

Fact = str | int | float | tuple[int, ...]

LANGUAGES: tuple[Language, ...] = get_args(Language)
SAMPLE_RATE = 8000

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the script. `pause_ms` is the silence since the turn before ended; below zero they overlap."""

    party: Party
    text: str
    pause_ms: int
    speed: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written in the script without its punctuation, and the seconds at which it starts and ends."""

    text: str
    t0: float
    t1: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn as it was recorded; `t0` and `t1` are trimmed to where there is speech energy."""

    party: Party
    text: str
    t0: float
    t1: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation: script, facts (claim number, amounts…), the two recordings and their reference."""

    language: Language
    title: str
    company: str
    agent_name: str
    customer_name: str
    facts: Mapping[str, Fact]
    turns: tuple[Turn, ...]
    utterances: tuple[Utterance, ...]
    duration: float
    folder: Path

    def wav(self, party: Party) -> Path:
        """The recording of one leg: 8 kHz, mono, 16-bit PCM."""
        return self.folder / f"{party}.wav"

    def spoken_by(self, party: Party) -> tuple[Utterance, ...]:
        return tuple(utterance for utterance in self.utterances if utterance.party == party)


@dataclass(frozen=True, slots=True)
class Script:
    """What `script.yaml` holds: everything that is known before the audio is made."""

    language: Language
    title: str
    company: str
    agent_name: str
    customer_name: str
    facts: Mapping[str, Fact]
    turns: tuple[Turn, ...]


def load(language: Language) -> Conversation:
    """Read one conversation. Raises `DemoError` when its files are missing or malformed."""
    folder = _HERE / language
    script = load_script(language)
    utterances, duration = _load_reference(folder / "reference.json")
    return Conversation(
        language=script.language,
        title=script.title,
        company=script.company,
        agent_name=script.agent_name,
        customer_name=script.customer_name,
        facts=script.facts,
        turns=script.turns,
        utterances=utterances,
        duration=duration,
        folder=folder,
    )


def load_script(language: Language) -> Script:
    """Read the script alone (the reference and the recordings are made from it). Raises `DemoError`."""
    path = _HERE / language / "script.yaml"
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
        return Script(
            language=_language(raw["language"]),
            title=str(raw["title"]),
            company=str(raw["company"]),
            agent_name=str(raw["agent_name"]),
            customer_name=str(raw["customer_name"]),
            facts={str(name): _fact(value) for name, value in raw["facts"].items()},
            turns=tuple(
                Turn(
                    _party(turn["party"]),
                    str(turn["text"]),
                    int(turn["pause_ms"]),
                    float(turn.get("speed", 1.0)),
                )
                for turn in raw["turns"]
            ),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DemoError(f"{path}: {error!r}") from error


def _load_reference(path: Path) -> tuple[tuple[Utterance, ...], float]:
    try:
        raw = json.loads(path.read_text("utf-8"))
        utterances = tuple(
            Utterance(
                party=_party(item["party"]),
                text=str(item["text"]),
                t0=float(item["t0"]),
                t1=float(item["t1"]),
                words=tuple(Word(str(w["w"]), float(w["t0"]), float(w["t1"])) for w in item["words"]),
            )
            for item in raw["utterances"]
        )
        return utterances, float(raw["duration"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DemoError(f"{path}: {error!r}; make it again with python -m assist.demo.make_audio") from error


def _party(value: object) -> Party:
    for party in PARTIES:
        if value == party:
            return party
    raise ValueError(f"party is {value!r}, expected one of {', '.join(PARTIES)}")


def _language(value: object) -> Language:
    for language in LANGUAGES:
        if value == language:
            return language
    raise ValueError(f"language is {value!r}, expected one of {', '.join(LANGUAGES)}")


def _fact(value: object) -> Fact:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list):
        return tuple(int(item) for item in value)
    raise ValueError(f"fact {value!r} is neither text, a number nor a list of whole numbers")
