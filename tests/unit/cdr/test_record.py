"""A call's record, from its events."""

import dataclasses
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from assist.cdr.record import FIELDS, record_of, values
from assist.events import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallResumed,
    CallRinging,
    CallStarted,
    CallTransferred,
    EndReason,
    Event,
    Language,
    LegQuality,
    QualityMeasured,
    SensitiveChanged,
)
from assist.strings import say

ZONE = ZoneInfo("America/Bogota")
T = 1_795_680_000.0
STARTED = CallStarted(
    call_id="c", at=T, trunk="pbx", caller="+573001234567", callee="900", queue="soporte", agent_id="ana", language="es"
)
ANSWERED = CallAnswered(call_id="c", at=T + 4.5)
ENDED = CallEnded(call_id="c", at=T + 124.5, reason="customer_hangup", sip_code=200, answered=True)


def leg(party: str, mos: float | None) -> LegQuality:
    return LegQuality(
        party=party,  # type: ignore[arg-type]
        codec="PCMA",
        packets=100,
        lost=1,
        discarded=0,
        loss=1.0,
        jitter_ms=2.5,
        round_trip_ms=None,
        mos=mos,
        reported_loss=None,
        reported_jitter_ms=None,
    )


def test_a_whole_call() -> None:
    events: list[Event] = [
        STARTED,
        CallRinging(call_id="c", at=T + 1),
        ANSWERED,
        CallHeld(call_id="c", at=T + 10, by="agent"),
        CallResumed(call_id="c", at=T + 25, by="agent"),
        SensitiveChanged(call_id="c", at=T + 30, state="begin", reason="card_number", evidence=()),
        SensitiveChanged(call_id="c", at=T + 41.25, state="end", reason="card_number", evidence=()),
        QualityMeasured(call_id="c", at=T + 60, legs=(leg("agent", 1.0),)),
        CallTransferred(call_id="c", at=T + 90, target="sip:3001234567@pbx", agent_id="luis", by_agent="ana"),
        QualityMeasured(call_id="c", at=T + 124, legs=(leg("agent", 4.1), leg("customer", None)), final=True),
        ENDED,
    ]
    record = record_of(events, ZONE)
    assert record is not None
    told = values(record)
    assert tuple(told) == FIELDS
    assert (told["caller"], told["agent"], told["trunk"], told["direction"]) == (
        "+573001234567",
        "ana",
        "pbx",
        "inbound",
    )
    assert told["started"].endswith("-05:00")
    assert (told["ring_s"], told["talk_s"], told["hold_s"]) == (4.5, 120.0, 15.0)
    assert (told["pauses"], told["pause_s"]) == (1, 11.25)
    assert (told["end_reason"], told["sip_code"], told["hung_up_by"]) == ("customer_hangup", 200, "customer")
    assert (told["transfers"], told["last_agent"]) == ("sip:3001234567@pbx", "luis")
    assert (told["mos_agent"], told["mos_customer"], told["loss_agent"], told["jitter_agent"]) == (4.1, None, 1.0, 2.5)
    masked = record_of(events, ZONE, mask_numbers=True)
    assert masked is not None
    assert (masked.caller, masked.callee, masked.transfers) == ("•••567", "900", "sip:•••567@pbx")


def test_what_was_on_at_the_end_ends_with_the_call() -> None:
    events = [
        STARTED,
        ANSWERED,
        CallHeld(call_id="c", at=T + 100, by="customer"),
        CallHeld(call_id="c", at=T + 101, by="customer"),
        SensitiveChanged(call_id="c", at=T + 120, state="begin", reason="card_number", evidence=()),
        ENDED,
    ]
    record = record_of(events, ZONE)
    assert record is not None
    assert (record.hold_s, record.pause_s) == (24.5, 4.5)


def test_a_call_nobody_answered_and_one_of_which_only_the_end_is_known() -> None:
    gave_up = dataclasses.replace(ENDED, reason="cancelled", sip_code=487, answered=False, at=T + 12)
    record = record_of([STARTED, gave_up], ZONE)
    assert record is not None
    assert (record.answered, record.ring_s, record.talk_s, record.hung_up_by) == ("", 12.0, 0.0, "customer")
    alone = record_of([ENDED], ZONE)
    assert alone is not None
    assert (alone.trunk, alone.caller, alone.ended != "") == ("", "", True)
    assert record_of([STARTED, ANSWERED], ZONE) is None


WHO = {
    "customer_hangup": "customer",
    "agent_hangup": "agent",
    "ended": "",
    "cancelled": "customer",
    "rejected": "agent",
    "failed": "network",
    "lost": "network",
    "transfer_failed": "agent",
}


@pytest.mark.parametrize("reason", get_args(EndReason))
def test_who_ended_it(reason: EndReason) -> None:
    record = record_of([dataclasses.replace(ENDED, reason=reason)], ZONE)
    assert record is not None
    assert record.hung_up_by == WHO[reason]
    for language in get_args(Language):
        assert say(language, f"cdr.reason_{reason}")
