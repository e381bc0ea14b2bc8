"""The sockets of the media streams: one WebSocket port for all taps, one TCP port for each AudioSocket tap."""

import asyncio
import base64
import binascii
import contextlib
import errno
import hashlib
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from assist.config import Settings, Tap, read_secret
from assist.errors import ConfigError
from gateway.errors import AccessError, EndpointError, TapError
from gateway.routing import is_within
from gateway.taps import access, asterisk, freeswitch
from gateway.taps.ari_client import AriClient
from gateway.taps.asterisk import ChanWebSocket
from gateway.taps.audiohook import MAX_TEXT, AudioHook
from gateway.taps.audiosocket import HANG_UP, AudioSocket, pack
from gateway.taps.desk import Desk, Stream
from gateway.taps.freeswitch import AudioFork
from gateway.taps.stream import Begun, Finished, Input, Paused, Resumed, Samples, StreamCodec
from gateway.taps.twilio import MediaStream

_FIRST_S: Final = 10.0
"""Seconds a connection may take to say what it brings."""
_READ_BYTES: Final = 16_384
_POLICY: Final = 1008
"""Close code (RFC 6455, 7.4.1): the peer broke this endpoint's rules."""
_GOING_AWAY: Final = 1001
_LONGEST_REASON: Final = 120
"""Bytes of a close reason; the protocol allows 123."""
_RETRY_AFTER_S: Final = 5
_TCP: Final = ("audiosocket", "ari")
"""Protocols whose audio comes over TCP, to a port of the tap's own."""
_KNOWN: Final = (asterisk.SUBPROTOCOL, *freeswitch.SUBPROTOCOLS)

log = structlog.get_logger(__name__)


class _Connection(ServerConnection):
    """A connection that knows its tap once it was let in."""

    tap: Tap
    query: dict[str, str]


class TapServer:
    """Listens for all taps of the settings.

    Args:
        settings: taps and agents.
        desk: takes the streams.
        clock: UTC seconds, for the age of signatures.
    """

    def __init__(self, settings: Settings, desk: Desk, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._desk = desk
        self._clock = clock
        self._web: Server | None = None
        self._tcp: dict[str, asyncio.Server] = {}
        self._ari: dict[str, AriClient] = {}
        self._streams = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._secrets = _secrets(settings)
        self._nonces: dict[str, float] = {}

    @property
    def port(self) -> int:
        """The WebSockets' port in use, also where the settings say 0; 0 without one."""
        return int(next(iter(self._web.sockets)).getsockname()[1]) if self._web else 0

    async def start(self) -> None:
        """Open the ports.

        Raises:
            EndpointError: one is busy, or the certificate can't be read.
        """
        taps = self._settings.taps
        if any(tap.protocol not in _TCP for tap in self._settings.tap):
            logger = logging.getLogger("gateway.taps.websockets")
            logger.setLevel(logging.CRITICAL)  # a port scanner would leave a traceback; refusals are logged here
            try:
                self._web = await serve(
                    self._serve,
                    taps.bind,
                    taps.port,
                    create_connection=_Connection,
                    process_request=self._on_request,
                    select_subprotocol=_select_subprotocol,
                    ssl=_tls(self._settings),
                    compression=None,
                    open_timeout=5,
                    ping_interval=20,
                    ping_timeout=20,
                    close_timeout=2,
                    max_size=4 * MAX_TEXT,
                    logger=logger,
                )
            except OSError as err:
                raise _unopened(taps.bind, taps.port, "taps.port", err) from None
        for tap in self._settings.tap:
            if tap.protocol in _TCP:
                serve_one = partial(self._audiosocket, tap.name)
                try:
                    self._tcp[tap.name] = await asyncio.start_server(serve_one, taps.bind, tap.port)
                except OSError as err:
                    raise _unopened(taps.bind, tap.port, f"the port of tap {tap.name!r}", err) from None
            if tap.protocol == "ari":
                port = self._tcp[tap.name].sockets[0].getsockname()[1]
                media = f"{taps.bind}:{port}"
                client = AriClient(tap, self._secrets[tap.name], self._settings.agent, media)
                self._ari[tap.name] = client
                client.start()

    async def stop(self) -> None:
        """Close the ports and end every stream; their calls end with them."""
        for client in self._ari.values():
            await client.stop()
        for server in self._tcp.values():
            server.close()
        if self._web is not None:
            self._web.close(code=_GOING_AWAY)
            await self._web.wait_closed()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)

    def apply(self, settings: Settings) -> None:
        """Use new agents, secrets and rules for the streams to come. Ports stay as they are.

        Raises:
            ConfigError: a secret can't be read; everything stays as it was.
        """
        self._secrets = _secrets(settings)
        self._settings = settings
        self._desk.settings = settings
        for client in self._ari.values():
            client.know(settings.agent)

    # --- who may come in -----------------------------------------------------------------------------------------

    async def _on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        assert isinstance(connection, _Connection)
        where = urlsplit(request.path)
        tap = self._tap(where.path.strip("/").partition("/")[0])
        host = str(connection.remote_address[0]) if connection.remote_address else ""
        if tap is None or tap.protocol in _TCP:
            return _answer(HTTPStatus.NOT_FOUND, "no such tap")
        if not _may_come(tap.name, tap.allow, host):
            return _answer(HTTPStatus.FORBIDDEN, "not from this address")
        query = dict(parse_qsl(where.query))
        try:
            self._check(tap, request, query)
        except AccessError as err:
            log.warning("tap.refused", tap=tap.name, source=host, error=str(err))
            return _answer(HTTPStatus.UNAUTHORIZED, "not authorised")
        if not self._has_room(tap, host):
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "busy", retry_after=_RETRY_AFTER_S)
        query.pop("token", None)
        connection.tap, connection.query = tap, query
        return None

    def _check(self, tap: Tap, request: Request, query: dict[str, str]) -> None:
        headers: dict[str, str] = {}
        for name, value in request.headers.raw_items():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        secret = self._secrets[tap.name]
        if tap.protocol == "twilio":
            access.check_twilio(secret, tap.url, headers)
        elif tap.protocol == "audiohook":
            access.check_audiohook(tap.api_key, _decoded(secret), request.path, headers, self._clock())
            self._check_once(headers["signature"])
        else:
            access.check_secret(secret, headers, query)

    def _check_once(self, signature: str) -> None:
        """A signed request counts once, or whoever saw it pass could use it again."""
        now = self._clock()
        self._nonces = {seen: at for seen, at in self._nonces.items() if at > now - 2 * access.MAX_AGE_S}
        digest = hashlib.sha256(signature.encode()).hexdigest()
        if digest in self._nonces:
            raise AccessError("the signature was used before")
        self._nonces[digest] = now

    def _has_room(self, tap: Tap, host: str) -> bool:
        if self._streams < self._settings.taps.max_streams:
            return True
        log.warning("tap.refused", tap=tap.name, source=host, error="taps.max_streams are open")
        return False

    def _tap(self, name: str) -> Tap | None:
        return next((tap for tap in self._settings.tap if tap.name == name), None)

    # --- WebSockets ----------------------------------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        tap = connection.tap
        assert connection.request is not None
        codec = _codec(tap, connection.request.headers, connection.query)
        feed = _Feed(self._desk, tap)
        self._streams += 1
        try:
            await self._converse(connection, codec, feed)
        finally:
            self._streams -= 1
            feed.close()

    async def _converse(self, connection: _Connection, codec: StreamCodec, feed: "_Feed") -> None:
        idle_s = self._settings.taps.idle_s
        try:
            while not feed.finished:
                async with asyncio.timeout(feed.patience(idle_s)):
                    message = await connection.recv()
                inputs = codec.text(message) if isinstance(message, str) else codec.binary(message)
                feed.take(inputs)
                for answer in codec.outbox():
                    await connection.send(answer)
        except TapError as err:
            feed.complain(str(err))
            await self._end(connection, codec, str(err))
        except TimeoutError:
            feed.give_up(idle_s)
            await self._end(connection, codec, "nothing came")
        except ConnectionClosedOK:
            feed.finished = True  # Asterisk and FreeSWITCH end a stream by closing in good order
        except ConnectionClosed:
            pass  # the feed knows whether the peer had said so

    async def _end(self, connection: _Connection, codec: StreamCodec, reason: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in codec.stopping():
                await connection.send(message)
            await connection.close(_POLICY, reason.encode()[:_LONGEST_REASON].decode(errors="ignore"))

    # --- AudioSocket ---------------------------------------------------------------------------------------------

    async def _audiosocket(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        tap = self._tap(name)
        host = str(writer.get_extra_info("peername")[0])
        try:
            admitted = _may_come(name, tap.allow if tap is not None else (), host)
            if tap is not None and admitted and self._has_room(tap, host):
                await self._listen(tap, reader)
            writer.write(pack(HANG_UP))
        except OSError as err:
            log.info("tap.connection_broke", tap=name, error=str(err))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _listen(self, tap: Tap, reader: asyncio.StreamReader) -> None:
        client = self._ari.get(tap.name)
        codec, feed = AudioSocket(client.expected if client else None), _Feed(self._desk, tap)
        idle_s = self._settings.taps.idle_s
        self._streams += 1
        try:
            while not feed.finished:
                async with asyncio.timeout(feed.patience(idle_s)):
                    data = await reader.read(_READ_BYTES)
                if not data:
                    feed.finished = feed.begun  # Asterisk hangs up by closing
                    break
                feed.take(codec.receive(data))
        except TapError as err:
            feed.complain(str(err))
        except TimeoutError:
            feed.give_up(idle_s)
        finally:
            self._streams -= 1
            feed.close()


class _Feed:
    """What one connection brings, carried to the desk."""

    def __init__(self, desk: Desk, tap: Tap) -> None:
        self._desk, self._tap = desk, tap
        self._stream: Stream | None = None
        self._failed = False
        self.finished = False

    @property
    def begun(self) -> bool:
        return self._stream is not None

    def patience(self, idle_s: float) -> float | None:
        """Seconds to wait for the next message; None while the stream is paused."""
        if self._stream is None:
            return _FIRST_S
        return None if self._stream.paused else idle_s

    def take(self, inputs: Sequence[Input]) -> None:
        for what in inputs:
            match what:
                case Begun():
                    self._stream = self._desk.begin(self._tap, what)
                case Samples(channel, pcm) if self._stream is not None:
                    self._stream.samples(channel, pcm)
                case Paused() if self._stream is not None:
                    self._stream.pause()
                case Resumed() if self._stream is not None:
                    self._stream.resume()
                case Finished(failed):
                    self.finished, self._failed = True, failed
                case _:
                    pass

    def give_up(self, idle_s: float) -> None:
        """Nothing came for too long."""
        self.complain(f"nothing came for {idle_s if self.begun else _FIRST_S:g} s")

    def complain(self, error: str) -> None:
        self._failed = True
        call_id = self._stream.call_id if self._stream is not None else ""
        log.warning("tap.stream_refused", tap=self._tap.name, call_id=call_id, error=error)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close(failed=self._failed or not self.finished)


def _codec(tap: Tap, headers: Headers, query: dict[str, str]) -> StreamCodec:
    match tap.protocol:
        case "asterisk":
            return ChanWebSocket(query)
        case "freeswitch":
            return AudioFork(query)
        case "twilio":
            return MediaStream()
        case _:
            return AudioHook(headers.get("audiohook-session-id", ""), headers.get("audiohook-organization-id", ""))


def _secrets(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for tap in settings.tap:
        if tap.secret:
            value = read_secret(tap.secret)
            if tap.protocol == "audiohook":
                _decoded(value)
            found[tap.name] = value
    return found


def _decoded(secret: str) -> bytes:
    """A Genesys client secret, which is base64."""
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error:
        raise ConfigError("an AudioHook secret must be base64, as Genesys shows it") from None


def _may_come(tap: str, allow: Sequence[str], host: str) -> bool:
    if is_within(allow, host):
        return True
    log.warning("tap.refused", tap=tap, source=host, error="address not in allow")
    return False


def _select_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name in _KNOWN), None)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    taps = settings.taps
    if taps.certificate is None or taps.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(taps.certificate, taps.key)
    except (OSError, ssl.SSLError) as err:
        raise EndpointError(f"taps.certificate {taps.certificate} with key {taps.key} can't be used: {err}") from None
    return context


def _unopened(bind: str, port: int, key: str, err: OSError) -> EndpointError:
    if err.errno == errno.EADDRINUSE:
        return EndpointError(f"{bind}:{port} is in use; stop the process that has it (ss -ltnp) or set another {key}")
    return EndpointError(f"{bind}:{port} can't be opened ({err.strerror}); check taps.bind and {key}")


def _answer(status: HTTPStatus, text: str, *, retry_after: int = 0) -> Response:
    headers = Headers({"Content-Type": "text/plain; charset=utf-8"})
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="apuntador"'
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    return Response(status.value, status.phrase, headers, f"{text}\n".encode())
