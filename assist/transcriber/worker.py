"""A transcriber process: ``python -m assist.transcriber.worker``, started by ``apuntador up``."""

import argparse
import asyncio
import sys
from pathlib import Path

import structlog

from assist import config, log, notify, process
from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.errors import AssistError
from assist.events import Language
from assist.transcriber.service import TranscriberService
from models.asr.registry import open_recogniser
from models.asr.types import Recogniser
from models.errors import ModelMissing, ModelsError


def load_recognisers(settings: Settings) -> dict[Language, Recogniser]:
    """One recogniser per configured language that is installed.

    Raises:
        ModelMissing: none of the configured languages has a model.
    """
    found: dict[Language, Recogniser] = {}
    missing: list[ModelMissing] = []
    for language in settings.asr.languages:
        try:
            found[language] = open_recogniser(
                language,
                engine=settings.asr.engine,
                models_dir=settings.models_path,
                vosk_models={str(code): folder for code, folder in settings.asr.vosk_models.items()},
            )
        except ModelMissing as err:
            missing.append(err)
            structlog.get_logger(__name__).warning("transcriber.model_missing", language=language, error=str(err))
    if not found:
        raise missing[0]
    return found


async def serve(settings: Settings, index: int) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_requested()
    bus = Bus(BusAddress.of(settings), name=f"transcriber.{index}")
    await bus.start()
    recognisers = await asyncio.to_thread(load_recognisers, settings)
    service = TranscriberService(bus, recognisers, calls=settings.asr.calls_per_worker)
    await bus.ready(60)
    await service.start()
    notify.ready(", ".join(f"{language}: {recogniser.name}" for language, recogniser in recognisers.items()))
    structlog.get_logger(__name__).info("transcriber.ready", worker=service.worker_id)
    await stop.wait()
    await service.stop()
    await bus.close()
    for recogniser in recognisers.values():
        recogniser.close()


def main(argv: list[str] | None = None) -> int:
    """Process entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="apuntador-transcriber")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--index", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        settings = config.load(args.config)
        log.configure(settings.log.level, settings.log.format, process=f"transcriber.{args.index}")
        asyncio.run(serve(settings, args.index))
    except (AssistError, ModelsError) as err:
        return process.failed("apuntador transcriber", err)
    return 0


if __name__ == "__main__":
    sys.exit(main())
