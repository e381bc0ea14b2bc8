"""The supervisor with real child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from assist.process import EXIT_HOPELESS
from assist.stack.supervisor import Service, Supervisor
from tests.support import alive, eventually

READY = "from assist import notify; notify.ready('here'); "
FOREVER = READY + "import signal; signal.pause()"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest_asyncio.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path, lambda: None)
    yield supervisor
    await supervisor.stop()


async def test_ready_is_what_the_child_says(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(FOREVER)))
    assert await supervisor.wait_ready("a", 20)
    assert supervisor.status["a"].state == "ready"
    assert supervisor.status["a"].detail == "here"


async def test_what_is_killed_comes_back(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(FOREVER)))
    assert await supervisor.wait_ready("a", 20)
    first = supervisor.status["a"].pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: supervisor.status["a"].state == "ready" and supervisor.status["a"].pid != first, 20)
    assert supervisor.status["a"].restarts == 1


async def test_a_fault_that_does_not_go_away_is_not_tried_again(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(f"raise SystemExit({EXIT_HOPELESS})")))
    assert not await supervisor.wait_ready("a", 20)
    assert supervisor.status["a"].state == "failed"
    assert supervisor.status["a"].restarts == 0


async def test_stop_ends_everything_also_what_does_not_listen(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda: None)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
    supervisor.add(Service("a", python(FOREVER)))
    supervisor.add(Service("b", python(deaf), stop_s=0.5))
    assert await supervisor.wait_ready("a", 20)
    assert await supervisor.wait_ready("b", 20)
    pids = [status.pid for status in supervisor.status.values()]
    await supervisor.stop()
    assert not any(alive(pid) for pid in pids)


async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from assist.stack.supervisor import Service, Supervisor
async def main():
    supervisor = Supervisor(Path({str(tmp_path)!r}), lambda: None)
    supervisor.add(Service("a", [sys.executable, "-c", {FOREVER!r}]))
    await supervisor.wait_ready("a", 20)
    print(supervisor.status["a"].pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(*python(code), stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    parent.kill()
    await parent.wait()
    await eventually(lambda: not alive(child), 10)
