"""Starts processes, waits until each says it is ready, starts again what died, ends all in order.

Children report readiness by the ``sd_notify`` protocol (:mod:`assist.notify`) or are asked by a probe. A child that
dies is started again after 0.2 s, doubling up to 10 s while it keeps dying young; one that exits with
:data:`assist.process.EXIT_HOPELESS` is not: its fault does not go away by itself. :data:`assist.process.EXIT_RENEW`
is no death: it is started again at once and not counted.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import structlog

from assist.process import EXIT_HOPELESS, EXIT_RENEW

_YOUNG_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""For numpy's products, all of them small: a second thread that waits for its turn on a busy machine makes a decide
step three times as long. Who sets the variable otherwise is obeyed."""

State = Literal["starting", "ready", "restarting", "failed", "stopped"]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Service:
    """One process to keep alive.

    ``probe`` is asked until it returns true when the child does not speak ``sd_notify``. ``stop_s`` is how long it
    may take after SIGTERM. ``outlive`` keeps the child when this process dies (it has to end by itself). By
    ``nice`` it gives way to this process (nice(2)). ``forks``: it has children of its own, which are killed when it
    dies without ending them.
    """

    name: str
    argv: list[str]
    probe: Callable[[], Awaitable[bool]] | None = None
    stop_s: float = 5.0
    outlive: bool = False
    nice: int = 0
    forks: bool = False


@dataclass(slots=True)
class Status:
    """What is known of a service now."""

    state: State = "starting"
    pid: int = 0
    restarts: int = 0
    detail: str = ""


class Supervisor:
    """Keeps services alive until :meth:`stop`. ``on_change`` is called whenever a status changes."""

    def __init__(self, log_dir: Path | None, on_change: Callable[[], None]) -> None:
        self.status: dict[str, Status] = {}
        self._log_dir = log_dir
        self._on_change = on_change
        self._services: list[Service] = []
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._owed: dict[str, signal.Signals] = {}
        self._stopping = False
        self._tmp = tempfile.TemporaryDirectory(prefix="apuntador-")

    def add(self, service: Service) -> None:
        """Start keeping a service; returns at once."""
        self._services.append(service)
        self.status[service.name] = Status()
        self._ready[service.name] = asyncio.Event()
        self._keepers[service.name] = asyncio.create_task(self._keep(service), name=f"keep-{service.name}")

    async def wait_ready(self, name: str, timeout: float) -> bool:
        """Whether the service became ready within ``timeout`` seconds; false at once when it has failed."""
        ready = asyncio.create_task(self._ready[name].wait())
        done, _ = await asyncio.wait({ready, self._keepers[name]}, timeout=timeout, return_when="FIRST_COMPLETED")
        ready.cancel()
        return ready in done

    async def stop(self) -> None:
        """End everything, last started first, each with SIGTERM and then, late, SIGKILL."""
        self._stopping = True
        for service in reversed(self._services):
            await self._end(service)
        self._tmp.cleanup()

    def signal_group(self, prefix: str, number: signal.Signals) -> None:
        """Send a signal to every service whose name starts with ``prefix``.

        One that is not ready gets it when it is: before, a process may not know the signal yet, and would die of it.
        """
        for service in self._services:
            if service.name.startswith(prefix):
                if self.status[service.name].state == "ready":
                    self._signal(service.name, number)
                else:
                    self._owed[service.name] = number

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def stop_group(self, prefix: str) -> None:
        """End the services whose name starts with ``prefix``, all at once."""
        group = [service for service in self._services if service.name.startswith(prefix)]
        for service in group:
            self.status[service.name].state = "stopped"
        await asyncio.gather(*(self._end(service) for service in group))

    async def _end(self, service: Service) -> None:
        keeper = self._keepers[service.name]
        process = self._processes.get(service.name)
        self.status[service.name].state = "stopped"
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), service.stop_s)
            except TimeoutError:
                log.warning("stack.killed", service=service.name, after_s=service.stop_s)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        self._on_change()

    async def _keep(self, service: Service) -> None:
        status = self.status[service.name]
        delay = 0.2
        while not self._stopping and status.state != "stopped":
            began = time.monotonic()
            code = await self._run_once(service, status)
            if self._stopping or self.status[service.name].state == "stopped":
                return
            self._ready[service.name].clear()
            status.detail = f"exit {code}" if code >= 0 else signal.Signals(-code).name
            if code == EXIT_HOPELESS:
                status.state = "failed"
                self._on_change()
                return
            if code == EXIT_RENEW:
                status.state = "starting"
                status.detail = ""
                self._on_change()
                continue
            status.state = "restarting"
            status.restarts += 1
            log.warning("stack.died", service=service.name, detail=status.detail)
            self._on_change()
            delay = 0.2 if time.monotonic() - began > _YOUNG_S else min(delay * 2, 10.0)
            await asyncio.sleep(delay)

    async def _run_once(self, service: Service, status: Status) -> int:
        path = Path(self._tmp.name) / f"{service.name}.notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, self._log_file(service) as sink:
            sock.bind(str(path))
            sock.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                *service.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**_ONE_THREAD, **os.environ, "NOTIFY_SOCKET": str(path)},
                start_new_session=True,
                preexec_fn=None if service.outlive else _die_with_parent(os.getpid()),
            )
            self._processes[service.name] = process
            status.pid = process.pid
            if service.nice:
                with contextlib.suppress(ProcessLookupError):
                    os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + service.nice)
            watcher = asyncio.create_task(self._watch_readiness(service, status, sock))
            try:
                return await process.wait()
            finally:
                watcher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watcher
                if service.forks and process.returncode is not None:
                    # Each service leads a process group; what is left of it would keep the ports.
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    async def _watch_readiness(self, service: Service, status: Status, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if service.probe is not None:
            while not await service.probe():  # noqa: ASYNC110 -- the probe asks another process
                await asyncio.sleep(0.05)
            self._mark_ready(service, status, "")
        while True:
            message = (await loop.sock_recv(sock, 4096)).decode(errors="replace")
            fields = dict(line.split("=", 1) for line in message.splitlines() if "=" in line)
            status.detail = fields.get("STATUS", status.detail)
            if fields.get("READY") == "1":
                self._mark_ready(service, status, status.detail)
            else:
                self._on_change()

    def _mark_ready(self, service: Service, status: Status, detail: str) -> None:
        status.state = "ready"
        status.detail = detail
        self._ready[service.name].set()
        owed = self._owed.pop(service.name, None)
        if owed is not None:
            self._signal(service.name, owed)
        self._on_change()

    @contextlib.contextmanager
    def _log_file(self, service: Service) -> Iterator[IO[Any]]:
        if self._log_dir is None:
            yield sys.stderr
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / f"{service.name}.log").open("ab") as file:
            yield file


def _die_with_parent(parent: int) -> Callable[[], None]:
    """A child that nobody supervises any more is told to end, however its parent died (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return arm
