"""Addresses, OPTIONS and their answers."""

import pytest

from gateway.probe.options import Target, parse, request, status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:2001@10.0.0.5", Target("2001", "10.0.0.5", 5060, "udp")),
        ("sip:2001@10.0.0.5:5080;transport=TCP;lr", Target("2001", "10.0.0.5", 5080, "tcp")),
        ("sips:sbc.example.com", Target("", "sbc.example.com", 5061, "tls")),
        ("sip:a@[2001:db8::1]:5070", Target("a", "2001:db8::1", 5070, "udp")),
        ("10.0.0.5", Target("", "10.0.0.5", 5060, "udp")),
        ("pbx.local:5062", Target("", "pbx.local", 5062, "udp")),
        ("sip:", None),
        ("sip:a@b:99999", None),
        ("sip:a b@c", None),
        ("http://x", None),
        ("", None),
    ],
)
def test_addresses(text: str, expected: Target | None) -> None:
    assert parse(text) == expected
    if expected is not None:
        assert parse(expected.uri) == expected


def test_a_question_and_its_answer() -> None:
    target = Target("2001", "10.0.0.5", 5060, "tcp")
    text = request(target, ("10.0.0.20", 40000), "abc123").decode()
    assert text.startswith("OPTIONS sip:2001@10.0.0.5:5060;transport=tcp SIP/2.0\r\n")
    assert "Via: SIP/2.0/TCP 10.0.0.20:40000;rport;branch=z9hG4bKabc123\r\n" in text
    assert text.endswith("Content-Length: 0\r\n\r\n")
    answer = "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKabc123\r\n\r\n"
    assert status(answer.encode(), "abc123") == 404


@pytest.mark.parametrize(
    "message",
    [
        b"SIP/2.0 100 Trying\r\nCall-ID: token-1\r\n\r\n",
        b"SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n",
        b"HTTP/1.1 200 OK token-1",
        b"\xff\x00",
        b"",
    ],
)
def test_what_is_no_answer_to_it(message: bytes) -> None:
    assert status(message, "token-1") is None
