"""The PBX's side of the configuration."""

import configparser
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from assist.config import Settings, Tap
from gateway.cli import app
from gateway.edge.values import Secrets
from gateway.edge.values import values as edge_values
from sip_config.render import UnknownValueError, kinds, render

VALUES = {
    "ADDRESS": "10.0.0.20",
    "TAP": "pbx",
    "TAPS_PORT": "8790",
    "SECRET": "CHANGE_ME",
    "USER": "apuntador",
    "BIND": "0.0.0.0:5061",
}


@pytest.mark.parametrize("kind", kinds())
def test_every_template_is_filled_in_and_well_formed(kind: str) -> None:
    edge, blocks = edge_values(Settings(edge={"certificate": "c.pem", "key": "k.pem"}), Secrets(), Path("/run"))
    files = render(kind, {**edge, **VALUES}, [5060, 5061, 5062], [5071, 5072, 5073], blocks)
    assert files
    for file in files:
        assert "@each" not in file.text
        assert "@end@" not in file.text
        assert not re.search(r"(?<![A-Za-z0-9}])@[A-Z_]+@", file.text)
        if file.name.endswith(".xml"):
            ElementTree.fromstring(file.text)
        elif file.name.endswith(".conf") and file.name != "extensions.conf":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(file.text)


def test_each_worker_is_there() -> None:
    trunk, plan = (
        file.text for file in sorted(render("asterisk", VALUES, [5060, 5070]), key=lambda f: f.name != "pjsip.conf")
    )
    assert trunk.count("type=endpoint") == 2
    assert "contact=sip:10.0.0.20:5070" in trunk
    assert plan.count("Dial(PJSIP/${EXTEN}@apuntador") == 2


def test_the_trunk_by_tls_and_the_registrar() -> None:
    (secure,) = render("asterisk_tls", VALUES, [5060, 5061], [5071, 5072])
    assert secure.text.count("media_encryption=sdes") == 2
    assert "contact=sip:10.0.0.20:5072\\;transport=tls" in secure.text
    registrar = next(file.text for file in render("asterisk_register", VALUES, [5060]) if file.name == "pjsip.conf")
    assert registrar.count("[apuntador]") == 3
    assert "password=CHANGE_ME" in registrar
    (cube,) = render("cube_siprec", VALUES, list(range(5060, 5067)))
    assert " media-recording 900 901 902 903 904\n" in cube.text
    assert cube.text.count("session target ipv4:10.0.0.20:50") == 7


def test_a_missing_value_is_no_half_written_file() -> None:
    with pytest.raises(UnknownValueError, match="SECRET"):
        render("asterisk_ari", {}, [])


def run(settings: Settings, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["render", *arguments], obj=settings)
    return result.exit_code, result.output


def test_the_command_lists_and_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    tap = Tap(name="pbx2", protocol="asterisk", secret="env:TOP_SECRET", agent="agent")
    monkeypatch.setenv("TOP_SECRET", "hunter2")
    settings = Settings(tap=(tap,))
    assert run(settings) == (0, "\n".join(kinds()) + "\n")
    assert run(settings, "nothing")[0] == 2
    code, text = run(settings, "asterisk_websocket", "--address", "10.1.1.1")
    assert code == 0
    assert "uri=ws://10.1.1.1:8790/pbx2" in text
    assert "password=CHANGE_ME" in text
    assert "hunter2" not in text
    assert isinstance(app, typer.Typer)
