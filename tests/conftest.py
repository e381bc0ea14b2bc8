"""For all tests: a busy machine fails no property test, and a command run in this process leaves its logging alone."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command would set up this process's logging, on a stream that is closed when the command returns."""
    monkeypatch.setattr("assist.log.configure", lambda *_, **__: None)
