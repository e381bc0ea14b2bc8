"""What is kept out of facts and summaries: card numbers and documents, in digits and as they are spoken; Presidio too.

The lines are made here from a seed: an agent asks, a customer tells a number in one go. *masked*: five digits of a
secret in a row stand nowhere in what was decided on the call (for Presidio: every digit of it lies in something found).
*kept*: a reference, which nobody has to hide and the agent needs, is in the facts whole (for Presidio: nothing found
touches it).
The transcript itself is not masked by either; `SensitiveChanged` tells the recorder when to pause.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from num2words import num2words

from assist.decide.core import step
from assist.decide.kit import Kit
from assist.decide.lexicon import LexiconBaseline
from assist.decide.state import SessionState
from assist.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    Event,
    FactHeard,
    Heard,
    Language,
    Party,
    SensitiveChanged,
    SummaryDrafted,
    TranscriptSettled,
)
from assist.session.playbooks import packaged_playbook
from bench.judge.row import OURS, Options, Row
from bench.judge.sentiment import PEERS_PYTHON

Kind = Literal["card", "document", "reference"]
_EACH: Final = 40
_LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
_ASKS: Final[dict[Language, dict[Kind, str]]] = {
    "es": {
        "card": "¿Me confirma el número de su tarjeta?",
        "document": "¿Me da su número de documento?",
        "reference": "¿Cuál es el número de radicado?",
    },
    "en": {
        "card": "Could you read me your card number?",
        "document": "What is your social security number?",
        "reference": "What is the claim number?",
    },
}
_TELLS: Final[dict[Language, tuple[str, ...]]] = {
    "es": ("sí, es {}", "claro, {}", "a ver, {} gracias", "mi número es el {}"),
    "en": ("yes, it is {}", "sure, {}", "let me see, {} thanks", "my number is {}"),
}
_DIGITS: Final = re.compile(r"\d")
_RUN: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """A number and the line in which it is told, between ``start`` and ``end``."""

    kind: Kind
    language: Language
    spoken: bool
    digits: str
    text: str
    start: int
    end: int


def lines(language: Language, kind: Kind, *, spoken: bool) -> list[Told]:
    """The lines of a kind, the same every time."""
    chance = random.Random(f"{language} {kind}")
    found = []
    for n in range(_EACH):
        digits = _number(kind, language, chance)
        if spoken:
            shown = " ".join(num2words(int(digit), lang=language) for digit in digits)
        else:
            size = 4 if kind == "card" else 3
            shown = " ".join(digits[at : at + size] for at in range(0, len(digits), size))
        before, after = _TELLS[language][n % len(_TELLS[language])].split("{}")
        found.append(Told(kind, language, spoken, digits, before + shown + after, len(before), len(before + shown)))
    return found


def _number(kind: Kind, language: Language, chance: random.Random) -> str:
    if kind == "card":
        body = "4" + "".join(str(chance.randrange(10)) for _ in range(14))
        return next(body + check for check in "0123456789" if _luhn(body + check))
    length = {"document": 10 if language == "es" else 9, "reference": 6}[kind]
    return str(chance.randrange(1, 10)) + "".join(str(chance.randrange(10)) for _ in range(length - 1))


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def decided(told: Told, kit: Kit) -> list[Event]:
    """What is decided on the small call in which ``told`` is said."""
    state = SessionState(call_id="m")
    made: list[Event] = []

    def heard(party: Party, text: str, at: float) -> Heard:
        return Heard(
            call_id="m",
            at=at + 3,
            party=party,
            utterance_id=f"{party}{at:g}",
            text=text,
            stable_chars=len(text),
            final=True,
            t0=at,
            t1=at + 3,
            language=told.language,
            confidence=0.95,
        )

    events: tuple[Event, ...] = (
        CallStarted(
            call_id="m", at=-3, trunk="t", caller="1", callee="2", queue="", agent_id="a", language=told.language
        ),
        CallAnswered(call_id="m", at=0),
        heard("agent", _ASKS[told.language][told.kind], 5),
        heard("customer", told.text, 9),
        heard("agent", "Gracias." if told.language == "es" else "Thank you.", 14),
        CallEnded(call_id="m", at=20, reason="customer_hangup", sip_code=200, answered=True),
        TranscriptSettled(call_id="m", at=21),
    )
    for event in events:
        state, out = step(state, event, kit)
        made += [one for one, _ in out]
    return made


def shown(made: Sequence[Event]) -> list[str]:
    """The digits of each text that people read: facts and the summary with its draft message."""
    texts: list[str] = []
    for event in made:
        if isinstance(event, FactHeard):
            texts += [event.text, event.value, event.spoken]
        elif isinstance(event, SummaryDrafted):
            texts += [event.message, *(text for item in event.items for text in (item.text, item.value))]
    return ["".join(_DIGITS.findall(text)) for text in texts]


def run(options: Options) -> Sequence[Row]:
    rows: list[Row] = []
    asked: list[Told] = []
    for language in _LANGUAGES:
        kit = Kit(packaged_playbook(language), LexiconBaseline()).warm()
        for kind in ("card", "document", "reference"):
            for spoken in (False, True):
                told = lines(language, kind, spoken=spoken)
                asked += told
                rows += _ours(told, kit)
    return rows + list(_presidio(asked))


def _ours(told: list[Told], kit: Kit) -> Iterator[Row]:
    made = [decided(one, kit) for one in told]
    if told[0].kind == "reference":
        good = [any(one.digits in text for text in shown(out)) for one, out in zip(told, made, strict=True)]
    else:
        good = [
            not any(
                one.digits[at : at + _RUN] in text for at in range(len(one.digits) - _RUN + 1) for text in shown(out)
            )
            for one, out in zip(told, made, strict=True)
        ]
        if told[0].kind == "card":
            paused = [any(isinstance(event, SensitiveChanged) for event in out) for out in made]
            yield _row(told, OURS, "recorder told to pause", paused)
    yield _row(told, OURS, "kept" if told[0].kind == "reference" else "masked", good)


def _presidio(asked: list[Told]) -> Iterator[Row]:
    script = Path(__file__).parent / "masking_peers.py"
    if not PEERS_PYTHON.exists():
        print(f"masking: Presidio skipped: no {PEERS_PYTHON}; bench/judge/masking_peers.py says what to install")
        return
    done = subprocess.run(
        [str(PEERS_PYTHON), str(script)],
        input=json.dumps([{"language": one.language, "text": one.text} for one in asked]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"masking: Presidio skipped: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        return
    groups: dict[tuple[Language, Kind, bool], tuple[list[Told], list[bool]]] = {}
    for one, spans in zip(asked, json.loads(done.stdout), strict=True):
        covered = {at for start, end, _ in spans for at in range(start, end)}
        number = [at for at in range(one.start, one.end) if not one.text[at].isspace()]
        good = not covered.intersection(number) if one.kind == "reference" else covered.issuperset(number)
        told, results = groups.setdefault((one.language, one.kind, one.spoken), ([], []))
        told.append(one)
        results.append(good)
    for told, results in groups.values():
        yield _row(told, "presidio", "kept" if told[0].kind == "reference" else "masked", results)


def _row(told: list[Told], system: str, metric: str, good: list[bool]) -> Row:
    one = told[0]
    how = "spoken" if one.spoken else "digits"
    return Row("masking", f"{one.kind}, {how}", one.language, system, metric, sum(good) / len(good), len(good))
