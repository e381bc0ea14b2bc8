"""One gateway process: ``python -m gateway.worker --index N [--config PATH]``.

Exit codes: 0 after SIGTERM, SIGINT or the parent's death; 3 when starting again can't help (a wrong setting, a busy
port; one line on standard error says which and what to do); 1 when it may.
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
from assist.config import Settings
from assist.errors import AssistError, ConfigError
from gateway.endpoint import Endpoint
from gateway.endpoint.library import RTP_PORTS
from gateway.errors import EndpointError, GatewayError
from gateway.ledger import Ledger
from gateway.publisher import Publisher
from gateway.switchboard import DIALOGS_PER_CALL, Switchboard

_TURN_S: Final = 0.02
_IDLE_TURN_S: Final = 0.1
"""SIP itself ends a turn at once; this only bounds how late timers and signals are seen."""
_GOODBYE_S: Final = 1.0
"""How long BYEs and CANCELs may take on the way out."""
_FLUSH_S: Final = 1.5

log = structlog.get_logger(__name__)


class Worker:
    """Endpoint, switchboard and publisher of one process, from ready to drained.

    Args:
        settings: the whole settings.
        index: this worker's number; SIP port and RTP range follow from it.
        grace_s: seconds live calls may go on after SIGTERM.
        rtp_timeout_s: seconds without RTP after which a call is lost.
        config_path: the settings file, read again on SIGHUP.

    Raises:
        GatewayError: the port is taken, or pjsua2 can't bridge.
        BusError: nobody has said where the broker is.
    """

    def __init__(
        self, settings: Settings, *, index: int, grace_s: float, rtp_timeout_s: float, config_path: Path | None
    ) -> None:
        address = BusAddress.of(settings)
        gateway = settings.gateway
        self._config_path = config_path
        self._grace_s = grace_s
        self._stop_requested = False
        self._reload_requested = False
        self._parent = os.getppid()
        port, rtp_start = gateway.port + index, gateway.rtp_start + RTP_PORTS * index
        if port > 65535 or rtp_start + RTP_PORTS > 65536:
            raise EndpointError(
                f"worker {index} would need SIP port {port} and RTP ports from {rtp_start}; "
                "lower gateway.port, gateway.rtp_start or gateway.workers"
            )
        self._endpoint = Endpoint(gateway.bind, port, rtp_start)
        self._publisher = Publisher(
            lambda: Bus(address, name=f"gateway.{index}"),
            chunk_ms=gateway.chunk_ms,
            keep_s=gateway.keep_s,
            ledger=Ledger(settings.run_dir / f"gateway.{index}.calls.json"),
        )
        self._switchboard = Switchboard(self._endpoint, self._publisher, settings, rtp_timeout_s=rtp_timeout_s)
        if self._switchboard.capacity < 1:
            self._endpoint.close()
            raise EndpointError(
                f"this build of pjsua2 allows {self._endpoint.dialogs} dialog(s), a bridged call needs "
                f"{DIALOGS_PER_CALL}; install pjsua2-python 2.15.1.post1"
            )
        self._publisher.start()
        log.info(
            "gateway.ready",
            bind=gateway.bind,
            port=port,
            rtp_start=rtp_start,
            dialogs=self._endpoint.dialogs,
            calls=self._switchboard.capacity,
            fast_copy=self._endpoint.fast_copy,
        )
        notify.ready(f"{gateway.bind}:{port}, {self._switchboard.capacity} calls")

    def run(self) -> None:
        """Serve until told to stop; returns when everything is closed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        orphaned = False
        while not self._stop_requested:
            self._switchboard.turn(_TURN_S if self._switchboard.live else _IDLE_TURN_S)
            if self._reload_requested:
                self._reload_requested = False
                self._reload()
            if not orphaned and os.getppid() != self._parent:
                orphaned = True
                log.warning("gateway.orphaned", live=self._switchboard.live)
                self._switchboard.drain()
            if orphaned and not self._switchboard.live:
                break
        self._shut_down()

    def _shut_down(self) -> None:
        board = self._switchboard
        board.drain()
        log.info("gateway.draining", live=board.live, grace_s=self._grace_s)
        self._turn_until_idle(self._grace_s)
        board.hang_up_all()
        self._turn_until_idle(_GOODBYE_S)
        self._publisher.stop(_FLUSH_S)
        endpoint = self._endpoint
        del self._switchboard, self._endpoint, board
        gc.collect()
        endpoint.close()
        log.info("gateway.stopped")

    def _turn_until_idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._switchboard.live and time.monotonic() < deadline:
            self._switchboard.turn(min(_TURN_S, seconds))

    def _reload(self) -> None:
        try:
            self._switchboard.apply(config.load(self._config_path))
        except ConfigError as err:
            log.error("gateway.reload_refused", error=str(err))
        else:
            log.info("gateway.reloaded")

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._reload_requested = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.worker", description="One gateway process.")
    parser.add_argument("--index", type=int, required=True, help="number of this worker, from 0")
    parser.add_argument("--config", type=Path, default=None, help="settings file")
    parser.add_argument("--grace", type=float, default=2.0, help="seconds live calls may go on after SIGTERM")
    parser.add_argument("--rtp-timeout", type=float, default=30.0, help="seconds without RTP that lose a call")
    args = parser.parse_args(argv)
    try:
        settings = config.load(args.config)
        logs.configure(settings.log.level, settings.log.format, process=f"gateway.{args.index}")
        worker = Worker(
            settings,
            index=args.index,
            grace_s=args.grace,
            rtp_timeout_s=args.rtp_timeout,
            config_path=args.config,
        )
    except (AssistError, GatewayError) as err:
        return process.failed(f"gateway.{args.index}", err)
    worker.run()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Interpreter shutdown would destroy pjsua2's globals a second time, which aborts.
    os._exit(code)
