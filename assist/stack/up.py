"""``apuntador up``: one machine's stack, started in order, watched, and ended in order."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from assist import ports
from assist.bus import BusAddress
from assist.config import Settings, booths
from assist.errors import StackError
from assist.stack import broker, edge
from assist.stack.supervisor import Service, Supervisor
from assist.strings import say
from gateway.edge.presence import is_wanted
from gateway.edge.values import listening_address

_READY_S: Final = 60.0
_AFTER_THE_CALLS: Final = 5
"""Niceness of the recognisers: where the machine is full, the bridge has the processor first."""


class Stack:
    """The processes of one machine.

    ``on_status`` gets the status line whenever it changes. With ``log_dir`` the children log into files there, else
    to this process's standard error.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        config_path: Path | None,
        on_status: Callable[[str], None],
        log_dir: Path | None = None,
    ) -> None:
        self.settings = settings
        self._config = config_path
        self._on_status = on_status
        self._log_dir = log_dir
        self._last_line = ""
        self._lock: IO[str] | None = None
        self.supervisor = Supervisor(log_dir, self._changed)

    async def start(self) -> None:
        """Start everything and return when all of it is ready.

        Raises:
            StackError: a stack runs here already, a port is taken, or a part failed; what had started is ended.
        """
        self._take_lock()
        try:
            self._check_ports()
            await self._start_parts()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the gateway, let the rest finish the calls' books, then end the rest; the broker goes last."""
        await self.supervisor.stop_group("gateway")
        await self.supervisor.stop_group("transcriber")
        await self.supervisor.stop()
        self._write_status()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reload(self, settings: Settings) -> None:
        """Let the gateway and the assist core read settings and playbooks again; calls go on.

        Raises:
            StackError: the edge can't be run with the new settings; nothing was reloaded.
        """
        if "edge" in self.supervisor.status and edge.renew(settings):
            # Kamailio reads its configuration at start only; dialogs that are up don't need it to remember them.
            self.supervisor.signal_group("edge", signal.SIGTERM)
        self.supervisor.signal_group("gateway", signal.SIGHUP)
        self.supervisor.signal_group("assist", signal.SIGHUP)

    async def _start_parts(self) -> None:
        settings = self.settings
        if settings.nats.url:
            # The children read the cluster's address for themselves; here it is only checked before they start.
            BusAddress.of(settings)
        else:
            private = broker.prepare(settings.data_dir)
            private.address.save(settings.bus_file)
            port = private.port
            self.supervisor.add(Service("broker", private.argv, probe=lambda: _accepts(port), stop_s=5))
            await self._expect(["broker"])
        prepared = edge.prepare(settings)
        config = ["--config", str(self._config)] if self._config else []
        python = sys.executable
        names = ["assist"]
        self.supervisor.add(Service("assist", [python, "-m", "assist.core", *config], stop_s=8))
        for index in range(self._transcribers()):
            names.append(f"transcriber.{index}")
            self.supervisor.add(
                Service(
                    names[-1],
                    [python, "-m", "assist.transcriber.worker", "--index", str(index), *config],
                    nice=_AFTER_THE_CALLS,
                )
            )
        for index in range(settings.gateway.workers):
            names.append(f"gateway.{index}")
            self.supervisor.add(
                Service(
                    names[-1], [python, "-m", "gateway.worker", "--index", str(index), *config], stop_s=8, outlive=True
                )
            )
        if settings.tap:
            names.append("gateway.taps")
            self.supervisor.add(Service(names[-1], [python, "-m", "gateway.taps", *config], stop_s=8))
        for index in range(booths(settings)):
            names.append(f"gateway.booth.{index}")
            self.supervisor.add(
                Service(names[-1], [python, "-m", "gateway.booth", "--index", str(index), *config], stop_s=8)
            )
        await self._expect(names)
        if prepared is not None:
            # After the workers, so that the first call finds one; ended before them only when they are idle.
            self.supervisor.add(edge_service(prepared))
            await self._expect(["edge"])

    async def _expect(self, names: list[str]) -> None:
        for name in names:
            if not await self.supervisor.wait_ready(name, _READY_S):
                status = self.supervisor.status[name]
                reason = self._last_words(name) or status.detail or f"not ready after {_READY_S:g} s"
                raise StackError(f"{name} did not start: {reason}")

    def _last_words(self, name: str) -> str:
        if self._log_dir is None:
            return ""
        with contextlib.suppress(OSError):
            lines = (self._log_dir / f"{name}.log").read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    def _transcribers(self) -> int:
        return self.settings.asr.workers or max(1, (os.cpu_count() or 2) - 1)

    def _take_lock(self) -> None:
        run_dir = self.settings.run_dir
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            run_dir.chmod(0o700)
            lock = (run_dir / "up.lock").open("a+")
        except OSError as err:
            raise StackError(f"{run_dir} can't be written ({err}); set data_dir to a folder of yours") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip()
            lock.close()
            raise StackError(
                f"a stack already runs on {self.settings.data_dir} (process {pid}); end it, or use another data_dir"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _check_ports(self) -> None:
        gateway, hub, inner = self.settings.gateway, self.settings.hub, self.settings.edge.inner_port
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            if is_wanted(self.settings):
                _check_free(listening_address(self.settings), gateway.port, kind, "gateway.port")
                for index in range(gateway.workers + 1):
                    _check_free("127.0.0.1", inner + index, kind, "edge.inner_port")
            else:
                for index in range(gateway.workers):
                    _check_free(gateway.bind, gateway.port + index, kind, "gateway.port")
            for index in range(booths(self.settings)):
                _check_free(gateway.bind, self.settings.booth.port + index, kind, "booth.port")
        if gateway.tls.port and not is_wanted(self.settings):
            for index in range(gateway.workers):
                _check_free(gateway.bind, gateway.tls.port + index, socket.SOCK_STREAM, "gateway.tls.port")
        _check_free(hub.bind, hub.port, socket.SOCK_STREAM, "hub.port")

    # --- status ----------------------------------------------------------------------------------------------

    def status_line(self) -> str:
        """One line: each part and how much of it is ready."""
        language = self.settings.language
        groups: dict[str, list[str]] = {}
        for name, status in self.supervisor.status.items():
            groups.setdefault(name.split(".")[0], []).append(status.state)
        parts = []
        for group, states in groups.items():
            ready = sum(state == "ready" for state in states)
            label = say(language, f"stack.{group}")
            if len(states) > 1:
                parts.append(f"{label} {ready}/{len(states)}")
            else:
                parts.append(f"{label} {say(language, f'stack.state_{states[0]}')}")
        return " · ".join(parts)

    def _changed(self) -> None:
        line = self.status_line()
        if line != self._last_line:
            self._last_line = line
            self._on_status(line)
        self._write_status()

    def _write_status(self) -> None:
        data = {
            name: {"state": s.state, "pid": s.pid, "restarts": s.restarts, "detail": s.detail}
            for name, s in self.supervisor.status.items()
        }
        path = self.settings.run_dir / "status.json"
        with contextlib.suppress(OSError):
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps({"up": os.getpid(), "services": data}, indent=1))
            temporary.replace(path)


def edge_service(prepared: edge.PreparedEdge) -> Service:
    """The edge as a service: ready when it listens."""
    host, port = prepared.listening
    return Service("edge", prepared.argv, probe=lambda: _accepts(port, host), stop_s=5, forks=True)


async def _accepts(port: int, host: str = "127.0.0.1") -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def _check_free(host: str, port: int, kind: socket.SocketKind, key: str) -> None:
    refused = ports.refusal(host, port, kind)
    if refused is not None:
        word = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
        raise StackError(
            f"{word} port {port} on {host} can't be used ({refused.strerror}); end what listens there or set {key}"
        )
