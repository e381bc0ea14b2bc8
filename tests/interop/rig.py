"""The processes of an interop test: a gateway worker, sipp, baresip. Each is started here and ended by its id."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ports import is_bound, rtp_start, sip_port

DATA = Path(__file__).parents[1] / "data" / "sip"
HOST = "127.0.0.1"
SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 47998 RTP/AVP 0
a=rtpmap:0 PCMU/8000"""
NO_BODY = "Content-Length: 0\n"


def wait_for(condition: Callable[[], bool], timeout: float = 10.0, what: str = "the condition") -> None:
    """Wait until ``condition()`` holds, or fail."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout:g} s"
        time.sleep(0.01)


class Process:
    """A child with its output in files, ended by id."""

    def __init__(self, argv: list[str], log: Path, *, cwd: Path | None = None, env: dict[str, str] | None = None):
        self.out, self.err = log.with_suffix(".out"), log.with_suffix(".err")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env={**os.environ, **(env or {})}
            )

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def wait(self, timeout: float) -> int:
        """Exit code; fails when it doesn't end in time."""
        return self.popen.wait(timeout)

    def end(self, timeout: float = 10.0) -> int:
        """SIGTERM, then SIGKILL when that doesn't help; returns the exit code."""
        if self.running:
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(5)
        return int(self.popen.returncode)

    def text(self) -> str:
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")


class Gateway(Process):
    """``python -m gateway.worker`` on free ports, its agent's phone at :attr:`agent_port`.

    ``more`` and ``trunk`` are TOML: tables of their own, and settings of the trunk.
    """

    def __init__(
        self,
        tmp: Path,
        data_dir: Path,
        *,
        allow: str = "127.0.0.0/8",
        ring_s: int = 10,
        agent_uri: str | None = None,
        arguments: tuple[str, ...] = (),
        port: int | None = None,
        more: str = "",
        gateway_lines: str = "",
        routing: str | None = None,
        trunk: str = "",
    ) -> None:
        self.port = port or sip_port()
        self.agent_port = sip_port()
        self.config = tmp / f"gateway-{self.port}.toml"
        agent = agent_uri or f"sip:ana@{HOST}:{self.agent_port}"
        self.config.write_text(
            f'data_dir = "{data_dir}"\n'
            f"[gateway]\nport = {self.port}\nrtp_start = {rtp_start()}\nring_s = {ring_s}\n"
            f"{gateway_lines}"
            + (
                routing
                or f'[[trunk]]\nname = "pbx"\nallow = ["{allow}"]\nqueue = "soporte"\nagent = "ana"\n{trunk}'
                f'[[agent]]\nid = "ana"\nsip = "{agent}"\n'
            )
            + more
        )
        argv = [sys.executable, "-m", "gateway.worker", "--index", "0", "--config", str(self.config), *arguments]
        super().__init__(argv, tmp / f"gateway-{self.port}", cwd=Path(__file__).parents[2])

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Log lines of this event."""
        found = []
        for line in self.err.read_text().splitlines():
            if line.startswith("{"):
                entry = json.loads(line)
                if entry.get("event") == name:
                    found.append(entry)
        return found

    def wait_ready(self) -> "Gateway":
        wait_for(lambda: bool(self.lines("gateway.ready")) or not self.running, 15, "gateway.ready")
        assert self.running, self.text()
        return self

    def cpu_s(self) -> float:
        """User and system seconds so far."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scenario(tmp: Path, name: str, **values: object) -> Path:
    """A scenario of tests/data/sip with its ``@NAME@`` marks filled in; a value may itself be a file's name there."""
    text = (DATA / f"{name}.xml").read_text()
    for _ in range(3):
        for key, value in values.items():
            part = str(value)
            if part.endswith(".xml"):
                part = (DATA / part).read_text()
            text = text.replace(f"@{key}@", part)
    path = tmp / f"{name}-{random.getrandbits(32):x}.xml"
    path.write_text(text)
    return path


def play(path: Path) -> str:
    """The action that plays a mu-law file once."""
    return f'<nop><action><exec rtp_stream="{path},1,0,PCMU/8000"/></action></nop>'


def caller(tmp: Path, **values: object) -> Path:
    """``uac_stream`` with what isn't given left out: no audio, BYE after 3 s."""
    filled: dict[str, object] = {
        "RTP_PORT": "[rtpstream_audio_port]",
        "PLAY": "",
        "DURING": "",
        "TALK_MS": 3000,
        "END": "uac_bye.xml",
    }
    return scenario(tmp, "uac_stream", **{**filled, **values})


def agent(tmp: Path, **values: object) -> Path:
    """``uas_stream`` with what isn't given left out: no audio, waits for the BYE."""
    filled: dict[str, object] = {
        "RTP_PORT": "[rtpstream_audio_port]",
        "PLAY": "",
        "RING_MS": 200,
        "TALK_MS": 0,
        "END": "uas_wait_bye.xml",
    }
    return scenario(tmp, "uas_stream", **{**filled, **values})


class Sipp(Process):
    """One sipp, bound to loopback; ``to`` makes it a caller. ``host`` is its own address, of 127.0.0.0/8."""

    def __init__(
        self,
        tmp: Path,
        path: Path,
        *,
        port: int,
        to: int | None = None,
        calls: int = 1,
        host: str = HOST,
        more: tuple[str, ...] = (),
        to_host: str = HOST,
        media_host: str | None = None,
    ) -> None:
        name = f"sipp-{port}-{path.stem}"
        target = [f"{to_host}:{to}"] if to is not None else []
        argv = [
            "sipp",
            *target,
            "-sf",
            str(path),
            "-i",
            host,
            "-mi",
            media_host or host,
            "-p",
            str(port),
            "-m",
            str(calls),
        ]
        argv += [
            "-nostdin",
            "-s",
            "900",
            "-trace_msg",
            "-message_file",
            str(tmp / f"{name}.messages"),
            "-trace_err",
            "-error_file",
            str(tmp / f"{name}.errors"),
            *more,
        ]
        super().__init__(argv, tmp / name, cwd=tmp)
        self._errors = tmp / f"{name}.errors"
        self._messages = tmp / f"{name}.messages"
        if to is None:
            wait_for(lambda: is_bound(port, host), 5, "sipp listens")

    def check(self, timeout: float = 20.0) -> None:
        """Every call went as its scenario says."""
        code = self.wait(timeout)
        errors = self._errors.read_text(errors="replace") if self._errors.exists() else ""
        assert code == 0, f"sipp ended with {code}\n{errors[-3000:]}{self.text()[-1500:]}"

    def messages(self) -> str:
        """Everything sent and received."""
        return self._messages.read_text(errors="replace")


def send_datagram(port: int, data: bytes) -> None:
    """One UDP datagram to loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(data, (HOST, port))
