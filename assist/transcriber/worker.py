"""A transcriber process: ``python -m assist.transcriber.worker``, started by ``apuntador up``."""

import argparse
import asyncio
import faulthandler
import sys
from pathlib import Path
from typing import Final

import structlog

from assist import config, log, notify, process
from assist.bus import Bus, BusAddress
from assist.config import Settings
from assist.errors import AssistError
from assist.events import CallLanguage, Language
from assist.strings import say
from assist.transcriber.admission import AdmissionConfig
from assist.transcriber.polishing import load_polishers
from assist.transcriber.service import Load, TranscriberService
from models.asr.languages import any_language
from models.asr.recogniser import VadRecogniser
from models.asr.registry import open_recogniser
from models.asr.types import Recogniser
from models.errors import ModelMissing, ModelsError

_HOUSEKEEPING_S: Final = 2.0
_STANDSTILL_S: Final = 30.0


def load_recognisers(settings: Settings) -> dict[CallLanguage, Recogniser]:
    """One recogniser per configured language that is installed, and one of all of them.

    Raises:
        ModelMissing: none of the configured languages has a model.
    """
    found: dict[Language, VadRecogniser] = {}
    missing: list[ModelMissing] = []
    for language in settings.asr.languages:
        try:
            found[language] = open_recogniser(
                language,
                engine=settings.asr.engine,
                models_dir=settings.models_path,
                partial=settings.asr.partial_ms / 1000,
                vosk_models={str(code): folder for code, folder in settings.asr.vosk_models.items()},
            )
        except ModelMissing as err:
            missing.append(err)
            structlog.get_logger(__name__).warning("transcriber.model_missing", language=language, error=str(err))
    if not found:
        raise missing[0]
    usual_first = sorted(found, key=lambda language: language != settings.language)
    loaded: dict[CallLanguage, Recogniser] = dict(found.items())
    loaded["auto"] = any_language([found[language] for language in usual_first])
    return loaded


async def serve(settings: Settings, index: int) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_requested()
    polishers = load_polishers(settings)
    bus = Bus(BusAddress.of(settings), name=f"transcriber.{index}")
    await bus.start()
    recognisers = await asyncio.to_thread(load_recognisers, settings)
    service = TranscriberService(
        bus,
        recognisers,
        calls=settings.asr.calls_per_worker,
        polishers=polishers,
        admission=AdmissionConfig(max_load=settings.asr.max_load, max_lag=settings.asr.max_lag_s),
    )
    await bus.ready(60)
    await service.start()
    models = ", ".join(
        f"{language}: {recogniser.name}" for language, recogniser in recognisers.items() if language != "auto"
    )
    notify.ready(f"{models} · {status(service.load, settings.language)}")
    structlog.get_logger(__name__).info("transcriber.ready", worker=service.worker_id)
    housekeeping = asyncio.create_task(_keep_house(service, models, settings.language), name="transcriber-house")
    await stop.wait()
    housekeeping.cancel()
    faulthandler.cancel_dump_traceback_later()
    await service.stop()
    await bus.close()
    for recogniser in recognisers.values():
        recogniser.close()


def status(load: Load, language: Language) -> str:
    """How busy a transcriber is, for `apuntador status`."""
    calls = load.calls
    return say(
        language,
        "stack.transcriber_load",
        full=calls.get("full", 0),
        finals=calls.get("finals", 0),
        late=calls.get("late", 0),
        load=round(100 * load.load),
        lag=round(load.lag, 1),
    )


async def _keep_house(service: TranscriberService, models: str, language: Language) -> None:
    """Tell the supervisor how busy we are; and should this loop itself ever stand still, end the process."""
    told = ""
    while True:
        # A thread in C that holds the interpreter lock stops beats and all: only faulthandler's own thread still runs.
        faulthandler.dump_traceback_later(_STANDSTILL_S, exit=True)
        text = f"{models} · {status(service.load, language)}"
        if text != told:
            told = text
            notify.status(text)
        await asyncio.sleep(_HOUSEKEEPING_S)


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
