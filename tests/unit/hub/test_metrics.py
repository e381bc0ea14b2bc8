"""The figures of transcribers that have ended go with them."""

import dataclasses

from assist.events import CallEnded, LegQuality, QualityMeasured
from assist.hub.metrics import HubMetrics, TranscriberMetrics
from assist.wire import Beat


def test_a_transcriber_without_a_heartbeat_is_gone_from_the_figures() -> None:
    now = [0.0]
    figures = TranscriberMetrics(clock=lambda: now[0])

    def workers() -> set[str]:
        return {sample.labels["worker"] for metric in figures.collect() for sample in metric.samples}

    figures.beat(Beat(worker_id="a", done={}, lag=0.0))
    now[0] = 8.0
    figures.beat(Beat(worker_id="b", done={}, lag=0.0))
    assert workers() == {"a", "b"}
    now[0] = 11.0
    assert workers() == {"b"}


def test_without_transcribers_the_figures_are_readable_all_the_same() -> None:
    assert "# TYPE apuntador_transcriber_load gauge" in HubMetrics().text()


def test_quality_is_counted_by_trunk_and_party_once_a_call() -> None:
    metrics = HubMetrics()
    leg = LegQuality(
        party="customer",
        codec="PCMA",
        packets=900,
        lost=30,
        discarded=0,
        loss=3.2,
        jitter_ms=12.0,
        round_trip_ms=None,
        mos=4.0,
        reported_loss=None,
        reported_jitter_ms=None,
    )
    silent = dataclasses.replace(leg, party="agent", packets=0, mos=None)
    metrics.count(QualityMeasured(call_id="c", at=1.0, legs=(leg,)), "pbx")
    metrics.count(QualityMeasured(call_id="c", at=2.0, legs=(leg, silent), final=True), "pbx")
    metrics.count(CallEnded(call_id="c", at=2.0, reason="lost", sip_code=408, answered=True), "pbx")
    text = metrics.text()
    assert 'apuntador_call_mos_count{party="customer",trunk="pbx"} 1.0' in text
    assert 'apuntador_call_mos_bucket{le="3.6",party="customer",trunk="pbx"} 0.0' in text
    assert 'apuntador_call_mos_bucket{le="4.03",party="customer",trunk="pbx"} 1.0' in text
    assert 'apuntador_call_jitter_seconds_sum{party="customer",trunk="pbx"} 0.012' in text
    assert 'apuntador_calls_ended_total{reason="lost",trunk="pbx"} 1.0' in text
    assert 'party="agent"' not in text
