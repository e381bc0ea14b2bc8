"""The bus against a real nats-server: nothing durable is lost, doubled or reordered, whatever dies."""

import asyncio
import shutil
from pathlib import Path

import pytest

from assist.bus import Bus, BusAddress
from assist.errors import BusError
from assist.events import AgentDid, CallEnded, CardWithdrawn, Event, Heard, Party
from assist.wire import AudioChunk, Beat, Claim, ClaimAnswer
from tests.support import RealBroker, eventually, eventually_async


def said(text: str, call_id: str = "c1", *, final: bool = True) -> Heard:
    return Heard(
        call_id=call_id,
        at=1.0,
        party="customer",
        utterance_id=f"c-{text}",
        text=text,
        stable_chars=len(text),
        final=final,
        t0=0.0,
        t1=1.0,
        language="es",
        confidence=1.0,
    )


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Heard)]


async def test_durable_events_come_in_order_with_growing_seq(bus: Bus) -> None:
    got: list[Event] = []

    async def handler(event: Event) -> None:
        got.append(event)

    await bus.consume("t", "calls.*.in.>", handler)
    for n in range(50):
        bus.send(said(str(n)))
    await eventually(lambda: len(got) == 50)
    assert texts(got) == [str(n) for n in range(50)]
    seqs = [event.seq for event in got]
    assert seqs == sorted(set(seqs))
    assert seqs[0] > 0


async def test_same_meaning_is_stored_once(bus: Bus) -> None:
    stored: list[int] = []
    for _ in range(3):
        bus.send(said("hola"), dedup="c-0", stored=lambda: stored.append(1))
    await eventually(lambda: len(stored) == 3)
    assert texts(await bus.history("c1")) == ["hola"]


async def test_inputs_and_decisions_go_to_their_own_subjects(bus: Bus) -> None:
    inputs: list[Event] = []

    async def handler(event: Event) -> None:
        inputs.append(event)

    await bus.consume("t", "calls.*.in.>", handler)
    bus.send(CardWithdrawn(call_id="c1", at=1.0, offer_id="o1", reason="taken"))
    bus.send(AgentDid(call_id="c1", at=1.0, agent_id="ana", action="card_taken", target="o1"))
    await eventually(lambda: len(inputs) == 1)
    assert isinstance(inputs[0], AgentDid)
    assert len(await bus.history("c1")) == 2


async def test_history_ends_before_a_sequence_and_is_empty_for_an_unknown_call(bus: Bus) -> None:
    done: list[int] = []
    for n in range(4):
        bus.send(said(str(n)), stored=lambda: done.append(1))
    await eventually(lambda: len(done) == 4)
    third = (await bus.history("c1"))[2]
    assert texts(await bus.history("c1", before=third.seq)) == ["0", "1"]
    assert await bus.history("nobody") == []


async def test_a_failing_handler_gets_the_event_again_before_any_later_one(bus: Bus) -> None:
    got: list[str] = []
    failures = iter([True, False, False])

    async def handler(event: Event) -> None:
        if next(failures):
            raise OSError("disk full")
        got.extend(texts([event]))

    await bus.consume("t", "calls.*.in.>", handler)
    bus.send(said("first"))
    bus.send(said("second"))
    await eventually(lambda: len(got) == 2)
    assert got == ["first", "second"]


async def test_bytes_that_are_no_event_are_skipped(bus: Bus, real_broker: RealBroker) -> None:
    import nats

    got: list[Event] = []

    async def handler(event: Event) -> None:
        got.append(event)

    await bus.consume("t", "calls.*.in.>", handler)
    raw = await nats.connect(real_broker.address.url, token=real_broker.address.token)
    for payload in (b"\xff\xfe", b"{}", b'{"type":"Heard","call_id":7}'):
        await raw.jetstream().publish("calls.c1.in.Heard", payload)
    await raw.close()
    bus.send(said("after"))
    await eventually(lambda: len(got) == 1)
    assert texts(got) == ["after"]
    assert texts(await bus.history("c1")) == ["after"]


async def test_broker_killed_and_restarted_loses_and_doubles_nothing(bus: Bus, real_broker: RealBroker) -> None:
    consumed: list[Event] = []
    followed: list[Event] = []
    states: list[bool] = []

    async def consume(event: Event) -> None:
        consumed.append(event)

    async def follow(event: Event) -> None:
        followed.append(event)

    await bus.consume("t", "calls.*.in.>", consume)
    await bus.follow(follow)
    bus.watch(states.append)
    for n in range(20):
        bus.send(said(str(n)))
    await eventually(lambda: len(consumed) == 20)
    real_broker.kill()
    await eventually(lambda: not bus.connected)
    for n in range(20, 40):
        bus.send(said(str(n)))
    real_broker.start()
    await eventually(lambda: len(consumed) >= 40 and len(followed) >= 40, timeout=20)
    assert texts(consumed) == [str(n) for n in range(40)]
    assert texts(followed) == [str(n) for n in range(40)]
    assert texts(await bus.history("c1")) == [str(n) for n in range(40)]
    assert states == [False, True]


async def test_a_broker_that_lost_its_store_is_used_again(bus: Bus, real_broker: RealBroker, tmp_path: Path) -> None:
    consumed: list[Event] = []
    followed: list[Event] = []

    async def consume(event: Event) -> None:
        consumed.append(event)

    async def follow(event: Event) -> None:
        followed.append(event)

    await bus.consume("t", "calls.*.in.>", consume)
    await bus.follow(follow)
    bus.send(said("before"))
    await eventually(lambda: len(consumed) == 1 and len(followed) == 1)
    real_broker.kill()
    shutil.rmtree(tmp_path / "nats")
    await eventually(lambda: not bus.connected)
    bus.send(said("after"))
    real_broker.start()
    await eventually(lambda: texts(consumed) == ["before", "after"], timeout=20)
    await eventually(lambda: texts(followed) == ["before", "after"], timeout=20)


async def test_a_new_process_goes_on_where_the_dead_one_stopped(real_broker: RealBroker) -> None:
    got: list[str] = []

    async def handler(event: Event) -> None:
        got.extend(texts([event]))

    first = Bus(real_broker.address, name="first")
    await first.start()
    await first.consume("t", "calls.*.in.>", handler)
    first.send(said("a"))
    await eventually(lambda: got == ["a"])
    await first.close()

    second = Bus(real_broker.address, name="second")
    await second.start()
    second.send(said("b"))
    await second.consume("t", "calls.*.in.>", handler)
    await eventually(lambda: len(got) == 2)
    assert got == ["a", "b"]
    await second.close()


async def test_partials_and_audio_reach_their_followers(bus: Bus) -> None:
    partials: list[Event] = []
    chunks: list[tuple[Party, AudioChunk]] = []

    async def on_partial(event: Event) -> None:
        partials.append(event)

    async def on_audio(party: Party, chunk: AudioChunk) -> None:
        chunks.append((party, chunk))

    await bus.follow_live(on_partial)
    stop = await bus.follow_audio("c1", on_audio)
    await bus.send_live(said("ho", final=False))
    sent = AudioChunk(8000, 480, 1000.0, b"\x01\x00" * 480)
    await bus.send_audio("c1", "agent", sent)
    await bus.send_audio("other", "agent", sent)
    await bus.send_audio("c1", "customer", AudioChunk(8000, 0, 1000.0, b"", end=True))
    await eventually(lambda: len(partials) == 1 and len(chunks) == 2)
    assert chunks[0] == ("agent", sent)
    assert chunks[1][0] == "customer"
    assert chunks[1][1].end
    assert await bus.history("c1") == []
    await stop()


async def test_one_member_of_the_group_answers_a_claim(bus: Bus) -> None:
    claim = Claim(call_id="c1", language="es", rate=8000, epoch={"customer": 1.0}, resume={"customer": 0})
    assert await bus.claim(claim, timeout=0.3) is None
    seen: list[Claim] = []

    async def take(asked: Claim) -> ClaimAnswer:
        seen.append(asked)
        return ClaimAnswer(worker_id="t1", accepted=True)

    await bus.serve_claims(take)
    assert await bus.claim(claim) == ClaimAnswer(worker_id="t1", accepted=True)
    assert seen == [claim]


async def test_beats_arrive(bus: Bus) -> None:
    got: list[Beat] = []

    async def handler(beat: Beat) -> None:
        got.append(beat)

    await bus.follow_beats(handler)
    beat = Beat(worker_id="t1", done={"c1": {"agent": 800}}, lag=0.1)
    await bus.send_beat(beat)
    await eventually(lambda: got == [beat])


async def test_without_a_broker_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BusError, match="apuntador up"):
        BusAddress.load(tmp_path / "nats.json")
    bus = Bus(BusAddress("nats://127.0.0.1:9"), name="test")
    await bus.start()
    bus.send(said("kept"))
    await bus.send_live(said("dropped", final=False))
    assert bus.dropped_live == 1
    with pytest.raises(BusError, match="no broker at"):
        await bus.ready(0.3)
    await bus.close(flush_s=0.1)


async def test_a_wrong_token_never_connects(real_broker: RealBroker) -> None:
    bus = Bus(BusAddress(real_broker.address.url, "wrong"), name="test")
    await bus.start()
    with pytest.raises(BusError):
        await bus.ready(1.0)
    await bus.close(flush_s=0.1)


async def test_a_call_id_that_is_no_token_is_refused(bus: Bus) -> None:
    ended = CallEnded(call_id="a.b>", at=1.0, reason="lost", sip_code=0, answered=False)
    with pytest.raises(BusError, match="call id"):
        bus.send(ended)
    await asyncio.sleep(0)


async def test_an_event_too_large_for_any_reader_is_refused_at_once(bus: Bus) -> None:
    with pytest.raises(BusError, match="limit"):
        bus.send(said("x" * 600_000))
    bus.send(said("small"))
    await bus.flush()
    assert texts(await bus.history("c1")) == ["small"]


async def test_a_failing_handler_leaves_no_words_in_the_log(bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    attempts: list[Event] = []

    async def handler(event: Event) -> None:
        attempts.append(event)
        if len(attempts) == 1:
            raise ValueError(f"row refused: {event}")

    await bus.consume("t", "calls.*.in.>", handler)
    bus.send(said("mi clave es secreta"))
    await eventually(lambda: len(attempts) == 2, 15)
    logged = "".join(capsys.readouterr())
    assert "bus.handler_failed" in logged
    assert "secreta" not in logged


async def test_who_serves_claims_is_known_to_the_broker_already(real_broker: RealBroker) -> None:
    """The last PING the broker answered came behind the subscription, on the wire."""
    host, port = real_broker.address.url.removeprefix("nats://").split(":")
    written = bytearray()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection(host, int(port))

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray | None) -> None:
            while data := await source.read(65536):
                if kept is not None:
                    kept += data
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, ahead, written), copy(behind, writer, None), return_exceptions=True)

    async def take(claim: Claim) -> ClaimAnswer:
        return ClaimAnswer(worker_id="t", accepted=True)

    server = await asyncio.start_server(between, "127.0.0.1", 0)
    address = BusAddress(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", real_broker.address.token)
    bus = Bus(address, name="test")
    await eventually_async(lambda: _listens(host, int(port)), what="the broker")
    await bus.start()
    await bus.serve_claims(take)
    assert b"SUB asr.claim" in written
    assert b"PING" in written.partition(b"SUB asr.claim")[2]
    await bus.close()
    server.close()


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
