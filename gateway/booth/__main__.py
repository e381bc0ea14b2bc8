"""A booth's process: ``python -m gateway.booth --index N [--config PATH]``.

Exit codes as of every process of the stack: 0 after SIGTERM or SIGINT; 3 when starting again can't help; 1 when it may.
"""

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from assist import config, notify, process
from assist import log as logs
from assist.bus import Bus, BusAddress
from assist.config import Settings, leads_of
from assist.errors import AssistError, ConfigError
from gateway.booth.hall import Hall
from gateway.booth.service import BoothService
from gateway.endpoint import Endpoint
from gateway.endpoint.library import RTP_PORTS
from gateway.errors import GatewayError

_TURN_S: Final = 0.02
_IDLE_TURN_S: Final = 0.1
_GOODBYE_S: Final = 1.0
_FLUSH_S: Final = 1.5

log = structlog.get_logger(__name__)


class Booth:
    """Endpoint, hall and service of one process, from ready to closed.

    Raises:
        ConfigError: there is no lead for this booth.
        GatewayError: the port is taken.
        BusError: nobody has said where the broker is.
    """

    def __init__(self, settings: Settings, index: int, config_path: Path | None) -> None:
        address, name = BusAddress.of(settings), f"booth.{index}"
        leads = leads_of(settings, index)
        if not leads:
            raise ConfigError(f"no [[lead]] is left for booth {index}")
        self._config_path = config_path
        self._stop_requested = self._reload_requested = False
        self._parent = os.getppid()
        booth, bind = settings.booth, settings.gateway.bind
        self._endpoint = Endpoint(bind, booth.port + index, booth.rtp_start + RTP_PORTS * index)
        self._hall = Hall(lambda: Bus(address, name=name), tuple(lead.id for lead in leads))
        self._service = BoothService(self._endpoint, self._hall, settings, index)
        self._hall.start()
        log.info("booth.ready", bind=bind, port=booth.port + index, leads=[lead.id for lead in leads])
        notify.ready(f"{bind}:{booth.port + index}, {len(leads)} leads")

    def run(self) -> None:
        """Serve until told to stop or left alone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        while not self._stop_requested and os.getppid() == self._parent:
            self._service.turn(_TURN_S if self._service.busy else _IDLE_TURN_S)
            if self._reload_requested:
                self._reload_requested = False
                self._reload()
        self._service.shut_down()
        deadline = time.monotonic() + _GOODBYE_S
        while self._service.busy and time.monotonic() < deadline:
            self._service.turn(_TURN_S)
        self._hall.stop(_FLUSH_S)
        endpoint = self._endpoint
        del self._service, self._endpoint
        gc.collect()
        endpoint.close()
        log.info("booth.stopped")

    def _reload(self) -> None:
        try:
            self._service.apply(config.load(self._config_path))
        except ConfigError as err:
            log.error("booth.reload_refused", error=str(err))
        else:
            log.info("booth.reloaded")

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._reload_requested = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run a booth; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.booth", description="Live calls on team leads' phones.")
    parser.add_argument("--index", type=int, default=0, help="number of this booth, from 0")
    parser.add_argument("--config", type=Path, default=None, help="settings file")
    args = parser.parse_args(argv)
    try:
        settings = config.load(args.config)
        logs.configure(settings.log.level, settings.log.format, process=f"booth.{args.index}")
        booth = Booth(settings, args.index, args.config)
    except (AssistError, GatewayError) as err:
        return process.failed(f"booth.{args.index}", err)
    booth.run()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Interpreter shutdown would destroy pjsua2's globals a second time, which aborts.
    os._exit(code)
