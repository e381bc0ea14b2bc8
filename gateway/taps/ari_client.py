"""The connection to one Asterisk's ARI: events in over a WebSocket, requests out over HTTP."""

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from assist.config import Agent, Tap
from assist.process import end_tasks
from gateway.taps.ari import APP, AriCalls, Ask, Command, Expect, Forget
from gateway.taps.stream import Begun

_FIRST_RETRY_S: Final = 0.5
_LONGEST_RETRY_S: Final = 15.0
_TIMEOUT_S: Final = 10.0
_MAX_EVENT: Final = 1_048_576
"""Bytes of one event: a bridge of some hundred channels is listed whole."""

log = structlog.get_logger(__name__)


class AriClient:
    """Listens to one Asterisk for as long as it runs, connecting again whenever it has to.

    Args:
        tap: its settings; ``url`` is ARI's, ``api_key`` its user.
        secret: the user's password.
        agents: who is an agent.
        media: ``host:port`` of our AudioSocket server, as Asterisk reaches it.
    """

    def __init__(self, tap: Tap, secret: str, agents: Sequence[Agent], media: str) -> None:
        self._tap = tap
        self._calls = AriCalls(tap, agents, media, uuid.uuid4)
        self._auth = (tap.api_key, secret)
        self._expected: dict[uuid.UUID, Begun] = {}
        self._task: asyncio.Task[None] | None = None
        self._refused = False

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.create_task(self._run(), name=f"ari-{self._tap.name}")

    async def stop(self) -> None:
        """Let go of Asterisk; the streams end with our sockets."""
        if self._task is not None:
            await end_tasks([self._task])
        asks = self._calls.give_up()
        if asks:
            with contextlib.suppress(httpx.HTTPError):
                async with self._http() as http:
                    await self._carry_out(http, asks)

    def know(self, agents: Sequence[Agent]) -> None:
        """Use these agents for the calls to come."""
        self._calls.know(agents)

    def expected(self, token: uuid.UUID) -> Begun | None:
        """What a connection with this UUID brings; each is good once."""
        return self._expected.pop(token, None)

    async def _run(self) -> None:
        delay = _FIRST_RETRY_S
        while True:
            try:
                await self._listen()
                delay = _FIRST_RETRY_S
            except (OSError, WebSocketException, httpx.HTTPError, TimeoutError) as err:
                # An Asterisk that is started again comes back; who only has a wrong password reads it once.
                if not self._refused:
                    log.warning("tap.ari_unreachable", tap=self._tap.name, error=_why(err))
                self._refused = True
            await self._carry_out(None, self._calls.lost())
            await asyncio.sleep(delay)
            delay = min(_LONGEST_RETRY_S, 2 * delay)

    async def _listen(self) -> None:
        where = urlsplit(self._tap.url.rstrip("/"))
        scheme = "wss" if where.scheme == "https" else "ws"
        uri = f"{scheme}://{where.netloc}{where.path}/events?app={APP}&subscribeAll=true"
        basic = base64.b64encode(":".join(self._auth).encode()).decode()
        async with (
            self._http() as http,
            connect(
                uri,
                additional_headers={"Authorization": f"Basic {basic}"},
                max_size=_MAX_EVENT,
                open_timeout=_TIMEOUT_S,
                proxy=None,
            ) as events,
        ):
            self._refused = False
            log.info("tap.ari_connected", tap=self._tap.name)
            await self._carry_out(http, self._calls.seen(await _list(http, "channels"), await _list(http, "bridges")))
            async for message in events:
                event = _event(message)
                await self._carry_out(http, self._calls.heard(event))

    def _http(self) -> httpx.AsyncClient:
        base = self._tap.url.rstrip("/")
        return httpx.AsyncClient(base_url=base, auth=self._auth, timeout=_TIMEOUT_S, trust_env=False)

    async def _carry_out(self, http: httpx.AsyncClient | None, commands: list[Command]) -> None:
        waiting = list(commands)
        while waiting:
            command = waiting.pop(0)
            match command:
                case Expect(token, begun):
                    self._expected[token] = begun
                case Forget(token):
                    self._expected.pop(token, None)
                case Ask() if http is not None and not await self._asked(http, command):
                    # The rest of what this call wanted would fail, too.
                    waiting = [one for one in waiting if not (isinstance(one, Ask) and one.call == command.call)]
                    waiting += self._calls.failed(command.call)
                case _:
                    pass

    async def _asked(self, http: httpx.AsyncClient, ask: Ask) -> bool:
        """Whether it was granted; of what is only tidied up any answer will do."""
        response = await http.request(ask.method, ask.path, params=dict(ask.params))
        if response.is_success or not ask.call:
            return True
        log.warning("tap.ari_refused", tap=self._tap.name, path=ask.path.split("/")[1], code=response.status_code)
        return False


async def _list(http: httpx.AsyncClient, what: str) -> object:
    response = await http.get(f"/{what}")
    response.raise_for_status()
    return response.json()


def _event(message: str | bytes) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _why(err: Exception) -> str:
    text = str(err) or type(err).__name__
    return f"{text}; check the tap's url, api_key (ARI's user) and secret" if "401" in text else text
