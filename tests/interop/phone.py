"""A phone with two lines in plain Python: for what one sipp can't do, a REFER in one dialog that names another."""

import contextlib
import queue
import random
import re
import socket
import threading
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.interop.rig import HOST
from tests.interop.rtp import RtpEnd


@dataclass
class Line:
    """One dialog. ``remote`` and ``local`` are From/To values with their tags; ``target`` is the peer's contact."""

    call_id: str
    local: str
    remote: str
    target: str = ""
    sequence: int = 1
    over: threading.Event = field(default_factory=threading.Event)
    notified: list[str] = field(default_factory=list)

    def replaces(self) -> str:
        """Itself as a Replaces parameter of a Refer-To URI, as its peer has it."""
        to_tag, from_tag = (re.findall(r"tag=([^;>\s]+)", value)[0] for value in (self.remote, self.local))
        return quote(f"{self.call_id};to-tag={to_tag};from-tag={from_tag}", safe="")


class TwoLinePhone:
    """Listens on ``port`` over UDP, answers every INVITE, and calls."""

    def __init__(self, port: int, rtp: RtpEnd, host: str = HOST) -> None:
        self.port, self._rtp, self._host = port, rtp, host
        self.lines: dict[str, Line] = {}
        self.answered: queue.Queue[Line] = queue.Queue()
        self.early: list[str] = []
        self._responses: queue.Queue[str] = queue.Queue()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._socket.close()

    def call(self, user: str, port: int) -> Line:
        """Call a number at a port; returns when it was answered."""
        tag = f"{random.getrandbits(40):x}"
        line = Line(f"{random.getrandbits(60):x}", f"<sip:ana@{self._host}>;tag={tag}", f"<sip:{user}@{HOST}:{port}>")
        line.target = f"sip:{user}@{HOST}:{port}"
        self.lines[line.call_id] = line
        text = self._request(line, "INVITE", self._sdp())
        line.remote, line.target = _field(text, "To"), _contact(text) if " 200 " in text else line.target
        self._send(line, "ACK", "")
        return line

    def ringing(self) -> Line:
        """The line whose call hasn't been answered yet; its peer's tag is in the 180."""
        (line,) = self.lines.values()
        early = next(text for text in self.early if line.call_id in text)
        line.remote = _field(early, "To")
        return line

    def refer(self, line: Line, to: str) -> int:
        """Ask for a transfer; returns the answer's code."""
        return int(self._request(line, "REFER", "", f"Refer-To: <{to}>").split()[1])

    def send_raw(self, line: Line, method: str, *fields: str) -> None:
        """A request with whatever header fields, without waiting for an answer."""
        self._send(line, method, "", *fields)

    def hang_up(self, line: Line) -> None:
        """BYE."""
        self._request(line, "BYE", "")
        line.over.set()

    # --- messages --------------------------------------------------------------------------------------------------

    def _sdp(self) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {self._rtp.port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )

    def _request(self, line: Line, method: str, body: str, *more: str) -> str:
        line.sequence += method not in ("ACK",)
        self._send(line, method, body, *more)
        while True:
            text = self._responses.get(timeout=20)
            if f"CSeq: {line.sequence} {method}" in text and line.call_id in text and int(text.split()[1]) >= 200:
                return text

    def _send(self, line: Line, method: str, body: str, *more: str) -> None:
        kind = ["Content-Type: application/sdp"] if body else []
        fields = [
            f"{method} {line.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._host}:{self.port};rport;branch=z9hG4bK{random.getrandbits(60):x}",
            f"From: {line.local}",
            f"To: {line.remote}",
            f"Call-ID: {line.call_id}",
            f"CSeq: {line.sequence} {method}",
            f"Contact: <sip:ana@{self._host}:{self.port}>",
            "Max-Forwards: 70",
            *more,
            *kind,
            f"Content-Length: {len(body)}",
        ]
        host, port = re.findall(r"[@:]([\d.]+):(\d+)", line.target)[0]
        self._socket.sendto(("\r\n".join(fields) + "\r\n\r\n" + body).encode(), (host, int(port)))

    def _respond(self, text: str, source: tuple[str, int], code: int, body: str, tag: str) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        fields = [f"{name}: {value}" for name in names for value in re.findall(rf"^{name}: (.*?)\r$", text, re.M)]
        fields = [f + f";tag={tag}" if f.startswith("To:") and "tag=" not in f else f for f in fields]
        kind = ["Content-Type: application/sdp"] if body else []
        contact = f"Contact: <sip:ana@{self._host}:{self.port}>"
        lines = [f"SIP/2.0 {code} Test", *fields, contact, *kind, f"Content-Length: {len(body)}"]
        self._socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), source)

    def _receive(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                data, source = self._socket.recvfrom(65535)
                self._handle(data.decode(), source)

    def _handle(self, text: str, source: tuple[str, int]) -> None:
        if text.startswith("SIP/2.0 "):
            self.early += [text] if text.startswith("SIP/2.0 18") else []
            self._responses.put(text)
            return
        method, call_id = text.split(" ", 1)[0], _field(text, "Call-ID")
        line = self.lines.get(call_id)
        if method == "INVITE":
            tag = f"{abs(hash(call_id)):x}"
            self._respond(text, source, 200, self._sdp(), tag)
            if line is None:
                line = Line(call_id, f"{_field(text, 'To')};tag={tag}", _field(text, "From"), _contact(text))
                self.lines[call_id] = line
                self.answered.put(line)
        elif method != "ACK":
            self._respond(text, source, 200, "", "")
            if line is not None and method == "BYE":
                line.over.set()
            elif line is not None and method == "NOTIFY":
                line.notified.append(text.partition("\r\n\r\n")[2].strip())


def _field(text: str, name: str) -> str:
    return re.findall(rf"^{name}: (.*?)\r$", text, re.M)[0]


def _contact(text: str) -> str:
    found = re.findall(r"^Contact:\s*<([^>]+)>", text, re.M)
    assert found, f"no Contact in\n{text}"
    return str(found[0])
