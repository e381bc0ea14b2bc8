"""Every event survives the wire, and nothing else gets through."""

import json
from functools import cache
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist import config, wire
from assist.errors import WireError
from assist.events import CallRinging, Event

FINITE = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, FINITE)
EVENTS = st.deferred(lambda: st.one_of([st.from_type(cls) for cls in get_args(Event)]))

DOCS = Path(__file__).parents[3] / "docs"


@given(EVENTS)
def test_every_event_comes_back_as_it_went(event: Event) -> None:
    assert wire.decode(wire.encode(event)) == event


@cache
def schema() -> jsonschema.protocols.Validator:
    """Read once: reading it takes a hundred times as long as asking it."""
    text = wire.json_schema()
    kind = jsonschema.validators.validator_for(text)
    kind.check_schema(text)
    return kind(text)


@given(EVENTS)
def test_every_event_fits_the_published_schema(event: Event) -> None:
    schema().validate(wire.to_dict(event))


@given(EVENTS, st.data())
def test_a_missing_required_field_is_named(event: Event, data: st.DataObject) -> None:
    fields = wire.to_dict(event)
    required = set(schema().schema["$defs"][fields["type"]]["required"]) - {"type"}
    gone = data.draw(st.sampled_from(sorted(required)))
    del fields[gone]
    with pytest.raises(WireError, match=gone):
        wire.decode(json.dumps(fields))


@given(st.binary(max_size=200))
def test_random_bytes_are_an_error_and_never_a_crash(raw: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(raw)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_time_that_is_no_number_does_not_leave_the_producer(value: float) -> None:
    with pytest.raises(WireError, match="finite"):
        wire.encode(CallRinging(call_id="c", at=value))


def test_unknown_fields_are_ignored_so_that_releases_can_mix() -> None:
    raw = b'{"type":"CallRinging","call_id":"c","at":1.0,"seq":0,"new_in_2030":true}'
    assert wire.decode(raw).call_id == "c"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"[]", "JSON object"),
        (b'{"type":"Nope"}', "unknown event type"),
        (b'{"call_id":"c"}', "unknown event type None"),
        (b'{"type":"CallRinging","call_id":"c","at":NaN}', "not JSON"),
        (b'{"type":"CallRinging","call_id":"c","at":"soon"}', "CallRinging.at"),
        (b'{"type":"CallHeld","call_id":"c","at":1.0,"by":"nobody"}', "CallHeld.by"),
        (b'"' + b"x" * wire.MAX_EVENT_BYTES + b'"', "limit"),
    ],
)
def test_malformed_events_say_what_is_wrong(raw: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        wire.decode(raw)


def test_an_error_never_quotes_what_people_said() -> None:
    with pytest.raises(WireError) as caught:
        wire.decode(b'{"type":"AgentDid","call_id":"c","at":1.0,"agent_id":"a","action":"note","text":["4111 1111"]}')
    assert "4111" not in str(caught.value)


@given(
    st.builds(
        wire.AudioChunk,
        rate=st.sampled_from([8000, 16000]),
        start=st.integers(0, 2**40),
        epoch=st.floats(0, 4e9),
        pcm=st.binary(max_size=640).map(lambda raw: raw[: len(raw) // 2 * 2]),
        end=st.booleans(),
        replay=st.booleans(),
    )
)
def test_audio_comes_back_as_it_went(chunk: wire.AudioChunk) -> None:
    assert wire.decode_audio(wire.encode_audio(chunk)) == chunk


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no header"),
        (b"XX" + bytes(30), "not an audio chunk"),
        (wire.encode_audio(wire.AudioChunk(8000, 0, 0.0, b"\0\0"))[:-1], "half a sample"),
        (wire.encode_audio(wire.AudioChunk(7, 0, 0.0, b"")), "7 Hz"),
        (wire.encode_audio(wire.AudioChunk(8000, 0, float("nan"), b"")), "clock starts at nan"),
    ],
)
def test_malformed_audio_says_what_is_wrong(raw: bytes, says: str) -> None:
    with pytest.raises(WireError, match=says):
        wire.decode_audio(raw)


def test_control_messages_come_back_as_they_went() -> None:
    claim = wire.Claim(call_id="c", language="es", rate=8000, epoch={"agent": 1.5}, resume={"agent": 80})
    assert wire.unpack(wire.Claim, wire.pack(claim)) == claim
    with pytest.raises(WireError, match="not a Beat"):
        wire.unpack(wire.Beat, b"{}")
    # A transcriber of the release before says nothing of its load.
    beat = wire.unpack(wire.Beat, b'{"worker_id": "t1", "done": {"c": {"agent": 80}}, "lag": 0.0}')
    assert beat == wire.Beat(worker_id="t1", done={"c": {"agent": 80}}, lag=0.0)
    assert wire.unpack(wire.Beat, wire.pack(beat)) == beat


def test_the_published_schema_is_the_code() -> None:
    published = json.loads((DOCS / "events.schema.json").read_text())
    assert published == wire.json_schema(), "run: make docs"


def test_the_published_settings_are_the_code() -> None:
    assert (DOCS / "configuration.md").read_text() == config.reference(), "run: make docs"
