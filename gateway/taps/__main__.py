"""The process of the media streams: ``python -m gateway.taps [--config PATH]``.

Exit codes as of every process of the stack: 0 after SIGTERM or SIGINT; 3 when starting again can't help; 1 when it may.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from assist import config, notify, process
from assist import log as logs
from assist.config import Settings
from assist.control import Answer, Ask
from assist.errors import AssistError, ConfigError
from gateway.console import Console, memory_kb
from gateway.errors import GatewayError
from gateway.publisher import make_publisher
from gateway.taps.desk import Desk
from gateway.taps.server import TapServer

NAME: Final = "taps"
_FLUSH_S: Final = 1.5
_CONSOLE_S: Final = 0.1

log = structlog.get_logger(__name__)


async def run(settings: Settings, path: Path | None) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: a secret can't be read.
        EndpointError: a port is busy.
        BusError: nobody has said where the broker is.
    """
    console = Console(f"gateway.{NAME}")
    publisher = make_publisher(settings, NAME, console)
    desk = Desk(settings, publisher)
    server = TapServer(settings, desk)
    began = time.time()

    def answer(ask: Ask) -> Answer:
        return Answer(
            worker_id=console.worker_id,
            host=console.host,
            pid=os.getpid(),
            address=f"{settings.taps.bind}:{server.port}",
            mode="ready",
            calls=tuple(desk.calls(full=ask.full)),
            capacity=desk.settings.taps.max_streams,
            started_at=began,
            served=desk.served,
            memory_kb=memory_kb(),
            taps=tuple(tap.name for tap in desk.settings.tap),
        )

    async def be_asked() -> None:
        while True:
            console.serve(answer)
            await asyncio.sleep(_CONSOLE_S)

    stop = process.stop_requested()
    publisher.start()
    try:
        await server.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: _reload(server, path))
        log.info("taps.ready", taps=[tap.name for tap in settings.tap], port=server.port)
        notify.ready(f"{len(settings.tap)} taps")
        asked = asyncio.create_task(be_asked())
        await stop.wait()
        asked.cancel()
    finally:
        await server.stop()
        await asyncio.to_thread(publisher.stop, _FLUSH_S)
    log.info("taps.stopped")


def _reload(server: TapServer, path: Path | None) -> None:
    try:
        server.apply(config.load(path))
    except ConfigError as err:
        log.error("taps.reload_refused", error=str(err))
    else:
        log.info("taps.reloaded")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the process; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.taps", description="The process of the media streams.")
    parser.add_argument("--config", type=Path, default=None, help="settings file")
    args = parser.parse_args(argv)
    try:
        settings = config.load(args.config)
        logs.configure(settings.log.level, settings.log.format, process=NAME)
        asyncio.run(run(settings, args.config))
    except (AssistError, GatewayError) as err:
        return process.failed(NAME, err)
    return 0


if __name__ == "__main__":
    sys.exit(main())
