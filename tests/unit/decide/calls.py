"""Calls to put through the core: a builder for short ones, and the two demo conversations as events."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from assist.decide.core import step
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.playbook import Playbook, parse
from assist.decide.state import SessionState, Stimulus, Tick
from assist.demo.conversation import load
from assist.events import (
    AgentDid,
    CallAnswered,
    CallEnded,
    CallStarted,
    Event,
    Heard,
    Language,
    Party,
    SummaryDrafted,
    TranscriptSettled,
)
from assist.session.playbooks import packaged_playbook

T0 = 1_795_300_000.0
"""When the scripted calls are answered: Saturday 21 November 2026, 17:26 in Bogotá."""


@cache
def packaged_kit(language: Language) -> Kit:
    """The packaged playbook with the lexicon baseline."""
    return Kit(packaged_playbook(language), LexiconBaseline()).warm()


def kit_of(text: str) -> Kit:
    """A kit with a playbook written in the test; ``name`` and ``language`` may be left out."""
    head = "" if "language:" in text else "language: es\n"
    return Kit(playbook(f"name: test\n{head}{text}"), LexiconBaseline())


def playbook(text: str) -> Playbook:
    return parse(text, "test.yaml")


@dataclass
class Call:
    """A call fed by hand. Times are seconds since the answer."""

    kit: Kit
    call_id: str = "c1"
    language: Language = "es"
    state: SessionState = field(init=False)
    decided: list[Event] = field(default_factory=list)
    dedups: list[str] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.language = self.kit.playbook.language
        self.state = SessionState(call_id=self.call_id)

    def give(self, stimulus: Stimulus) -> list[Event]:
        """One step; what was decided on it."""
        self.state, made = step(self.state, stimulus, self.kit)
        self.decided += [event for event, _ in made]
        self.dedups += [f"{type(event).__name__}.{dedup}" for event, dedup in made]
        return [event for event, _ in made]

    def answer(self) -> list[Event]:
        start, answered = begin(self.call_id, self.language)
        return self.give(start) + self.give(answered)

    def say(
        self, party: Party, text: str, at: float, *, length: float = 2.0, uid: str = "", stable: int | None = None
    ) -> list[Event]:
        """A final that ends at ``at``; a partial with ``stable`` characters settled if that is given."""
        self.count += 1
        return self.give(
            heard(
                party,
                text,
                at - length,
                at,
                uid=uid or f"u{self.count}",
                call_id=self.call_id,
                language=self.language,
                stable=stable,
            )
        )

    def tick(self, at: float) -> list[Event]:
        return self.give(Tick(T0 + at))

    def did(self, action: str, target: str = "", text: str = "", at: float = 0.0) -> list[Event]:
        event = AgentDid(call_id=self.call_id, at=T0 + at, agent_id="ana", action="note", target=target, text=text)
        return self.give(replace(event, action=action))  # type: ignore[arg-type]

    def end(self, at: float, *, settled: bool = True) -> list[Event]:
        over = CallEnded(
            call_id=self.call_id,
            at=T0 + at,
            reason="customer_hangup",
            sip_code=200,
            answered=self.state.answered_at is not None,
        )
        made = self.give(over)
        return made + (self.give(TranscriptSettled(call_id=self.call_id, at=T0 + at + 0.5)) if settled else [])

    @property
    def summary(self) -> SummaryDrafted:
        assert self.state.summary is not None
        return self.state.summary

    def slot(self, name: str) -> list[str]:
        """The summary's texts in a slot."""
        return [item.text for item in self.summary.items if item.slot == name]


def heard(
    party: Party,
    text: str,
    t0: float,
    t1: float,
    *,
    uid: str,
    call_id: str = "c1",
    language: Language = "es",
    stable: int | None = None,
    confidence: float = 0.9,
) -> Heard:
    """An utterance between ``t0`` and ``t1`` seconds after the answer."""
    return Heard(
        call_id=call_id,
        at=T0 + t1,
        party=party,
        utterance_id=uid,
        text=text,
        stable_chars=len(text) if stable is None else stable,
        final=stable is None,
        t0=T0 + t0,
        t1=T0 + t1,
        language=language,
        confidence=confidence,
    )


def begin(call_id: str, language: Language) -> tuple[CallStarted, CallAnswered]:
    """The first two events of a call."""
    start = CallStarted(
        call_id=call_id,
        at=T0 - 6,
        trunk="local",
        caller="+573001112233",
        callee="018000",
        queue="general",
        agent_id="ana",
        language=language,
    )
    return start, CallAnswered(call_id=call_id, at=T0)


def demo_events(language: Language, call_id: str = "demo") -> list[Event]:
    """The demo conversation as the gateway and the recogniser would report it, partials included."""
    conversation = load(language)
    events: list[Event] = [*begin(call_id, language)]
    for number, said in enumerate(conversation.utterances):
        uid = f"{said.party[0]}{number}"
        for upto in range(3, len(said.words), 3):
            text = " ".join(word.text for word in said.words[:upto])
            stable = len(" ".join(word.text for word in said.words[: max(0, upto - 2)]))
            ends = said.words[upto - 1].t1
            partial = heard(said.party, text, said.t0, ends, uid=uid, call_id=call_id, language=language, stable=stable)
            events.append(replace(partial, at=T0 + ends + 0.4))
        final = heard(said.party, said.text, said.t0, said.t1, uid=uid, call_id=call_id, language=language)
        events.append(replace(final, at=T0 + said.t1 + 0.5))
    end = T0 + conversation.duration
    events.append(CallEnded(call_id=call_id, at=end, reason="customer_hangup", sip_code=200, answered=True))
    events.append(TranscriptSettled(call_id=call_id, at=end + 0.8))
    return sorted(events, key=lambda event: event.at)


def with_ticks(events: Iterable[Event], every: float = 0.25) -> list[Stimulus]:
    """The events with the clock's ticks between them."""
    mixed: list[Stimulus] = []
    last: float | None = None
    for event in events:
        while last is not None and last + every < event.at:
            last += every
            mixed.append(Tick(last))
        last = event.at if last is None else last
        mixed.append(event)
    return mixed


def shifted(events: list[Event]) -> list[Event]:
    """The same call, ending now: ticks run by the real clock."""
    by = time.time() - events[-1].at
    moved: list[Event] = []
    for event in events:
        changes = {"at": event.at + by}
        if isinstance(event, Heard):
            changes |= {"t0": event.t0 + by, "t1": event.t1 + by}
        moved.append(replace(event, **changes))
    return moved
