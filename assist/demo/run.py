"""``apuntador demo``: the whole stack on loopback, a real SIP call between two softphones, the agent's screen.

Everything the demo leaves behind (settings, broker store, cases, logs) is in ``<data_dir>/demo``.
"""

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assist import config
from assist.config import Settings
from assist.demo.conversation import Conversation, load
from assist.errors import DemoError
from assist.events import Language
from assist.stack.up import Stack

AGENT_ID = "carolina"
_CALL_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class DemoPorts:
    """Loopback ports nobody used a moment ago."""

    sip: int
    agent_phone: int
    customer_phone: int
    hub: int
    rtp: int


def choose_ports() -> DemoPorts:
    """Ports for one demo: a block for SIP, one for RTP, one for the hub."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(5)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        ports = [sock.getsockname()[1] for sock in sockets]
    # RTP needs a run of 100 ports below the ephemeral range, where nobody is handed one by chance.
    sip, agent_phone, customer_phone, hub, seed = ports
    return DemoPorts(sip, agent_phone, customer_phone, hub, rtp=20000 + seed % 100 * 100)


def write_settings(base: Settings, language: Language, ports: DemoPorts) -> Path:
    """The demo's settings file; returns its path.

    Raises:
        DemoError: the folder can't be written.
    """
    folder = base.data_dir / "demo"
    text = f"""# Written by `apuntador demo`.
language = "{language}"
data_dir = "{folder}"
models_dir = "{base.models_path}"

[gateway]
port = {ports.sip}
workers = 1
rtp_start = {ports.rtp}

[edge]
mode = "off"

[asr]
workers = 1
languages = ["{language}"]

[hub]
port = {ports.hub}

[[trunk]]
name = "demo"
language = "{language}"
queue = "{"facturacion" if language == "es" else "cards"}"
agent = "{AGENT_ID}"

[[agent]]
id = "{AGENT_ID}"
name = "Carolina"
sip = "sip:{AGENT_ID}@127.0.0.1:{ports.agent_phone}"
"""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "apuntador.toml"
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise DemoError(f"{folder} can't be written ({err}); set APUNTADOR_DATA_DIR to a folder of yours") from None
    return path


class Demo:
    """One demonstration from start to saved case. ``on_status`` gets one line per step."""

    def __init__(
        self,
        base: Settings,
        language: Language,
        *,
        plain: bool,
        on_status: Callable[[str], None],
        make_token: Callable[[Settings, str], str],
    ) -> None:
        self._language = language
        self._plain = plain
        self._on_status = on_status
        self._make_token = make_token
        self._ports = choose_ports()
        self.config_path = write_settings(base, language, self._ports)
        self.settings = config.load(self.config_path)
        self._conversation: Conversation = load(language)
        self._processes: list[asyncio.subprocess.Process] = []

    async def run(self) -> int:
        """Start, call, show, save; the exit code is the screen's.

        Raises:
            DemoError: the call could not be placed.
            StackError: a part of the stack did not start.
        """
        log_dir = self.settings.data_dir / "logs"
        # Yesterday's demo must not be on today's screen; its case stays in the history.
        for leftover in (log_dir, self.settings.data_dir / "nats"):
            shutil.rmtree(leftover, ignore_errors=True)
        stack = Stack(self.settings, config_path=self.config_path, on_status=self._on_status, log_dir=log_dir)
        await stack.start()
        try:
            return await self._play()
        finally:
            for process in self._processes:
                await _end(process)
            await stack.stop()

    async def _play(self) -> int:
        ports, log_dir = self._ports, self.settings.data_dir / "logs"
        agent_log, customer_log = log_dir / "agent-phone.log", log_dir / "customer-phone.log"
        await self._phone(
            agent_log, "--port", str(ports.agent_phone), "--user", AGENT_ID, "--answer",
            "--play", str(self._conversation.wav("agent")),
        )  # fmt: skip
        await _until_logged(agent_log, '"ready"')
        screen = await self._screen()
        customer = await self._phone(
            customer_log, "--port", str(ports.customer_phone), "--user", "3001234567",
            "--call", f"sip:100@127.0.0.1:{ports.sip}", "--play", str(self._conversation.wav("customer")), "--hang-up",
        )  # fmt: skip
        ended = asyncio.create_task(customer.wait())
        watched = asyncio.create_task(screen.wait())
        await asyncio.wait({ended, watched}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and ended.result() != 0:
            watched.cancel()
            await _end(screen)
            raise DemoError(f"the call was not answered; the gateway's log is in {log_dir}")
        return await watched

    async def _screen(self) -> asyncio.subprocess.Process:
        token_file = self.settings.run_dir / "demo.token"
        token_file.touch(mode=0o600)
        token_file.write_text(self._make_token(self.settings, AGENT_ID))
        mode = ["--plain", "--exit-after-case", "--timeout", str(self._conversation.duration + _CALL_GRACE_S)]
        screen = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "assist", "--config", str(self.config_path), "agent",
            "--token-file", str(token_file), *(mode if self._plain else []),
        )  # fmt: skip
        self._processes.append(screen)
        return screen

    async def _phone(self, log_path: Path, *arguments: str) -> asyncio.subprocess.Process:
        with log_path.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.endpoint.phone", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink,
            )  # fmt: skip
        self._processes.append(process)
        return process


async def _until_logged(path: Path, text: str) -> None:
    for _ in range(200):
        if text in path.read_text(errors="replace"):  # noqa: ASYNC240 -- a few bytes of a local log
            return
        await asyncio.sleep(0.05)
    raise DemoError(f"the agent's softphone did not start; see {path}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
