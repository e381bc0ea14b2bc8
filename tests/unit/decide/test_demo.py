"""The two demo conversations, as written and as the recogniser really heard them: would an agent be helped?"""

import json
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
from tests.support import work
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


def test_a_line_late_in_a_long_call_costs_what_an_early_one_does() -> None:
    """Counted in function calls; the milliseconds are bench.decide's to tell."""
    call = Call(packaged_kit("es"))
    call.answer()
    texts = [line.text for line in demo_events("es") if isinstance(line, Heard) and line.final]

    def play(start: int, stop: int) -> None:
        for n in range(start, stop):
            text = f"{texts[n % len(texts)]} {n}"
            call.give(heard("customer" if n % 2 else "agent", text, 3.6 * n, 3.6 * n + 3, uid=f"u{n}"))

    span = 2 * len(texts)
    play(0, 4 * span)
    early = work(lambda: play(4 * span, 5 * span))
    play(5 * span, 16 * span)
    late = work(lambda: play(16 * span, 17 * span))
    assert late <= 1.5 * early, (early, late)
    assert [event for event in call.decided if isinstance(event, ComplianceChanged)]
