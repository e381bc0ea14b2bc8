"""Senders of what nobody should send: RTP of strangers, broken RTP and RTCP, floods, connections that say nothing.

Everything goes to loopback, is bounded in number and time, and comes from sockets that are closed at the end.
"""

import random
import socket
import struct
import time
from collections.abc import Iterable, Iterator

from bench.g711 import to_ulaw
from tests.interop.audio import Pcm

_PACKET = 160


def rtp(sequence: int, timestamp: int, ssrc: int, payload: bytes, *, kind: int = 0, first: int = 0x80) -> bytes:
    """One RTP packet (RFC 3550, section 5.1)."""
    return struct.pack("!BBHII", first, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def stranger(to: tuple[str, int], pcm: Pcm, seconds: float, *, host: str = "127.0.0.1", ssrc: int = 0xBAD) -> None:
    """Well-formed RTP from somebody who isn't in the call, at the pace of a call."""
    sound = to_ulaw(pcm)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        begin = time.monotonic()
        for number in range(int(seconds / 0.02)):
            time.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))
            spot = number * _PACKET % len(sound)
            sock.sendto(rtp(number, number * _PACKET, ssrc, sound[spot : spot + _PACKET]), to)


def malformed_rtp() -> Iterator[bytes]:
    """Packets that break RFC 3550, section 5.1, each in its own way, and some that only look strange."""
    body, ssrc = b"\x7f" * _PACKET, 0xBAD
    yield from (b"", b"\x80", b"\x80\x00\x00", rtp(1, 1, ssrc, b"")[:11], rtp(1, 1, ssrc, b""))
    yield from (rtp(1, 160, ssrc, body, first=version << 6) for version in (0, 1, 3))
    yield rtp(2, 320, ssrc, b"", first=0x8F)  # fifteen contributing sources announced, none there
    yield rtp(3, 480, ssrc, b"\x00" * 8, first=0x8F)
    yield rtp(4, 640, ssrc, body + b"\xff", first=0xA0)  # padding longer than the packet
    yield rtp(5, 800, ssrc, b"\x00", first=0xA0)  # padding of nothing
    yield rtp(6, 960, ssrc, struct.pack("!HH", 0xBEDE, 0xFFFF), first=0x90)  # extension longer than the packet
    yield rtp(7, 1120, ssrc, b"\x00", first=0x90)
    yield from (rtp(8, 1280, ssrc, body, kind=kind) for kind in (1, 72, 76, 127, 0xFF))
    yield rtp(9, 1440, ssrc, b"\x7f" * 1460)
    yield rtp(10, 1600, ssrc, b"\x7f" * 9000)
    yield from (rtp(11, 1760, ssrc, b"\xff\xff\xff\xff" * n, kind=101) for n in (0, 1, 40))  # digits that are none
    yield from (rtp(65535, 0xFFFFFFFF, ssrc, body), rtp(0, 0, ssrc, body), rtp(32768, 0x80000000, ssrc, body))
    noise = random.Random(7)
    yield from (noise.randbytes(noise.randrange(1, 300)) for _ in range(200))


def malformed_rtcp() -> Iterator[bytes]:
    """RTCP (RFC 3550, section 6) that lies about its lengths and counts, and BYEs of sources nobody knows."""
    bye = struct.pack("!BBHI", 0x81, 203, 1, 0xBAD)
    yield from (bye, bye * 40, b"\x81\xcb", bye[:5])
    yield struct.pack("!BBH", 0x9F, 203, 31)  # thirty-one sources announced, none there
    yield struct.pack("!BBHI", 0x81, 203, 0xFFFF, 0xBAD)
    yield struct.pack("!BBHIB", 0x81, 203, 2, 0xBAD, 255)  # a reason of 255 bytes in one
    yield struct.pack("!BBHI", 0x9F, 200, 6, 0xBAD) + b"\xff" * 20  # a sender report with 31 missing blocks
    yield struct.pack("!BBHI", 0x81, 201, 0, 0xBAD)
    yield struct.pack("!BBHI", 0x9F, 202, 1, 0xBAD)  # descriptions without items
    yield struct.pack("!BBHIBB", 0x81, 202, 2, 0xBAD, 1, 255) + b"a" * 4
    yield from (struct.pack("!BBHII", 0x80 | kind, 205 + (kind & 1), 2, 0xBAD, 0xBAD) for kind in range(32))
    yield struct.pack("!BBHI", 0xA1, 201, 7, 0xBAD) + b"\xff" * 24  # padding longer than the packet
    noise = random.Random(8)
    yield from (bytes([0x80 | noise.randrange(64), 200 + noise.randrange(8)]) + noise.randbytes(60) for _ in range(200))


def send_all(to: tuple[str, int], packets: Iterable[bytes], *, host: str = "127.0.0.1", pause_s: float = 0.002) -> int:
    """Send each packet; returns how many."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        for packet in packets:
            sock.sendto(packet, to)
            time.sleep(pause_s)
            count += 1
    return count
