import json
import stat
from pathlib import Path

import pytest

from assist.errors import AuthError
from assist.hub.auth import TokenStore, bearer


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tokens.json"


def test_a_token_opens_what_it_was_made_for(path: Path) -> None:
    store = TokenStore(path)
    secret, token = store.create("agent", "ana")
    principal = store.check(secret)
    assert (principal.role, principal.subject, principal.token_id) == ("agent", "ana", token.id)


def test_the_file_has_no_secret_and_only_its_owner_may_read_it(path: Path) -> None:
    secret, token = TokenStore(path).create("lead", "luz")
    text = path.read_text()
    assert secret not in text
    assert token.digest in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("secret", ["", "apt_wrong", "ñ" * 50])
def test_a_wrong_token_says_how_to_get_one(path: Path, secret: str) -> None:
    store = TokenStore(path)
    store.create("agent", "ana")
    with pytest.raises(AuthError, match="apuntador token create"):
        store.check(secret)


def test_a_token_expires(path: Path) -> None:
    clock = Clock()
    store = TokenStore(path, clock=clock)
    secret, _ = store.create("agent", "ana", days=1)
    principal = store.check(secret)
    clock.now += 86399
    assert store.still_valid(principal)
    clock.now += 2
    assert not store.still_valid(principal)
    with pytest.raises(AuthError, match=r"has expired.*--role agent --subject ana"):
        store.check(secret)


def test_what_another_process_makes_or_revokes_counts_at_once(path: Path) -> None:
    hub, cli = TokenStore(path), TokenStore(path)
    first, _ = cli.create("agent", "ana")
    principal = hub.check(first)
    second, token = cli.create("agent", "ben")
    assert hub.check(second).subject == "ben"
    cli.revoke(principal.token_id)
    assert not hub.still_valid(principal)
    with pytest.raises(AuthError, match="unknown or revoked"):
        hub.check(first)
    assert [kept.id for kept in cli.tokens()] == [token.id]


def test_revoking_what_is_not_there_says_where_to_look(path: Path) -> None:
    with pytest.raises(AuthError, match="apuntador token list"):
        TokenStore(path).revoke("beef")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"tokens": [{"id": 1}]}', '{"tokens": {"a": 1}}'])
def test_a_damaged_file_is_named(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(AuthError, match=r"tokens\.json"):
        TokenStore(path).check("apt_x")


def test_an_unknown_role_in_the_file_opens_nothing(path: Path) -> None:
    store = TokenStore(path)
    secret, _ = store.create("agent", "ana")
    data = json.loads(path.read_text())
    data["tokens"][0]["role"] = "root"
    path.write_text(json.dumps(data))
    with pytest.raises(AuthError, match="unknown role"):
        TokenStore(path).check(secret)


def test_a_token_needs_a_subject(path: Path) -> None:
    with pytest.raises(AuthError, match="subject"):
        TokenStore(path).create("agent", " ")


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("", ""), (None, "")],
)
def test_bearer(header: str | None, token: str) -> None:
    assert bearer(header) == token


def test_a_damaged_file_lets_nobody_in_and_throws_nobody_out(path: Path) -> None:
    store = TokenStore(path)
    secret, _ = store.create("agent", "ana")
    principal = store.check(secret)
    path.write_text("{")
    with pytest.raises(AuthError):
        store.check(secret)
    assert store.still_valid(principal)
    path.unlink()
    assert not store.still_valid(principal)
