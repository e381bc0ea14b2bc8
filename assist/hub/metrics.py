"""The hub's Prometheus metrics; none has a call id."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class HubMetrics:
    """Counters and gauges in a registry of their own, so that two hubs can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry).decode()
