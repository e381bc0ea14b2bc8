"""A playbook tried out without a telephone: its own tests, and a written or stored call from beginning to end.

A written call is YAML::

    lines:
      - {who: agent, when: 3, text: "Buenos días, le habla Ana."}   # when: seconds after the answer at which it begins
      - {who: customer, text: "Me cobraron dos veces."}             # without: a second after the line before
      - {wait: 25}                                                  # seconds in which nobody speaks
      - {hold: 30}                                                  # seconds on hold
      - {press: taken}                                              # the agent's key: taken, dismissed, not_useful

``agent: text`` and ``customer: text`` are short for who and text. A case that was exported as JSON will do too.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assist.decide.core import step
from assist.decide.kit import Kit
from assist.decide.playbook import Check
from assist.decide.state import SessionState, Stimulus, Tick
from assist.errors import ConfigError
from assist.events import (
    AgentDid,
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    CardOffered,
    ComplianceChanged,
    Event,
    Heard,
    Language,
    MomentHeard,
    Party,
    SensitiveChanged,
    TagsChanged,
    TranscriptSettled,
)

START: Final = 1_795_300_000.0
"""When a rehearsed call is answered, seconds UTC: any moment will do."""
_TICK_S: Final = 0.5
_WORDS_A_SECOND: Final = 2.6
_PAUSE_S: Final = 1.0
_SETTLED_S: Final = 1.0
_MOST_LINES: Final = 5000
_MOST_S: Final = 4 * 3600.0
CALL_ID: Final = "rehearsal"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    who: Party | None = None
    when: Annotated[float | None, Field(ge=0, le=_MOST_S)] = None
    text: str = ""
    agent: str | None = None
    customer: str | None = None
    wait: Annotated[float, Field(ge=0, le=3600)] = 0
    hold: Annotated[float, Field(ge=0, le=3600)] = 0
    press: Literal["taken", "dismissed", "not_useful"] | None = None


class _Script(BaseModel):
    model_config = ConfigDict(extra="ignore")

    lines: list[_Entry] = Field(min_length=1, max_length=_MOST_LINES)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing of a rehearsed call, at seconds after the answer."""

    at: float
    event: Event


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one of the playbook's tests went; ``number`` counts from 1."""

    number: int
    check: Check
    fired: frozenset[str]
    missing: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came that must, and nothing that must not."""
        return not self.missing and not self.wrong


@dataclass(slots=True)
class _Tape:
    """Events of a call being written down."""

    language: Language
    events: list[Event] = field(default_factory=list)
    at: float = 0.0
    count: int = 0

    def say(self, party: Party, text: str, *, t0: float | None = None, t1: float | None = None) -> None:
        begin = t0 if t0 is not None else self.at + _PAUSE_S
        end = t1 if t1 is not None else begin + max(0.6, len(text.split()) / _WORDS_A_SECOND)
        self.count += 1
        self.events.append(
            Heard(
                call_id=CALL_ID,
                at=START + end,
                party=party,
                utterance_id=f"u{self.count}",
                text=text,
                stable_chars=len(text),
                final=True,
                t0=START + begin,
                t1=START + end,
                language=self.language,
                confidence=1.0,
            )
        )
        self.at = max(self.at, end)


def read_call(text: str, source: str, language: Language) -> list[Event]:
    """The events of a written call or an exported case, from the answer to the end.

    Raises:
        ConfigError: it is neither; the message names the file and what to do.
    """
    try:
        raw = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        line = getattr(getattr(err, "problem_mark", None), "line", None)
        where = f"{source}:{line + 1}" if line is not None else source
        raise ConfigError(f"{where}: neither YAML nor JSON; check indentation and quotes") from None
    if isinstance(raw, dict) and isinstance(raw.get("case"), dict) and isinstance(raw.get("lines"), list):
        return events_of_case(raw, source)
    try:
        script = _Script.model_validate(raw)
    except ValidationError as err:
        first = err.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{source}: {path or 'file'}: {first['msg']}; a call is 'lines:' with who, when and text"
        ) from None
    return _written(script, source, language)


def _written(script: _Script, source: str, language: Language) -> list[Event]:
    tape = _Tape(language)
    for number, entry in enumerate(script.lines):
        said = [(entry.who, entry.text)] if entry.who is not None else []
        said += [("agent", entry.agent)] if entry.agent is not None else []
        said += [("customer", entry.customer)] if entry.customer is not None else []
        if entry.when is not None and entry.when < tape.at - 60:
            raise ConfigError(f"{source}: lines.{number}.when: lies before the line above; put the lines in order")
        for party, text in said:
            tape.say(party, text, t0=entry.when)
        if entry.hold:
            held = CallHeld(call_id=CALL_ID, at=START + tape.at + 0.2, by="agent")
            tape.at += 0.2 + entry.hold
            tape.events += [held, CallResumed(call_id=CALL_ID, at=START + tape.at, by="agent")]
        if entry.press is not None:
            tape.at += 0.5
            tape.events.append(_pressed(entry.press, START + tape.at))
        tape.at += entry.wait
    return _whole(tape)


def _pressed(key: Literal["taken", "dismissed", "not_useful"], at: float) -> AgentDid:
    # The offer that the key answers is not known before the call is rehearsed.
    if key == "taken":
        return AgentDid(call_id=CALL_ID, at=at, agent_id="agent", action="card_taken")
    if key == "dismissed":
        return AgentDid(call_id=CALL_ID, at=at, agent_id="agent", action="card_dismissed")
    return AgentDid(call_id=CALL_ID, at=at, agent_id="agent", action="card_not_useful")


def events_of_case(case: dict[str, Any], source: str) -> list[Event]:
    """The events of a case as ``apuntador case export`` writes it.

    Raises:
        ConfigError: it lacks what a case has.
    """
    try:
        began = float(case["case"]["answered_at"] or case["case"]["started_at"])
        language: Language = "en" if case["case"]["language"] == "en" else "es"
        tape = _Tape(language)
        for line in sorted(case["lines"], key=lambda line: float(line["t0"])):
            party: Party = "customer" if line["party"] == "customer" else "agent"
            tape.say(party, str(line["text"]), t0=float(line["t0"]) - began, t1=float(line["t1"]) - began)
        ended = case["case"]["ended_at"]
    except (KeyError, TypeError, ValueError) as err:
        raise ConfigError(f"{source}: no exported case ({type(err).__name__}); export it with: case export") from None
    if ended is not None and math.isfinite(float(ended)):
        tape.at = max(tape.at, min(float(ended) - began, tape.at + _MOST_S))
    return _whole(tape)


def _whole(tape: _Tape) -> list[Event]:
    end = START + tape.at + _PAUSE_S
    started = CallStarted(
        call_id=CALL_ID,
        at=START,
        trunk="",
        caller="",
        callee="",
        queue="",
        agent_id="agent",
        language=tape.language,
    )
    over = CallEnded(call_id=CALL_ID, at=end, reason="customer_hangup", sip_code=200, answered=True)
    events = sorted(tape.events, key=lambda event: event.at)
    answered = CallAnswered(call_id=CALL_ID, at=START)
    return [started, answered, *events, over, TranscriptSettled(call_id=CALL_ID, at=end + _SETTLED_S)]


def rehearse(events: Iterable[Event], kit: Kit) -> list[Moment]:
    """The call with everything the deciders say to it, in the order in which it happens."""
    state = SessionState(call_id=CALL_ID, language=kit.playbook.language)
    told: list[Moment] = []
    for stimulus in _with_ticks(list(events)):
        if isinstance(stimulus, AgentDid) and not stimulus.target:
            if state.card is None:
                continue
            stimulus = AgentDid(
                call_id=CALL_ID,
                at=stimulus.at,
                agent_id=stimulus.agent_id,
                action=stimulus.action,
                target=state.card.offer_id,
            )
        if not isinstance(stimulus, Tick):
            told.append(Moment(stimulus.at - START, stimulus))
        state, made = step(state, stimulus, kit)
        told += [Moment(stimulus.at - START, event) for event, _ in made]
    return told


def _with_ticks(events: Sequence[Event]) -> Iterator[Stimulus]:
    now = events[0].at
    for event in events:
        while now + _TICK_S < event.at:
            now += _TICK_S
            yield Tick(now)
        now = max(now, event.at)
        yield event


def run_checks(kit: Kit) -> list[CheckResult]:
    """The playbook's own tests, each a call of its own."""
    return [_run(number, check, kit) for number, check in enumerate(kit.playbook.tests, start=1)]


def _run(number: int, check: Check, kit: Kit) -> CheckResult:
    tape = _Tape(kit.playbook.language)
    for party, text in check.said():
        tape.say(party, text)
    tape.at += check.wait_s
    events = _whole(tape)
    # What the end of the call closes (everything never said is missed then) says nothing of the lines.
    last = next(place for place, event in enumerate(events) if isinstance(event, CallEnded))
    fired = frozenset(_fired([*events[:last], _quiet(events[last].at)], kit))
    plain = {name.partition(".")[2] for name in fired}
    came = fired | plain
    return CheckResult(
        number,
        check,
        fired,
        tuple(name for name in check.fires if name not in came),
        tuple(name for name in check.never if name in came),
    )


def _quiet(at: float) -> Event:
    """Something without meaning, so that the clock runs up to it."""
    return AgentDid(call_id=CALL_ID, at=at, agent_id="agent", action="note", target="end")


def _fired(events: list[Event], kit: Kit) -> Iterator[str]:
    """``card.id``, ``rule.id``, ``moment.id``, ``tag.value`` and ``sensitive.id`` of what came."""
    for moment in rehearse(events, kit):
        match moment.event:
            case CardOffered(card_id=name):
                yield f"card.{name}"
            case ComplianceChanged(state="met" | "missed" | "forbidden_said", rule_id=name, evidence=lines) as change:
                if change.state != "missed" or (change.kind == "behaviour" or lines):
                    yield f"rule.{name}"
            case ComplianceChanged(consent="asked", rule_id=name):
                yield f"rule.{name}"
            case MomentHeard(moment_id=name):
                yield f"moment.{name}"
            case TagsChanged(tags=tags):
                yield from (f"tag.{tag.value}" for tag in tags)
            case SensitiveChanged(state="begin", reason=name):
                yield f"sensitive.{name}"
            case _:
                pass
