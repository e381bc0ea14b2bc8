"""Time of one decide step, all deciders, on one thread.

    python -m bench.decide [--lines 2000] [--playbook FILE ...]

A call of ``--lines`` finals goes through the decision core, each with a partial of its first half before it and a tick
behind it. With the sentence encoder where it is installed, and the packaged playbooks or those named. The lines are
random words of the demo conversations: no line comes twice, so nothing is found in a cache. The thread's CPU time is
counted: what else the machine does has little part in it.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np

from assist.config import Settings
from assist.decide.core import step
from assist.decide.playbook import Playbook
from assist.decide.state import SessionState, Stimulus, Tick
from assist.demo.conversation import load
from assist.events import CallAnswered, CallEnded, CallStarted, Heard, Language, Party, TranscriptSettled
from assist.session.encoder import installed_encoder
from assist.session.kits import make_kits
from assist.session.mood import open_mood
from assist.session.playbooks import packaged_playbook, read_playbook

OUT = Path(__file__).parent / "out" / "decide.json"
_START = 1_795_300_000.0


def measure(playbook: Playbook, lines: int) -> dict[str, object]:
    """One row of the table."""
    language = playbook.language
    kit = make_kits(Settings(), {language: playbook}, sentiment=open_mood(), meaning=installed_encoder())[language]
    words = [word for turn in load(language).turns for word in turn.text.split()]
    chance = random.Random(8000)
    state = SessionState(call_id="bench")
    took: dict[str, list[float]] = {"final": [], "partial": [], "tick": [], "summary": []}

    def feed(kind: str, stimulus: Stimulus) -> None:
        nonlocal state
        began = time.thread_time()
        state, _ = step(state, stimulus, kit)
        took.setdefault(kind, []).append((time.thread_time() - began) * 1000)

    feed(
        "start",
        CallStarted(
            call_id="bench", at=_START, trunk="t", caller="1", callee="2", queue="q", agent_id="a", language=language
        ),
    )
    feed("start", CallAnswered(call_id="bench", at=_START))
    for number in range(lines):
        party: Party = "customer" if number % 2 else "agent"
        text = " ".join(chance.choices(words, k=chance.randint(3, 25)))
        t0 = _START + number * 4.0
        feed("partial", _heard(language, party, number, text[: len(text) // 2], t0, final=False))
        feed("final", _heard(language, party, number, text, t0, final=True))
        feed("tick", Tick(t0 + 3.5))
    end = _START + lines * 4.0
    feed("end", CallEnded(call_id="bench", at=end, reason="customer_hangup", sip_code=200, answered=True))
    feed("summary", TranscriptSettled(call_id="bench", at=end))
    row: dict[str, object] = {"language": language, "lines": lines}
    for kind in ("final", "partial", "tick", "summary"):
        values = took[kind]
        row[kind] = [round(float(np.percentile(values, p)), 2) for p in (50, 95, 99, 100)]
    return row


def end_after_long_turns(playbook: Playbook, *, turns: int = 10, words: int = 1000) -> float:
    """Milliseconds for the summary and score of a call of a few turns that take minutes each, without a full stop."""
    language = playbook.language
    kit = make_kits(Settings(), {language: playbook}, sentiment=open_mood(), meaning=None)[language]
    said = " ".join(turn.text.replace(".", "") for turn in load(language).turns).split()
    state = SessionState(call_id="bench")
    start = CallStarted(
        call_id="bench", at=_START, trunk="t", caller="1", callee="2", queue="q", agent_id="a", language=language
    )
    events: list[Stimulus] = [start, CallAnswered(call_id="bench", at=_START)]
    for number in range(turns):
        text = " ".join((said * (words // len(said) + 1))[:words])
        events.append(
            _heard(language, "customer" if number % 2 else "agent", number, text, _START + 400.0 * number, final=True)
        )
    end = _START + 400.0 * turns
    events.append(CallEnded(call_id="bench", at=end, reason="customer_hangup", sip_code=200, answered=True))
    for event in events:
        state, _ = step(state, event, kit)
    began = time.thread_time()
    step(state, TranscriptSettled(call_id="bench", at=end), kit)
    return (time.thread_time() - began) * 1000


def _heard(language: Language, party: Party, number: int, text: str, t0: float, *, final: bool) -> Heard:
    return Heard(
        call_id="bench",
        at=t0 + 3.0,
        party=party,
        utterance_id=f"{party[0]}{number}",
        text=text,
        stable_chars=len(text),
        final=final,
        t0=t0,
        t1=t0 + 3.0,
        language=language,
        confidence=0.9,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--playbook", type=Path, action="append")
    args = parser.parse_args()
    books = [read_playbook(path) for path in args.playbook or ()] or [packaged_playbook("es"), packaged_playbook("en")]
    rows = []
    print(f"milliseconds of CPU, p50/p95/p99/max; a call of {args.lines} lines, one thread")
    print(f"{'lang':<6}{'final':<26}{'partial':<26}{'tick':<26}summary at the end")
    for book in books:
        row = measure(book, args.lines)
        rows.append(row)
        cells = "".join(f"{'/'.join(map(str, row[kind])):<26}" for kind in ("final", "partial", "tick"))  # type: ignore[call-overload]
        print(f"{book.language:<6}{cells}{row['summary'][-1]}")  # type: ignore[index]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
