"""The scripted calls (``data/calls/<language>/*.yaml``): two-party dialogues as a recogniser writes them, with facts.

A call is YAML::

    id: tel01                          unique within its language
    dev: true                          may be looked at while the extractor is built; the others are the test part
    at: 2026-11-24 10:15 mx            local time and place (`ZONES`)
    transfer: fraude                   the call ends by a transfer to this target
    talk: |                            one turn a line, "a" the agent's, "c" the customer's, marks at the end
      c me cobraron dos veces #r !double_charge
    reason: [double_charge, cobr dos]  label, key words
    done: {d1: reembols}               key words
    promise: {p1: a|llega|2026-12-01}  who, key words, the date it falls due (may be empty)
    amount: {m1: 349 pesos}            number and unit
    not: [500 pesos]                   sums that were said and then corrected, refused or waived: stated by nobody
    ref: {f1: 774102}                  digits and letters
    outcome: follow_up                 as in assist.decide.playbook.Outcome
    next: p1                           the fact somebody acts on next
    mood: neg pos                      customer's mood at the start and at the end (neg, neu, pos)
    use: [repeat_contact]              card topics that help somewhere in the call

Marks tie a fact to its lines: ``#r`` the reason, ``#d1`` a fact's, ``#x`` a line that states no fact (refused, offered,
asked, conditional), ``#w`` a promise that is replaced later, ``#o`` a sum that is only offered in this line. ``!topic``
is the turn after which that card must be on the screen. Key words are beginnings of words, all of which must occur.

``data/unseen_calls/<language>.yaml`` are a test part of their own, in the same form: nobody builds or tunes on them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import yaml

from assist.decide.core import step
from assist.decide.kit import Decision, Kit
from assist.decide.state import SessionState, Stimulus, Tick
from assist.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    CallTransferred,
    Event,
    Heard,
    Language,
    Mood,
    Party,
    TranscriptSettled,
)

DATA: Final = Path(__file__).parent / "data" / "calls"
UNSEEN: Final = Path(__file__).parent / "data" / "unseen_calls"
ZONES: Final = {
    "mx": "America/Mexico_City",
    "co": "America/Bogota",
    "ar": "America/Argentina/Buenos_Aires",
    "cl": "America/Santiago",
    "pe": "America/Lima",
    "ny": "America/New_York",
    "chi": "America/Chicago",
    "la": "America/Los_Angeles",
    "uk": "Europe/London",
    "ie": "Europe/Dublin",
    "es": "Europe/Madrid",
    "au": "Australia/Sydney",
    "in": "Asia/Kolkata",
}
_MARKS: Final = re.compile(r"(?:\s+(?:#[a-z]\d*|![a-z_]+))+\s*$")
_MOODS: Final[dict[str, Mood]] = {"neg": "negative", "neu": "neutral", "pos": "positive"}
_WORD_S: Final = 0.38
_PAUSE_S: Final = 0.9
_TICK_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """One final. ``at`` and ``until`` are seconds since the answer."""

    uid: str
    party: Party
    text: str
    marks: frozenset[str]
    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Promise:
    """Who owes what by which ISO date (empty: none was told)."""

    party: Party
    words: tuple[str, ...]
    due: str


@dataclass(frozen=True, slots=True)
class Call:
    """A scripted call and its facts; see the module's docstring."""

    id: str
    language: Language
    dev: bool
    zone: str
    began: float
    turns: tuple[Turn, ...]
    reason: str
    reason_words: tuple[str, ...]
    done: Mapping[str, tuple[str, ...]]
    promises: Mapping[str, Promise]
    amounts: Mapping[str, tuple[float, str]]
    unstated: tuple[tuple[float, str], ...]
    references: Mapping[str, str]
    outcome: str
    next_step: str
    mood: tuple[Mood, Mood]
    useful: frozenset[str]
    transfer: str

    def lines(self, mark: str) -> frozenset[str]:
        """Ids of the turns with this mark."""
        return frozenset(turn.uid for turn in self.turns if mark in turn.marks)

    def must_show(self) -> Iterator[tuple[Turn, str]]:
        """The turns after which a card has to come, with its topic."""
        for turn in self.turns:
            yield from ((turn, mark[1:]) for mark in sorted(turn.marks) if mark.startswith("!"))

    def events(self) -> list[Event]:
        """The call as the gateway and the recogniser would report it."""
        began, end = self.began, self.began + self.turns[-1].until + 1.0
        start = CallStarted(
            call_id=self.id,
            at=began - 5,
            trunk="bench",
            caller="1",
            callee="2",
            queue="bench",
            agent_id="a",
            language=self.language,
        )
        events: list[Event] = [start, CallAnswered(call_id=self.id, at=began)]
        events += [self._heard(turn) for turn in self.turns]
        if self.transfer:
            events.append(CallTransferred(call_id=self.id, at=end - 0.5, target=self.transfer))
        events.append(CallEnded(call_id=self.id, at=end, reason="customer_hangup", sip_code=200, answered=True))
        events.append(TranscriptSettled(call_id=self.id, at=end + 0.5))
        return events

    def _heard(self, turn: Turn) -> Heard:
        return Heard(
            call_id=self.id,
            at=self.began + turn.until,
            party=turn.party,
            utterance_id=turn.uid,
            text=turn.text,
            stable_chars=len(turn.text),
            final=True,
            t0=self.began + turn.at,
            t1=self.began + turn.until,
            language=self.language,
            confidence=0.9,
        )


def load(language: Language, *, dev: bool | None = None) -> list[Call]:
    """The calls of a language; only the development (True) or the test part (False) if ``dev`` is told."""
    calls = [call for path in sorted((DATA / language).glob("*.yaml")) for call in _read(path, language)]
    return [call for call in calls if dev is None or call.dev == dev]


def load_unseen(language: Language) -> list[Call]:
    """The calls of a language on which nothing was built."""
    return _read(UNSEEN / f"{language}.yaml", language)


def _read(path: Path, language: Language) -> list[Call]:
    return [_call(raw, language) for raw in yaml.safe_load(path.read_text(encoding="utf-8"))]


def play(
    call: Call, kit: Kit, *, upto: int | None = None
) -> tuple[SessionState, list[tuple[Stimulus, list[Decision]]]]:
    """The call through all deciders, with the clock's ticks; only its first ``upto`` turns if told."""
    state = SessionState(call_id=call.id)
    steps: list[tuple[Stimulus, list[Decision]]] = []
    events = call.events()
    if upto is not None:
        events = events[: 2 + upto]
    last = events[0].at
    for event in events:
        while last + _TICK_S < event.at and state.answered_at is not None:
            last += _TICK_S
            tick = Tick(last)
            state, made = step(state, tick, kit)
            steps.append((tick, made))
        last = event.at
        state, made = step(state, event, kit)
        steps.append((event, made))
    return state, steps


def _call(raw: dict[str, object], language: Language) -> Call:
    date, clock, place = str(raw["at"]).split()
    zone = ZONES[place]
    began = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=ZoneInfo(zone)).timestamp()
    told = raw["reason"]
    assert isinstance(told, list)
    label, words = told
    start, end = str(raw["mood"]).split()
    return Call(
        id=str(raw["id"]),
        language=language,
        dev=bool(raw.get("dev")),
        zone=zone,
        began=began,
        turns=tuple(_turns(str(raw["talk"]))),
        reason=str(label),
        reason_words=_words(words),
        done={name: _words(words) for name, words in _facts(raw, "done")},
        promises={name: _promise(str(told)) for name, told in _facts(raw, "promise")},
        amounts={name: _amount(str(told)) for name, told in _facts(raw, "amount")},
        unstated=tuple(_amount(str(told)) for told in raw.get("not", [])),  # type: ignore[attr-defined]
        references={name: str(told) for name, told in _facts(raw, "ref")},
        outcome=str(raw["outcome"]),
        next_step=str(raw.get("next", "")),
        mood=(_MOODS[start], _MOODS[end]),
        useful=frozenset(map(str, raw.get("use", []))),  # type: ignore[call-overload]
        transfer=str(raw.get("transfer", "")),
    )


def _facts(raw: dict[str, object], name: str) -> Iterator[tuple[str, object]]:
    facts = raw.get(name) or {}
    assert isinstance(facts, dict)
    yield from facts.items()


def _turns(talk: str) -> Iterator[Turn]:
    at = 1.0
    for number, line in enumerate(talk.splitlines()):
        who, _, said = line.partition(" ")
        found = _MARKS.search(said)
        marks = frozenset(mark.removeprefix("#") for mark in found[0].split()) if found else frozenset[str]()
        text = said[: found.start()] if found else said.rstrip()
        until = at + max(0.6, _WORD_S * len(text.split()))
        party: Party = {"a": "agent", "c": "customer"}[who]  # type: ignore[assignment]
        yield Turn(f"{who}{number}", party, text, marks, at, until)
        at = until + _PAUSE_S


def _words(told: object) -> tuple[str, ...]:
    return tuple(str(told).lower().split())


def _promise(told: str) -> Promise:
    who, words, due = told.split("|")
    return Promise("agent" if who == "a" else "customer", _words(words), due)


def _amount(told: str) -> tuple[float, str]:
    number, unit = told.split()
    return float(number), unit
