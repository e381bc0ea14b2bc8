"""The edge for a test: real workers behind a real kamailio, run as ``apuntador up`` runs them."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from assist import config
from assist.config import Settings
from assist.stack import edge
from assist.stack.supervisor import Service, Supervisor
from assist.stack.up import edge_service
from tests.interop.rig import HOST
from tests.ports import rtp_start, sip_port

ROOT = Path(__file__).parents[2]


class Edge:
    """Kamailio and ``workers`` gateway processes, supervised; the agent's phone is at :attr:`agent_port`.

    ``agent_uri`` is the phone's where it is another's; ``more`` is TOML for ``[edge]``, ``trunks`` the ``[[trunk]]``
    sections.
    """

    def __init__(
        self,
        tmp: Path,
        data_dir: Path,
        *,
        workers: int = 1,
        more: str = "",
        trunks: str = "",
        agent_uri: str = "",
        grace_s: int = 2,
    ) -> None:
        self.port, self.inner = sip_port(), sip_port()
        self.agent_port = sip_port()
        self.logs = tmp / "logs"
        self.config = tmp / "edge.toml"
        self._head = (
            f'data_dir = "{data_dir}"\n'
            f"[gateway]\nport = {self.port}\nworkers = {workers}\nring_s = 10\n"
            f"rtp_start = {rtp_start()}\n"
            f'[edge]\nmode = "on"\ninner_port = {self.inner}\n{more}\n'
            f'[[agent]]\nid = "ana"\nsip = "{agent_uri or f"sip:ana@{HOST}:{self.agent_port}"}"\n'
        )
        self.write(trunks or '[[trunk]]\nname = "pbx"\nqueue = "soporte"\nagent = "ana"\n')
        self.supervisor = Supervisor(self.logs, lambda: None)
        self.workers = workers
        self._grace_s = grace_s

    def write(self, trunks: str) -> None:
        """Other trunks from the next (re)start on."""
        self.config.write_text(self._head + trunks)

    @property
    def settings(self) -> Settings:
        return config.load(self.config)

    async def start(self) -> "Edge":
        prepared = edge.prepare(self.settings)
        assert prepared is not None
        for index in range(self.workers):
            argv = [sys.executable, "-m", "gateway.worker", "--index", str(index), "--config", str(self.config)]
            argv += ["--grace", str(self._grace_s)]
            self.supervisor.add(Service(f"gateway.{index}", argv, stop_s=8))
        self.supervisor.add(edge_service(prepared))
        for name in list(self.supervisor.status):
            assert await self.supervisor.wait_ready(name, 30), self.text(name)
        return self

    async def stop(self) -> None:
        await self.supervisor.stop_group("gateway")
        await self.supervisor.stop()

    def pid(self, name: str) -> int:
        return self.supervisor.status[name].pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pid(name), number)

    def restarts(self, name: str) -> int:
        return self.supervisor.status[name].restarts

    def text(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def lines(self, name: str, event: str) -> list[dict[str, Any]]:
        """Log lines of a worker."""
        import json

        parsed = [json.loads(line) for line in self.text(name).splitlines() if line.startswith("{")]
        return [line for line in parsed if line.get("event") == event]

    async def until_alive(self, name: str, restarts: int) -> None:
        """Wait until a service has been started again that often, and is ready."""
        for _ in range(600):
            status = self.supervisor.status[name]
            if status.restarts >= restarts and status.state == "ready":
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{name} did not come back: {status}\n{self.text(name)[-2000:]}")
