"""Media of somebody who isn't in the call: it is heard by nobody, and the call goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from assist.events import CallEnded, CallStarted, Party
from tests.interop import audio, junk
from tests.interop.conftest import Listener, need
from tests.interop.live import Call
from tests.interop.rig import Gateway, Process, wait_for
from tests.interop.rtp import RtpEnd
from tests.support import RealBroker

pytestmark = pytest.mark.interop

SECONDS = 2.0
NAT = "127.0.0.77"
"""Another address of this machine, for a peer whose media comes from where no signalling does."""


def strange() -> audio.Pcm:
    return audio.bursts(99, SECONDS)


@pytest.fixture
def other() -> Iterator[RtpEnd]:
    end = RtpEnd(audio.bursts(13, 6.0))
    yield end
    end.close()


def _started(
    tmp_path: Path,
    real_broker: RealBroker,
    processes: list[Process],
    *,
    mode: str = "learn",
    arguments: tuple[str, ...] = (),
) -> Gateway:
    need("sipp")
    gateway = Gateway(tmp_path, tmp_path, gateway_lines=f'media_source = "{mode}"\n', arguments=arguments)
    processes.append(gateway)
    return gateway.wait_ready()


async def test_a_stranger_is_not_heard_while_the_rightful_sender_is_silent(
    tmp_path: Path,
    gateway: Gateway,
    listener: Listener,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 6000).wait_up)
    ends["customer"].muted.set()
    # What the jitter buffer still holds is gone before the stranger begins.
    await asyncio.sleep(0.5)
    await asyncio.to_thread(junk.stranger, call.gate("customer"), strange(), SECONDS)
    sent = len(ends["customer"].packets)
    ends["customer"].muted.clear()
    before = len(ends["agent"].packets)
    await asyncio.to_thread(call.customer.check, 30)
    call.nothing_of(strange(), "agent")
    call_id = listener.last(CallStarted).call_id
    await listener.until(lambda: listener.ended(call_id), what="both legs")
    assert max(audio.windows_found(listener.pcm(call_id, "customer"), strange())[0]) < 0.5
    # The rightful one is heard again, and is still the one who is spoken to.
    after = ends["agent"].pcm()[before * 160 :]
    assert audio.share_heard(audio.bursts(11, 6.0), after[: 2 * audio.RATE], limit=0.9) > 0
    assert len(ends["customer"].packets) > sent


@pytest.mark.parametrize("mode", ["learn", "signalled"])
async def test_who_is_learned_where_the_sdp_names_another_port(
    tmp_path: Path,
    real_broker: RealBroker,
    processes: list[Process],
    ends: dict[Party, RtpEnd],
    other: RtpEnd,
    mode: str,
) -> None:
    gateway = _started(tmp_path, real_broker, processes, mode=mode)
    # The SDP names a port from which nothing ever comes, as a peer behind NAT does.
    ends["customer"].muted.set()
    call = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 8000).wait_up)
    other.play_to(*call.gate("customer"))
    if mode == "signalled":
        await asyncio.sleep(3.0)
        call.nothing_of(audio.bursts(13, 6.0), "agent")
        assert not other.packets
        return
    await asyncio.to_thread(wait_for, lambda: len(other.packets) > 25, 10, "the learned peer is spoken to")
    other.muted.set()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(junk.stranger, call.gate("customer"), strange(), SECONDS)
    await asyncio.to_thread(call.customer.check, 30)
    call.nothing_of(strange(), "agent")
    assert max(audio.windows_found(ends["agent"].pcm(), audio.bursts(13, 6.0))[0]) > 0.9
    assert gateway.lines("gateway.media_learned")


@pytest.mark.parametrize("mode", ["learn", "any"])
async def test_media_from_a_host_nobody_named(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process], ends: dict[Party, RtpEnd], mode: str
) -> None:
    gateway = _started(tmp_path, real_broker, processes, mode=mode)
    ends["customer"].muted.set()
    call = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 5000).wait_up)
    await asyncio.to_thread(junk.stranger, call.gate("customer"), strange(), SECONDS, host=NAT)
    await asyncio.to_thread(call.customer.check, 30)
    heard = max(audio.windows_found(ends["agent"].pcm(), strange())[0])
    assert heard > 0.9 if mode == "any" else heard < 0.5


async def test_broken_rtp_and_rtcp_end_nothing(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    call = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 6000).wait_up)
    for host in ("127.0.0.1", NAT):
        rtp_gate, rtcp_gate = call.gate("customer"), ("127.0.0.1", call.gate("customer")[1] + 1)
        assert await asyncio.to_thread(junk.send_all, rtp_gate, junk.malformed_rtp(), host=host) > 200
        assert await asyncio.to_thread(junk.send_all, rtcp_gate, junk.malformed_rtcp(), host=host) > 200
    # The peer itself sends it, too: that is let in.
    for packet in [*junk.malformed_rtp(), *junk.malformed_rtcp()]:
        ends["customer"].send_raw(packet)
        await asyncio.sleep(0.002)
    await asyncio.to_thread(call.customer.check, 30)
    assert gateway.running
    await listener.until(lambda: "CallEnded" in listener.kinds(), what="CallEnded")
    assert listener.last(CallEnded).reason == "customer_hangup"
    assert ends["customer"].missing() == ends["agent"].missing() == 0


async def test_who_still_sends_after_a_call_is_not_heard_in_the_next(
    tmp_path: Path, gateway: Gateway, listener: Listener, processes: list[Process], ends: dict[Party, RtpEnd]
) -> None:
    """Every port of the worker gets the old sender's RTP, so whichever the next call has is sent to."""
    first = await asyncio.to_thread(Call(tmp_path, gateway, processes, ends, 1500).wait_up)
    start = int(gateway.config.read_text().partition("rtp_start = ")[2].split()[0])
    await asyncio.to_thread(first.customer.check, 30)
    await asyncio.to_thread(first.phone.check, 30)
    old = ends["customer"]
    later: dict[Party, RtpEnd] = {"customer": RtpEnd(audio.bursts(14, 6.0)), "agent": RtpEnd(audio.bursts(15, 6.0))}
    spray = asyncio.create_task(
        asyncio.to_thread(old.spray, [("127.0.0.1", port) for port in range(start, start + 100, 2)], 5.0, strange())
    )
    try:
        call = Call(tmp_path, gateway, processes, later, 3000)
        await asyncio.to_thread(call.wait_up)
        await asyncio.to_thread(call.customer.check, 30)
        call.nothing_of(strange(), "agent")
        call.nothing_of(strange(), "customer")
        assert max(audio.windows_found(later["agent"].pcm(), audio.bursts(14, 6.0))[0]) > 0.9
        assert later["customer"].missing() == later["agent"].missing() == 0
    finally:
        await spray
        for end in later.values():
            end.close()
