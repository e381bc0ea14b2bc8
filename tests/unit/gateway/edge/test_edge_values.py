"""The edge's configuration: what the settings make of it, and which secrets get into it."""

import hashlib
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assist.config import Settings
from assist.errors import ConfigError, StackError
from assist.stack import edge
from gateway.cli import app
from gateway.edge.link import EdgeLink
from gateway.edge.presence import entrances, workers
from gateway.edge.values import Secrets, link_of, listening_address, values
from gateway.errors import EdgeError
from sip_config.render import render

TRUNKS = (
    {"name": "carrier", "agent": "agent", "allow": ["10.1.0.0/16", "fd00::/8"]},
    {"name": "sede.1", "agent": "agent", "user": "sede1", "secret": "env:SEDE1", "challenge": True},
)


def settings_of(tmp_path: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "trunk": TRUNKS, **more})


def config(settings: Settings, secrets: Secrets) -> str:
    filled, blocks = values(settings, secrets, settings.run_dir)
    return next(file.text for file in render("kamailio", filled, [], blocks=blocks) if file.name == "kamailio.cfg")


def test_trunks_networks_and_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEDE1", "hunter2")
    text = config(settings_of(tmp_path), Secrets("tok", "non", "mask", shown=True))
    assert '(is_in_subnet("$si", "10.1.0.0/16") || is_in_subnet("$si", "fd00::/8"))' in text
    assert hashlib.md5(b"sede1:apuntador:hunter2").hexdigest() in text
    assert "hunter2" not in text
    assert "sede.1" in text
    assert "token=tok;" in text
    assert 'modparam("topoh", "mask_key", "mask")' in text
    assert "tls.so" not in text
    assert not re.search(r"@[A-Z_]+@", text)


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SEDE1"):
        config(settings_of(tmp_path), Secrets(shown=True))


def test_tls_advertised_address_and_no_masking(tmp_path: Path) -> None:
    more = {"certificate": "c.pem", "key": "k.pem", "tls_port": 5071, "advertise": "sip.example.com", "hide": False}
    text = config(settings_of(tmp_path, edge=more), Secrets())
    assert "listen=tls:127.0.0.1:5071 advertise sip.example.com:5071" in text
    assert "listen=udp:127.0.0.1:5060 advertise sip.example.com:5060" in text
    assert "topoh" not in text
    assert '$fs = "tls:127.0.0.1:5071"' in text


def test_phones_are_asked_from_the_socket_of_their_transport(tmp_path: Path) -> None:
    agents = [
        {"id": "a", "sip": "sip:a@10.0.0.7"},
        {"id": "b", "sip": "sip:b@10.0.0.8:5062;transport=tcp"},
        {"id": "c", "sip": "sips:c@phone.example.com"},
        {"id": "d", "sip": "sip:d d"},
    ]
    trunk = {"name": "t", "agent": "a", "host": "sip.example.com:5070", "transport": "tcp"}

    def listed(**more: object) -> list[str]:
        settings = Settings.model_validate({"data_dir": tmp_path, "agent": agents, "trunk": [trunk], "edge": more})
        filled, blocks = values(settings, Secrets(), tmp_path)
        [file] = [one for one in render("kamailio", filled, [], blocks=blocks) if one.name == "peers.list"]
        return file.text.splitlines()[1:]

    assert listed() == [
        "1 sip:a@10.0.0.7:5060 0 0 socket=udp:127.0.0.1:5060",
        "1 sip:b@10.0.0.8:5062;transport=tcp 0 0 socket=tcp:127.0.0.1:5060",
        "1 sip:sip.example.com:5070;transport=tcp 0 0 socket=tcp:127.0.0.1:5060",
    ]
    tls = "1 sip:c@phone.example.com:5061;transport=tls 0 0 socket=tls:127.0.0.1:5061"
    assert listed(certificate="c", key="k")[2:3] == [tls]


def test_every_address_is_one_of_ours(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, gateway={"bind": "0.0.0.0"})
    assert listening_address(settings) not in ("0.0.0.0", "")
    assert link_of(settings, "t").address == listening_address(settings)


def test_where_calls_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = {"bind": "10.0.0.20", "port": 5060, "workers": 2}
    settings = settings_of(tmp_path, gateway=gateway, edge={"inner_port": 15000})
    monkeypatch.setattr("gateway.edge.presence.find_binary", lambda: "/usr/sbin/kamailio")
    assert entrances(settings) == [("10.0.0.20", 5060)]
    assert workers(settings) == [("127.0.0.1", 15001), ("127.0.0.1", 15002)]
    direct = settings_of(tmp_path, gateway=gateway, edge={"mode": "off"})
    assert entrances(direct) == workers(direct) == [("10.0.0.20", 5060), ("10.0.0.20", 5061)]


def test_the_command_prints_it_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEDE1", "hunter2")
    result = CliRunner().invoke(app, ["render", "kamailio"], obj=settings_of(tmp_path))
    assert result.exit_code == 0
    assert "CHANGE_ME" in result.output
    assert hashlib.md5(b"sede1:apuntador:hunter2").hexdigest() not in result.output


def test_the_pbx_gets_one_address_with_the_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.edge.presence.find_binary", lambda: "/usr/sbin/kamailio")
    result = CliRunner().invoke(app, ["render", "asterisk"], obj=settings_of(tmp_path))
    assert result.output.count("type=endpoint") == 1
    direct = settings_of(tmp_path, edge={"mode": "off"})
    assert CliRunner().invoke(app, ["render", "asterisk"], obj=direct).output.count("type=endpoint") == 2


def test_the_address_is_for_the_owner_and_survives_the_way(tmp_path: Path) -> None:
    link = EdgeLink("10.0.0.20", 5060, 15060, "/run/edge.sock", "secret")
    path = tmp_path / "run" / "edge.json"
    link.save(path)
    assert path.stat().st_mode & 0o077 == 0
    assert EdgeLink.load(path) == link
    assert "secret" not in repr(link)
    assert EdgeLink.load(tmp_path / "none.json") is None
    path.write_text("{")
    with pytest.raises(EdgeError, match="restart apuntador up"):
        EdgeLink.load(path)


def test_without_kamailio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assist.stack.edge.find_binary", lambda: None)
    plain = settings_of(tmp_path, trunk=TRUNKS[:1])
    link_of(plain, "old").save(plain.edge_file)
    assert edge.prepare(plain) is None
    assert not plain.edge_file.exists()
    with pytest.raises(StackError, match="apt install kamailio"):
        edge.prepare(settings_of(tmp_path, trunk=TRUNKS[:1], edge={"mode": "on"}))
