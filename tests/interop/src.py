"""A session recording client (RFC 7866) in plain Python: INVITE with two labelled streams and metadata, RTP, BYE."""

import random
import re
import socket
from dataclasses import dataclass, field

from tests.interop.rig import HOST
from tests.interop.rtp import RtpEnd

BOUNDARY = "unique-boundary-1"


@dataclass
class Answer:
    """A final response."""

    code: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        return [int(port) for port in re.findall(r"^m=audio (\d+)", self.text, re.MULTILINE)]

    @property
    def labels(self) -> list[str]:
        return re.findall(r"^a=label:(\S+)", self.text, re.MULTILINE)


class RecordingClient:
    """One recording session towards ``port``; its streams play what the two ends play.

    ``sdp`` of the offer labels them 96 (the first end) and 97.
    """

    def __init__(self, port: int, ends: tuple[RtpEnd, RtpEnd], *, tcp: bool = False) -> None:
        self._to, self._ends, self._tcp = port, ends, tcp
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(10)
        if tcp:
            self._socket.connect((HOST, port))
        self._local = self._socket.getsockname()[1]
        self._buffer = b""
        self._call_id, self._tag = f"{random.getrandbits(60):x}@src", f"{random.getrandbits(40):x}"
        self._cseq, self._to_tag, self._target = 0, "", f"sip:srs@{HOST}:{port}"
        self._routes: list[str] = []

    def close(self) -> None:
        self._socket.close()

    # --- requests --------------------------------------------------------------------------------------------------

    def invite(self, metadata: str, *, direction: str = "sendonly", require: bool = True, padding: int = 0) -> Answer:
        """INVITE or, later, re-INVITE, acknowledged."""
        body = self._multipart(self._sdp(direction), metadata)
        more = {"Require": "siprec"} if require else {}
        if padding:
            more["X-Vendor"] = "x" * padding
        answer = self._request("INVITE", body, f"multipart/mixed;boundary={BOUNDARY}", **more)
        self._acknowledge(answer)
        if answer.code == 200:
            for end, port in zip(self._ends, answer.ports, strict=False):
                if port:
                    end.play_to(HOST, port)
        return answer

    def update(self, metadata: str) -> Answer:
        """A request that only brings metadata."""
        return self._request("UPDATE", metadata, "application/rs-metadata+xml")

    def bye(self) -> Answer:
        """End the session."""
        return self._request("BYE", "", "")

    # --- messages --------------------------------------------------------------------------------------------------

    def _sdp(self, direction: str) -> str:
        lines = ["v=0", f"o=src 1 {self._cseq + 1} IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"]
        for label, end in zip(("96", "97"), self._ends, strict=True):
            lines += [f"m=audio {end.port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a={direction}", f"a=label:{label}"]
        return "\r\n".join(lines) + "\r\n"

    def _multipart(self, sdp: str, metadata: str) -> str:
        return (
            f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n"
            f"--{BOUNDARY}\r\nContent-Type: application/rs-metadata+xml\r\n"
            f"Content-Disposition: recording-session\r\n\r\n{metadata}\r\n--{BOUNDARY}--\r\n"
        )

    def _request(self, method: str, body: str, kind: str, **more: str) -> Answer:
        self._cseq += 1
        self._send(method, self._cseq, body, kind, **more)
        while True:
            text = self._receive()
            if not text.startswith("SIP/2.0 "):
                continue
            code = int(text.split()[1])
            if code >= 200 and f"CSeq: {self._cseq} {method}" in text:
                found = re.search(r"^To:.*?;tag=([^;\s]+)", text, re.MULTILINE)
                self._to_tag = found.group(1) if found else self._to_tag
                contact = re.search(r"^Contact:\s*<([^>]+)>", text, re.MULTILINE)
                self._target = contact.group(1) if contact and code == 200 else self._target
                self._routes = self._routes or re.findall(r"^Record-Route:\s*(.+?)\s*$", text, re.MULTILINE)[::-1]
                return Answer(code, text)

    def _acknowledge(self, answer: Answer) -> None:
        self._send("ACK", self._cseq, "", "")

    def _send(self, method: str, cseq: int, body: str, kind: str, **more: str) -> None:
        transport = "TCP" if self._tcp else "UDP"
        tag = f";tag={self._to_tag}" if self._to_tag else ""
        headers = {
            "Via": f"SIP/2.0/{transport} {HOST}:{self._local};rport;branch=z9hG4bK{random.getrandbits(60):x}",
            "From": f"<sip:src@{HOST}:{self._local}>;tag={self._tag}",
            "To": f"<sip:srs@{HOST}:{self._to}>{tag}",
            "Call-ID": self._call_id,
            "CSeq": f"{cseq} {method}",
            "Contact": f"<sip:src@{HOST}:{self._local};transport={transport.lower()}>;+sip.src",
            "Max-Forwards": "70",
            **({"Route": ", ".join(self._routes)} if self._routes and tag else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
            **({"Content-Type": kind} if kind else {}),
            "Content-Length": str(len(body.encode())),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = f"{method} {self._target} SIP/2.0\r\n{head}\r\n{body}".encode()
        if self._tcp:
            self._socket.sendall(data)
        else:
            self._socket.sendto(data, (HOST, self._to))

    def _receive(self) -> str:
        if not self._tcp:
            return self._socket.recv(65535).decode()
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            length = re.search(rb"^Content-Length:\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
            size = int(length.group(1)) if length else 0
            if found and len(rest) >= size:
                self._buffer = rest[size:]
                return (head + found + rest[:size]).decode()
            data = self._socket.recv(65535)
            if not data:
                raise ConnectionError("the recording server closed the connection")
            self._buffer += data
