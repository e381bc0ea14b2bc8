"""A registrar and phone in plain Python: digest with MD5 (RFC 2617, section 3.2.2), then whatever the test wants."""

import hashlib
import re
import socket
import threading

from tests.interop.rig import HOST

REALM, NONCE = "test", "f00d"


class Registrar:
    """Takes REGISTER from ``user`` with ``password``; answers every INVITE of a registered one with ``code``."""

    def __init__(self, user: str, password: str, code: int = 486) -> None:
        self._user, self._password, self._code = user, password, code
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self.registered = 0
        self.called = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                data, source = self._socket.recvfrom(8192)
            except TimeoutError:
                continue
            request = data.decode(errors="replace")
            method = request.split(" ", 1)[0]
            if method == "REGISTER":
                self._answer(request, source, *self._check(request))
            elif method == "INVITE":
                self.called += 1
                self._answer(request, source, self._code if self.registered else 403)

    def _check(self, request: str) -> tuple[int, str]:
        given = re.search(r"^Authorization: Digest (.*)$", request, re.MULTILINE)
        if given is None:
            return 401, f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5\r\n'
        fields = dict(re.findall(r'(\w+)="?([^",\r]+)"?', given[1]))
        secret = _md5(f"{self._user}:{REALM}:{self._password}")
        expected = _md5(f"{secret}:{NONCE}:{_md5('REGISTER:' + fields['uri'])}")
        if fields.get("username") != self._user or fields.get("response") != expected:
            return 403, ""
        self.registered += 1
        contact = re.search(r"^Contact:.*$", request, re.MULTILINE)
        return 200, f"{contact[0].strip()}\r\n" if contact else ""

    def _answer(self, request: str, source: tuple[str, int], code: int, more: str = "") -> None:
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq):.*$", request, re.MULTILINE)
        to = re.search(r"^To:.*$", request, re.MULTILINE)
        lines = [f"SIP/2.0 {code} Answer", *(one.strip() for one in kept), f"{to[0].strip() if to else ''};tag=r1"]
        self._socket.sendto(("\r\n".join(lines) + f"\r\n{more}Content-Length: 0\r\n\r\n").encode(), source)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
