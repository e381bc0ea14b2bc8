"""What each media stream's protocol means; the layouts are those of the vendors' documents."""

import base64
import contextlib
import json
import struct
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TapError
from gateway.taps.asterisk import ChanWebSocket
from gateway.taps.audio import ulaw
from gateway.taps.audiohook import AudioHook
from gateway.taps.audiosocket import AudioSocket, pack
from gateway.taps.freeswitch import AudioFork
from gateway.taps.stream import Begun, Finished, Paused, Resumed, Samples, StreamCodec
from gateway.taps.twilio import MediaStream

CALL = UUID("0f8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2c")
FRAME = np.arange(160, dtype="<i2").tobytes()
ULAW = bytes(range(160))
SESSION, ORGANIZATION = "30b0e395-84d3-4570-ac13-9a62d8f514c0", "d7934305-0972-4844-938e-9060eef73d05"


def tell(codec: StreamCodec, messages: list[str]) -> None:
    for message in messages:
        codec.text(message)


# --- AudioSocket -------------------------------------------------------------------------------------------------


def test_audiosocket_names_the_call_and_the_voice() -> None:
    codec = AudioSocket()
    assert codec.receive(pack(0x01, CALL.bytes)) == []
    begun, samples = codec.receive(pack(0x10, FRAME))
    assert begun == Begun(CALL.hex[:-1], ("customer",), 8000)
    assert samples == Samples(0, FRAME)
    assert codec.receive(pack(0x03, b"5")) == []
    assert codec.receive(pack(0x00)) == [Finished()]
    assert codec.receive(pack(0x10, FRAME)) == []


@pytest.mark.parametrize("kind", [0x11, 0x12])
def test_audiosocket_reads_16_khz_under_both_names(kind: int) -> None:
    codec = AudioSocket()
    begun, _ = codec.receive(pack(0x01, CALL.bytes) + pack(kind, FRAME * 2))
    assert isinstance(begun, Begun)
    assert begun.rate == 16000


@given(st.lists(st.integers(1, 700), max_size=10))
def test_audiosocket_does_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    data = pack(0x01, CALL.bytes) + pack(0x10, FRAME) * 3 + pack(0xFF)
    expected = AudioSocket().receive(data)
    codec, found, at = AudioSocket(), [], 0
    for cut in cuts:
        found += codec.receive(data[at : at + cut])
        at += cut
    assert [*found, *codec.receive(data[at:])] == expected
    assert expected[-1] == Finished(failed=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET / HTTP/1.1\r\n", "something else connected"),
        (pack(0x10, FRAME), "not an AudioSocket UUID"),
        (pack(0x01, CALL.bytes) * 2, "second UUID"),
        (pack(0x01, CALL.bytes) + pack(0x16, FRAME), "8 or 16 kHz"),
        (pack(0x01, CALL.bytes) + pack(0x10, FRAME) + pack(0x12, FRAME), "changed from 8000 to 16000"),
        (pack(0x01, UUID(int=0x17).bytes) + pack(0x10, FRAME), "last digit .* is '7'"),
    ],
)
def test_audiosocket_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(TapError, match=message):
        AudioSocket().receive(data)


@given(st.binary(max_size=200))
def test_audiosocket_survives_anything(data: bytes) -> None:
    with contextlib.suppress(TapError):
        AudioSocket().receive(data)


# --- Asterisk's chan_websocket --------------------------------------------------------------------------------------

PLAIN = "MEDIA_START connection_id:media1 channel:WebSocket/m/0x1 format:slin16 optimal_frame_size:640 ptime:20"
JSON = json.dumps({"event": "MEDIA_START", "connection_id": "m", "format": "ulaw", "optimal_frame_size": 160})


def test_chan_websocket_reads_the_plain_and_the_json_form() -> None:
    query = {"call": "1761245643.1", "party": "agent", "agent": "ana"}
    codec = ChanWebSocket(query)
    assert codec.text(PLAIN) == [Begun("1761245643.1", ("agent",), 16000, query)]
    assert codec.binary(FRAME) == [Samples(0, FRAME)]
    assert codec.text("MEDIA_XOFF") == []
    assert codec.stopping() == ["HANGUP"]

    codec = ChanWebSocket({"call": "1", "party": "caller"})
    assert codec.text(JSON) == [Begun("1", ("caller",), 8000, {"call": "1", "party": "caller"})]
    assert codec.binary(ULAW) == [Samples(0, ulaw(ULAW))]
    assert json.loads(codec.stopping()[0]) == {"command": "HANGUP"}


@pytest.mark.parametrize(
    ("query", "messages", "error"),
    [
        ({"call": "1"}, [PLAIN], "party=customer"),
        ({"party": "agent"}, [PLAIN], "UNIQUEID"),
        ({"call": "1", "party": "agent"}, [PLAIN.replace("slin16", "opus")], r"c\(ulaw\)"),
        ({"call": "1", "party": "agent"}, [PLAIN, PLAIN], "twice"),
        ({"call": "1", "party": "agent"}, ["{"], "not JSON"),
    ],
)
def test_chan_websocket_says_what_is_wrong(query: dict[str, str], messages: list[str], error: str) -> None:
    with pytest.raises(TapError, match=error):
        tell(ChanWebSocket(query), messages)
    with pytest.raises(TapError, match="before MEDIA_START"):
        ChanWebSocket(query).binary(FRAME)


# --- FreeSWITCH ------------------------------------------------------------------------------------------------------


def test_freeswitch_sends_the_caller_left_and_the_callee_right() -> None:
    codec = AudioFork({"token": "x"})
    (begun,) = codec.text('{"call": "abc", "agent": "ana", "rate": 16000, "nested": {"no": 1}}')
    assert isinstance(begun, Begun)
    assert (begun.stream, begun.channels, begun.rate) == ("abc", ("caller", "callee"), 16000)
    assert begun.about["agent"] == "ana"
    assert "nested" not in begun.about
    stereo = np.array([1, -1, 2, -2], "<i2").tobytes()
    assert codec.binary(stereo) == [
        Samples(0, np.array([1, 2], "<i2").tobytes()),
        Samples(1, np.array([-1, -2], "<i2").tobytes()),
    ]
    assert codec.text('{"event": "pause"}') == [Paused()]
    assert codec.text('{"event": "resume"}') == [Resumed()]


def test_freeswitch_without_metadata_goes_by_the_address() -> None:
    begun, samples = AudioFork({"uuid": "abc", "mix": "mono"}).binary(FRAME)
    assert begun == Begun("abc", ("caller",), 8000, {"uuid": "abc", "mix": "mono"})
    assert samples == Samples(0, FRAME)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("hello", "not JSON"),
        ('{"call": "a", "mix": "mixed"}', "taken apart"),
        ('{"call": "a", "rate": "48000"}', "neither 8000 nor 16000"),
        ("{}", "does not name the call"),
    ],
)
def test_freeswitch_says_what_is_wrong(message: str, error: str) -> None:
    with pytest.raises(TapError, match=error):
        AudioFork({}).text(message)


# --- Twilio ----------------------------------------------------------------------------------------------------------


def twilio_start(**changes: Any) -> str:
    start = {
        "streamSid": "MZ1",
        "callSid": "CA1",
        "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"agent": "ana", "caller": "+573001112233", "call": "forged"},
        **changes,
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "start": start})


def twilio_media(track: str, payload: bytes = ULAW) -> str:
    media = {"track": track, "chunk": "1", "timestamp": "20", "payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "sequenceNumber": "2", "media": media})


def test_twilio_sends_both_tracks() -> None:
    codec = MediaStream()
    assert codec.text('{"event": "connected", "protocol": "Call", "version": "1.0.0"}') == []
    (begun,) = codec.text(twilio_start())
    assert isinstance(begun, Begun)
    assert (begun.stream, begun.channels, begun.rate) == ("CA1", ("caller", "callee"), 8000)
    assert begun.about == {"agent": "ana", "caller": "+573001112233", "call": "CA1"}
    assert codec.text(twilio_media("outbound")) == [Samples(1, ulaw(ULAW))]
    assert codec.text(twilio_media("inbound")) == [Samples(0, ulaw(ULAW))]
    assert codec.text('{"event": "dtmf", "dtmf": {"track": "inbound", "digit": "1"}}') == []
    assert codec.text('{"event": "stop"}') == [Finished()]


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        (["["], "not JSON"),
        (["[]"], "no JSON object"),
        ([twilio_media("inbound")], "before start"),
        ([twilio_start(), twilio_start()], "twice"),
        ([twilio_start(tracks=[])], "both_tracks"),
        ([twilio_start(mediaFormat={"encoding": "audio/opus"})], "µ-law"),
        ([twilio_start(), '{"event": "media"}'], "without its media object"),
        ([twilio_start(), twilio_media("inbound").replace("AAEC", "!!!!")], "base64"),
    ],
)
def test_twilio_says_what_is_wrong(messages: list[str], error: str) -> None:
    with pytest.raises(TapError, match=error):
        tell(MediaStream(), messages)


# --- Genesys AudioHook -----------------------------------------------------------------------------------------------

MEDIA = [
    {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
    {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
    {"type": "audio", "format": "L16", "channels": ["external", "internal"], "rate": 8000},
]


class GenesysClient:
    """Counts as the client has to."""

    def __init__(self, codec: AudioHook) -> None:
        self.codec, self.seq, self.heard = codec, 0, 0

    def send(self, kind: str, parameters: dict[str, Any] | None = None, **changes: Any) -> list[Any]:
        self.seq += 1
        told = {
            "version": "2",
            "id": SESSION,
            "type": kind,
            "seq": self.seq,
            "serverseq": self.heard,
            "position": "PT0S",
            "parameters": parameters or {},
            **changes,
        }
        return list(self.codec.text(json.dumps(told)))

    def open(self, **changes: Any) -> list[Any]:
        parameters = {
            "organizationId": ORGANIZATION,
            "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
            "participant": {"id": "1", "ani": "+15551230001", "aniName": "X", "dnis": "+18885551212"},
            "media": MEDIA,
            "language": "en-US",
            **changes,
        }
        return self.send("open", parameters)

    def answers(self) -> list[dict[str, Any]]:
        found = [json.loads(message) for message in self.codec.outbox()]
        self.heard += len(found)
        return found


def test_audiohook_opens_pauses_and_closes() -> None:
    codec = AudioHook(SESSION, ORGANIZATION)
    client = GenesysClient(codec)
    (begun,) = client.open()
    assert begun.channels == ("customer", "agent")
    assert begun.about == {"caller": "+15551230001", "callee": "+18885551212", "language": "en"}
    (opened,) = client.answers()
    assert (opened["type"], opened["seq"], opened["clientseq"], opened["id"]) == ("opened", 1, 1, SESSION)
    assert opened["parameters"]["media"] == [MEDIA[1]]
    customer, agent = codec.binary(bytes([0x00, 0xFF] * 160))
    assert customer == Samples(0, ulaw(bytes(160)))
    assert agent == Samples(1, ulaw(b"\xff" * 160))

    assert client.send("ping", {"rtt": "PT0.02S"}) == []
    assert [answer["type"] for answer in client.answers()] == ["pong"]
    assert client.send("paused") == [Paused()]
    assert client.send("paused") == []
    assert client.send("resumed", {"start": "PT1S", "discarded": "PT2S"}) == [Resumed()]
    assert client.send("close", {"reason": "end"}) == [Finished()]
    assert [answer["type"] for answer in client.answers()] == ["closed"]
    assert codec.stopping() == []


def test_audiohook_answers_a_probe_without_a_call() -> None:
    codec = AudioHook(SESSION, ORGANIZATION)
    client = GenesysClient(codec)
    assert client.open(conversationId=str(UUID(int=0))) == []
    (opened,) = client.answers()
    assert opened["parameters"]["media"] == []
    assert codec.binary(ULAW) == []


@pytest.mark.parametrize(
    ("speak", "error"),
    [
        (lambda c: c.open(organizationId="other"), "another organisation|other organisation|organisation"),
        (lambda c: c.open(media=[MEDIA[2]]), "no µ-law audio"),
        (lambda c: c.open(conversationId="x"), "names no conversation"),
        (lambda c: [c.open(), c.open()], "twice"),
        (lambda c: c.send("ping", seq=2), "came after message 0"),
        (lambda c: c.send("ping", serverseq=1), "never sent"),
        (lambda c: c.send("ping", id="x"), "another session"),
        (lambda c: c.send("ping", version="1"), "version 2"),
        (lambda c: c.codec.text("x" * 70000), "longer than AudioHook allows"),
        (lambda c: c.codec.binary(b"\xff"), "before its session was opened"),
        (lambda c: [c.open(), c.codec.binary(b"\xff")], "divide"),
    ],
)
def test_audiohook_says_what_is_wrong(speak: Callable[[GenesysClient], object], error: str) -> None:
    client = GenesysClient(AudioHook(SESSION, ORGANIZATION))
    with pytest.raises(TapError, match=error):
        speak(client)


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [MediaStream, lambda: AudioHook(SESSION, ORGANIZATION), lambda: AudioFork({}), lambda: ChanWebSocket({})]
)
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["event", "start", "media", "type", "seq", "parameters"]), inner, max_size=4
                )
            ),
            max_leaves=8,
        ).map(json.dumps),
    )
)
def test_a_codec_survives_any_message(make: Callable[[], StreamCodec], text: str) -> None:
    codec = make()
    with contextlib.suppress(TapError):
        codec.text(text)
    with contextlib.suppress(TapError):
        codec.binary(text.encode())


def test_audiosocket_header_is_big_endian() -> None:
    assert pack(0x10, FRAME)[:3] == struct.pack(">BH", 0x10, 320)
