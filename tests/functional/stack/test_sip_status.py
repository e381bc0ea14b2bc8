"""What an admin sees and does with a stack that runs: status, drain, a worker's death, and settings that are wrong."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assist.config import load
from gateway.cli import app
from tests.functional.stack.test_up import config
from tests.support import eventually, eventually_async

pytestmark = pytest.mark.timeout(180)
__all__ = ["config"]


async def sip(path: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of ``apuntador sip``; in a thread, for it runs a loop of its own."""
    settings = load(path)
    done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), obj=settings)
    return done.exit_code, done.output


async def status(config: Path) -> tuple[int, dict[str, Any]]:
    code, text = await sip(config, "status", "--json")
    return code, json.loads(text)


async def test_status_drain_death_and_reload(config: Path, tmp_path: Path) -> None:
    code, told = await sip(config, "status")
    assert code == 1
    assert "No stack runs" in told

    errors = tmp_path / "up.log"
    log = errors.open("wb")
    up = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "assist", "--config", str(config), "up"), stdout=asyncio.subprocess.PIPE, stderr=log
    )
    assert up.stdout is not None
    try:
        while b"Apuntador is ready" not in await asyncio.wait_for(up.stdout.readline(), 90):
            pass
        code, seen = await status(config)
        assert (code, seen["problems"]) == (0, [])
        rows = {row["name"]: row for row in seen["workers"]}
        worker, taps = rows["gateway.0"], rows["gateway.taps"]
        assert (worker["name"], worker["state"], worker["restarts"]) == ("gateway.0", "ready", 0)
        assert worker["answer"]["pid"] == worker["pid"]
        assert worker["answer"]["trunks"] == ["local"]
        assert taps["answer"]["taps"] == ["fs"]
        assert json.loads((await sip(config, "calls", "--json"))[1]) == []

        assert "gateway.0: drained" in (await sip(config, "drain", "all"))[1]
        code, seen = await status(config)
        assert code == 1
        assert seen["problems"][0]["remedy"] == "apuntador sip undrain all"
        assert "gateway.0: ready" in (await sip(config, "undrain", "0"))[1]
        code, told = await sip(config, "drain", "7")
        assert code == 1
        assert "No worker 7 answers" in told

        os.kill(worker["pid"], signal.SIGKILL)

        async def back() -> bool:
            now = (await status(config))[1]["workers"][0]
            return bool(now["state"] == "ready" and now["pid"] != worker["pid"])

        await eventually_async(back, 20, "the worker's successor")
        code, seen = await status(config)
        assert code == 0
        assert "has died 1 time(s)" in seen["problems"][0]["what"]

        right = await asyncio.to_thread(config.read_text)
        await asyncio.to_thread(config.write_text, right + 'colour = "red"\n')
        up.send_signal(signal.SIGHUP)
        await eventually(lambda: "unknown key hub.colour" in errors.read_text(), 20, "the refusal")
        await asyncio.to_thread(config.write_text, right.replace("workers = 1", "workers = 2", 1))
        up.send_signal(signal.SIGHUP)
        line = b""
        while b"read only at start" not in line:
            line = await asyncio.wait_for(up.stdout.readline(), 20)
        assert b"gateway.workers" in line
    finally:
        if up.returncode is None:
            up.send_signal(signal.SIGTERM)
            await asyncio.wait_for(up.wait(), 60)
        log.close()
