"""The process of the media streams, with peers that speak as Asterisk, FreeSWITCH, Twilio and Genesys document it."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import numpy as np
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from assist.events import CallEnded, CallStarted, SensitiveChanged
from gateway.taps.audio import ulaw
from gateway.taps.audiosocket import pack
from tests.interop.conftest import Listener
from tests.interop.rig import HOST, Process, wait_for
from tests.ports import sip_port

SECRET = "only-for-this-test"
GENESYS_SECRET = base64.b64encode(b"thirty-two bytes of test secrets").decode()
GENESYS_KEY = "integration-key"
TWILIO_URL = "wss://calls.example.com/twilio"
SECONDS = 1.0


class Taps(Process):
    """``python -m gateway.taps`` with a tap of every protocol, each named after it."""

    def __init__(self, tmp: Path, *, idle_s: int = 30, max_streams: int = 16) -> None:
        self.port, self.tcp_port = sip_port(), sip_port()
        self.config = tmp / "taps.toml"
        secrets = {"asterisk": SECRET, "freeswitch": SECRET, "twilio": SECRET, "audiohook": GENESYS_SECRET}
        parts = [
            f'data_dir = "{tmp}"',
            f"[taps]\nport = {self.port}\nidle_s = {idle_s}\nmax_streams = {max_streams}",
            f'[[tap]]\nname = "audiosocket"\nprotocol = "audiosocket"\nport = {self.tcp_port}\nagent = "ana"',
        ]
        for name, secret in secrets.items():
            path = tmp / f"{name}.secret"
            path.write_text(f"{secret}\n")
            more = {"audiohook": f'api_key = "{GENESYS_KEY}"', "twilio": f'url = "{TWILIO_URL}"'}.get(name, "")
            parts.append(
                f'[[tap]]\nname = "{name}"\nprotocol = "{name}"\nsecret = "file:{path}"\nagent = "ana"\n{more}'
            )
        parts += [f'[[agent]]\nid = "{name}"\nsip = "sip:{name}@{HOST}"' for name in ("ana", "luis")]
        self.config.write_text("\n".join(parts) + "\n")
        self._log = tmp / "taps"
        self.start()

    def start(self) -> None:
        """Start it, again if it was ended."""
        argv = [sys.executable, "-m", "gateway.taps", "--config", str(self.config)]
        super().__init__(argv, self._log, cwd=Path(__file__).parents[2])

    def wait_ready(self) -> "Taps":
        wait_for(lambda: "taps.ready" in self.text() or not self.running, 20, "taps.ready")
        assert self.running, self.text()
        return self

    def uri(self, tap: str, query: str = "") -> str:
        return f"ws://{HOST}:{self.port}/{tap}{query}"


@pytest_asyncio.fixture
async def taps(tmp_path: Path, listener: Listener, processes: list[Process]) -> AsyncIterator[Taps]:
    process = Taps(tmp_path)
    processes.append(process)
    await asyncio.to_thread(process.wait_ready)
    yield process


def noise(seed: int) -> bytes:
    """µ-law codes as loud as speech, other ones for each seed."""
    return bytes(np.random.default_rng(seed).integers(0, 256, int(SECONDS * 8000), dtype=np.uint8))


def bearer(secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def frames(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def heard(listener: Listener, calls: int = 1) -> list[str]:
    """Ids of the calls, once all of them have ended and their audio has come whole."""

    def all_in() -> bool:
        return sum(isinstance(event, CallEnded) for event in listener.events) >= calls

    await listener.until(all_in, what="the calls' ends")
    ids = [event.call_id for event in listener.events if isinstance(event, CallStarted)]
    assert len(ids) == calls
    return ids


def assert_same(listener: Listener, call_id: str, party: Any, codes: bytes) -> None:
    expected = np.frombuffer(ulaw(codes), "<i2")
    got = listener.pcm(call_id, party)
    assert len(got) >= len(expected)
    assert np.array_equal(got[: len(expected)], expected)


async def test_audiosocket_brings_two_legs_of_one_call(taps: Taps, listener: Listener) -> None:
    call = uuid4().hex[:-1]
    voices = {"c": noise(1), "a": noise(2)}

    async def speak(digit: str, codes: bytes) -> None:
        _, writer = await asyncio.open_connection(HOST, taps.tcp_port)
        writer.write(pack(0x01, UUID(call + digit).bytes))
        began = time.monotonic()
        for number, frame in enumerate(frames(ulaw(codes), 320)):
            # At the pace of a call, so that the frames' numbers are the leg's time.
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            writer.write(pack(0x10, frame))
        writer.write(pack(0x00))
        await writer.drain()
        writer.close()

    await asyncio.gather(*(speak(digit, codes) for digit, codes in voices.items()))
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert_same(listener, call_id, "customer", voices["c"])
    assert_same(listener, call_id, "agent", voices["a"])
    ended = listener.last(CallEnded)
    assert (ended.reason, ended.answered) == ("ended", True)


async def test_chan_websocket_brings_two_legs_of_one_call(taps: Taps, listener: Listener) -> None:
    async def speak(party: str, codes: bytes) -> None:
        uri = taps.uri("asterisk", f"?call=1761245643.1&party={party}&agent=luis")
        basic = base64.b64encode(f"asterisk:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        async with connect(uri, additional_headers=headers, subprotocols=[Subprotocol("media")]) as peer:
            assert peer.subprotocol == "media"
            await peer.send("MEDIA_START connection_id:m channel:WebSocket/m/0x1 format:ulaw optimal_frame_size:160")
            for frame in frames(codes, 160):
                await peer.send(frame)
            await both.wait()

    both = asyncio.Barrier(2)
    await asyncio.gather(speak("customer", noise(1)), speak("agent", noise(2)))
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert_same(listener, call_id, "customer", noise(1))
    assert_same(listener, call_id, "agent", noise(2))
    assert listener.last(CallStarted).agent_id == "luis"


async def test_freeswitch_brings_both_voices_on_one_connection(taps: Taps, listener: Listener) -> None:
    stereo = np.stack([np.frombuffer(ulaw(noise(seed)), "<i2") for seed in (1, 2)], axis=1).tobytes()
    uri = taps.uri("freeswitch", f"?token={SECRET}")
    async with connect(uri, subprotocols=[Subprotocol("audio.drachtio.org")]) as peer:
        await peer.send(json.dumps({"call": str(uuid4()), "caller": "5551234", "queue": "ventas", "language": "en"}))
        for frame in frames(stereo, 640):
            await peer.send(frame)
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert_same(listener, call_id, "customer", noise(1))
    assert_same(listener, call_id, "agent", noise(2))
    started = listener.last(CallStarted)
    assert (started.caller, started.queue, started.language, started.trunk) == ("5551234", "ventas", "en", "freeswitch")
    assert SECRET not in taps.text()
    assert "5551234" not in taps.text()


async def test_twilio_brings_both_tracks(taps: Taps, listener: Listener) -> None:
    signature = base64.b64encode(hmac.new(SECRET.encode(), TWILIO_URL.encode(), hashlib.sha1).digest()).decode()
    async with connect(taps.uri("twilio"), additional_headers={"X-Twilio-Signature": signature}) as peer:
        await peer.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "callSid": "CA1",
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        }
        await peer.send(json.dumps({"event": "start", "start": start}))
        for one, two in zip(frames(noise(1), 160), frames(noise(2), 160), strict=True):
            for track, payload in (("inbound", one), ("outbound", two)):
                media = {"track": track, "payload": base64.b64encode(payload).decode()}
                await peer.send(json.dumps({"event": "media", "media": media}))
        await peer.send(json.dumps({"event": "stop"}))
        await peer.wait_closed()
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert_same(listener, call_id, "customer", noise(1))
    assert_same(listener, call_id, "agent", noise(2))


def genesys_headers(taps: Taps, session: str, organization: str, *, secret: str = GENESYS_SECRET) -> dict[str, str]:
    headers = {
        "Audiohook-Organization-Id": organization,
        "Audiohook-Session-Id": session,
        "Audiohook-Correlation-Id": str(uuid4()),
        "X-API-KEY": GENESYS_KEY,
    }
    values = {
        "@request-target": "/audiohook",
        "@authority": f"{HOST}:{taps.port}",
        **{name.lower(): value for name, value in headers.items()},
    }
    covered = " ".join(f'"{name}"' for name in values)
    nonce = base64.b64encode(random.randbytes(18)).decode()
    parameters = f'({covered});keyid="{GENESYS_KEY}";nonce="{nonce}";alg="hmac-sha256";created={int(time.time())}'
    signed = "\n".join(
        [f'"{name}": {value}' for name, value in values.items()] + [f'"@signature-params": {parameters}']
    )
    digest = hmac.new(base64.b64decode(secret), signed.encode(), hashlib.sha256).digest()
    return {
        **headers,
        "Signature-Input": f"sig1={parameters}",
        "Signature": f"sig1=:{base64.b64encode(digest).decode()}:",
    }


class Genesys:
    """The client's half of an AudioHook session."""

    def __init__(self, peer: ClientConnection, session: str, organization: str) -> None:
        self._peer, self._session, self._organization = peer, session, organization
        self._seq = self._heard = 0

    async def ask(self, kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Send a message and return its answer."""
        self._seq += 1
        told = {
            "version": "2",
            "id": self._session,
            "type": kind,
            "seq": self._seq,
            "serverseq": self._heard,
            "position": "PT0S",
            "parameters": parameters,
        }
        await self._peer.send(json.dumps(told))
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(self._peer.recv(), 5))
        self._heard += 1
        assert (answer["seq"], answer["clientseq"]) == (self._heard, self._seq)
        return answer

    async def open(self, conversation: UUID) -> dict[str, Any]:
        return await self.ask(
            "open",
            {
                "organizationId": self._organization,
                "conversationId": str(conversation),
                "participant": {"id": str(uuid4()), "ani": "+15551230001", "aniName": "Test", "dnis": "+18885551212"},
                "media": [
                    {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
                    {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
                ],
            },
        )


async def test_genesys_opens_speaks_and_closes(taps: Taps, listener: Listener) -> None:
    session, organization = str(uuid4()), str(uuid4())
    async with connect(taps.uri("audiohook"), additional_headers=genesys_headers(taps, session, organization)) as peer:
        client = Genesys(peer, session, organization)
        opened = await client.open(uuid4())
        assert opened["parameters"]["media"][0]["channels"] == ["external", "internal"]
        stereo = bytes(np.stack([np.frombuffer(noise(seed), np.uint8) for seed in (1, 2)], axis=1).reshape(-1))
        for chunk in frames(stereo, 3200):
            await peer.send(chunk)
        assert (await client.ask("ping", {}))["type"] == "pong"
        assert (await client.ask("close", {"reason": "end"}))["type"] == "closed"
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert_same(listener, call_id, "customer", noise(1))
    assert_same(listener, call_id, "agent", noise(2))


async def test_a_genesys_probe_brings_no_call(taps: Taps, listener: Listener) -> None:
    session, organization = str(uuid4()), str(uuid4())
    headers = genesys_headers(taps, session, organization)
    async with connect(taps.uri("audiohook"), additional_headers=headers) as peer:
        client = Genesys(peer, session, organization)
        assert (await client.open(UUID(int=0)))["parameters"]["media"] == []
        assert (await client.ask("close", {"reason": "end"}))["type"] == "closed"
    assert listener.events == []
    with pytest.raises(InvalidStatus) as refused:
        async with connect(taps.uri("audiohook"), additional_headers=headers):
            pass
    assert refused.value.response.status_code == 401  # a request that was seen before


@pytest.mark.parametrize(
    ("tap", "headers", "status"),
    [
        ("freeswitch", {}, 401),
        ("freeswitch", bearer("wrong"), 401),
        ("asterisk", {"Authorization": "Basic eDp3cm9uZw=="}, 401),
        ("twilio", bearer(), 401),
        ("audiohook", {"X-API-KEY": GENESYS_KEY}, 401),
        ("audiosocket", bearer(), 404),
        ("nothing", bearer(), 404),
    ],
)
async def test_who_proves_nothing_stays_outside(taps: Taps, tap: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(taps.uri(tap), additional_headers=headers):
            pass
    assert refused.value.response.status_code == status


async def test_a_forged_genesys_signature_stays_outside(taps: Taps) -> None:
    headers = genesys_headers(taps, "s", "o", secret=base64.b64encode(b"guessed").decode())
    with pytest.raises(InvalidStatus) as refused:
        async with connect(taps.uri("audiohook"), additional_headers=headers):
            pass
    assert refused.value.response.status_code == 401


async def test_nonsense_ends_its_connection_and_no_other(taps: Taps, listener: Listener) -> None:
    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as good:
        await good.send(json.dumps({"call": "good", "mix": "mono"}))
        await good.send(ulaw(noise(1)[:160]))
        await listener.until(lambda: "CallStarted" in listener.kinds(), what="the good call")
        for message in ("nonsense", '{"call": "a", "mix": "mixed"}', '{"call": "a", "agent": "eve"}', b"\0\0"):
            async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as bad:
                await bad.send(message)
                await asyncio.wait_for(bad.wait_closed(), 5)
                assert bad.close_code == 1008
                assert bad.close_reason
        reader, writer = await asyncio.open_connection(HOST, taps.tcp_port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == pack(0x00)
        writer.close()
        for frame in frames(ulaw(noise(1)[160:]), 320):
            await good.send(frame)
    (call_id,) = await heard(listener)
    await listener.until(
        lambda: any(c.end for c in listener.chunks.get((call_id, "customer"), [])), what="the leg's end"
    )
    assert_same(listener, call_id, "customer", noise(1))


async def test_a_peer_that_falls_silent_is_given_up(
    tmp_path: Path, listener: Listener, processes: list[Process]
) -> None:
    taps = Taps(tmp_path, idle_s=5)
    processes.append(taps)
    await asyncio.to_thread(taps.wait_ready)
    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as peer:
        await peer.send(json.dumps({"call": "1", "mix": "mono"}))
        await peer.send(ulaw(noise(1)))
        await asyncio.wait_for(peer.wait_closed(), 15)
    await heard(listener)
    assert listener.last(CallEnded).reason == "lost"


async def test_more_streams_than_allowed_come_back_later(
    tmp_path: Path, listener: Listener, processes: list[Process]
) -> None:
    taps = Taps(tmp_path, max_streams=1)
    processes.append(taps)
    await asyncio.to_thread(taps.wait_ready)
    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as first:
        await first.send(json.dumps({"call": "1", "mix": "mono"}))
        await listener.until(lambda: "CallStarted" in listener.kinds(), what="the first call")
        with pytest.raises(InvalidStatus) as refused:
            async with connect(taps.uri("freeswitch"), additional_headers=bearer()):
                pass
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "5"


async def test_stopping_ends_the_calls_and_says_so(taps: Taps, listener: Listener) -> None:
    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as peer:
        await peer.send(json.dumps({"call": "1"}))
        await listener.until(lambda: "CallStarted" in listener.kinds(), what="the call")
        taps.popen.send_signal(signal.SIGTERM)
        await asyncio.wait_for(peer.wait_closed(), 10)
        assert peer.close_code == 1001
    await heard(listener)
    assert await asyncio.to_thread(taps.wait, 10) == 0


async def test_a_reload_brings_new_agents_and_a_wrong_one_changes_nothing(taps: Taps, listener: Listener) -> None:
    text = taps.config.read_text()

    async def reload(content: str, line: str) -> None:
        taps.config.write_text(content)
        taps.popen.send_signal(signal.SIGHUP)
        await listener.until(lambda: line in taps.text(), what=line)

    await reload(text.replace('id = "luis"', 'id = "eva"'), "taps.reloaded")
    await reload(text + "nonsense = 1\n", "taps.reload_refused")
    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as peer:
        await peer.send(json.dumps({"call": "1", "agent": "eva"}))
        await listener.until(lambda: "CallStarted" in listener.kinds(), what="the call")
    assert listener.last(CallStarted).agent_id == "eva"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[taps]\nport = ", "[taps]\nport = @BUSY@\n#"), "taps.port"),
        (("freeswitch.secret", "missing.secret"), "missing.secret: can't be read"),
        (('secret = "file:', 'secret = "'), "not the secret itself"),
    ],
)
async def test_what_cannot_work_is_said_at_the_start(
    tmp_path: Path, listener: Listener, processes: list[Process], change: tuple[str, str], message: str
) -> None:
    taps = Taps(tmp_path)
    taps.end()
    with socket.create_server((HOST, 0)) as busy:
        text = taps.config.read_text().replace(*change, 1).replace("@BUSY@", str(busy.getsockname()[1]))
        taps.config.write_text(text)
        again = Process([sys.executable, "-m", "gateway.taps", "--config", str(taps.config)], tmp_path / "again")
        processes.append(again)
        code = await asyncio.to_thread(again.wait, 20)
    assert code == 3
    assert message in again.text()


async def test_payment_data_is_let_through_as_silence(taps: Taps, listener: Listener) -> None:
    loud = ulaw(noise(1)[:8000])

    async def tell(state: Literal["begin", "end"]) -> None:
        call_id = listener.last(CallStarted).call_id
        listener.bus.send(
            SensitiveChanged(call_id=call_id, at=time.time(), state=state, reason="card_number", evidence=())
        )
        await listener.until(lambda: f'"state": "{state}"' in taps.text(), what=f"the {state} of the pause")

    async def speak() -> None:
        before = sum(map(len, listener.chunks.values()))
        for frame in frames(loud, 640):
            await peer.send(frame)
        await listener.until(lambda: sum(map(len, listener.chunks.values())) > before + 6, what="the audio")

    async with connect(taps.uri("freeswitch"), additional_headers=bearer()) as peer:
        await peer.send(json.dumps({"call": "1"}))
        await listener.until(lambda: "CallStarted" in listener.kinds(), what="the call")
        await speak()
        await tell("begin")
        await speak()
        await tell("end")
        await speak()
    (call_id,) = await heard(listener)
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    for party in ("customer", "agent"):
        chunks = [np.frombuffer(chunk.pcm, "<i2") for chunk in listener.chunks[call_id, party]]  # type: ignore[index]
        silent = [not chunk.any() for chunk in chunks if len(chunk)]
        first, last = silent.index(True), len(silent) - silent[::-1].index(True)
        assert all(silent[first:last])
        assert first >= 5
        assert len(silent) - last >= 5
        assert last - first >= 5
