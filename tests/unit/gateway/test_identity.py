"""What of the caller's INVITE counts, and what of it the agent's phone gets."""

import pytest
from pydantic import ValidationError

from assist.config import Trunk
from gateway import identity
from gateway.message import Head

TRUNK = Trunk(name="pbx", agent="ana")


def head(*fields: str, to: str = "900", caller: str = "+57300") -> Head:
    lines = [f"INVITE sip:{to}@gw SIP/2.0", f"From: <sip:{caller}@pbx>;tag=1", *fields]
    return Head("\r\n".join(lines) + "\r\n\r\n")


@pytest.mark.parametrize(
    ("fields", "hops", "code"),
    [
        ((), 69, 0),
        (("Max-Forwards: 10",), 9, 0),
        (("Max-Forwards: 1",), 0, 0),
        (("Max-Forwards: 0",), -1, 483),
        (("Max-Forwards: 9999999",), 69, 0),
        (("Max-Forwards: nonsense",), 69, 0),
        ((f"{identity.SEEN}: {','.join('abcdefghij')}",), 69, 482),
    ],
)
def test_hops(fields: tuple[str, ...], hops: int, code: int) -> None:
    assert (identity.hops(head(*fields)), identity.refusal(head(*fields), "pbx")) == (hops, code)


def test_what_comes_back_the_same_way_is_a_loop_and_what_comes_another_way_is_not() -> None:
    ((name, mark),) = identity.handed_on(head(), TRUNK)
    again = head(f"{name}: {mark}")
    assert identity.refusal(again, "pbx") == 482
    assert identity.refusal(again, "other") == 0
    assert identity.refusal(head(f"{name}: {mark}", to="901"), "pbx") == 0
    assert identity.refusal(head(f"{name}: {mark}", caller="+57301"), "pbx") == 0
    # Marks are collected on the way.
    ((_, both),) = identity.handed_on(head(f"{name}: {mark}", to="901"), TRUNK)
    assert identity.refusal(head(f"{name}: {both}"), "pbx") == 482


@pytest.mark.parametrize(
    ("fields", "caller", "number"),
    [
        (("P-Asserted-Identity: <sip:+57555@pbx>",), "anonymous", "+57555"),
        (("P-Asserted-Identity: <sip:+57555@pbx>",), "+57300", "+57300"),
        (("P-Asserted-Identity: <sip:+57555@pbx>", "Privacy: id"), "anonymous", "anonymous"),
        (("P-Asserted-Identity: <tel:+57555>", "Privacy: none"), "anonymous", "+57555"),
        ((), "anonymous", "anonymous"),
    ],
)
def test_whose_number_it_is(fields: tuple[str, ...], caller: str, number: str) -> None:
    assert identity.number(head(*fields), f"<sip:{caller}@pbx>") == number


def test_what_is_handed_on() -> None:
    fields = (
        "P-Asserted-Identity: <sip:+57555@pbx>",
        "Privacy: id",
        "X-Customer: 12",
        "X-Apuntador-Seen: 00",
        "User-to-User: ab;encoding=hex",
        "Subject: no",
        "Via: SIP/2.0/UDP h",
    )
    handed = identity.handed_on(head(*fields), TRUNK)
    assert [name for name, _ in handed] == [
        "X-Apuntador-Seen",
        "P-Asserted-Identity",
        "Privacy",
        "X-Customer",
        "User-to-User",
    ]
    chosen = identity.handed_on(head(*fields), Trunk(name="pbx", agent="ana", pass_headers=("Subject",)))
    assert [name for name, _ in chosen][-1] == "Subject"


def test_more_than_a_message_holds_is_left_out() -> None:
    handed = identity.handed_on(head("X-A: " + "a" * 1000, "X-B: " + "b" * 1000, "X-C: \x01c"), TRUNK)
    assert [name for name, _ in handed] == ["X-Apuntador-Seen", "X-A"]


@pytest.mark.parametrize("name", ["Via", "contact", "Co*", "*", "a b", "X-A:", "Max-Forwards"])
def test_a_dialogs_own_headers_are_no_choice(name: str) -> None:
    with pytest.raises(ValidationError):
        Trunk(name="pbx", agent="ana", pass_headers=(name,))


@pytest.mark.parametrize(
    ("method", "field", "uri"),
    [
        ("UPDATE", 'P-Asserted-Identity: "Bea" <sip:102@pbx:5060>', "sip:102@pbx:5060"),
        ("INVITE", "Remote-Party-ID: <sip:102@10.0.0.1>;party=called", "sip:102@10.0.0.1"),
        ("UPDATE", "P-Asserted-Identity: <tel:+57300>", ""),
        ("UPDATE", "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>", ""),
        ("UPDATE", "Subject: none", ""),
        ("BYE", "P-Asserted-Identity: <sip:102@pbx>", ""),
        ("SIP/2.0 200 OK", "P-Asserted-Identity: <sip:102@pbx>", ""),
    ],
)
def test_who_is_there_now(method: str, field: str, uri: str) -> None:
    assert identity.connected(f"{method} sip:x@gw SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\n{field}\r\n\r\n") == uri
