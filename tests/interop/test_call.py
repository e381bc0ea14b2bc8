"""`apuntador sip check --call` against real peers: each fault of the audio is found and named."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assist.config import Settings
from gateway.probe.call import Seen, judge, place
from gateway.probe.checks import Finding
from gateway.probe.line import NOBODY, Account
from gateway.probe.options import Target
from gateway.probe.self_call import place_through_ourselves
from tests.interop.asterisk import Asterisk
from tests.interop.conftest import need
from tests.interop.digest_peer import Registrar
from tests.interop.rig import HOST, Process, Sipp, agent, scenario
from tests.interop.rtp import RtpEnd
from tests.ports import sip_port

pytestmark = pytest.mark.interop


class Echo:
    """Sends each RTP packet back, from the port it came to or, ``elsewhere``, from another."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._other.bind((HOST, 0))
        self.other_port: int = self._other.getsockname()[1]
        self._from = self._other if elsewhere else self._socket
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._socket.close()
        self._other.close()

    def _serve(self) -> None:
        for one in (self._socket, self._other):
            one.setblocking(False)
        while not self._stop.is_set():
            for one in (self._socket, self._other):
                try:
                    data, source = one.recvfrom(2048)
                    self._from.sendto(data, source)
                except BlockingIOError:
                    continue
            self._stop.wait(0.005)


@pytest.fixture
def phone(tmp_path: Path, processes: list[Process]) -> Callable[[int], Target]:
    """Starts a phone that answers and says it takes audio on the port given."""
    need("sipp")

    def start(rtp_port: int) -> Target:
        port = sip_port()
        processes.append(Sipp(tmp_path, agent(tmp_path, RTP_PORT=rtp_port), port=port))
        return Target("2001", HOST, port, "udp")

    return start


def said(seen: Seen, target: Target, account: Account = NOBODY) -> dict[str, Finding]:
    return {finding.what: finding for finding in judge(seen, target, account, "en")}


def wrong(seen: Seen, target: Target) -> dict[str, Finding]:
    """The steps that are not in order, by name; a step may have told something good as well."""
    return {one.what: one for one in judge(seen, target, Account(), "en") if one.mark != "ok"}


IN, OUT = "Audio from there to here", "Audio from here to there"


async def test_each_fault_of_the_audio_is_named(phone: Callable[[int], Target]) -> None:
    echo, elsewhere, deaf, mute = Echo(), Echo(elsewhere=True), RtpEnd(None), RtpEnd(np.zeros(8000, np.int16))
    ends = (echo, elsewhere, deaf, mute)
    try:
        targets = [phone(end.port) for end in ends]
        seen = await asyncio.gather(*(place(target, wait_s=30) for target in targets))
        # The one that sends nothing gets our tone all the while.
        assert len(deaf.packets) > 100
    finally:
        for end in ends:
            end.close()

    fine = said(seen[0], targets[0])
    assert {one.mark for one in fine.values()} == {"ok"}, fine
    assert "both ways work" in fine[OUT].result
    assert fine["Codec"].result.startswith("PCMU (offered PCMA, PCMU, G722")

    assert seen[1].source == f"{HOST}:{elsewhere.other_port}"
    found = wrong(seen[1], targets[1])
    assert list(found) == [IN]
    assert f"the other side said {HOST}:{elsewhere.port}" in found[IN].result
    assert "rtp_symmetric" in found[IN].remedy

    found = wrong(seen[2], targets[2])
    assert {what: one.mark for what, one in found.items()} == {IN: "failed", OUT: "warning"}, found
    assert f"{HOST}:{deaf.port}" in found[IN].result
    assert "One-way audio" in found[IN].remedy

    found = wrong(seen[3], targets[3])
    assert {what: one.mark for what, one in found.items()} == {IN: "warning", OUT: "warning"}, found
    assert "nothing but silence" in found[IN].result


async def test_a_call_nobody_takes(tmp_path: Path, processes: list[Process]) -> None:
    need("sipp")
    scenarios = [scenario(tmp_path, "uas_silent"), scenario(tmp_path, "uas_reject", CODE=404), None]
    targets = [Target("2001", HOST, sip_port(), "udp") for _ in scenarios]
    for path, target in zip(scenarios, targets, strict=True):
        if path is not None:
            processes.append(Sipp(tmp_path, path, port=target.port))
    seen = await asyncio.gather(*(place(target, wait_s=2) for target in targets))
    results = ["nobody answered", "refused with 404", "no answer at all"]
    for one, target, result in zip(seen, targets, results, strict=True):
        (found,) = said(one, target).values()
        assert found.mark == "failed"
        assert result in found.result


async def test_a_user_registers_before_it_calls(tmp_path: Path) -> None:
    cases = {"right": 486, "wrong": 403}
    registrars = [Registrar("ana", "right") for _ in cases]
    try:
        for (password, code), registrar in zip(cases.items(), registrars, strict=True):
            secret = tmp_path / password
            secret.write_text(f"{password}\n")
            target, who = Target("900", HOST, registrar.port, "udp"), Account("ana", f"file:{secret}", True)
            found = said(await place(target, who, wait_s=10), target, who)
            assert f"refused with {code}" in list(found.values())[-1].result
            assert bool(registrar.called) == (password == "right")
    finally:
        for registrar in registrars:
            registrar.close()


async def test_a_secret_that_is_not_there_is_said(tmp_path: Path) -> None:
    target, who = Target("900", HOST, sip_port(), "udp"), Account("ana", f"file:{tmp_path / 'none'}")
    found = said(await place(target, who, wait_s=2), target, who)
    assert "can't be read" in next(iter(found.values())).result


async def test_a_call_through_a_gateway_of_its_own(tmp_path: Path) -> None:
    seen = await place_through_ourselves(Settings.model_validate({"data_dir": tmp_path}))
    target = Target("", "self", 5060, "udp")
    found = said(seen, target)
    assert {one.mark for one in found.values()} == {"ok"}, found
    assert "both ways work" in found[OUT].result


PJSIP = """[transport-udp]
type=transport
protocol=udp
bind={host}:{port}
[ana]
type=endpoint
context=test
disallow=all
allow=alaw
media_encryption=sdes
auth=ana
aors=ana
direct_media=no
[ana]
type=auth
auth_type=userpass
username=ana
password=right
[ana]
type=aor
max_contacts=1
"""
ECHO = "[test]\nexten => *43,1,Answer()\n same => n,Echo()\nexten => 600,1,Answer()\n same => n,Wait(30)\n"


async def test_asterisk_with_registration_digest_srtp_and_its_echo_extension(
    tmp_path: Path, processes: list[Process]
) -> None:
    port = sip_port()
    files = {"pjsip.conf": PJSIP.format(host=HOST, port=port), "extensions.conf": ECHO}
    processes.append(Asterisk(tmp_path, files))
    (tmp_path / "secret").write_text("right")
    who = Account("ana", f"file:{tmp_path / 'secret'}", register=True, srtp=True)
    target = Target("*43", HOST, port, "udp")
    found = said(await place(target, who, wait_s=20), target, who)
    assert {one.mark for one in found.values()} == {"ok"}, found
    assert "PCMA" in found["Codec"].result
    plain = said(await place(target, Account(who.user, who.secret), wait_s=5), target)
    assert "refused with 488" in list(plain.values())[-1].result
    assert "--srtp" in list(plain.values())[-1].remedy
    # An extension that only waits sends nothing, or silence.
    target = Target("600", HOST, port, "udp")
    mute = said(await place(target, who, wait_s=20), target, who)
    assert mute[IN].mark in ("failed", "warning")
    stranger = Account("ana", "", register=False)
    refused = said(await place(target, stranger, wait_s=5), target, stranger)
    assert "refused with 401" in list(refused.values())[-1].result
