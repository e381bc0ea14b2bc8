"""`apuntador sip check` against real peers: a worker that runs, phones that answer, are silent, or are not there."""

import asyncio
import socket
from pathlib import Path

import pytest

from assist.config import Agent, Settings, Tap
from gateway.probe.checks import Checks, Finding
from tests.certificates import TestAuthority
from tests.interop.conftest import need
from tests.interop.rig import HOST, Gateway, Process, send_datagram
from tests.ports import sip_port
from tests.support import RealBroker

pytestmark = pytest.mark.interop


async def findings(settings: Settings, *peers: str) -> list[Finding]:
    return [finding async for finding in Checks(settings, peers).run()]


def settings_of(worker: Gateway, tmp_path: Path, **more: object) -> Settings:
    direct = {"gateway": {"port": worker.port, "workers": 1}, "edge": {"mode": "off"}}
    base = {"language": "en", "data_dir": tmp_path, **direct}
    return Settings.model_validate({**base, **more})


async def test_a_worker_answers_and_so_does_a_phone_by_udp_and_tcp(gateway: Gateway, tmp_path: Path) -> None:
    # The worker stands for the phones, too: it is a real SIP peer that answers OPTIONS on both transports.
    agents = (
        Agent(id="ana", sip=f"sip:ana@{HOST}:{gateway.port}"),
        Agent(id="luis", sip=f"sip:luis@{HOST}:{gateway.port};transport=tcp"),
    )
    trunks = ({"name": "pbx", "agent": "ana"},)
    found = await findings(settings_of(gateway, tmp_path, agent=agents, trunk=trunks), f"{HOST}:{gateway.port}")
    assert [finding.mark for finding in found] == ["ok"] * 5
    assert found[0].what == f"Gateway on {HOST}:{gateway.port}"
    assert "answers 200" in found[0].result
    assert "takes calls from 127.0.0.0/8 for agent ana" in found[1].result
    assert not any(finding.remedy for finding in found)


async def test_each_trouble_says_what_to_do(gateway: Gateway, tmp_path: Path) -> None:
    free, silent_port = sip_port(), sip_port()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
        socket.create_server((HOST, 0)) as web,
    ):
        silent.bind((HOST, silent_port))

        def be_a_web_server() -> None:
            connection, _ = web.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        answering = asyncio.create_task(asyncio.to_thread(be_a_web_server))
        peers = [
            f"sip:{HOST}:{free};transport=tcp",
            f"sip:{HOST}:{silent_port}",
            f"sip:{HOST}:{web.getsockname()[1]};transport=tcp",
            "sip:no-such-host.invalid",
            "not an address",
        ]
        found = (await findings(settings_of(gateway, tmp_path), *peers))[-len(peers) :]
        await answering
    assert [finding.mark for finding in found] == ["failed"] * len(peers)
    told = [f"{finding.result} {finding.remedy}" for finding in found]
    for text, expected in zip(
        told,
        ["nothing listens on that port", "no answer within 3", "does not speak SIP", "can't be resolved", "is no SIP"],
        strict=True,
    ):
        assert expected in text
    assert all(finding.remedy for finding in found)
    send_datagram(silent_port, b"the test is over")


async def test_a_worker_that_is_not_there_and_a_port_that_is_taken(tmp_path: Path) -> None:
    port = sip_port()
    settings = Settings.model_validate(
        {"language": "es", "data_dir": tmp_path, "gateway": {"port": port, "workers": 1}}
    )
    assert (await findings(settings))[0].remedy == "Arranque el sistema: apuntador up"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, port))
        found = (await findings(settings))[0]
    assert found.mark == "failed"
    assert f"sport = :{port}" in found.remedy


async def test_certificates_and_trunks_by_tls(
    tmp_path: Path, real_broker: RealBroker, processes: list[Process]
) -> None:
    need("openssl")
    authority = TestAuthority(tmp_path)
    pair, old = authority.sign("gateway"), authority.sign("old", expired=True)
    tls = {"port": sip_port(), "ca": authority.own.certificate, "certificate": pair.certificate, "key": pair.key}
    lines = "".join(
        f"{key} = {value if key == 'port' else chr(34) + str(value) + chr(34)}\n" for key, value in tls.items()
    )
    worker = Gateway(
        tmp_path,
        tmp_path,
        routing=f'[gateway.tls]\n{lines}[[trunk]]\nname = "pbx"\nagent = "ana"\n'
        f'[[agent]]\nid = "ana"\nsip = "sip:ana@{HOST}"\n',
    )
    processes.append(worker)
    worker.wait_ready()
    # The worker stands for the trunk's host, too.
    trunk = {"name": "sbc", "host": f"{HOST}:{tls['port']}", "transport": "tls", "srtp": "required"}
    plain = {"name": "open", "host": f"{HOST}:{worker.port}", "srtp": "optional", "secret": f"file:{tmp_path / 'none'}"}
    gateway = {"port": worker.port, "workers": 1}
    found = await findings(settings_of(worker, tmp_path, gateway={**gateway, "tls": tls}, trunk=(trunk, plain)))
    assert [(finding.mark, finding.what.split(" (")[0]) for finding in found[:-1]] == [
        ("ok", f"Gateway on {HOST}:{worker.port}"),
        ("warning", f"Certificate {pair.certificate}"),  # it is a test's, for two days
        ("ok", "Trunk sbc"),
        ("warning", "Host of trunk sbc"),
        ("ok", "Trunk open"),
        ("ok", "Host of trunk open"),
        ("failed", "Trunk open"),
        ("warning", "Trunk open"),
    ]
    assert "its certificate ends in" in found[3].result
    assert "can't be read" in found[6].result
    assert "the keys travel readable" in found[7].result
    expired = {**tls, "certificate": old.certificate, "key": old.key}
    found = await findings(settings_of(worker, tmp_path, gateway={**gateway, "tls": expired}, trunk=(trunk,)))
    assert (found[1].mark, "certificate has expired" in found[1].result) == ("failed", True)
    stranger = TestAuthority(tmp_path, "stranger")
    untrusted = {**tls, "ca": stranger.own.certificate}
    found = await findings(settings_of(worker, tmp_path, gateway={**gateway, "tls": untrusted}, trunk=(trunk,)))
    assert (found[3].mark, found[3].result) == ("failed", "TLS failed (CERTIFICATE_VERIFY_FAILED)")


async def test_taps_without_secret_or_asterisk(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    common = {"agent": "agent", "secret": f"file:{tmp_path / 'secret'}"}
    taps = (
        Tap(name="fs", protocol="freeswitch", **{**common, "secret": f"file:{tmp_path / 'none'}"}),
        Tap(name="fs2", protocol="freeswitch", **common),
        Tap(name="pbx", protocol="ari", url=f"http://{HOST}:{sip_port()}/ari", api_key="apuntador", **common),
    )
    found = (await findings(settings_of(gateway, tmp_path, tap=taps)))[-3:]
    assert [finding.mark for finding in found] == ["failed", "ok", "failed"]
    assert "can't be read" in found[0].result
    assert "ari.conf" in found[2].remedy
