"""Who gets in, and what else the port serves."""

import asyncio
import shutil
import socket
import urllib.error
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from assist.bus import Bus, BusAddress
from assist.config import Hub as HubSettings
from assist.config import Settings
from assist.errors import StackError
from assist.hub import server
from assist.hub.server import Hub
from assist.wire import Beat
from tests.functional.hub.conftest import Rig
from tests.functional.hub.test_calls import started, tags
from tests.support import eventually, eventually_async


async def get(rig: Rig, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(rig.url.replace("ws:", "http:") + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()

    return await asyncio.to_thread(fetch)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, "no token"),
        ({"Authorization": "Bearer apt_wrong"}, "unknown or revoked"),
        ({"Authorization": "Basic YTpi"}, "no token"),
        ([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], "no token"),
    ],
)
async def test_without_a_token_there_is_no_connection_and_a_reason(rig: Rig, headers: object, part: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(rig.url, additional_headers=headers, proxy=None)  # type: ignore[arg-type]
    assert caught.value.response.status_code == 401
    assert part in (caught.value.response.body or b"").decode()
    assert "apuntador token create" in (caught.value.response.body or b"").decode()


async def test_a_token_in_the_url_does_not_count(rig: Rig) -> None:
    with pytest.raises(InvalidStatus):
        await connect(f"{rig.url}?token={rig.token()}", proxy=None)


async def test_welcome_says_who_the_token_is_for(rig: Rig) -> None:
    client = await rig.connect(rig.token("lead", "luz"))
    hello = await client.next()
    assert (hello["op"], hello["role"], hello["subject"], hello["language"]) == ("welcome", "lead", "luz", "es")


async def test_revoking_a_token_closes_its_screens(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HOUSEKEEPING_S", 0.05)
    await rig.stop_hub()
    await rig.start_hub()
    secret, token = rig.tokens.create("agent", "ana")
    gone, stays = await rig.connect(secret), await rig.connect()
    await gone.watch()
    await stays.watch()
    rig.tokens.revoke(token.id)
    with pytest.raises(ConnectionClosed) as caught:
        await gone.until("never")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401
    await stays.send(op="ping")
    await stays.until("pong")


async def test_health_and_metrics(rig: Rig) -> None:
    await eventually(lambda: rig.hub.ready)
    client = await rig.connect()
    await client.watch()
    assert await get(rig, "healthz") == (200, "ok\n")
    assert await get(rig, "readyz") == (200, "ready\n")
    status, text = await get(rig, "metrics")
    assert status == 200
    assert 'apuntador_hub_screens{role="agent"} 1.0' in text
    assert "call_id" not in text
    assert (await get(rig, "elsewhere"))[0] == 404


async def test_the_transcribers_figures_are_those_of_their_heartbeats(rig: Rig) -> None:
    beat = Beat(
        worker_id="t7",
        done={"secret-call": {"customer": 5}},
        lag=34.5,
        load=0.62,
        calls={"full": 3, "finals": 1, "late": 2},
        restarts=4,
        lost_s=1.5,
    )
    await rig.bus.send_beat(beat)
    lines: list[str] = []

    async def there() -> bool:
        lines[:] = (await get(rig, "metrics"))[1].splitlines()
        return 'apuntador_transcriber_load{worker="t7"} 0.62' in lines

    await eventually_async(there, what="the transcriber's figures")
    for line in (
        'apuntador_transcriber_calls{level="finals",worker="t7"} 1.0',
        'apuntador_transcriber_lag_seconds{worker="t7"} 34.5',
        'apuntador_transcriber_stream_restarts_total{worker="t7"} 4.0',
        'apuntador_transcriber_lost_seconds_total{worker="t7"} 1.5',
    ):
        assert line in lines
    assert not any("secret-call" in line for line in lines)


async def test_the_hub_waits_for_a_broker_that_is_not_there_yet(rig: Rig) -> None:
    rig.broker.kill()
    await rig.stop_hub()
    await rig.start_hub()
    assert await get(rig, "healthz") == (200, "ok\n")
    assert (await get(rig, "readyz"))[0] == 503
    client = await rig.connect()
    down = await client.until_event("Degraded", component="broker")
    assert (down["level"], down["call_id"], down["seq"]) == ("down", "", 0)
    await client.send(op="watch", call_id="*", since=0)
    rig.broker.start()
    await client.until_event("Degraded", timeout=20, component="broker", level="ok")
    await client.until("synced", timeout=20)


async def test_screens_hear_when_the_broker_goes_and_comes(rig: Rig) -> None:
    client = await rig.connect()
    await client.watch()
    rig.broker.kill()
    await client.until_event("Degraded", timeout=20, component="broker", level="down")
    rig.broker.start()
    await client.until_event("Degraded", timeout=20, component="broker", level="ok")


async def test_a_busy_port_is_named_with_its_remedy(tmp_path: object) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        hub = Hub(Bus(BusAddress("nats://127.0.0.1:1"), name="x"), Settings(hub=HubSettings(port=port)))
        with pytest.raises(StackError, match=rf"127\.0\.0\.1:{port} is in use.*\[hub\] port"):
            await hub.start()


async def test_too_large_a_message_closes_the_connection(rig: Rig) -> None:
    client = await rig.connect()
    await client.watch()
    await client.connection.send("x" * 70_000)
    with pytest.raises(ConnectionClosed) as caught:
        await client.until("never")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


async def test_a_broker_that_lost_its_store_starts_anew_and_calls_stay(rig: Rig) -> None:
    client = await rig.connect()
    await client.watch()
    call_id = "c1"
    for event in (started(call_id), *(tags(call_id) for _ in range(5))):
        rig.bus.send(event)
    while len(client.seqs()) < 6:
        await client.until("event")
    rig.broker.kill()
    await asyncio.to_thread(shutil.rmtree, rig.settings.data_dir / "nats")
    rig.broker.start()
    await eventually(lambda: rig.bus.connected, 20)
    rig.bus.send(tags(call_id))
    with pytest.raises(ConnectionClosed) as caught:
        await client.until("never", 20)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == server.RESTARTED
    again = await rig.connect()
    await again.watch(since=client.seqs()[-1])
    snapshots = [message for message in again.seen if message["op"] == "snapshot"]
    assert [[event["type"] for event in message["events"]] for message in snapshots] == [["CallStarted", "TagsChanged"]]
    rig.bus.send(tags(call_id))
    assert (await again.until_event("TagsChanged"))["seq"] == 2


async def test_events_read_ahead_of_the_following_are_not_a_new_store(rig: Rig) -> None:
    rig.bus.send(started("c1"))
    await eventually(lambda: rig.hub.ready)
    await rig.stop_hub()
    hub = await rig.start_hub()
    await eventually(lambda: hub.ready)
    client = await rig.connect()
    await client.watch()
    # What a follower that lags behind the reading brings once more.
    for event in await rig.bus.history("c1"):
        await hub._on_stored(event)
    await client.send(op="ping")
    await client.until("pong")
    assert client.seqs() == []
