"""A call through a gateway of its own on this machine: caller, worker and an agent's phone that echoes.

It proves what is installed here (pjsua2, codecs, RTP on the bind address) and touches neither PBX nor running stack.
"""

import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from assist.config import Settings
from gateway.probe.call import CODECS, Seen, free_port, place
from gateway.probe.options import Target

_READY_S: Final = 20.0


async def place_through_ourselves(settings: Settings) -> Seen:
    """Call ourselves; what went wrong at start is in ``trouble``."""
    host = "127.0.0.1" if settings.gateway.bind == "0.0.0.0" else settings.gateway.bind
    port, phone = free_port(host), free_port(host)
    with tempfile.TemporaryDirectory(prefix="apuntador-self-") as name:
        folder = Path(name)
        (folder / "run").mkdir()
        # A broker that is not there: the gateway goes on trying, and nobody hears of this call.
        nowhere = f"nats://127.0.0.1:{free_port('127.0.0.1')}"
        (folder / "run" / "nats.json").write_text(json.dumps({"url": nowhere, "token": ""}))
        config = folder / "self.toml"
        config.write_text(
            f'data_dir = "{folder}"\n[gateway]\nbind = "{host}"\nport = {port}\n'
            f"rtp_start = {random.randrange(48100, 52000, 2)}\n"
            f'[[trunk]]\nname = "self"\nallow = ["{host}/32"]\nagent = "echo"\n'
            f'[[agent]]\nid = "echo"\nsip = "sip:echo@{host}:{phone}"\n'
        )
        worker = ["gateway.worker", "--index", "0", "--config", str(config), "--grace", "0"]
        echo = ["gateway.endpoint.phone", "--bind", host, "--port", str(phone), "--answer", "--echo", "--codec", CODECS]
        async with _running(worker, "gateway.ready") as trouble, _running(echo, '"ready"') as more:
            if trouble or more:
                return Seen(trouble=trouble or more)
            return await place(Target("self", host, port, "udp"), wait_s=10)


@contextlib.asynccontextmanager
async def _running(module: list[str], ready: str) -> AsyncIterator[str]:
    """A process of ours, up to the line that holds ``ready``; yields its last words where it does not come so far."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *module),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    last = ""
    draining: asyncio.Task[None] | None = None
    try:
        try:
            async with asyncio.timeout(_READY_S):
                while ready not in last:
                    line = await process.stdout.readline()
                    if not line:
                        break
                    last = line.decode(errors="replace").strip()
        except TimeoutError:
            last = last or f"{module[0]} was not ready after {_READY_S:g} s"
        draining = asyncio.create_task(_drain(process.stdout))
        yield "" if ready in last else last
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if draining is not None:
            await draining


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass
