"""One call as a list of events, in Spanish or English: what the gateway, the recogniser and the session would say.

It feeds the screen's tests and pictures; ``play_call.py`` plays it through a real broker and a real hub.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from assist import quality
from assist.decide.score import packaged_card
from assist.events import (
    CallAnswered,
    CallEnded,
    CallRinging,
    CallScored,
    CallStarted,
    CardOffered,
    CasePosted,
    CaseSaved,
    ComplianceChanged,
    Event,
    FactHeard,
    Heard,
    Language,
    Party,
    ScoreItem,
    SentimentChanged,
    SummaryDrafted,
    SummaryItem,
    Tag,
    TagsChanged,
    TranscriptSettled,
)
from assist.strings import say

CALL = "c-7f3a21"
AGENT = "ana"
START = 1_790_000_000.0


def _words(language: Language) -> dict[str, Any]:
    text: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))[language]
    return text


def mid_call(language: Language) -> list[Event]:
    """Up to second 46: both have spoken, the customer is speaking, a card is on the screen."""
    return list(_numbered(_mid_call(language)))


def after_call(language: Language) -> list[Event]:
    """Up to the saved case."""
    return list(_numbered([*_mid_call(language), *_end(language)]))


def scored(language: Language) -> CallScored:
    """The score of the finished call by the packaged card: a critical item failed, two items rest on spoken lines."""
    card = packaged_card(language)
    lines = [event for event in after_call(language) if isinstance(event, Heard) and event.final]
    agent = next(line.utterance_id for line in lines if line.party == "agent")
    customer = next(line.utterance_id for line in lines if line.party == "customer")
    told: dict[str, tuple[float | None, str, tuple[str, ...]]] = {
        "greets": (1.0, say(language, "score.said"), (agent,)),
        "compliance": (
            0.5,
            say(language, "score.rules_broken", labels=_words(language)["rules"][2]),
            (agent, customer),
        ),
        "no_rudeness": (0.0, say(language, "score.said_forbidden"), (customer,)),
        "dates": (None, say(language, "score.no_promise"), ()),
        "silence": (1.0, say(language, "score.silence_ok", value="12", most="35"), ()),
    }
    items = []
    for item in card.item:
        share, why, evidence = told.get(item.id, (1.0, say(language, "score.said"), ()))
        items.append(
            ScoreItem(
                item_id=item.id,
                label=item.label,
                group=card.label_of(item.group),
                critical=item.critical,
                points=None if share is None else item.points * share,
                of=item.points,
                why=why,
                evidence=evidence,
            )
        )
    return CallScored(
        call_id=CALL,
        at=START + 86,
        seq=80,
        revision=1,
        card=card.name,
        score=quality.total(items, 40),
        items=tuple(items),
        failed=quality.failed(items),
        cap=40,
    )


def _numbered(events: list[Event]) -> Iterator[Event]:
    seq = 0
    for event in events:
        if isinstance(event, Heard) and not event.final:
            yield event
            continue
        seq += 1
        yield dataclasses.replace(event, seq=seq)


def heard(
    party: Party, at: float, text: str, *, final: bool = True, stable: int = 0, language: Language = "es"
) -> Heard:
    """What ``party`` said, ``at`` seconds into the call."""
    return Heard(
        call_id=CALL,
        at=START + at,
        party=party,
        utterance_id=f"{party}-{at:g}",
        text=text,
        stable_chars=len(text) if final else stable,
        final=final,
        t0=START + at - len(text) / 16,
        t1=START + at,
        language=language,
        confidence=0.9,
    )


def _rule(index: int, label: str, state: Any, at: float, due: float | None = None) -> ComplianceChanged:
    return ComplianceChanged(
        call_id=CALL,
        at=START + at,
        rule_id=f"rule-{index}",
        label=label,
        state=state,
        due_at=None if due is None else START + due,
        evidence=(),
    )


def _fact(number: int, kind: Any, label: str, value: str, text: str) -> FactHeard:
    return FactHeard(
        call_id=CALL,
        at=START + 40,
        fact_id=f"fact-{number}",
        party="customer",
        kind=kind,
        label=label,
        value=value,
        text=text,
        spoken=text,
        evidence=(),
    )


def _mid_call(language: Language) -> list[Event]:
    words = _words(language)
    rules: list[str] = words["rules"]
    spoken = [heard(party, at + 6, text, language=language) for party, at, text in words["turns"]]
    party, at, text, stable = words["partial"]
    title, line = words["card"]
    return [
        CallStarted(
            call_id=CALL,
            at=START - 6,
            trunk="local",
            caller="+57 300 555 0188",
            callee="6015550100",
            queue=words["queue"],
            agent_id=AGENT,
            language=language,
        ),
        CallRinging(call_id=CALL, at=START - 5),
        CallAnswered(call_id=CALL, at=START),
        *(_rule(index, label, "pending", 0, [20, 60, None, None][index]) for index, label in enumerate(rules[:3])),
        spoken[0],
        _rule(0, rules[0], "met", 10),
        spoken[1],
        SentimentChanged(
            call_id=CALL, at=START + 20, party="customer", mood="negative", score=-0.8, trend=-0.4, evidence=()
        ),
        spoken[2],
        spoken[3],
        _rule(1, rules[1], "due", 39, 60),
        *(_fact(n, *fact) for n, fact in enumerate(words["facts"])),
        CardOffered(
            call_id=CALL,
            at=START + 45,
            offer_id="offer-1",
            card_id="churn",
            title=title,
            say=line,
            priority=5,
            confidence=0.8,
            evidence=(),
        ),
        heard(party, at, text, final=False, stable=stable, language=language),
    ]


def _end(language: Language) -> list[Event]:
    words = _words(language)
    party, at, text, _ = words["partial"]
    tags = tuple(
        Tag(kind="reason", value=f"tag-{index}", label=label, confidence=0.9, evidence=())
        for index, label in enumerate(words["tags"])
    )
    return [
        heard(party, at, text, language=language),
        _rule(1, words["rules"][1], "met", 50, 60),
        _rule(2, words["rules"][2], "missed", 83),
        SentimentChanged(
            call_id=CALL, at=START + 80, party="customer", mood="positive", score=0.6, trend=0.2, evidence=()
        ),
        TagsChanged(call_id=CALL, at=START + 82, tags=tags),
        CallEnded(call_id=CALL, at=START + 84, reason="customer_hangup", sip_code=200, answered=True),
        TranscriptSettled(call_id=CALL, at=START + 85),
        SummaryDrafted(
            call_id=CALL,
            at=START + 85,
            revision=1,
            items=tuple(SummaryItem(slot=slot, text=text, evidence=()) for slot, text in words["items"]),
            disposition=words["disposition"],
            mood_start="negative",
            mood_end="positive",
            tags=tags,
        ),
        CaseSaved(call_id=CALL, at=START + 86, case_id="AP-2026-000123", revision=1),
        CasePosted(call_id=CALL, at=START + 87, case_id="AP-2026-000123", target="helpdesk", reference="4471"),
    ]
