"""Which trunk an INVITE belongs to, and what is taken over from its headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Trunk
from gateway import routing

TRUNKS = (
    Trunk(name="pbx", allow=("10.0.0.0/8", "2001:db8::/32"), agent="ana"),
    Trunk(name="sbc", allow=("10.1.0.0/16", "192.0.2.7/32"), agent="luis"),
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3:5060", "pbx"),  # the first match wins
        ("192.0.2.7:49152", "sbc"),
        ("192.0.2.8:5060", None),
        ("[2001:db8::5]:5060", "pbx"),
        ("[::ffff:192.0.2.7]:5060", "sbc"),
        ("2001:db8::5", "pbx"),
        ("10.1.2.3", "pbx"),
        ("", None),
        ("localhost:5060", None),
        ("10.1.2.3.4:5060", None),
    ],
)
def test_the_source_address_chooses_the_trunk(address: str, name: str | None) -> None:
    trunk = routing.choose_trunk(TRUNKS, address)
    assert (trunk.name if trunk else None) == name


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ('"Ana" <sip:+573001234567@10.0.0.1:5060>', "+573001234567"),
        ("sip:100@host;transport=udp", "100"),
        ("<sip:host>", "host"),
        ("<sip:@host>", "anonymous"),
        ("tel:+34911", "+34911"),
        ("<sip:user:secret@host>", "user"),
        ("", "anonymous"),
        ("no uri at all", "anonymous"),
        ('<sip:a"b\r\nX: y@h>', "ab"),
    ],
)
def test_the_user_part_is_safe_in_a_uri(value: str, user: str) -> None:
    assert routing.user_part(value) == user


def test_the_display_name_is_kept_and_cleaned() -> None:
    assert routing.display_name('"José \\"Pepe\\" Díaz" <sip:1@h>') == "José Pepe Díaz"
    assert routing.display_name("Cliente <sip:1@h>") == "Cliente"
    assert routing.display_name("<sip:1@h>") == ""
    assert routing.display_name("sip:1@h") == ""


@given(st.text(max_size=300))
def test_no_input_breaks_out_of_the_from_header(text: str) -> None:
    header = routing.from_header(text, "10.0.0.9:5060")
    assert header.startswith('"')
    assert header.count('"') == 2
    assert header.count("<") == header.count(">") == 1
    assert header.endswith("@10.0.0.9:5060>")
    assert not any(c in header for c in "\r\n\0")
    assert len(header) < 200


@given(st.text(max_size=60))
def test_any_source_text_gives_an_answer(text: str) -> None:
    routing.choose_trunk(TRUNKS, text)


def test_an_edge_that_knows_the_trunk_names_it() -> None:
    one = Trunk(name="one", allow=("10.0.0.0/8",), agent="a")
    two = Trunk(name="two", allow=("10.0.0.0/8",), agent="a")
    assert routing.choose_trunk((one, two), "10.1.1.1:5060", "two") is two
    assert routing.choose_trunk((one, two), "10.1.1.1:5060") is one
    assert routing.choose_trunk((one, two), "11.1.1.1:5060", "two") is None
    assert routing.choose_trunk((one, two), "10.1.1.1:5060", "three") is None
