"""The people of :mod:`bench.sip`: callers and agents' phones by the hundred, in one process of their own.

Plain SIP over UDP and G.711 over RTP, as little of both as a call needs. Every RTP packet carries a number that
survives the bridge unchanged (µ-law decoded and encoded again gives the same code), so each packet that arrives tells
which one it was and how long it took.
"""

import heapq
import itertools
import random
import re
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np

HOST: Final = "127.0.0.1"
PACKET_S: Final = 0.02
SAMPLES: Final = 160
_RTP: Final = struct.Struct("!BBHII")
_SYNC: Final = b"\xd5\x95\xd5"
_NIBBLE: Final = bytes(range(0x98, 0xA8))
"""µ-law codes far from each other's sound and from silence; none of them is in the sync mark."""
_T1: Final = 0.5
_TIMEOUT_S: Final = 32.0
_SKIP_S: Final = 1.0
"""The beginning of a call, in which the jitter buffer settles, is not counted."""


def _mark(number: int) -> bytes:
    return _SYNC + bytes(_NIBBLE[number >> shift & 15] for shift in (12, 8, 4, 0))


def _number(payload: bytes) -> int | None:
    at = payload.find(_SYNC)
    digits = payload[at + 3 : at + 7]
    if at < 0 or len(digits) < 4:
        return None
    value = 0
    for digit in digits:
        nibble = digit - _NIBBLE[0]
        if not 0 <= nibble < 16:
            return None
        value = value << 4 | nibble
    return value


def _sound(seed: int) -> bytes:
    codes = np.random.default_rng(seed).integers(0xA8, 0xC8, SAMPLES - 7, dtype=np.uint8)
    return codes.tobytes()


@dataclass(slots=True)
class Stream:
    """One leg's RTP: what it sends is looked for at the other leg."""

    socket: socket.socket
    sound: bytes
    to: tuple[str, int] | None = None
    playing: bool = False
    sequence: int = 0
    sent_at: list[float] = field(default_factory=list)
    arrived_at: list[float] = field(default_factory=list)
    """When packets from the gateway came."""
    delays: list[float] = field(default_factory=list)
    """Of the other leg's packets that came here."""
    seen: set[int] = field(default_factory=set)
    began: float = 0.0

    def stop(self) -> None:
        self.playing = False


@dataclass(slots=True)
class Call:
    """A caller's side of a call. ``tried``: workers that had no room."""

    number: int
    caller: Stream
    agent: Stream
    call_id: str = ""
    target: int = 0
    tried: int = 0
    state: str = "idle"
    tag: str = ""
    contact: str = ""
    agent_dialog: dict[str, str] = field(default_factory=dict)
    began: float = 0.0
    up_at: float = 0.0
    dropped: str = ""
    refused: list[int] = field(default_factory=list)


class Peers:
    """Everything of this process, one thread.

    Args:
        workers: SIP ports of the gateway's workers.
        agent_port: where the agents' phone answers.
        calls: how many calls there may be at once.
    """

    def __init__(self, workers: list[int], agent_port: int, calls: int) -> None:
        self._workers = workers
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._sip = self._listen(0, self._on_caller_sip)
        self._phone = self._listen(agent_port, self._on_agent_sip)
        self._calls = [Call(n, self._stream(2 * n), self._stream(2 * n + 1)) for n in range(calls)]
        for call in self._calls:
            self._hear(call.caller, call.agent)
            self._hear(call.agent, call.caller)
        self._by_id: dict[str, Call] = {}
        self._by_agent_id: dict[str, Call] = {}
        self._next_worker = 0
        self.set_ups: list[float] = []
        self.on_over: Callable[[Call], None] = lambda call: None

    # --- sockets ---------------------------------------------------------------------------------------------------

    def _listen(self, port: int, on_text: Callable[[str, tuple[str, int]], None]) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((HOST, port))
        sock.setblocking(False)

        def ready(now: float) -> None:
            try:
                while True:
                    data, source = sock.recvfrom(65535)
                    on_text(data.decode(errors="replace"), source)
            except BlockingIOError:
                return

        self._selector.register(sock, selectors.EVENT_READ, ready)
        return sock

    def _stream(self, seed: int) -> Stream:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        return Stream(sock, _sound(seed))

    def _hear(self, stream: Stream, other: Stream) -> None:
        def ready(now: float) -> None:
            try:
                while True:
                    data = stream.socket.recv(2048)
                    stream.arrived_at.append(now)
                    number = _number(data[12:])
                    if number is not None and number < len(other.sent_at) and number not in stream.seen:
                        stream.seen.add(number)
                        stream.delays.append(now - other.sent_at[number])
            except BlockingIOError:
                return

        self._selector.register(stream.socket, selectors.EVENT_READ, ready)

    # --- the loop --------------------------------------------------------------------------------------------------

    def later(self, delay: float, run: Callable[[float], None]) -> None:
        """Run ``run(now)`` after ``delay`` seconds."""
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._order), run))

    def turn(self, until: float) -> None:
        """Serve sockets and timers until this time of time.monotonic()."""
        while (now := time.monotonic()) < until:
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2](now)
            next_at = min(self._timers[0][0] if self._timers else until, until)
            for key, _ in self._selector.select(max(0.0, next_at - time.monotonic())):
                key.data(time.monotonic())

    def _play(self, stream: Stream) -> None:
        if stream.playing:
            return
        stream.playing, stream.sequence, stream.began = True, 0, time.monotonic()
        for kept in (stream.sent_at, stream.arrived_at, stream.delays):
            kept.clear()
        stream.seen.clear()
        ssrc = random.getrandbits(32)

        def send(now: float) -> None:
            if not stream.playing or stream.to is None:
                return
            number = stream.sequence
            header = _RTP.pack(0x80, 0, number & 0xFFFF, number * SAMPLES & 0xFFFFFFFF, ssrc)
            stream.sent_at.append(now)
            stream.socket.sendto(header + _mark(number & 0xFFFF) + stream.sound, stream.to)
            stream.sequence += 1
            heapq.heappush(self._timers, (stream.began + stream.sequence * PACKET_S, next(self._order), send))

        # Legs don't start in step: each has its own place in the 20 ms.
        stream.began += random.random() * PACKET_S
        heapq.heappush(self._timers, (stream.began, next(self._order), send))

    # --- callers ---------------------------------------------------------------------------------------------------

    def start_call(self, call: Call) -> None:
        """Dial; a worker without room is passed over, as an edge does it."""
        call.tried, call.refused, call.began, call.dropped = 0, [], time.monotonic(), ""
        self._invite(call)

    def _invite(self, call: Call) -> None:
        call.target = self._workers[self._next_worker % len(self._workers)]
        self._next_worker += 1
        call.call_id, call.state = f"{random.getrandbits(64):x}@bench", "dialled"
        self._by_id[call.call_id] = call
        text = self._request(call, "INVITE", 1, body=_sdp(call.caller.socket.getsockname()[1]))
        self._repeat(call, text, "dialled", call.call_id)

    def _repeat(self, call: Call, text: str, state: str, call_id: str, wait: float = _T1, total: float = 0.0) -> None:
        """Send, and again at growing intervals while the call is in ``state`` (RFC 3261, timers A, B, E, F)."""
        if call.state != state or call.call_id != call_id:
            return
        if total > _TIMEOUT_S:
            self._over(call, "no answer")
            return
        self._sip.sendto(text.encode(), (HOST, call.target))
        self.later(wait, lambda now: self._repeat(call, text, state, call_id, min(2 * wait, 4.0), total + wait))

    def _request(self, call: Call, method: str, cseq: int, *, body: str = "", branch: str = "") -> str:
        port = self._sip.getsockname()[1]
        to = f"<sip:900@{HOST}:{call.target}>" + (f";tag={call.tag}" if method != "INVITE" and call.tag else "")
        where = call.contact if method in ("ACK", "BYE") and call.contact else f"sip:900@{HOST}:{call.target}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {where} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{port};rport;branch={branch or f'z9hG4bK{random.getrandbits(60):x}'}\r\n"
            f"From: <sip:5{call.number:06d}@{HOST}:{port}>;tag=c{call.number}\r\nTo: {to}\r\n"
            f"Call-ID: {call.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:bench@{HOST}:{port}>\r\n"
            f"Max-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _on_caller_sip(self, text: str, source: tuple[str, int]) -> None:
        headers = _headers(text)
        call = self._by_id.get(headers.get("call-id", ""))
        if call is None or call.call_id != headers["call-id"]:
            if text.startswith("BYE "):
                self._sip.sendto(_reply(text, "200 OK").encode(), source)
            return
        if text.startswith("BYE "):
            self._sip.sendto(_reply(text, "200 OK").encode(), source)
            if call.state == "up":
                self._over(call, "BYE from the gateway")
            return
        if not text.startswith("SIP/2.0 "):
            return
        code = int(text.split(" ", 2)[1])
        if headers.get("cseq", "").endswith("BYE"):
            if call.state == "ending":
                self._over(call, "")
            return
        if code < 200:
            if call.state == "dialled":
                call.state = "ringing"
                self.later(_TIMEOUT_S, lambda now, one=call.call_id: self._give_up(call, one))  # type: ignore[misc]
            return
        call.tag = _tag(headers.get("to", ""))
        if code == 200:
            found = re.search(r"<([^>]+)>", headers.get("contact", ""))
            call.contact = found.group(1) if found else ""
            self._sip.sendto(self._request(call, "ACK", 1).encode(), source)
            if call.state in ("dialled", "ringing"):
                call.state, call.up_at = "up", time.monotonic()
                self.set_ups.append(call.up_at - call.began)
                call.caller.to = _media(text)
                self.on_up(call)
            return
        branch = re.search(r"branch=([^;\s,]+)", headers.get("via", ""))
        call.contact = ""
        ack = self._request(call, "ACK", 1, branch=branch.group(1) if branch else "")
        self._sip.sendto(ack.encode(), source)
        if call.state in ("dialled", "ringing"):
            call.refused.append(code)
            call.tried += 1
            call.tag = ""
            if code in (486, 503) and call.tried < len(self._workers):
                self._invite(call)
            else:
                self._over(call, f"refused {code}")

    def _give_up(self, call: Call, call_id: str) -> None:
        if call.call_id == call_id and call.state == "ringing":
            self._over(call, "no answer")

    def on_up(self, call: Call) -> None:
        """The call was answered; both ends begin to talk."""
        self._play(call.caller)
        self._play(call.agent)

    def hang_up(self, call: Call) -> None:
        """BYE from the caller."""
        if call.state == "up":
            call.state = "ending"
            self._repeat(call, self._request(call, "BYE", 2), "ending", call.call_id)

    def _over(self, call: Call, why: str) -> None:
        call.state, call.dropped = "idle", why
        call.caller.stop()
        call.agent.stop()
        self._by_id.pop(call.call_id, None)
        call.tag = call.contact = ""
        self.on_over(call)

    # --- agents ----------------------------------------------------------------------------------------------------

    def _on_agent_sip(self, text: str, source: tuple[str, int]) -> None:
        headers = _headers(text)
        if text.startswith("INVITE "):
            found = re.search(r"sip:5(\d{6})@", headers.get("from", ""))
            number = int(found.group(1)) if found else -1
            if not 0 <= number < len(self._calls):
                self._phone.sendto(_reply(text, "404 Not Found").encode(), source)
                return
            call = self._calls[number]
            call.agent.to = _media(text)
            port = self._phone.getsockname()[1]
            body = _sdp(call.agent.socket.getsockname()[1])
            more = f"Contact: <sip:ana@{HOST}:{port}>\r\nContent-Type: application/sdp\r\n"
            self._phone.sendto(_reply(text, "180 Ringing").encode(), source)
            self._phone.sendto(_reply(text, "200 OK", more, body).encode(), source)
        elif text.startswith(("BYE ", "CANCEL ")):
            self._phone.sendto(_reply(text, "200 OK").encode(), source)

    # --- measuring -------------------------------------------------------------------------------------------------

    def hold(self, calls: int, seconds: float, extra: int) -> dict[str, Any]:
        """Have ``calls`` calls up for ``seconds``, offer ``extra`` more meanwhile, and measure."""
        chosen = self._calls[:calls]
        self.set_ups.clear()
        for at, call in enumerate(chosen):
            # Thirty a second, as a busy trunk brings them.
            self.later(at / 30, lambda now, one=call: self.start_call(one))  # type: ignore[misc]
        self.turn(time.monotonic() + calls / 30 + 0.5)
        deadline = time.monotonic() + 20
        while any(call.state != "up" for call in chosen) and time.monotonic() < deadline:
            self.turn(time.monotonic() + 0.1)
        up = [call for call in chosen if call.state == "up"]
        self.turn(time.monotonic() + _SKIP_S)
        for call in up:
            for stream in (call.caller, call.agent):
                for kept in (stream.arrived_at, stream.delays):
                    kept.clear()
                stream.seen.clear()
        marks = [(s, len(s.sent_at)) for call in up for s in (call.caller, call.agent)]
        began, cpu = time.monotonic(), time.process_time()
        more = self._calls[calls : calls + extra]
        for at, call in enumerate(more):
            self.later(at * seconds / max(1, extra), lambda now, one=call: self.start_call(one))  # type: ignore[misc]
        self.turn(began + seconds)
        took = time.monotonic() - began
        share = (time.process_time() - cpu) / took
        late = self._late(marks)
        row: dict[str, Any] = {
            "asked": calls,
            "up": len(up),
            "not_up": sorted({call.dropped or call.state for call in chosen if call not in up}),
            "dropped": sum(call.state != "up" for call in up),
            "set_up_ms": _percentiles([s * 1000 for s in self.set_ups], 50, 99),
            "delay_ms": _percentiles([d * 1000 for c in up for s in (c.caller, c.agent) for d in s.delays], 50, 95, 99),
            "frame_ms": _percentiles(
                [b for c in up for s in (c.caller, c.agent) for b in np.diff(s.arrived_at) * 1000], 50, 99, 99.9
            ),
            "jitter_ms": round(float(np.mean([_jitter(s.delays) for c in up for s in (c.caller, c.agent)] or [0])), 2),
            "lost_share": round(self._lost(up, marks), 5),
            "sender_late_ms": _percentiles(late, 50, 99),
            "peers_cpu": round(share, 3),
            "offered_past": extra,
            "refused": sum(call.dropped.startswith("refused") for call in more),
            "refusals": sorted({code for call in more for code in call.refused}),
            "got_in": sum(call.state == "up" for call in more),
        }
        self.end_all()
        return row

    def _late(self, marks: list[tuple[Stream, int]]) -> list[float]:
        """How much later than planned our own packets left, in ms."""
        return [
            (at - stream.began - number * PACKET_S) * 1000
            for stream, first in marks
            for number, at in enumerate(stream.sent_at[first:], first)
        ]

    def _lost(self, up: list[Call], marks: list[tuple[Stream, int]]) -> float:
        first = {id(stream): number for stream, number in marks}
        sent = lost = 0
        for call in up:
            for one, other in ((call.caller, call.agent), (call.agent, call.caller)):
                # What was sent last is still on its way.
                numbers = range(first[id(one)] + 10, len(one.sent_at) - 25)
                sent += len(numbers)
                lost += sum(number not in other.seen for number in numbers)
        return lost / sent if sent else 0.0

    def set_up_rate(self, at_once: int, seconds: float) -> dict[str, Any]:
        """Calls that are hung up as soon as they are answered, ``at_once`` of them, each followed by the next."""
        chosen, done, failed = self._calls[:at_once], 0, 0
        self.set_ups.clear()
        until = time.monotonic() + seconds

        def over(call: Call) -> None:
            nonlocal done, failed
            if call.dropped:
                failed += 1
            else:
                done += 1
            if time.monotonic() < until:
                # Give the worker a moment to free the slots.
                self.later(0.05, lambda now: self.start_call(call))

        self.on_over = over
        up, self.on_up = self.on_up, lambda call: self.hang_up(call)  # type: ignore[method-assign]
        for at, call in enumerate(chosen):
            self.later(at * 0.02, lambda now, one=call: self.start_call(one))  # type: ignore[misc]
        cpu = time.process_time()
        self.turn(until)
        row = {
            "at_once": at_once,
            "calls_s": round(done / seconds, 1),
            "failed": failed,
            "set_up_ms": _percentiles([s * 1000 for s in self.set_ups], 50, 99),
            "peers_cpu": round((time.process_time() - cpu) / seconds, 3),
        }
        self.on_up = up  # type: ignore[method-assign]
        self.end_all()
        self.on_over = lambda call: None
        return row

    def end_all(self) -> None:
        """Hang up whatever is up and wait for the ends."""
        for call in self._calls:
            self.hang_up(call)
        deadline = time.monotonic() + 10
        while any(call.state not in ("idle",) for call in self._calls) and time.monotonic() < deadline:
            for call in self._calls:
                self.hang_up(call)
            self.turn(time.monotonic() + 0.1)
        self.turn(time.monotonic() + 0.7)


def _headers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.partition("\r\n\r\n")[0].split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found


def _reply(request: str, status: str, more: str = "", body: str = "") -> str:
    head = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    kept = [line for line in head if line.split(":")[0].lower() in ("via", "from", "call-id", "cseq", "record-route")]
    to = next((line for line in head if line.lower().startswith("to:")), "To: <sip:x>")
    tag = "" if ";tag=" in to else ";tag=phone"
    return "\r\n".join([f"SIP/2.0 {status}", *kept, to + tag, f"{more}Content-Length: {len(body)}", "", body])


def _tag(value: str) -> str:
    found = re.search(r";tag=([^;\s]+)", value)
    return found.group(1) if found else ""


def _media(text: str) -> tuple[str, int]:
    found = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
    return HOST, int(found.group(1)) if found else 9


def _sdp(port: int) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
    )


def _percentiles(values: list[float], *wanted: float) -> list[float]:
    return [round(float(np.percentile(values, p)), 1) for p in wanted] if len(values) else [0.0] * len(wanted)


def _jitter(delays: list[float]) -> float:
    """Interarrival jitter in ms (RFC 3550, section 6.4.1), at the end of the delays."""
    jitter = 0.0
    for a, b in itertools.pairwise(delays):
        jitter += (abs(b - a) - jitter) / 16
    return jitter * 1000


def serve(pipe: Connection, workers: list[int], agent_port: int, calls: int) -> None:
    """Process entry: carry out (method, arguments) from the pipe until None comes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * calls + 200)), hard))
    peers = Peers(workers, agent_port, calls)
    pipe.send("ready")
    while (order := pipe.recv()) is not None:
        name, arguments = order
        pipe.send(getattr(peers, name)(*arguments))
