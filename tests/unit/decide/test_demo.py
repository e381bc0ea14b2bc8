"""The two demo conversations, as written and as the recogniser really heard them: would an agent be helped?"""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from assist.demo.conversation import load
from assist.events import (
    CallEnded,
    CardOffered,
    ComplianceChanged,
    Event,
    Heard,
    Language,
    Party,
    TagsChanged,
    TranscriptSettled,
)
from tests.unit.decide.calls import Call, begin, demo_events, heard, packaged_kit, with_ticks

RECOGNISED = json.loads((Path(__file__).parent / "recognised.json").read_text(encoding="utf-8"))


def recognised_events(language: Language) -> list[Event]:
    """What the base model made of the recordings (Moonshine base, 8 kHz), finals only."""
    events: list[Event] = []
    count: dict[Party, int] = {"agent": 0, "customer": 0}
    for spoken, party, text, t0, t1, confidence in RECOGNISED:
        if spoken == language:
            count[party] += 1
            line = heard(party, text, t0, t1, uid=f"{party[0]}{count[party]}", language=language, confidence=confidence)
            events.append(replace(line, at=line.t1 + 0.5))
    end = max(event.at for event in events) + 1
    events.append(CallEnded(call_id="c1", at=end, reason="customer_hangup", sip_code=200, answered=True))
    events.append(TranscriptSettled(call_id="c1", at=end + 0.8))
    return [*begin("c1", language), *sorted(events, key=lambda event: event.at)]


@pytest.fixture(params=["written", "recognised"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def played(language: Language, source: str) -> Call:
    call = Call(packaged_kit(language))
    events = demo_events(language, "c1") if source == "written" else recognised_events(language)
    for stimulus in with_ticks(events):
        call.give(stimulus)
    return call


@pytest.mark.parametrize(
    ("language", "first_card", "reason_tag", "disposition"),
    [
        ("es", "double_charge", "double_charge", "Reclamo de facturación - con seguimiento"),
        ("en", "fraud_block", "card_fraud", "Fraud - claim opened"),
    ],
)
def test_the_call_is_understood(
    language: Language, first_card: str, reason_tag: str, disposition: str, source: str
) -> None:
    call = played(language, source)
    facts = load(language).facts
    offers = [event for event in call.decided if isinstance(event, CardOffered)]
    assert offers[0].card_id == first_card
    assert 2 <= len(offers) <= 3
    tags = [event for event in call.decided if isinstance(event, TagsChanged)][-1].tags
    assert reason_tag in {tag.value for tag in tags}
    assert any(str(facts["claim_number"]) in text for text in call.slot("reference"))
    amounts = facts["amounts"] if language == "en" else (facts["amount"],)
    assert isinstance(amounts, tuple | list)
    for amount in amounts:
        assert any(f"{amount}" in text.replace(".", "") for text in call.slot("amount"))
    assert call.summary.disposition == disposition
    assert (call.summary.mood_start, call.summary.mood_end) == ("negative", "positive")
    assert all(item.evidence for item in call.summary.items)
    document = str(facts.get("document", facts.get("card_last_four")))
    assert not any(document in item.text for item in call.summary.items)


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_whole_checklist_is_met(language: Language, source: str) -> None:
    call = played(language, source)
    assert {rule: item.state for rule, item in call.state.checklist.items() if item.state != "met"} == {}
    for rule, item in call.state.checklist.items():
        assert bool(item.evidence) == (not rule.startswith("no_"))


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_callback_is_the_next_step(language: Language, source: str) -> None:
    (step,) = played(language, source).slot("next_step")
    assert ("viernes" in step) if language == "es" else ("call you back" in step)


def test_no_meaning_is_decided_twice(source: str) -> None:
    for language in ("es", "en"):
        call = played(language, source)
        assert len(call.dedups) == len(set(call.dedups))


def test_a_partial_brings_the_card_before_the_line_is_over() -> None:
    call = played("es", "written")
    card = next(event for event in call.decided if isinstance(event, CardOffered))
    line = next(line for line in call.state.lines if line.utterance_id in card.evidence)
    assert card.at < line.t1


def test_a_two_hour_call_stays_within_the_budget() -> None:
    """2,000 finals at under 15 ms each on one thread (the design's budget); the median is what a slow machine keeps."""
    call = Call(packaged_kit("es"))
    call.answer()
    texts = [line.text for line in demo_events("es") if isinstance(line, Heard) and line.final]
    spent = []
    for n in range(2000):
        text = f"{texts[n % len(texts)]} {n}"
        line = heard("customer" if n % 2 else "agent", text, 3.6 * n, 3.6 * n + 3, uid=f"u{n}")
        began = time.perf_counter()
        call.give(line)
        spent.append(time.perf_counter() - began)
    assert sorted(spent)[len(spent) // 2] < 0.015
    assert sorted(spent)[int(len(spent) * 0.95)] < 0.030
    assert [event for event in call.decided if isinstance(event, ComplianceChanged)]
