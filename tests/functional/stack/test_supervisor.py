"""The supervisor with real child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from assist.process import EXIT_HOPELESS, EXIT_RENEW
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


async def test_a_nice_child_is_nice(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(FOREVER), nice=5))
    assert await supervisor.wait_ready("a", 20)
    assert os.getpriority(os.PRIO_PROCESS, supervisor.status["a"].pid) == 5 + os.getpriority(os.PRIO_PROCESS, 0)


async def test_numpy_computes_on_one_thread_unless_told_otherwise(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = FOREVER.replace("'here'", "__import__('os').environ['OPENBLAS_NUM_THREADS']")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    supervisor.add(Service("a", python(told)))
    assert await supervisor.wait_ready("a", 20)
    assert supervisor.status["a"].detail == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    supervisor.add(Service("b", python(told)))
    assert await supervisor.wait_ready("b", 20)
    assert supervisor.status["b"].detail == "3"


async def test_what_is_killed_comes_back(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(FOREVER)))
    assert await supervisor.wait_ready("a", 20)
    first = supervisor.status["a"].pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: supervisor.status["a"].state == "ready" and supervisor.status["a"].pid != first, 20)
    assert supervisor.status["a"].restarts == 1


async def test_children_of_a_killed_service_do_not_stay_behind(supervisor: Supervisor, tmp_path: Path) -> None:
    note = tmp_path / "child"
    forking = f"import os, signal; pid = os.fork(); pid and open({str(note)!r}, 'w').write(str(pid)); "
    supervisor.add(Service("a", python(forking + "pid or signal.pause(); " + FOREVER), forks=True))
    assert await supervisor.wait_ready("a", 20)
    child = int(note.read_text())
    assert alive(child)
    os.kill(supervisor.status["a"].pid, signal.SIGKILL)
    await eventually(lambda: supervisor.status["a"].restarts == 1 and not alive(child), 20, "the child's end")


async def test_a_fault_that_does_not_go_away_is_not_tried_again(supervisor: Supervisor) -> None:
    supervisor.add(Service("a", python(f"raise SystemExit({EXIT_HOPELESS})")))
    assert not await supervisor.wait_ready("a", 20)
    assert supervisor.status["a"].state == "failed"
    assert supervisor.status["a"].restarts == 0


async def test_who_ends_to_be_renewed_comes_back_at_once_and_has_not_died(supervisor: Supervisor) -> None:
    renewed = (
        "from assist import notify; import signal, sys; notify.ready('here'); "
        f"signal.signal(signal.SIGUSR1, lambda *_: sys.exit({EXIT_RENEW})); signal.pause()"
    )
    supervisor.add(Service("a", python(renewed)))
    assert await supervisor.wait_ready("a", 20)
    # Readiness is told a moment before the handler is set.
    first = supervisor.status["a"].pid
    await eventually(lambda: "SIGUSR1" in caught(first), 20, "its handler")
    os.kill(first, signal.SIGUSR1)
    await eventually(lambda: supervisor.status["a"].state == "ready" and supervisor.status["a"].pid != first, 20)
    assert supervisor.status["a"].restarts == 0


async def test_a_signal_waits_for_who_is_not_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    go, heard = tmp_path / "go", tmp_path / "heard"
    code = (
        "import pathlib, signal, time\n"
        "from assist import notify\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        f"signal.signal(signal.SIGHUP, lambda *_: pathlib.Path({str(heard)!r}).touch())\n"
        "notify.ready('here')\n"
        "while True: signal.pause()\n"
    )
    supervisor.add(Service("a", python(code)))
    await eventually(lambda: supervisor.status["a"].pid != 0, 20)
    supervisor.signal_group("a", signal.SIGHUP)
    go.touch()
    await eventually(heard.exists, 20, "the signal after readiness")
    assert supervisor.status["a"].restarts == 0


def caught(pid: int) -> str:
    """Names of the signals a process handles (proc(5), SigCgt)."""
    mask = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    bits = int(mask.split()[1], 16)
    return " ".join(one.name for one in signal.Signals if bits >> (one - 1) & 1)


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
