"""The assist process: sessions, case history and hub, ``python -m assist.core``, started by ``apuntador up``."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import structlog

from assist import config, log, notify, process
from assist.bus import Bus, BusAddress
from assist.cdr.service import RecordService
from assist.config import Settings
from assist.errors import AssistError
from assist.hub.server import Hub
from assist.knowledge.keeper import KnowledgeKeeper
from assist.session.encoder import installed_encoder, kept_articles, offered
from assist.session.service import SessionService
from assist.store.service import CaseService

_BOOKS_S = 3.0


async def serve(settings: Settings, config_path: Path | None = None) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the playbooks again and follows the folder of articles.

    Raises:
        AssistError: a part can't start.
    """
    stop = process.stop_requested()
    bus = Bus(BusAddress.of(settings), name="assist")
    await bus.start()
    await bus.ready(60)
    # The store first, so that a call that is decided is also kept; the hub last, so that screens find both.
    cases = CaseService(bus, settings)
    articles = kept_articles(settings)
    sessions = SessionService(bus, settings, meaning=installed_encoder(settings.models_path), articles=articles)
    hub = Hub(bus, settings)
    await cases.start()
    await RecordService(bus, settings).start()
    await sessions.start()
    await hub.start()
    articles.start()
    reloads: set[asyncio.Task[None]] = set()  # the loop keeps no strong reference to a task

    def reload() -> None:
        task = asyncio.create_task(_reload(sessions, articles, config_path))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    notify.ready(f"ws://{settings.hub.bind}:{settings.hub.port}")
    structlog.get_logger(__name__).info("assist.ready")
    await stop.wait()
    await process.end_tasks(reloads)
    await _finish_books(sessions, bus)
    await sessions.stop()
    await asyncio.to_thread(articles.stop)
    await hub.stop()
    await cases.stop()
    await bus.close()


async def _reload(sessions: SessionService, articles: KnowledgeKeeper, config_path: Path | None) -> None:
    try:
        settings = config.load(config_path)
        await sessions.reload(settings)
    except AssistError as err:
        structlog.get_logger(__name__).error("assist.reload_refused", error=str(err))
        return
    articles.follow(offered(settings), settings.knowledge.check_s)


async def _finish_books(sessions: SessionService, bus: Bus) -> None:
    """Let calls that the gateway has just ended get their summary and case; what is missed comes at the next start."""
    deadline = asyncio.get_running_loop().time() + _BOOKS_S
    while sessions.unfinished and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 -- a few polls at the end
        await asyncio.sleep(0.05)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(bus.flush(), 1)


def main(argv: list[str] | None = None) -> int:
    """Process entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="apuntador-assist")
    parser.add_argument("--config", type=Path)
    args = parser.parse_args(argv)
    try:
        settings = config.load(args.config)
        log.configure(settings.log.level, settings.log.format, process="assist")
        asyncio.run(serve(settings, args.config))
    except AssistError as err:
        return process.failed("apuntador assist", err)
    return 0


if __name__ == "__main__":
    sys.exit(main())
