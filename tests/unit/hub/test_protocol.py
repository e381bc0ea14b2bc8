import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.events import AgentDid, LeadDid
from assist.hub import protocol
from assist.hub.auth import Principal
from assist.hub.protocol import Do, Ping, ProtocolError, Watch
from tests.fakes import scripted_call
from tui import frames

DID = {"type": "AgentDid", "call_id": "c1", "agent_id": "ana", "action": "card_taken", "target": "o1"}
UPHELD = {"type": "LeadDid", "call_id": "c1", "lead_id": "luz", "action": "dispute_upheld", "target": "a", "text": "x"}


def test_watch() -> None:
    assert protocol.parse('{"op":"watch","call_id":"*","since":7}') == Watch("*", 7)
    assert protocol.parse('{"op":"watch","call_id":"c-1_A"}') == Watch("c-1_A", 0)
    assert protocol.parse('{"op":"watch"}') == Watch("*", 0)


def test_ping() -> None:
    assert protocol.parse('{"op":"ping"}') == Ping()


def test_do_takes_neither_time_nor_number_from_the_client() -> None:
    message = protocol.parse(json.dumps({"op": "do", "ref": "r1", "event": {**DID, "at": 99.0, "seq": 5}}))
    assert isinstance(message, Do)
    assert message.ref == "r1"
    assert message.event == AgentDid(call_id="c1", at=0.0, agent_id="ana", action="card_taken", target="o1")
    assert protocol.stamped(message.event, 12.5).at == 12.5


def test_do_of_a_lead() -> None:
    event = {"type": "LeadDid", "call_id": "c1", "lead_id": "luz", "action": "note", "text": "bien"}
    message = protocol.parse(json.dumps({"op": "do", "event": event}))
    assert isinstance(message, Do)
    assert isinstance(message.event, LeadDid)


@pytest.mark.parametrize(
    ("raw", "code", "part"),
    [
        ("{", "bad_message", "not JSON"),
        ("[]", "bad_message", "JSON object"),
        ("{}", "bad_message", "known: watch, do, ping"),
        ('{"op":"drop"}', "bad_message", "'drop'"),
        (b"\x00", "bad_message", "text messages"),
        ('{"op":"watch","call_id":"a.b"}', "bad_message", "call_id"),
        ('{"op":"watch","call_id":5}', "bad_message", "call_id"),
        ('{"op":"watch","since":-1}', "bad_message", "since"),
        ('{"op":"watch","since":true}', "bad_message", "since"),
        ('{"op":"watch","since":"1"}', "bad_message", "since"),
        ('{"op":"do"}', "bad_message", "event"),
        ('{"op":"do","event":{},"ref":"a b"}', "bad_message", "ref"),
        ('{"op":"do","event":{"type":"CallEnded"}}', "bad_event", "only AgentDid and LeadDid"),
        ('{"op":"do","event":{"type":"AgentDid"}}', "bad_event", "AgentDid."),
        (json.dumps({"op": "do", "event": {**DID, "action": "dance"}}), "bad_event", "AgentDid.action"),
        (json.dumps({"op": "do", "event": {**DID, "call_id": "a.*"}}), "bad_event", "call_id"),
        (json.dumps({"op": "do", "event": {**DID, "call_id": ""}}), "bad_event", "call_id"),
        (json.dumps({"op": "do", "event": {**DID, "text": "x" * 4001}}), "bad_event", "4000"),
        (json.dumps({"op": "do", "event": {**DID, "action": "score_disputed", "text": " "}}), "bad_event", "a reason"),
        (json.dumps({"op": "do", "event": {**UPHELD, "target": ""}}), "bad_event", "an item"),
    ],
)
def test_what_makes_no_sense_is_named(raw: Any, code: str, part: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        protocol.parse(raw)
    assert caught.value.code == code
    assert part in str(caught.value)


def test_a_refusal_names_the_ref_it_is_about() -> None:
    with pytest.raises(ProtocolError) as caught:
        protocol.parse('{"op":"do","ref":"r9","event":{"type":"Heard"}}')
    assert caught.value.ref == "r9"
    text = protocol.error(caught.value.code, str(caught.value), ref=caught.value.ref)
    assert frames.parse(text) == frames.Refused("bad_event", "do: only AgentDid and LeadDid go upstream", "r9")


json_values = st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner))


@given(st.text(max_size=200) | json_values.map(json.dumps))
def test_nothing_a_client_sends_breaks_the_parser(raw: str) -> None:
    with contextlib.suppress(ProtocolError):
        protocol.parse(raw)


def test_the_screen_reads_what_the_hub_writes() -> None:
    events = tuple(scripted_call.after_call("es"))
    assert frames.parse(protocol.snapshot("c1", 9, events)) == frames.Snapshot("c1", 9, events)
    assert frames.parse(protocol.event(events[0])) == frames.Incoming(events[0])
    assert frames.parse(protocol.synced("*", 4)) == frames.Synced(4)
    assert frames.parse(protocol.done("r")) == frames.Done("r")
    assert frames.parse(protocol.pong()) is None
    hello = protocol.welcome(Principal("agent", "ana", "id"), "es", 5.0)
    assert frames.parse(hello) == frames.Welcome("agent", "ana", "es", 5.0)


def test_the_hub_reads_what_the_screen_writes() -> None:
    event = AgentDid(call_id="c1", at=3.0, agent_id="ana", action="note", text="«ojo»")
    message = protocol.parse(frames.do(event, "r1"))
    assert isinstance(message, Do)
    assert message.ref == "r1"
    assert protocol.stamped(message.event, 3.0) == event
    assert protocol.parse(frames.watch("c1", 3)) == Watch("c1", 3)


def test_a_screen_passes_over_what_a_newer_hub_says() -> None:
    assert frames.parse('{"op":"weather"}') is None
    assert frames.parse('{"op":"event","event":{"type":"Sneezed","call_id":"c"}}') is None
