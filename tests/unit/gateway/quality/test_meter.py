"""From counters to figures, across streams that begin anew."""

import dataclasses

import pytest

from gateway.quality.meter import CallMeter, Counters, LegMeter

CLEAN = Counters(codec="PCMA", packets=500, sent=500)


def test_a_clean_leg() -> None:
    meter = LegMeter()
    meter.sample(CLEAN)
    told = meter.total("customer")
    assert (told.party, told.codec, told.packets, told.loss, told.mos) == ("customer", "PCMA", 500, 0.0, 4.41)
    assert told.round_trip_ms is told.reported_loss is told.reported_jitter_ms is None


def test_loss_is_what_never_came_and_what_came_too_late() -> None:
    meter = LegMeter()
    meter.sample(Counters(codec="PCMA", packets=950, lost=50, discarded=30, sent=1000))
    told = meter.total("agent")
    assert (told.lost, told.discarded, told.loss) == (50, 30, 8.0)
    assert told.mos is not None
    assert told.mos < 3.7


def test_a_stream_that_begins_anew_keeps_what_was_counted() -> None:
    meter = LegMeter()
    meter.sample(Counters(codec="PCMA", packets=400, lost=10, sent=410))
    meter.sample(Counters(codec="G722", packets=90, lost=0, sent=92))
    told = meter.total("customer")
    assert (told.packets, told.lost, told.codec) == (490, 10, "G722")
    assert told.loss == pytest.approx(2.0)


def test_an_interval_holds_only_its_own() -> None:
    meter = CallMeter()
    meter.sample({"customer": Counters(codec="PCMU", packets=500, lost=100, sent=500), "agent": None})
    assert meter.interval()[0].loss > 10
    meter.sample({"customer": Counters(codec="PCMU", packets=1000, lost=100, sent=1000), "agent": None})
    (now,) = meter.now()
    assert (now.packets, now.loss, now.mos) == (500, 0.0, 4.41)
    assert meter.total()[0].lost == 100


def test_no_packets_no_opinion() -> None:
    meter = LegMeter()
    meter.sample(Counters(codec="PCMU", sent=300, reports=2, reported_lost=3, reported_jitter_ms=4.0))
    told = meter.total("agent")
    assert told.mos is None
    assert (told.reported_loss, told.reported_jitter_ms) == (1.0, 4.0)


def test_the_round_trip_counts_half() -> None:
    meter = LegMeter()
    meter.sample(dataclasses.replace(CLEAN, round_trip_ms=500.0, buffer_ms=60.0, jitter_ms=12.0))
    told = meter.total("agent")
    assert (told.round_trip_ms, told.jitter_ms) == (500.0, 12.0)
    assert told.mos is not None
    assert 3.6 < told.mos < 4.2


def test_a_measurement_is_due_every_quarter_of_a_minute() -> None:
    meter = CallMeter()
    told = []
    for second in range(40):
        meter.sample({"customer": dataclasses.replace(CLEAN, packets=50 * second, sent=50 * second)})
        told += [(second, leg.packets) for leg in meter.due(float(second))]
    assert told == [(15, 750), (30, 750)]
