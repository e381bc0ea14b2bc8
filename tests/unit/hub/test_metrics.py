"""The figures of transcribers that have ended go with them."""

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
