from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assist.cli.token import app
from assist.config import Agent, Settings
from assist.errors import AuthError, ConfigError
from assist.hub.auth import TokenStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, agent=(Agent(id="ana", sip="sip:ana@127.0.0.1:5080"),))


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), obj=settings)


def test_create_prints_the_token_alone_on_standard_output(settings: Settings) -> None:
    result = run(settings, "create", "--role", "agent", "--subject", "ana", "--days", "2")
    assert result.exit_code == 0, result.output
    secret = result.stdout.strip()
    principal = TokenStore.in_dir(settings.data_dir).check(secret)
    assert (principal.role, principal.subject) == ("agent", "ana")
    assert "no se muestra otra vez" in result.stderr
    assert principal.token_id in result.stderr


def test_an_agent_nobody_knows_gets_no_token(settings: Settings) -> None:
    result = run(settings, "create", "--role", "agent", "--subject", "ben")
    assert isinstance(result.exception, ConfigError)
    assert "ana" in str(result.exception)
    assert run(settings, "create", "--role", "lead", "--subject", "luz").exit_code == 0


def test_list_shows_everything_but_the_token(settings: Settings) -> None:
    assert "apuntador token create" in run(settings, "list").stdout
    secret = run(settings, "create", "--role", "agent", "--subject", "ana").stdout.strip()
    listed = run(settings, "list").stdout
    assert "ana" in listed
    assert "no vence" in listed
    assert secret not in listed


def test_revoke(settings: Settings) -> None:
    run(settings, "create", "--role", "agent", "--subject", "ana")
    store = TokenStore.in_dir(settings.data_dir)
    token_id = store.tokens()[0].id
    assert "revocado" in run(settings, "revoke", token_id).stdout
    assert store.tokens() == ()
    assert isinstance(run(settings, "revoke", token_id).exception, AuthError)
