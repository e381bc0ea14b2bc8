"""Call records with a real broker: nothing is lost while nobody writes, or while nothing can be written."""

import csv
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import typer
from typer.testing import CliRunner

from assist.bus import Bus
from assist.cdr.service import RecordService
from assist.cli.cdr import cdr
from assist.config import Settings
from assist.events import CallAnswered, CallEnded, CallStarted, QualityMeasured
from tests.support import RealBroker, eventually, running_broker

NOW = time.time()
STARTED = CallStarted(
    call_id="", at=NOW - 60, trunk="pbx", caller="+573001234567", callee="900", queue="q", agent_id="ana", language="es"
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RealBroker]:
    with running_broker(tmp_path) as real:
        yield real


@pytest_asyncio.fixture
async def bus(broker: RealBroker) -> AsyncIterator[Bus]:
    found = Bus(broker.address, name="test")
    await found.start()
    await found.ready(30)
    yield found
    await found.close()


def settings_in(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "language": "en"})


async def end_a_call(bus: Bus, call_id: str) -> None:
    bus.send(dataclasses.replace(STARTED, call_id=call_id))
    bus.send(CallAnswered(call_id=call_id, at=NOW - 50))
    bus.send(QualityMeasured(call_id=call_id, at=NOW, legs=(), final=True))
    bus.send(CallEnded(call_id=call_id, at=NOW, reason="agent_hangup", sip_code=200, answered=True))
    await bus.flush()


def written(folder: Path) -> list[str]:
    return [row["call_id"] for path in sorted(folder.glob("*.csv")) for row in csv.DictReader(path.open())]


async def test_calls_that_ended_while_nobody_wrote_are_written_once(tmp_path: Path, bus: Bus) -> None:
    await end_a_call(bus, "first")
    await end_a_call(bus, "second")
    settings = settings_in(tmp_path)
    await RecordService(bus, settings).start()
    await eventually(lambda: written(settings.cdr_path) == ["first", "second"], what="both records")
    await end_a_call(bus, "third")
    await eventually(lambda: written(settings.cdr_path) == ["first", "second", "third"], what="the third record")

    app = typer.Typer()
    app.command()(cdr)
    shown = CliRunner().invoke(app, ["--since", "1h", "-f", "csv", "--mask"], obj=settings)
    assert shown.exit_code == 0, shown.output
    rows = list(csv.DictReader(shown.stdout.splitlines()))
    assert [(row["caller"], row["talk_s"], row["hung_up_by"]) for row in rows] == [("•••567", "50.0", "agent")] * 3


async def test_a_record_that_cannot_be_written_waits_in_the_broker(tmp_path: Path, bus: Bus) -> None:
    settings = settings_in(tmp_path)
    # A file where the folder should be: nothing can be written, as on a full disk.
    settings.cdr_path.write_text("in the way")
    await RecordService(bus, settings).start()
    await end_a_call(bus, "waits")
    await end_a_call(bus, "waits-too")
    settings.cdr_path.unlink()
    await eventually(lambda: written(settings.cdr_path) == ["waits", "waits-too"], timeout=15, what="both records")
