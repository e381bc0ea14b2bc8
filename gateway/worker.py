"""One gateway process: ``python -m gateway.worker --index N [--config PATH]``.

Exit codes: 0 after SIGTERM, SIGINT or the parent's death; 4 when it ends only to be started anew; 3 when starting again
can't help (a wrong setting, a busy port; one line on standard error says which and what to do); 1 when it may.
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
from assist.certificates import check_certificate
from assist.config import Settings
from assist.control import Answer, Ask
from assist.errors import AssistError, ConfigError
from gateway.admission import Admission
from gateway.console import Console, memory_kb
from gateway.edge.capacity import CapacityReport
from gateway.edge.inbox import Inbox
from gateway.edge.link import EdgeLink
from gateway.endpoint import Endpoint
from gateway.endpoint.library import RTP_PORTS
from gateway.errors import EndpointError, GatewayError
from gateway.lines import Lines, secrets_of
from gateway.publisher import make_publisher
from gateway.route.lease import Leases
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
        self._console = Console(f"gateway.{index}")
        self._publisher = make_publisher(settings, self._console.worker_id, self._console)
        self._settings, self._index = settings, index
        self._started_at, self._renewing = time.time(), False
        gateway = settings.gateway
        self._config_path = config_path
        self._grace_s = grace_s
        self._stop_requested = False
        self._reload_requested = False
        # Before readiness is told: whoever supervises may send a signal at once.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self._parent = os.getppid()
        edge = EdgeLink.load(settings.edge_file)
        port = gateway.port + index if edge is None else edge.worker_port(index)
        rtp_start = gateway.rtp_start + RTP_PORTS * index
        if port > 65535 or rtp_start + RTP_PORTS > 65536:
            raise EndpointError(
                f"worker {index} would need SIP port {port} and RTP ports from {rtp_start}; "
                "lower gateway.port, gateway.rtp_start or gateway.workers"
            )
        secrets = secrets_of(settings)
        self._inbox = None if edge is None else Inbox(edge)
        self._report = None if edge is None or self._inbox is None else CapacityReport(edge, index, self._inbox.port)
        told = None if self._inbox is None else self._inbox.told
        self._admission = Admission(settings.trunk, secrets, edge=told)
        self._srtp = _encrypts(settings)
        # Behind an edge its certificate is the one that peers see.
        tls = gateway.tls if gateway.tls.port and edge is None else None
        if tls is not None:
            check_certificate(tls.certificate, tls.key, tls.ca)
        self._endpoint = Endpoint(
            gateway.bind,
            port,
            rtp_start,
            edge,
            self._inbox,
            media_source=gateway.media_source,
            tls=tls,
            tls_port=gateway.tls.port + index,
            srtp=self._srtp,
        )
        self._lines = self._open_lines(settings, index, secrets)
        self._switchboard = Switchboard(
            self._endpoint,
            self._publisher,
            settings,
            admission=self._admission,
            lines=self._lines,
            leases=Leases(settings.run_dir, f"gateway.{index}"),
            rtp_timeout_s=rtp_timeout_s,
        )
        if self._switchboard.capacity < 1:
            self._endpoint.close()
            raise EndpointError(
                f"this build of pjsua2 allows {self._endpoint.dialogs} dialog(s), a bridged call needs "
                f"{DIALOGS_PER_CALL}; install pjsua2-python 2.15.1.post1"
            )
        self._publisher.start()
        self._tell_edge()
        log.info(
            "gateway.ready",
            bind=gateway.bind,
            edge=edge is not None,
            port=port,
            rtp_start=rtp_start,
            dialogs=self._endpoint.dialogs,
            calls=self._switchboard.capacity,
            fast_copy=self._endpoint.fast_copy,
            gated=self._endpoint.gated,
        )
        notify.ready(f"{gateway.bind}:{port}, {self._switchboard.capacity} calls")

    def _open_lines(self, settings: Settings, index: int, secrets: dict[str, str]) -> Lines:
        try:
            if not self._endpoint.gated and _needs_gate(settings):
                raise EndpointError(
                    "this build of pjsua2 does not let requests be looked at before it takes them, which a trunk with "
                    "challenge, tls or srtp needs; install pjsua2-python 2.15.1.post1, or leave those to an edge proxy"
                )
            return Lines(self._endpoint, index, settings, secrets)
        except EndpointError:
            self._endpoint.close()
            raise

    def run(self) -> int:
        """Serve until told to stop; returns the exit code when everything is closed."""
        orphaned = False
        while not self._stop_requested:
            self._switchboard.turn(_TURN_S if self._switchboard.live else _IDLE_TURN_S)
            self._tell_edge()
            if self._reload_requested:
                self._reload_requested = False
                self._reload()
            if not orphaned and os.getppid() != self._parent:
                orphaned = True
                log.warning("gateway.orphaned", live=self._switchboard.live)
                self._switchboard.drain()
            if orphaned and not self._switchboard.live:
                break
            self._console.serve(self._answer)
            if self._may_renew():
                log.info("gateway.renewed", served=self._switchboard.served)
                self._shut_down()
                return process.EXIT_RENEW
        self._shut_down()
        return 0

    def _answer(self, ask: Ask) -> Answer:
        """What an admin asked or ordered."""
        board, trace = self._switchboard, self._endpoint.trace
        match ask.order:
            case "drain":
                board.drain()
            case "undrain":
                board.drain(False)
                self._renewing = False
            case "recycle":
                board.drain()
                self._renewing = True
        if ask.order in ("drain", "undrain", "recycle"):
            log.info("gateway.ordered", order=ask.order, live=board.live)
        found = trace.find(ask.call_id) if ask.order == "trace" else ""
        return Answer(
            worker_id=self._console.worker_id,
            host=self._console.host,
            pid=os.getpid(),
            address="{}:{}".format(*self._endpoint.address),
            mode="recycling" if self._renewing else "drained" if board.draining else "ready",
            calls=tuple(board.calls(full=ask.full)),
            capacity=board.capacity,
            started_at=self._started_at,
            served=board.served,
            memory_kb=memory_kb(),
            trunks=tuple(trunk.name for trunk in self._settings.trunk),
            call_id=found,
            dialogs=trace.dialogs(found) if found else {},
            messages=trace.messages(found, full=ask.full, bodies=ask.bodies) if found else (),
            attempts=trace.recent(full=ask.full) if ask.order == "recent" else (),
        )

    def _may_renew(self) -> bool:
        """Whether nobody talks here and a fresh process should take over: ordered to, or old enough."""
        if self._switchboard.live or os.getppid() != self._parent:
            return False
        if self._renewing:
            return True
        gateway = self._settings.gateway
        # Workers that started together don't go together.
        age_h = (time.time() - self._started_at) / 3600 - 0.1 * self._index
        calls = self._switchboard.served - self._index
        return bool(
            (gateway.recycle_calls and calls >= gateway.recycle_calls)
            or (gateway.recycle_hours and age_h >= gateway.recycle_hours)
        )

    def _shut_down(self) -> None:
        board = self._switchboard
        board.drain()
        self._tell_edge()
        log.info("gateway.draining", live=board.live, grace_s=self._grace_s)
        self._turn_until_idle(self._grace_s)
        board.hang_up_all()
        self._turn_until_idle(_GOODBYE_S)
        self._publisher.stop(_FLUSH_S)
        endpoint = self._endpoint
        del self._switchboard, self._lines, self._endpoint, board
        gc.collect()
        endpoint.close()
        log.info("gateway.stopped")

    def _turn_until_idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._switchboard.live and time.monotonic() < deadline:
            self._switchboard.turn(min(_TURN_S, seconds))
            self._tell_edge()

    def _tell_edge(self) -> None:
        if self._report is not None:
            self._report.report(self._switchboard.free_dialogs, self._switchboard.invites)

    def _reload(self) -> None:
        try:
            settings = config.load(self._config_path)
            secrets = secrets_of(settings)
            if _encrypts(settings) and not self._srtp:
                raise ConfigError("srtp for the first time needs a restart of the gateway")
            self._lines.apply(settings, secrets)
            self._switchboard.apply(settings)
            self._admission.trunks, self._admission.secrets = settings.trunk, secrets
            self._settings = settings
        except (ConfigError, EndpointError) as err:
            log.error("gateway.reload_refused", error=str(err))
        else:
            log.info("gateway.reloaded")

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._reload_requested = True


def _encrypts(settings: Settings) -> bool:
    return any(trunk.srtp != "off" for trunk in settings.trunk) or any(one.srtp != "off" for one in settings.agent)


def _needs_gate(settings: Settings) -> bool:
    return _encrypts(settings) or any(trunk.challenge or trunk.transport == "tls" for trunk in settings.trunk)


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
    return worker.run()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Interpreter shutdown would destroy pjsua2's globals a second time, which aborts.
    os._exit(code)
