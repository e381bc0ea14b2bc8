"""The hub's Prometheus metrics, and the transcribers' as they tell them in their heartbeats; none has a call id."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from assist.events import CallEnded, Event, QualityMeasured
from assist.wire import Beat

_GONE_S: Final = 10.0
"""A transcriber without a heartbeat for so long has ended."""
_LABEL: Final = ["worker"]


class TranscriberMetrics(Collector):
    """The last heartbeat of every transcriber that lives. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[Beat, float]] = {}

    def beat(self, beat: Beat) -> None:
        """A heartbeat came."""
        self._beats[beat.worker_id] = beat, self._clock()

    def collect(self) -> Iterator[Metric]:
        """Figures of the transcribers that live; called by the registry."""
        now = self._clock()
        for worker in [known for known, (_, at) in self._beats.items() if now - at > _GONE_S]:
            del self._beats[worker]
        calls = GaugeMetricFamily(
            "apuntador_transcriber_calls", "Calls by how they are served.", labels=[*_LABEL, "level"]
        )
        load = GaugeMetricFamily(
            "apuntador_transcriber_load", "Share of a core its calls need, late ones not counted.", labels=_LABEL
        )
        lag = GaugeMetricFamily(
            "apuntador_transcriber_lag_seconds", "By how much its latest call is late.", labels=_LABEL
        )
        restarts = CounterMetricFamily(
            "apuntador_transcriber_stream_restarts", "Streams replaced because they stalled or failed.", labels=_LABEL
        )
        lost = CounterMetricFamily(
            "apuntador_transcriber_lost_seconds", "Audio that will never be transcribed.", labels=_LABEL
        )
        for worker, (beat, _) in sorted(self._beats.items()):
            for level, count in beat.calls.items():
                calls.add_metric([worker, level], count)
            load.add_metric([worker], beat.load)
            lag.add_metric([worker], beat.lag)
            restarts.add_metric([worker], beat.restarts)
            lost.add_metric([worker], beat.lost_s)
        yield from (calls, load, lag, restarts, lost)


class HubMetrics:
    """Counters and gauges in a registry of their own, so that two hubs can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.transcribers = TranscriberMetrics()
        self.registry.register(self.transcribers)
        self.screens = Gauge("apuntador_hub_screens", "Connected screens.", ["role"], registry=self.registry)
        self.calls = Gauge("apuntador_hub_calls", "Calls in memory.", registry=self.registry)
        self.broker = Gauge("apuntador_hub_broker_connected", "1 while the broker answers.", registry=self.registry)
        self.sent = Counter("apuntador_hub_messages_sent", "Messages sent to screens.", registry=self.registry)
        self.dropped = Counter(
            "apuntador_hub_partials_dropped", "Partials that gave way to newer ones.", registry=self.registry
        )
        self.slow = Counter(
            "apuntador_hub_slow_screens_closed",
            "Screens closed because they could not keep up.",
            registry=self.registry,
        )
        self.refused = Counter(
            "apuntador_hub_connections_refused", "Connections without a valid token.", registry=self.registry
        )
        self.errors = Counter(
            "apuntador_hub_messages_refused",
            "Messages from screens that were refused.",
            ["code"],
            registry=self.registry,
        )

        labels = ["trunk", "party"]
        self.mos = Histogram(
            "apuntador_call_mos",
            "How well each party was heard over a whole call, 1 to 4.5 by the E-model.",
            labels,
            buckets=(2.0, 2.58, 3.1, 3.6, 4.03, 4.34, 4.5),
            registry=self.registry,
        )
        self.loss = Histogram(
            "apuntador_call_packet_loss_percent",
            "Packets of a party that were lost or came too late over a whole call.",
            labels,
            buckets=(0.1, 0.5, 1, 2, 5, 10, 20),
            registry=self.registry,
        )
        self.jitter = Histogram(
            "apuntador_call_jitter_seconds",
            "Mean interarrival jitter of a party's packets over a whole call.",
            labels,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
            registry=self.registry,
        )
        self.ended = Counter(
            "apuntador_calls_ended", "Calls by how they ended.", ["trunk", "reason"], registry=self.registry
        )

    def count(self, event: Event, trunk: str) -> None:
        """A stored event of a call from ``trunk`` came, for the first time."""
        if isinstance(event, CallEnded):
            self.ended.labels(trunk=trunk, reason=event.reason).inc()
        elif isinstance(event, QualityMeasured) and event.final:
            for leg in event.legs:
                if leg.mos is not None:
                    self.mos.labels(trunk=trunk, party=leg.party).observe(leg.mos)
                    self.loss.labels(trunk=trunk, party=leg.party).observe(leg.loss)
                    self.jitter.labels(trunk=trunk, party=leg.party).observe(leg.jitter_ms / 1000)

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry).decode()
