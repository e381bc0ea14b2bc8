"""Calls as screens get them: snapshot, live, resumed, restarted; and what comes back from people."""

import asyncio
import dataclasses
import json
import time

import pytest
from websockets.exceptions import ConnectionClosed

from assist import wire
from assist.events import (
    AgentDid,
    CallAnswered,
    CallRinging,
    CallStarted,
    CallTransferred,
    Event,
    Heard,
    TagsChanged,
)
from assist.hub.outbound import OutboundQueue
from assist.hub.server import TOO_SLOW
from tests.fakes import scripted_call
from tests.fakes.scripted_call import CALL
from tests.functional.hub.conftest import Client, Message, Rig
from tests.support import eventually
from tui.state import fold_all


def now_shifted(events: list[Event], call_id: str = CALL, agent_id: str = "ana") -> list[Event]:
    """The events as if the last had just happened."""
    shift = time.time() - events[-1].at
    moved: list[Event] = []
    for event in events:
        event = dataclasses.replace(event, at=event.at + shift, seq=0, call_id=call_id)
        moved.append(dataclasses.replace(event, agent_id=agent_id) if isinstance(event, CallStarted) else event)
    return moved


def started(call_id: str, agent_id: str = "ana") -> CallStarted:
    event = now_shifted(scripted_call.mid_call("es")[:1], call_id, agent_id)[0]
    assert isinstance(event, CallStarted)
    return event


def tags(call_id: str = CALL) -> TagsChanged:
    return TagsChanged(call_id=call_id, at=time.time(), tags=())


async def store(rig: Rig, events: list[Event]) -> None:
    """Send events and wait until the broker has them."""
    last = asyncio.Event()
    for event in events:
        if not isinstance(event, Heard) or event.final:
            rig.bus.send(event, stored=last.set if event is events[-1] else None)
    await asyncio.wait_for(last.wait(), 10)


def decoded(messages: list[Message]) -> list[Event]:
    return [wire.decode(json.dumps(message)) for message in messages]


async def test_a_snapshot_rebuilds_the_screen(rig: Rig) -> None:
    await store(rig, now_shifted(scripted_call.after_call("es")))
    client = await rig.connect()
    await client.watch()
    snapshot = next(message for message in client.seen if message["op"] == "snapshot")
    state = fold_all(CALL, decoded(snapshot["events"]))
    everything = fold_all(CALL, await rig.bus.history(CALL))
    assert state == everything
    assert state.case_id == "AP-2026-000123"
    assert snapshot["seq"] == client.seen[-1]["seq"]
    assert client.seqs() == []


async def test_what_happens_afterwards_comes_as_it_happens(rig: Rig) -> None:
    client = await rig.connect()
    await client.watch()
    events = now_shifted(scripted_call.mid_call("es"))
    await store(rig, events[:-1])
    await client.until_event("CardOffered")
    partial = events[-1]
    assert isinstance(partial, Heard)
    await rig.bus.send_live(partial)
    heard = await client.until_event("Heard", final=False)
    assert (heard["seq"], heard["text"]) == (0, partial.text)
    seqs = client.seqs()
    assert seqs == sorted(set(seqs))
    assert len(seqs) == len(events) - 1


async def test_an_agent_sees_own_calls_and_a_lead_all(rig: Rig) -> None:
    await store(rig, [started("hers"), started("his", "ben"), tags("his")])
    ana, lead = await rig.connect(), await rig.connect(rig.token("lead", "luz"))
    await ana.watch()
    await lead.watch()
    await store(rig, [started("his2", "ben"), tags("his2"), started("hers2"), tags("hers2")])
    await ana.until_event("TagsChanged", call_id="hers2")
    await lead.until_event("TagsChanged", call_id="hers2")

    def calls_of(client: Client) -> set[str]:
        return {m["call_id"] for m in client.seen if m["op"] == "snapshot"} | {
            m["event"]["call_id"] for m in client.seen if m["op"] == "event"
        }

    assert calls_of(ana) == {"hers", "hers2"}
    assert calls_of(lead) == {"hers", "his", "his2", "hers2"}


async def test_a_call_goes_to_the_screen_of_whose_phone_rings_now(rig: Rig) -> None:
    ana, ben, lead = (
        await rig.connect(),
        await rig.connect(rig.token("agent", "ben")),
        await rig.connect(rig.token("lead", "luz")),
    )
    for client in (ana, ben, lead):
        await client.watch()
    await store(rig, [started("c"), tags("c")])
    await ana.until_event("TagsChanged", call_id="c")
    await store(
        rig, [CallRinging(call_id="c", at=time.time(), agent_id="ben"), CallAnswered(call_id="c", at=time.time())]
    )
    await ana.until_event("CallRinging", call_id="c")
    await ben.until_event("CallAnswered", call_id="c")
    await lead.until_event("CallAnswered", call_id="c")
    snapshot = next(m for m in ben.seen if m["op"] == "snapshot" and m["call_id"] == "c")
    assert [event["type"] for event in snapshot["events"]][:1] == ["CallStarted"]
    # Hers is another call now; of the first she heard no more.
    await store(rig, [tags("c"), started("d")])
    await ana.until_event("CallStarted", call_id="d")
    hers = [m["event"]["type"] for m in ana.seen if m["op"] == "event" and m["event"]["call_id"] == "c"]
    assert hers == ["CallStarted", "TagsChanged", "CallRinging"]


async def test_watching_one_call_shows_only_that_one(rig: Rig) -> None:
    await store(rig, [started("one"), started("two")])
    client = await rig.connect()
    await client.watch("two")
    await client.watch("three")
    await store(rig, [tags("one"), started("three"), tags("two")])
    await client.until_event("TagsChanged", call_id="two")
    assert {m["call_id"] for m in client.seen if m["op"] == "snapshot"} == {"two"}
    assert [m["event"]["call_id"] for m in client.seen if m["op"] == "event"] == ["three", "two"]


async def test_resuming_loses_nothing_and_repeats_nothing(rig: Rig) -> None:
    await store(rig, [started(CALL), tags()])
    first = await rig.connect()
    since = (await first.watch())["seq"]
    await first.connection.close()
    await store(rig, [tags() for _ in range(20)])
    second = await rig.connect()
    await second.watch(since=since)
    await store(rig, [tags()])
    while len(second.seqs()) < 21:
        await second.until("event")
    assert not [message for message in second.seen if message["op"] == "snapshot"]
    everything = [event.seq for event in await rig.bus.history(CALL)]
    assert second.seqs() == [seq for seq in everything if seq > since]


async def test_resuming_across_a_restart_of_the_hub_while_calls_go_on(rig: Rig) -> None:
    await store(rig, [started(CALL)])
    token = rig.token()
    client = await rig.connect(token)
    since = (await client.watch())["seq"]
    seen: list[int] = []

    async def talk() -> None:
        for _ in range(300):
            rig.bus.send(tags())
            await asyncio.sleep(0.002)

    talking = asyncio.create_task(talk())
    for _ in range(3):
        while len(client.seqs()) < 20:
            await client.until("event")
        seen += client.seqs()
        await rig.stop_hub()
        await rig.start_hub()
        client = await rig.connect(token)
        await client.watch(since=seen[-1])
    await talking
    while len(seen) + len(client.seqs()) < 300:
        await client.until("event")
    seen += client.seqs()
    assert seen == [event.seq for event in await rig.bus.history(CALL) if event.seq > since]


async def test_a_resume_that_would_be_too_long_becomes_a_snapshot(rig: Rig) -> None:
    await rig.stop_hub()
    await rig.start_hub(lambda: OutboundQueue(max_messages=40))
    await store(rig, [started(CALL), *(tags() for _ in range(100))])
    client = await rig.connect()
    await client.watch(since=1)
    assert client.seqs() == []
    assert [m["call_id"] for m in client.seen if m["op"] == "snapshot"] == [CALL]


async def test_a_number_from_another_store_starts_anew(rig: Rig) -> None:
    await store(rig, [started(CALL)])
    client = await rig.connect()
    await client.watch(since=10_000)
    assert [m["call_id"] for m in client.seen if m["op"] == "snapshot"] == [CALL]


async def test_what_an_agent_does_is_stored_once_with_the_hubs_time(rig: Rig) -> None:
    await store(rig, [started(CALL)])
    client = await rig.connect()
    await client.watch()
    event = {"type": "AgentDid", "call_id": CALL, "agent_id": "ana", "action": "card_taken", "target": "o1", "at": 5.0}
    before = time.time()
    await client.send(op="do", ref="r1", event=event)
    await client.until("done", ref="r1")
    await client.send(op="do", ref="r1", event=event)
    await client.until("done", ref="r1")
    done = [event for event in await rig.bus.history(CALL) if isinstance(event, AgentDid)]
    assert [(event.action, event.target) for event in done] == [("card_taken", "o1")]
    assert before <= done[0].at <= time.time()
    assert len([m for m in client.seen if m["op"] == "event" and m["event"]["type"] == "AgentDid"]) <= 1


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"op": "do", "event": {"type": "AgentDid", "agent_id": "ben", "action": "note"}}, "forbidden"),
        ({"op": "do", "event": {"type": "LeadDid", "lead_id": "ana", "action": "note"}}, "forbidden"),
        ({"op": "do", "event": {"type": "AgentDid", "agent_id": "ana", "action": "dance"}}, "bad_event"),
        ({"op": "do", "event": {"type": "CaseSaved", "case_id": "x", "revision": 1}}, "bad_event"),
        ({"op": "fly"}, "bad_message"),
    ],
)
async def test_what_may_not_be_done_is_refused_and_the_connection_stays(rig: Rig, message: Message, code: str) -> None:
    await store(rig, [started(CALL)])
    client = await rig.connect()
    await client.watch()
    if "event" in message:
        message = {**message, "event": {**message["event"], "call_id": CALL}}
    await client.send(**message)
    refusal = await client.until("error")
    assert refusal["code"] == code
    await client.send(op="ping")
    await client.until("pong")
    assert [type(event).__name__ for event in await rig.bus.history(CALL)] == ["CallStarted"]


async def test_somebody_elses_call_looks_like_no_call(rig: Rig) -> None:
    await store(rig, [started("his", "ben")])
    client = await rig.connect()
    await client.watch()
    messages = []
    for call_id in ("his", "none"):
        event = {"type": "AgentDid", "call_id": call_id, "agent_id": "ana", "action": "note"}
        await client.send(op="do", event=event)
        refusal = await client.until("error")
        messages.append((refusal["code"], refusal["message"].replace(call_id, "?")))
    assert messages[0] == messages[1]
    assert messages[0][0] == "unknown_call"


async def test_a_screen_that_cannot_keep_up_is_closed_and_resumes(rig: Rig) -> None:
    await rig.stop_hub()
    hub = await rig.start_hub(lambda: OutboundQueue(max_messages=50))
    await store(rig, [started(CALL)])
    token = rig.token()
    # A reader that stops: one message in the client's queue, the rest in sockets and then in the hub.
    slow = await rig.connect(token, max_queue=1)
    since = (await slow.watch())["seq"]
    big = scripted_call.heard("customer", 1, "palabra " * 4000)
    events = [
        dataclasses.replace(big, call_id=CALL, at=time.time(), utterance_id=f"u{number}") for number in range(600)
    ]
    await store(rig, list(events))
    await eventually(lambda: hub.metrics.slow._value.get() == 1, 20, "the slow screen's end")
    with pytest.raises(ConnectionClosed) as caught:
        await slow.until("never")
    closed = caught.value.rcvd
    assert closed is None or closed.code == TOO_SLOW
    got = slow.seqs()
    everything = [event.seq for event in await rig.bus.history(CALL) if event.seq > since]
    assert got == everything[: len(got)]
    assert len(got) < len(everything)
    again = await rig.connect(token)
    await again.watch(since=got[-1] if got else since)
    snapshot = [m for m in again.seen if m["op"] == "snapshot"]
    assert again.seqs() == everything[len(got) :] or snapshot[0]["seq"] == everything[-1]


async def test_partials_give_way_while_a_screen_is_slow(rig: Rig) -> None:
    await store(rig, [started(CALL)])
    slow = await rig.connect(max_queue=1)
    await slow.watch()
    text = "palabra " * 2000
    for number in range(600):
        partial = scripted_call.heard("customer", 1, f"{number} {text}", final=False)
        await rig.bus.send_live(dataclasses.replace(partial, call_id=CALL))
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await store(rig, [tags()])
    await slow.until_event("TagsChanged", timeout=20)
    partials = [m["event"]["text"] for m in slow.seen if m["op"] == "event" and m["event"]["type"] == "Heard"]
    assert len(partials) < 600
    assert partials[-1].startswith("599 ")


async def test_there_is_an_end_to_how_many_single_calls_a_screen_watches(rig: Rig) -> None:
    client = await rig.connect()
    for number in range(200):
        await client.send(op="watch", call_id=f"c{number}")
    await client.until("synced", call_id="c199")
    await client.send(op="watch", call_id="c200")
    assert (await client.until("error"))["code"] == "bad_message"


async def test_a_call_that_goes_to_a_colleague_leaves_the_first_screen(rig: Rig) -> None:
    ana, bea = await rig.connect(), await rig.connect(rig.token(subject="bea"))
    await ana.watch()
    await bea.watch()
    events = now_shifted(scripted_call.mid_call("es"))
    moved = CallTransferred(call_id=CALL, at=time.time(), target="sip:bea@pbx", agent_id="bea", by_agent="ana")
    await store(rig, [*events[:-1], moved, tags()])
    # The one who has it now sees all of it, the one before nothing after the transfer.
    snapshot = await bea.until("snapshot", call_id=CALL)
    state = fold_all(CALL, decoded(snapshot["events"]))
    assert (state.agent_id, bool(state.lines)) == ("bea", True)
    await bea.until_event("TagsChanged")
    await ana.until_event("CallTransferred", agent_id="bea")
    await store(rig, [started("next"), tags("next")])
    await ana.until_event("TagsChanged", call_id="next")
    assert [m["event"]["type"] for m in ana.seen if m["op"] == "event"][-3:] == [
        "CallTransferred",
        "CallStarted",
        "TagsChanged",
    ]
