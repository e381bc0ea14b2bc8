"""A real broker, a real hub, real WebSocket clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from assist.bus import Bus
from assist.config import Hub as HubSettings
from assist.config import Settings
from assist.hub.auth import Role, TokenStore
from assist.hub.outbound import OutboundQueue
from assist.hub.server import Hub
from tests.support import RealBroker, eventually

Message = dict[str, Any]


class Client:
    """A WebSocket client that reads on demand; every wait has a deadline."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[Message] = []

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self, timeout: float = 10.0) -> Message:
        message: Message = json.loads(await asyncio.wait_for(self.connection.recv(), timeout))
        self.seen.append(message)
        return message

    async def until(self, op: str, timeout: float = 10.0, **fields: Any) -> Message:
        """Read on to a message with this op and these fields."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.next(timeout)
                if message["op"] == op and all(message.get(key) == value for key, value in fields.items()):
                    return message

    async def until_event(self, kind: str, timeout: float = 10.0, **fields: Any) -> Message:
        """Read on to an event of this type."""
        async with asyncio.timeout(timeout):
            while True:
                event: Message = (await self.until("event", timeout))["event"]
                if event["type"] == kind and all(event.get(key) == value for key, value in fields.items()):
                    return event

    async def watch(self, call_id: str = "*", since: int = 0) -> Message:
        """Watch, and read until the hub says that this is all."""
        await self.send(op="watch", call_id=call_id, since=since)
        return await self.until("synced")

    def seqs(self) -> list[int]:
        """Of the stored events that came one by one."""
        return [m["event"]["seq"] for m in self.seen if m["op"] == "event" and m["event"]["seq"]]


class Rig:
    """Broker, bus and hub of one test."""

    def __init__(self, real_broker: RealBroker, folder: Path) -> None:
        self.broker = real_broker
        self.settings = Settings(data_dir=folder, hub=HubSettings(port=0))
        self.tokens = TokenStore.in_dir(folder)
        self.bus = Bus(real_broker.address, name="test")
        self.clients: list[ClientConnection] = []
        self._hub: Hub | None = None
        self._hub_bus: Bus | None = None
        self._port = 0

    @property
    def hub(self) -> Hub:
        assert self._hub is not None
        return self._hub

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/"

    async def start_hub(self, make_queue: Callable[[], OutboundQueue] = OutboundQueue) -> Hub:
        """A hub with a bus of its own, on the port it had before."""
        settings = self.settings.model_copy(update={"hub": HubSettings(port=self._port)})
        self._hub_bus = Bus(self.broker.address, name="hub")
        await self._hub_bus.start()
        self._hub = Hub(self._hub_bus, settings, make_queue=make_queue)
        await self._hub.start()
        self._port = self._hub.port
        return self._hub

    async def stop_hub(self) -> None:
        if self._hub is not None and self._hub_bus is not None:
            await self._hub.stop()
            await self._hub_bus.close()
            self._hub = None

    def token(self, role: Role = "agent", subject: str = "ana") -> str:
        return self.tokens.create(role, subject)[0]

    async def connect(self, token: str | None = None, **options: Any) -> Client:
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        connection = await connect(self.url, additional_headers=headers, proxy=None, max_size=None, **options)
        self.clients.append(connection)
        return Client(connection)

    async def close(self) -> None:
        for connection in self.clients:
            await connection.close()
        await self.stop_hub()
        await self.bus.close()


@pytest.fixture
async def rig(real_broker: RealBroker, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(real_broker, tmp_path)
    await made.bus.start()
    await made.bus.ready()
    hub = await made.start_hub()
    # Else a screen that is quick enough would hear that there is no broker yet.
    await eventually(lambda: hub.ready)
    yield made
    await made.close()
