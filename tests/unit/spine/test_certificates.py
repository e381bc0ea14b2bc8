"""Certificates that won't do say why."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assist import config
from assist.certificates import check_certificate
from assist.cli.main import app
from assist.errors import ConfigError
from tests.certificates import TestAuthority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is missing")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("certificates"))


def test_what_is_in_order_tells_its_end(authority: TestAuthority) -> None:
    pair = authority.sign("good")
    ends = check_certificate(pair.certificate, pair.key, authority.own.certificate).ends
    assert timedelta(days=1) < ends - datetime.now(UTC) < timedelta(days=2, minutes=5)
    chain = authority.folder / "chain.pem"
    chain.write_text(pair.certificate.read_text() + authority.own.certificate.read_text())
    assert check_certificate(chain, pair.key).ends == ends


def test_each_trouble_says_what_to_do(authority: TestAuthority, tmp_path: Path) -> None:
    pair, old = authority.sign("one"), authority.sign("old", expired=True)
    text = tmp_path / "text.pem"
    text.write_text("this is no PEM\n")
    for arguments, says in (
        ((old.certificate, old.key), "certificate has expired; renew it"),
        ((pair.certificate, old.key), "give the key that the certificate was made with"),
        ((pair.certificate, tmp_path / "none"), "can't be read (No such file"),
        ((text, pair.key), "both must be PEM"),
        ((pair.certificate, pair.key, text), "it must be PEM"),
        ((pair.certificate, None), "set both files"),
    ):
        with pytest.raises(ConfigError) as wrong:
            check_certificate(*arguments)
        assert says in str(wrong.value)


def test_check_stops_at_a_certificate_that_has_run_out(
    authority: TestAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = authority.sign("late", expired=True)
    path = tmp_path / "a.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[gateway.tls]\nport = 5061\ncertificate = "{old.certificate}"\nkey = "{old.key}"\n'
        f'ca = "{authority.own.certificate}"\n'
    )
    monkeypatch.setattr("assist.cli.main.load_playbooks", lambda settings: {})
    result = CliRunner().invoke(app, ["--config", str(path), "check"])
    assert isinstance(result.exception, ConfigError)
    assert "certificate has expired" in str(result.exception)
    monkeypatch.setenv("TRUNK_SECRET", "")
    path.write_text('[[trunk]]\nname = "a"\nagent = "agent"\nuser = "u"\nsecret = "env:TRUNK_SECRET"\n')
    assert config.load(path).trunk[0].user == "u"
    result = CliRunner().invoke(app, ["--config", str(path), "check"])
    assert "there is nothing in it" in str(result.exception)
