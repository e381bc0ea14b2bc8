"""The hub's server: HTTP and WebSocket on one port, the broker on one side and the screens on the other.

The hub keeps no state of its own: at start it reads the past hour from the stream and then follows it, so a restart
loses nothing and a screen resumes with the last ``seq`` it has.
"""

import asyncio
import contextlib
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from assist.bus import Bus
from assist.config import Settings
from assist.errors import AuthError, BusError, StackError
from assist.events import Degraded, Event, Heard, LeadDid
from assist.hub import ears, protocol, rights
from assist.hub.auth import Principal, TokenStore, bearer
from assist.hub.calls import KEEP_S, Call, CallBook
from assist.hub.metrics import HubMetrics
from assist.hub.outbound import OutboundQueue
from assist.hub.protocol import Do, Ping, ProtocolError, Watch
from assist.hub.screen import Screen
from assist.process import end_tasks
from assist.strings import say
from assist.wire import Beat

TOO_SLOW: Final = 1013
"""Close code (RFC 6455 registry: try again later) for a screen that can't keep up."""
RESTARTED: Final = 1012
"""Close code (RFC 6455 registry: service restart) when the broker lost its store."""
TOKEN_GONE: Final = 4401
"""Close code for a screen whose token was revoked or expired."""
_HOUSEKEEPING_S: Final = 5.0

log = structlog.get_logger(__name__)


class _Connection(ServerConnection):
    """A connection that knows who it belongs to once its token has been checked."""

    principal: Principal


class Hub:
    """Serves the screens. All methods belong to one event loop, the bus's."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        *,
        tokens: TokenStore | None = None,
        clock: Callable[[], float] = time.time,
        make_queue: Callable[[], OutboundQueue] = OutboundQueue,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._tokens = tokens or TokenStore.in_dir(settings.data_dir)
        self._clock = clock
        self._make_queue = make_queue
        self._book = CallBook()
        self._early: list[Event] = []
        self._ahead: dict[int, Event] = {}
        self._loaded = asyncio.Event()
        self._system: dict[str, Degraded] = {}
        self._screens: set[Screen] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self._stopping = False
        self.metrics = HubMetrics()

    async def start(self) -> None:
        """Open the port and begin to follow the broker, which need not be there yet.

        Raises:
            StackError: the port is busy or the address is not this machine's.
        """
        hub = self._settings.hub
        logger = logging.getLogger("assist.hub.websockets")
        # Port scanners and half-open sockets would each leave a traceback; refusals are counted instead.
        logger.setLevel(logging.CRITICAL)
        try:
            self._server = await serve(
                self._serve,
                hub.bind,
                hub.port,
                create_connection=_Connection,
                process_request=self._on_request,
                compression=None,
                open_timeout=5,
                ping_interval=10,
                ping_timeout=10,
                close_timeout=2,
                max_size=protocol.MAX_MESSAGE_BYTES,
                logger=logger,
            )
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                problem = "is in use; stop the process that has it (ss -ltnp) or set another [hub] port"
            else:
                problem = f"can't be opened ({err.strerror}); check [hub] bind and port"
            raise StackError(f"hub address {hub.bind}:{hub.port} {problem}") from None
        self._bus.watch(self._on_broker)
        self._tasks = [
            asyncio.create_task(self._load(), name="hub-load"),
            asyncio.create_task(self._keep_house(), name="hub-house"),
        ]
        log.info("hub.started", bind=hub.bind, port=self.port)

    async def stop(self) -> None:
        """Close every screen with code 1001 and the port."""
        self._stopping = True
        await end_tasks([*self._tasks, *self._asking])
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        log.info("hub.stopped")

    @property
    def port(self) -> int:
        """The port in use, also where the settings say 0."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def ready(self) -> bool:
        """Whether the broker answers and the past hour has been read."""
        return self._bus.connected and self._loaded.is_set()

    # --- the broker's side -----------------------------------------------------------------------------------

    async def _load(self) -> None:
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: self._bus.follow(self._on_stored),
            lambda: self._bus.follow_live(self._on_live),
            lambda: self._bus.follow_beats(self._on_beat),
            self._read_past,
        )
        for step in steps:
            while True:
                try:
                    await step()
                    break
                except Exception as err:
                    # Whatever a broker in trouble makes its client raise: without this the hub would never be ready.
                    log.warning("hub.load_retry", error=repr(err))
                    await asyncio.sleep(0.5)
        self._loaded.set()
        self.metrics.calls.set(len(self._book))
        log.info("hub.loaded", calls=len(self._book), last_seq=self._book.last_seq)

    async def _read_past(self) -> None:
        events = await self._bus.recent(KEEP_S)
        self._book.load(events)
        for call_id in self._book.headless():
            # It began more than an hour ago.
            events += await self._bus.history(call_id)
        # What came while this was reading has been kept aside; loading sorts and drops repetitions.
        self._book.load(events + self._early)
        for event in sorted(events + self._early, key=lambda event: event.seq):
            if not event.call_id and isinstance(event, Degraded):
                self._system[event.component] = event
        # The reading may have run ahead of the following, which then brings the same events again.
        followed = max((event.seq for event in self._early), default=0)
        self._ahead = {event.seq: event for event in events if event.seq > followed}
        self._early.clear()
        self._book.drop_old(self._clock())

    async def _on_stored(self, event: Event) -> None:
        if not self._loaded.is_set():
            self._early.append(event)
            return
        if self._ahead.pop(event.seq, None) == event:
            return
        if event.seq <= self._book.last_seq:
            await self._on_new_store()
        self._ahead.clear()
        if not event.call_id:
            if isinstance(event, Degraded):
                self._system[event.component] = event
            self._broadcast(event)
        text = protocol.event(event)
        call = self._book.add(event)
        if call is not None:
            self.metrics.count(event, call.trunk)
            for screen in self._screens:
                screen.stored(event, text, call)

    async def _on_new_store(self) -> None:
        """The broker lost its store and counts anew: what screens could resume from means nothing any more."""
        log.error("hub.broker_store_replaced", last_seq=self._book.last_seq)
        self._book.renumber()
        await asyncio.gather(*(screen.connection.close(RESTARTED) for screen in list(self._screens)))

    async def _on_live(self, event: Event) -> None:
        if isinstance(event, Heard) and self._loaded.is_set():
            text = protocol.event(event)
            for screen in self._screens:
                screen.live(event, text)

    async def _on_beat(self, beat: Beat) -> None:
        self.metrics.transcribers.beat(beat)

    def _on_broker(self, connected: bool) -> None:
        self.metrics.broker.set(int(connected))
        if not self._stopping:
            self._broadcast(self._broker_state())

    def _broker_state(self) -> Degraded:
        up = self._bus.connected
        detail = "" if up else say(self._settings.language, "hub.broker_down")
        return Degraded(call_id="", at=self._clock(), component="broker", level="ok" if up else "down", detail=detail)

    def _broadcast(self, event: Event) -> None:
        text = protocol.event(event)
        for screen in self._screens:
            screen.queue.put(text)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            for call_id in self._book.drop_old(self._clock()):
                for screen in self._screens:
                    screen.forget(call_id)
            self.metrics.calls.set(len(self._book))
            for screen in list(self._screens):
                if not self._tokens.still_valid(screen.principal):
                    log.info("hub.token_gone", token=screen.principal.token_id)
                    reason = say(self._settings.language, "hub.token_gone")
                    await screen.connection.close(TOKEN_GONE, reason)

    # --- the screens' side -----------------------------------------------------------------------------------

    def _on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        match urlsplit(request.path).path:
            case "/healthz":
                return connection.respond(200, "ok\n")
            case "/readyz":
                return connection.respond(200, "ready\n") if self.ready else connection.respond(503, "no broker\n")
            case "/metrics":
                return connection.respond(200, self.metrics.text())
            case "/":
                pass
            case _:
                return connection.respond(404, "not found; the WebSocket is at /\n")
        try:
            assert isinstance(connection, _Connection)
            connection.principal = self._tokens.check(bearer(_single(request.headers, "Authorization")))
        except AuthError as err:
            self.metrics.refused.inc()
            log.info("hub.refused", reason=str(err))
            response = connection.respond(401, f"{err}\n")
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        principal = connection.principal
        screen = Screen(connection, principal, self._make_queue())
        screen.queue.put(protocol.welcome(principal, self._settings.language, self._clock()))
        for event in [self._broker_state(), *self._system.values()]:
            if event.level != "ok":
                screen.queue.put(protocol.event(event))
        self._screens.add(screen)
        gauge = self.metrics.screens.labels(role=principal.role)
        gauge.inc()
        sender = asyncio.create_task(self._send(screen), name="hub-send")
        try:
            async for raw in connection:
                await self._on_message(screen, raw)
        except ConnectionClosed:
            pass
        finally:
            gauge.dec()
            self._screens.discard(screen)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            self.metrics.dropped.inc(screen.queue.dropped_partials)

    async def _send(self, screen: Screen) -> None:
        with contextlib.suppress(ConnectionClosed):
            watchdog = asyncio.create_task(self._close_when_overrun(screen), name="hub-watchdog")
            try:
                while (text := await screen.queue.get()) is not None:
                    await screen.connection.send(text)
                    self.metrics.sent.inc()
                await watchdog
            finally:
                watchdog.cancel()

    async def _close_when_overrun(self, screen: Screen) -> None:
        # On its own, because the sender hangs in a full socket just when this is needed.
        await screen.queue.wait_overrun()
        self.metrics.slow.inc()
        log.warning("hub.screen_too_slow", role=screen.principal.role, token=screen.principal.token_id)
        await screen.connection.close(TOO_SLOW, say(self._settings.language, "hub.too_slow"))

    async def _on_message(self, screen: Screen, raw: str | bytes) -> None:
        try:
            message = protocol.parse(raw)
            match message:
                case Ping():
                    screen.queue.put(protocol.pong())
                case Watch():
                    if await self._until_loaded(screen):
                        await screen.watch(message, self._book)
                case Do():
                    if await self._until_loaded(screen):
                        self._do(screen, message)
        except ProtocolError as err:
            self.metrics.errors.labels(code=err.code).inc()
            screen.queue.put(protocol.error(err.code, str(err), ref=err.ref))

    async def _until_loaded(self, screen: Screen) -> bool:
        """Wait for the broker as long as the screen waits with us."""
        if self._loaded.is_set():
            return True
        waits = [
            asyncio.create_task(self._loaded.wait()),
            asyncio.create_task(screen.connection.wait_closed()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        return self._loaded.is_set()

    def _do(self, screen: Screen, do: Do) -> None:
        event, ref, principal = do.event, do.ref, screen.principal
        call = self._book.get(event.call_id)
        # Somebody else's call and no call at all look the same: ids are not for guessing.
        if call is None or not rights.may_see(principal, call.agent_id):
            raise ProtocolError("unknown_call", f"you have no call {event.call_id!r}", ref=ref)
        try:
            rights.check_do(principal, event, call.agent_id)
        except AuthError as err:
            raise ProtocolError("forbidden", str(err), ref=ref) from None
        to_booth = isinstance(event, LeadDid) and event.action in ears.WISHES
        try:
            self._bus.send(
                protocol.stamped(event, self._clock()),
                dedup=f"{principal.token_id}.{ref}" if ref else "",
                stored=(lambda: screen.queue.put(protocol.done(ref))) if ref and not to_booth else None,
            )
        except BusError as err:
            raise ProtocolError("unavailable", str(err), ref=ref) from None
        if isinstance(event, LeadDid) and to_booth:
            # Not here: it may take seconds, and the screen's other messages must not wait.
            task = asyncio.create_task(self._ask_booth(screen, event, call, ref), name="hub-ears")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask_booth(self, screen: Screen, event: LeadDid, call: Call, ref: str) -> None:
        answer = await ears.ask(self._bus, event, call)
        if not answer.accepted:
            self.metrics.errors.labels(code="refused").inc()
            reason = ears.told(answer, self._settings.language)
            screen.queue.put(protocol.error("refused", reason, ref=ref))
        elif ref:
            screen.queue.put(protocol.done(ref))


def _single(headers: Headers, name: str) -> str | None:
    """A header's value; None when it is missing or repeated."""
    values = headers.get_all(name)
    return values[0] if len(values) == 1 else None
