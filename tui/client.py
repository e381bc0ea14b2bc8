"""The connection to the hub: comes back by itself, resumes where it was, and loses nothing the person did."""

import asyncio
import contextlib
import random
import secrets
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from assist.errors import AuthError, ConfigError, WireError
from assist.events import AgentDid, LeadDid
from tui import frames
from tui.frames import Done, Frame, Incoming, Link, Refused, Snapshot, Synced

FIRST_DELAY_S: Final = 0.1
LAST_DELAY_S: Final = 2.0
_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_MAX_CALLS: Final = 10_000

Sink = Callable[[Frame], None]


class Feed(Protocol):
    """Where a screen's frames come from and what the person does goes to."""

    @property
    def waiting(self) -> int:
        """How many things the person did are not yet known to be stored."""

    async def run(self, sink: Sink) -> None:
        """Give frames to ``sink`` for ever."""

    def do(self, event: AgentDid | LeadDid) -> str:
        """Report what the person did; returns its ref."""


class HubClient:
    """The feed of a running hub.

    ``since`` is the last stored event the screen has; it grows only while the hub has said ``synced``, so an
    interruption in the middle of the first snapshots starts them again.
    """

    def __init__(self, url: str, token: str, *, call_id: str = "*") -> None:
        self._url = url
        self._token = token
        self._call_id = call_id
        self._unconfirmed: dict[str, str] = {}
        self._unsent: deque[str] = deque()
        self._wake = asyncio.Event()
        self._have: dict[str, int] = {}
        self._synced = False
        self.since = 0

    async def run(self, sink: Sink) -> None:
        """Connect, and again whenever the connection breaks, until cancelled.

        Raises:
            AuthError: the hub refuses the token.
            ConfigError: the URL makes no sense.
        """
        delay = FIRST_DELAY_S
        while True:
            detail = ""
            try:
                async with self._open() as connection:
                    delay = FIRST_DELAY_S
                    sink(Link(up=True))
                    await self._talk(connection, sink)
            except InvalidStatus as err:
                detail = f"HTTP {err.response.status_code}"
                if err.response.status_code in (401, 403):
                    reason = (err.response.body or b"").decode(errors="replace").strip()
                    raise AuthError(reason or "the hub refused the token") from None
            except InvalidURI:
                raise ConfigError(f"hub URL {self._url!r} makes no sense; it looks like ws://127.0.0.1:8765") from None
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, WireError) as err:
                detail = str(err) or type(err).__name__
            sink(Link(up=False, detail=detail))
            # A little chance keeps a hundred screens from coming back in the same millisecond.
            await asyncio.sleep(delay * random.uniform(0.7, 1.0))
            delay = min(delay * 2, LAST_DELAY_S)

    def do(self, event: AgentDid | LeadDid) -> str:
        """Report what the person did: now, or as soon as the hub is back. Returns its ref."""
        ref = secrets.token_hex(8)
        self._unconfirmed[ref] = frames.do(event, ref)
        self._unsent.append(ref)
        self._wake.set()
        return ref

    @property
    def waiting(self) -> int:
        """How many things the person did are not yet known to be stored."""
        return len(self._unconfirmed)

    def _open(self) -> connect:
        return connect(
            self._url,
            additional_headers={"Authorization": f"Bearer {self._token}"},
            compression=None,
            proxy=None,
            open_timeout=5,
            ping_interval=5,
            ping_timeout=5,
            close_timeout=1,
            max_size=_MAX_MESSAGE_BYTES,
        )

    async def _talk(self, connection: ClientConnection, sink: Sink) -> None:
        self._synced = False
        await connection.send(frames.watch(self._call_id, self.since))
        self._unsent = deque(self._unconfirmed)
        self._wake.set()
        sender = asyncio.create_task(self._send(connection), name="hub-client-send")
        try:
            async for raw in connection:
                frame = frames.parse(raw)
                if frame is not None and self._is_news(frame):
                    sink(frame)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                while self._unsent:
                    text = self._unconfirmed.get(self._unsent.popleft())
                    if text is not None:
                        await connection.send(text)
                self._wake.clear()
                await self._wake.wait()

    def _is_news(self, frame: Frame) -> bool:
        match frame:
            case Snapshot():
                self._note(frame.call_id, frame.seq)
            case Incoming(event) if event.seq > 0:
                if event.seq <= self._have.get(event.call_id, 0):
                    return False
                self._note(event.call_id, event.seq)
                if self._synced:
                    self.since = event.seq
            case Synced():
                self._synced = True
                self.since = frame.seq
            case Done() | Refused():
                if isinstance(frame, Refused) and frame.code == "unavailable":
                    return True  # still unconfirmed: it goes out again with the next connection
                self._unconfirmed.pop(frame.ref, None)
            case _:
                pass
        return True

    def _note(self, call_id: str, seq: int) -> None:
        self._have.pop(call_id, None)
        self._have[call_id] = seq
        if len(self._have) > _MAX_CALLS:
            del self._have[next(iter(self._have))]
