"""An RTP end of the test's own: plays G.711 at the right pace and keeps each packet it gets, with its time."""

import itertools
import random
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from bench.g711 import from_ulaw, to_ulaw
from tests.interop.audio import Pcm

_HEADER = struct.Struct("!BBHII")
PACKET = 160


@dataclass(frozen=True)
class Packet:
    """One received packet; ``at`` is seconds of time.monotonic()."""

    at: float
    sequence: int
    timestamp: int
    payload_type: int
    payload: bytes


class RtpEnd:
    """Binds a port on loopback; plays to whoever sends to it first (symmetric RTP, RFC 4961), or to nobody.

    ``pcm`` is played in a loop, mu-law, 20 ms a packet; ``sent_at[i]`` is when packet i left.
    """

    def __init__(self, pcm: Pcm | None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[Packet] = []
        self.sent_at: list[float] = []
        self._payload = to_ulaw(pcm) if pcm is not None else b""
        self._peer: tuple[str, int] | None = None
        self._stop = threading.Event()
        self.muted = threading.Event()
        self.lose_every = 0
        """Every so many-th packet is numbered and never sent; 0: none."""
        self._digit: deque[bytes] = deque()
        self._digit_type = 101
        self._threads = [threading.Thread(target=self._receive, daemon=True)]
        if self._payload:
            self._threads.append(threading.Thread(target=self._play, daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2)
        self._socket.close()

    def play_to(self, host: str, port: int) -> None:
        """Play to this address, without having heard from it (a sendonly stream)."""
        self._peer = (host, port)

    def send_raw(self, packet: bytes) -> None:
        """Any datagram to whom it plays to."""
        if self._peer is not None:
            self._socket.sendto(packet, self._peer)

    def spray(self, targets: list[tuple[str, int]], seconds: float, pcm: Pcm) -> None:
        """Play ``pcm`` to each of ``targets`` from the port its packets always came from."""
        sound, begin, ssrc = to_ulaw(pcm), time.monotonic(), random.getrandbits(32)
        for number in range(int(seconds / 0.02)):
            time.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))
            spot = number * PACKET % len(sound)
            header = _HEADER.pack(0x80, 0, number & 0xFFFF, number * PACKET, ssrc)
            for target in targets:
                self._socket.sendto(header + sound[spot : spot + PACKET], target)

    @property
    def peer(self) -> tuple[str, int] | None:
        """Whom it plays to."""
        return self._peer

    def pcm(self) -> Pcm:
        """What was received, each packet at its timestamp's place, gaps silent."""
        audio = [p for p in self.packets if p.payload_type == 0]
        if not audio:
            return np.zeros(0, np.int16)
        base = audio[0].timestamp
        spots = [((p.timestamp - base) & 0xFFFFFFFF, p) for p in audio]
        spots = [(spot, p) for spot, p in spots if spot < 8000 * 600]
        out = np.zeros(max(spot + len(p.payload) for spot, p in spots), np.int16)
        for spot, packet in spots:
            out[spot : spot + len(packet.payload)] = from_ulaw(packet.payload)
        return out

    def longest_pause(self, since: float = 0.0) -> float:
        """Longest time between two packets, in seconds, of those that came after ``since``."""
        times = [p.at for p in self.packets if p.at >= since]
        return max((b - a for a, b in itertools.pairwise(times)), default=float("inf"))

    def missing(self) -> int:
        """Sequence numbers that never came."""
        numbers = [p.sequence for p in self.packets]
        return sum((b - a - 1) & 0xFFFF for a, b in itertools.pairwise(numbers) if b != a)

    def send_digit(self, digit: str, *, payload_type: int = 101) -> None:
        """One telephone-event of 100 ms (RFC 4733), in place of the audio of that time."""
        event = "0123456789*#".index(digit)
        bodies = [
            struct.pack("!BBH", event, 10 | (0x80 if step > 5 else 0), min(step, 6) * PACKET) for step in range(1, 9)
        ]
        self._digit_type = payload_type
        self._digit.extend(bodies)

    def _receive(self) -> None:
        while not self._stop.is_set():
            try:
                data, source = self._socket.recvfrom(2048)
            except (TimeoutError, OSError):
                continue
            if len(data) < _HEADER.size or data[0] >> 6 != 2:
                continue
            now = time.monotonic()
            _, kind, sequence, timestamp, _ = _HEADER.unpack_from(data)
            self.packets.append(Packet(now, sequence, timestamp, kind & 0x7F, data[_HEADER.size :]))
            self._peer = source

    def _play(self) -> None:
        while self._peer is None and not self._stop.is_set():
            time.sleep(0.002)
        begin = time.monotonic()
        ssrc = random.getrandbits(32)
        index = 0
        event_start: int | None = None
        while not self._stop.is_set():
            delay = begin + index * 0.02 - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            spot = index * PACKET % len(self._payload)
            payload = self._payload[spot : spot + PACKET].ljust(PACKET, b"\xff")
            kind, timestamp = 0x80 if index == 0 else 0, index * PACKET
            if self._digit:
                # All packets of an event bear the timestamp of its start.
                event_start = timestamp if event_start is None else event_start
                kind = self._digit_type | (0x80 if event_start == timestamp else 0)
                timestamp, payload = event_start, self._digit.popleft()
            else:
                event_start = None
            header = _HEADER.pack(0x80, kind, index & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
            lost = self.lose_every and index % self.lose_every == self.lose_every - 1
            if not lost and not self.muted.is_set() and self._peer is not None:
                self._socket.sendto(header + payload, self._peer)
            self.sent_at.append(time.monotonic())
            index += 1
