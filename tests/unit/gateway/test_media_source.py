"""Whose media a leg takes: the rules, and the filters on real sockets of this machine."""

import ctypes
import socket
import struct
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from gateway.media_source import LEARN_SAMPLES, NOBODY, Instruction, Source, packed, parse, program

PEER, NAT = ("127.0.0.1", 4000), ("127.0.0.9", 5000)
RTP = b"\x80\x00" + bytes(10) + b"sound"
RTCP = b"\x80\xc9\x00\x01" + bytes(4)


class Receiver:
    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self._numbers = count()

    def filter(self, code: Sequence[Instruction]) -> None:
        buffer = ctypes.create_string_buffer(packed(code))
        self.socket.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))

    def gets(self, packet: bytes, host: str = "127.0.0.1", port: int = 0) -> bool:
        """Whether it gets ``packet`` from that sender; on loopback a datagram is there when it has been sent."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, port))
            sender.sendto(packet, self.socket.getsockname())
        try:
            return self.socket.recv(2048) == packet
        except BlockingIOError:
            return False


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.socket.close()


def free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def test_only_the_address_that_is_allowed_gets_through(receiver: Receiver) -> None:
    port = free_port("127.0.0.9")
    receiver.filter(program(control=False, allow=[("127.0.0.9", port)]))
    assert receiver.gets(RTP, "127.0.0.9", port)
    assert not receiver.gets(RTP, "127.0.0.9")
    assert not receiver.gets(RTP, "127.0.0.1")


def test_any_port_of_the_hosts_that_are_allowed_but_no_sender_that_is_denied(receiver: Receiver) -> None:
    port = free_port("127.0.0.9")
    receiver.filter(
        program(control=False, allow=[("127.0.0.1", None), ("127.0.0.9", None)], deny=[("127.0.0.9", port)])
    )
    assert receiver.gets(RTP, "127.0.0.1")
    assert receiver.gets(RTP, "127.0.0.9")
    assert not receiver.gets(RTP, "127.0.0.9", port)
    assert not receiver.gets(RTP, "127.0.0.8")


@pytest.mark.parametrize(
    ("packet", "control", "passes"),
    [
        (RTP, False, True),
        (RTP[:12], False, True),
        (RTP[:11], False, False),
        (b"", False, False),
        (b"\x40" + RTP[1:], False, False),
        (b"\x00\x01" + RTP[2:], False, False),
        (b"\xbf" + RTP[1:], False, True),
        (RTCP, True, True),
        (RTCP[:7], True, False),
        (b"\x80\xbf" + RTCP[2:], True, False),
        (b"\x80\xe0" + RTCP[2:], True, False),
        (b"\xc0\xc9" + RTCP[2:], True, False),
    ],
)
def test_what_is_no_rtp_or_rtcp_is_dropped(receiver: Receiver, packet: bytes, control: bool, passes: bool) -> None:
    receiver.filter(program(control=control))
    assert receiver.gets(packet) is passes


def test_nobody_gets_through_before_there_is_a_peer(receiver: Receiver) -> None:
    receiver.filter(NOBODY)
    assert not receiver.gets(RTP)
    receiver.filter(program(control=False))
    assert receiver.gets(RTP)


def test_the_negotiated_address_is_locked_at_its_first_packet() -> None:
    source = Source("learn", PEER)
    assert not source.sample(None)
    assert source.sample(PEER)
    assert source.locked == PEER
    assert not source.sample(NAT)
    assert source.locked == PEER


def test_another_address_has_to_be_seen_several_times_in_a_row() -> None:
    source = Source("learn", PEER, "127.0.0.9")
    seen = [source.sample(NAT) for _ in range(LEARN_SAMPLES - 1)]
    assert seen == [False] * (LEARN_SAMPLES - 1)
    assert not source.sample(("127.0.0.9", 6000))
    assert [source.sample(NAT) for _ in range(LEARN_SAMPLES)] == [*seen, True]
    assert source.locked == NAT


def test_who_was_in_the_call_before_is_not_learned_unless_named() -> None:
    source = Source("any", PEER, deny=(NAT, PEER))
    assert not any(source.sample(NAT) for _ in range(10))
    assert source.sample(PEER)


def test_signalled_learns_nobody() -> None:
    source = Source("signalled", PEER)
    assert source.locked == PEER
    assert not any(source.sample(NAT) for _ in range(10))


def test_an_old_hold_names_nobody() -> None:
    assert not Source("learn", ("0.0.0.0", 4000)).usable


@pytest.mark.parametrize("name", ["", "host:5060", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "[::1]:4", "1:5060"])
def test_what_is_no_address(name: str) -> None:
    assert parse(name) is None


def test_an_address() -> None:
    assert parse("127.0.0.1:4000") == PEER
