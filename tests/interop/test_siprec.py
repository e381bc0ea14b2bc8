"""Recording sessions (SIPREC) against the real gateway, with real RTP from a client written from RFC 7866."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from assist.events import (
    PARTIES,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    CallTransferred,
    QualityMeasured,
)
from tests.interop import audio
from tests.interop.conftest import Listener
from tests.interop.rig import Gateway, Process
from tests.interop.rtp import RtpEnd
from tests.interop.src import RecordingClient
from tests.ports import sip_port

pytestmark = pytest.mark.interop

METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
<session session_id="s1"/>
<participant participant_id="p1"><nameID aor="sip:+573001234567@carrier.example"><name>Rosa</name></nameID>
</participant>
<participant participant_id="p2"><nameID aor="sip:ana@pbx.example"><name>Ana</name></nameID></participant>
<stream stream_id="st1" session_id="s1"><label>96</label></stream>
<stream stream_id="st2" session_id="s1"><label>97</label></stream>
<participantstreamassoc participant_id="p1"><send>@ROSA@</send></participantstreamassoc>
<participantstreamassoc participant_id="p2"><send>@ANA@</send></participantstreamassoc>
</recording>"""
ROSA_FIRST = METADATA.replace("@ROSA@", "st1").replace("@ANA@", "st2")
ANA_FIRST = METADATA.replace("@ROSA@", "st2").replace("@ANA@", "st1")


@pytest.fixture
def streams() -> Iterator[tuple[RtpEnd, RtpEnd]]:
    made = RtpEnd(audio.bursts(21, 6.0)), RtpEnd(audio.bursts(22, 6.0))
    yield made
    for end in made:
        end.close()


@pytest.fixture
def srs(tmp_path: Path, listener: Listener, processes: list[Process]) -> Gateway:
    worker = Gateway(tmp_path, tmp_path)
    processes.append(worker)
    return worker.wait_ready()


async def recorded(srs: Gateway, streams: tuple[RtpEnd, RtpEnd], metadata: str, listener: Listener) -> str:
    """A session of some seconds; returns the call's id once all of it has come."""
    client = RecordingClient(srs.port, streams)
    answer = await asyncio.to_thread(client.invite, metadata)
    assert answer.code == 200, answer.text
    assert answer.labels == ["96", "97"]
    assert answer.text.count("a=recvonly") == 2
    assert "+sip.srs" in answer.text
    await listener.until(lambda: "CallStarted" in listener.kinds(), what="CallStarted")
    call_id: str = listener.last(CallStarted).call_id
    await listener.until(lambda: len(listener.pcm(call_id, "agent")) > 4 * 8000, what="four seconds")
    assert (await asyncio.to_thread(client.bye)).code == 200
    client.close()
    await listener.until(lambda: listener.ended(call_id), what="both legs' ends")
    # The voices and the events travel apart: one may be there before the other.
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    return call_id


@pytest.mark.parametrize(("metadata", "customer"), [(ROSA_FIRST, 0), (ANA_FIRST, 1)], ids=["customer", "agent"])
async def test_each_voice_is_whose_the_metadata_says(
    srs: Gateway, streams: tuple[RtpEnd, RtpEnd], listener: Listener, metadata: str, customer: int
) -> None:
    call_id = await recorded(srs, streams, metadata, listener)
    assert listener.kinds() == ["CallStarted", "CallAnswered", "CallEnded"]
    started, ended = listener.last(CallStarted), listener.last(CallEnded)
    assert (started.trunk, started.caller, started.callee) == ("pbx", "+573001234567", "ana")
    assert started.agent_id == "ana"
    assert (ended.reason, ended.answered) == ("ended", True)
    measured = {leg.party: leg for leg in listener.last(QualityMeasured).legs}
    assert all(measured[party].codec == "PCMU" and measured[party].packets > 50 for party in PARTIES)
    said = [audio.bursts(21, 6.0), audio.bursts(22, 6.0)]
    for party, at in (("customer", customer), ("agent", 1 - customer)):
        heard = listener.pcm(call_id, party)  # type: ignore[arg-type]
        # The jitter buffer may mend a window or two on a machine that sends unevenly.
        assert audio.share_heard(heard, said[at][:28000]) > 0.5
        assert max(audio.windows_found(heard, said[1 - at][:28000])[0]) < 0.5
    assert "Rosa" not in srs.text()
    assert "573001234567" not in srs.text()


async def test_a_pause_and_another_agent_are_told(
    srs: Gateway, streams: tuple[RtpEnd, RtpEnd], listener: Listener
) -> None:
    client = RecordingClient(srs.port, streams)
    assert (await asyncio.to_thread(client.invite, ROSA_FIRST)).code == 200
    await listener.until(lambda: "CallAnswered" in listener.kinds(), what="CallAnswered")
    paused = await asyncio.to_thread(lambda: client.invite(ROSA_FIRST, direction="inactive"))
    assert paused.code == 200
    await listener.until(lambda: "CallHeld" in listener.kinds(), what="CallHeld")
    luis = ROSA_FIRST.replace("sip:ana@", "sip:luis@")
    resumed = await asyncio.to_thread(lambda: client.invite(ROSA_FIRST, direction="sendonly"))
    assert resumed.labels == ["96", "97"]
    await listener.until(lambda: "CallResumed" in listener.kinds(), what="CallResumed")
    # pjsua2 answers an UPDATE without SDP 488, but what it says is heard.
    await asyncio.to_thread(client.update, luis.replace("sip:luis@", "sip:Ana@"))
    await listener.until(lambda: "CallTransferred" in listener.kinds(), what="CallTransferred")
    assert listener.last(CallTransferred).target == "sip:Ana@pbx.example"
    assert (listener.last(CallHeld).by, listener.last(CallResumed).by) == ("agent", "agent")
    assert (await asyncio.to_thread(client.bye)).code == 200
    client.close()
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")


@pytest.mark.parametrize(
    "metadata",
    ["<recording>", "<!DOCTYPE r [<!ENTITY a 'a'>]><recording>&a;</recording>", "nonsense"],
    ids=["broken", "entities", "nonsense"],
)
async def test_metadata_nobody_can_read_costs_the_names_only(
    srs: Gateway, streams: tuple[RtpEnd, RtpEnd], listener: Listener, metadata: str
) -> None:
    await recorded(srs, streams, metadata, listener)
    started = listener.last(CallStarted)
    assert (started.caller, started.agent_id) == ("anonymous", "ana")
    assert srs.lines("gateway.metadata_unreadable")


async def test_four_sessions_fill_a_worker_and_the_fifth_is_sent_elsewhere(srs: Gateway, listener: Listener) -> None:
    ends = [(RtpEnd(None), RtpEnd(None)) for _ in range(5)]
    clients = [RecordingClient(srs.port, pair, tcp=True) for pair in ends]
    try:
        codes = [(await asyncio.to_thread(client.invite, ROSA_FIRST)).code for client in clients]
        assert codes == [200, 200, 200, 200, 486]
        for client in clients[:4]:
            assert (await asyncio.to_thread(client.bye)).code == 200
        await listener.until(lambda: listener.kinds().count("CallEnded") == 4, what="all ends")
        again = RecordingClient(srs.port, ends[4], tcp=True)
        clients.append(again)
        assert (await asyncio.to_thread(again.invite, ROSA_FIRST)).code == 200
    finally:
        for client in clients:
            client.close()
        for pair in ends:
            for end in pair:
                end.close()


async def test_a_stranger_may_not_record_to_us(
    tmp_path: Path, listener: Listener, streams: tuple[RtpEnd, RtpEnd], processes: list[Process]
) -> None:
    worker = Gateway(tmp_path, tmp_path, allow="10.9.9.0/24", port=sip_port())
    processes.append(worker)
    worker.wait_ready()
    client = RecordingClient(worker.port, streams)
    assert (await asyncio.to_thread(client.invite, ROSA_FIRST)).code == 403
    client.close()
    assert listener.events == []
