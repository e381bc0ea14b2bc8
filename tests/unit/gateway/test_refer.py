"""REFER: what it asks for, and that it never sends us anywhere nobody has configured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Agent
from gateway import refer
from gateway.message import Head
from gateway.refer import Goal, Replaces

AGENTS = (Agent(id="ana", sip="sip:101@10.0.0.5"), Agent(id="bea", sip="sip:bea@10.0.0.6:5062"))


def message(to: str, *more: str) -> str:
    lines = [
        "REFER sip:x@gw SIP/2.0",
        "v: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1",
        "From: <sip:101@10.0.0.5>;tag=theirs",
        't: "A ;tag=no" <sip:x@gw>;tag=ours',
        "i: c1@gw",
        "CSeq: 7 REFER",
        f"Refer-To: {to}",
        *more,
    ]
    return "\r\n".join(lines) + "\r\n\r\n"


@pytest.mark.parametrize(
    ("to", "uri", "replaces"),
    [
        ("<sip:102@pbx>", "sip:102@pbx", None),
        ('"Bea" <sip:102@pbx;transport=tcp>', "sip:102@pbx;transport=tcp", None),
        ("sip:102@pbx;method=INVITE", "sip:102@pbx", None),
        ("<tel:+573001234567>", "tel:+573001234567", None),
        (
            "<sip:102@pbx?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>",
            "sip:102@pbx",
            Replaces("a@b", "1", "2"),
        ),
        (
            "<sip:102@pbx?replaces=a%3Bfrom-tag%3D2%3Bto-tag%3D1%3Bearly-only>",
            "sip:102@pbx",
            Replaces("a", "1", "2", early_only=True),
        ),
    ],
)
def test_who_is_asked_for(to: str, uri: str, replaces: Replaces | None) -> None:
    found = refer.read(message(to, "b: <sip:101@10.0.0.5>"))
    assert found is not None
    assert (found.uri, found.replaces, found.referred_by) == (uri, replaces, "<sip:101@10.0.0.5>")
    assert (found.call_id, found.local_tag, found.remote_tag, found.sequence) == ("c1@gw", "ours", "theirs", 7)


@pytest.mark.parametrize(
    "to",
    ["", "<http://example.net>", "<mailto:a@b>", "<sip:102@pbx?Replaces=a>", "<sip:a@b?Replaces=%00%3Bto-tag%3D1>"],
)
def test_what_is_no_target(to: str) -> None:
    assert refer.read(message(to)) is None


def test_two_targets_are_none() -> None:
    assert refer.read(message("<sip:102@pbx>", "Refer-To: <sip:103@pbx>")) is None


def test_no_news_wanted() -> None:
    found = refer.read(message("<sip:102@pbx>", "Refer-Sub: false"))
    assert found is not None
    assert not found.wants_news


@pytest.mark.parametrize(
    ("to", "uri", "agent_id"),
    [
        ("<sip:bea@anywhere.example>", "sip:bea@10.0.0.6:5062", "bea"),
        ("<sip:101@gw>", "sip:101@10.0.0.5", "ana"),
        ("<sip:ANA@gw>", "sip:101@10.0.0.5", "ana"),
        ("<sip:9001@gw>", "sip:9001@192.0.2.1:5080", ""),
        ("<sip:9001@premium.example:666>", "sip:9001@192.0.2.1:5080", ""),
        ("<tel:+573001234567>", "sip:+573001234567@192.0.2.1:5080", ""),
    ],
)
def test_where_it_is_dialled(to: str, uri: str, agent_id: str) -> None:
    wanted = refer.read(message(to))
    assert wanted is not None
    goal = refer.route(wanted, AGENTS, "sip:pbx@192.0.2.1:5080;transport=udp")
    assert goal == Goal(uri, uri, agent_id)


def test_the_peers_transport_is_kept() -> None:
    wanted = refer.read(message("<sip:9001@gw>"))
    assert wanted is not None
    goal = refer.route(wanted, AGENTS, "sip:[2001:db8::1]:5080;transport=TCP")
    assert goal is not None
    assert goal.uri == "sip:9001@[2001:db8::1]:5080;transport=TCP"
    assert refer.route(wanted, AGENTS, "") is None


def test_the_headers_of_an_attended_transfer() -> None:
    goal = Goal("sip:1", "sip:1", replaces=Replaces("a@b", "1", "2"), referred_by="<sip:ana@pbx>")
    assert goal.headers == (
        ("Replaces", "a@b;to-tag=1;from-tag=2"),
        ("Require", "replaces"),
        ("Referred-By", "<sip:ana@pbx>"),
    )


def test_progress() -> None:
    codes = (100, 180, 486, 420, 699)
    assert [refer.sipfrag(code).strip() for code in codes] == [
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 486 Busy Here",
        "SIP/2.0 420 Request Failed",
        "SIP/2.0 699 Global Failure",
    ]


@given(st.text(max_size=200), st.text(max_size=80))
def test_nothing_is_too_odd_to_read(to: str, by: str) -> None:
    found = refer.read(message(to, f"Referred-By: {by}"))
    goal = refer.route(found, AGENTS, "sip:192.0.2.1") if found else None
    for _, value in goal.headers if goal else ():
        assert "\n" not in value
        assert "\r" not in value


def test_a_head() -> None:
    head = Head(
        "INVITE sip:1@h SIP/2.0\r\nX-A: 1\r\n folded\r\nx-b: 2\r\nUser-To-User: ab;encoding=hex\r\nVia: v\r\n\r\nX-C: 3"
    )
    assert head.method == "INVITE"
    assert head.get("X-a") == "1 folded"
    assert head.kept(("X-*", "user-to-user")) == (
        ("X-A", "1 folded"),
        ("x-b", "2"),
        ("User-To-User", "ab;encoding=hex"),
    )
    assert head.get("x-c") == ""
