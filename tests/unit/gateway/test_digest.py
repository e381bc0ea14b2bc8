"""Digest authentication of INVITEs that come to us."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.digest import REALM, Authority

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def answer(
    challenge: str, *, user: str = "pbx", password: str = "secreta", count: str = "00000001", **more: str
) -> str:
    """What a client sends back (RFC 7616, section 3.4)."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.removeprefix("Digest ")))
    algorithm = given["algorithm"]
    made = HASHES[algorithm]

    def hashed(text: str) -> str:
        return made(text.encode()).hexdigest()

    method, uri = more.get("method", "INVITE"), "sip:900@10.0.0.20"
    first, second = hashed(f"{user}:{REALM}:{password}"), hashed(f"{method}:{uri}")
    response = hashed(f"{first}:{given['nonce']}:{count}:c0ffee:auth:{second}")
    return (
        f'Digest username="{user}", realm="{more.get("realm", REALM)}", nonce="{given["nonce"]}", uri="{uri}", '
        f'response="{more.get("response", response)}", algorithm={algorithm}, qop=auth, cnonce="c0ffee", nc={count}'
    )


def judged(authority: Authority, credentials: str, request_id: str = "call 1") -> str:
    return authority.judge(credentials, method="INVITE", user="pbx", password="secreta", request_id=request_id)


@pytest.mark.parametrize("at", [0, 1], ids=["md5", "sha-256"])
def test_the_right_answer_is_good_once_and_when_it_is_sent_again(at: int) -> None:
    authority = Authority(Clock())
    credentials = answer(authority.challenges(stale=False)[at])
    assert judged(authority, credentials) == "good"
    assert judged(authority, credentials) == "good"  # UDP lost our 200
    assert judged(authority, credentials, "another call") == "stale"  # somebody listened in
    assert judged(authority, "") == "none"


@pytest.mark.parametrize(
    "change",
    [
        {"user": "otro"},
        {"password": "Secreta"},
        {"method": "REGISTER"},
        {"realm": "elsewhere"},
        {"response": "0" * 32},
        {"response": ""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_wrong_answer(change: dict[str, str]) -> None:
    authority = Authority(Clock())
    assert judged(authority, answer(authority.challenges(stale=False)[1], **change)) == "wrong"


def test_a_nonce_runs_out_and_belongs_to_one_worker() -> None:
    clock = Clock()
    authority = Authority(clock)
    credentials = answer(authority.challenges(stale=False)[0])
    assert judged(Authority(clock), credentials) == "stale"
    clock.now += 61
    assert judged(authority, credentials) == "stale"
    assert "stale=true" in authority.challenges(stale=True)[0]


def test_challenges_are_what_rfc_7616_says() -> None:
    old, strong = Authority(Clock()).challenges(stale=False)
    assert re.fullmatch(r'Digest realm="apuntador", nonce="[^"]+", qop="auth", algorithm=SHA-256', strong)
    assert old.endswith("algorithm=MD5")


@given(st.text(max_size=200))
def test_rubbish_is_wrong(text: str) -> None:
    assert judged(Authority(Clock()), f"Digest {text}") == "wrong"
    assert judged(Authority(Clock()), text) in ("wrong", "none")
