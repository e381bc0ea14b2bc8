"""A real broker of the test's own and a connection to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from assist.bus import Bus
from assist.config import Settings
from tests.support import RealBroker, running_broker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[RealBroker]:
    with running_broker(tmp_path) as real:
        yield real


@pytest_asyncio.fixture
async def bus(real_broker: RealBroker) -> AsyncIterator[Bus]:
    bus = Bus(real_broker.address, name="test")
    await bus.start()
    await bus.ready()
    yield bus
    await bus.close()
