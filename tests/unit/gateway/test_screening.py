"""Session descriptions that must not reach pjsua2, and those that must."""

import pytest

from gateway.screening import Meter, Refusal, judge, method_of, opens_dialog

HEAD = b"INVITE sip:900@h SIP/2.0\r\nTo: <sip:900@h>\r\nContent-Type: application/sdp\r\n\r\n"
TOP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", ""),
        (TOP + AUDIO, ""),
        (TOP + AUDIO * 4, ""),
        (TOP + AUDIO * 5, "many_streams"),
        (TOP + AUDIO + b"--b\r\nContent-Type: application/sdp\r\n\r\n" + AUDIO * 4, "many_streams"),
        (TOP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 " + b"a" * 400) + AUDIO, "named_host"),
        (TOP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 media.example.com") + AUDIO, "named_host"),
        (TOP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 233.252.0.1/127") + AUDIO, ""),
        (TOP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP6 2001:db8::1") + AUDIO, ""),
        (TOP + AUDIO + b"a=rtcp:4001 IN IP4 name.example.com\r\n", "named_host"),
        (TOP + AUDIO + b"a=rtcp:4001 IN IP4 192.0.2.1\r\na=rtcp:4001\r\n", ""),
        (TOP + b"m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n", "dtls"),
        (TOP + b"m=audio 4000 RTP/SAVP 0\r\n", ""),
        (TOP + b"m=audio 4000 RTP/AVP" + b" 0" * 60 + b"\r\n", "many_formats"),
        (TOP + AUDIO + b"a=x:" + b"y" * 2000 + b"\r\n", "long_line"),
        (TOP + AUDIO + b"a=x\r\n" * 600, "many_lines"),
        (TOP.replace(b"\r\n", b"\n") + AUDIO * 5, "many_streams"),
        (b"<recording>" + b"x" * 5000 + b"</recording>", ""),
        (b"\x00\xff" * 200, ""),
    ],
)
def test_what_is_kept_away(body: bytes, why: str) -> None:
    refusal = judge(HEAD + body)
    assert refusal == (Refusal(488, why) if why else None)


@pytest.mark.parametrize(
    ("head", "body", "refusal"),
    [
        (b"CSeq: 1 INVITE\r\nContent-Length: 4", b"v=0\n", None),
        (b"CSeq: 1 INVITE\r\nContent-Length: 3", b"v=0\n and more", None),
        (b"CSeq: 1 INVITE\r\nl : 400", b"v=0\n", Refusal(400, "length")),
        (b"CSeq: 1 INVITE\r\nContent-Length: 9000", b"v=0\n" * 1000, Refusal(513, "cut_off")),
        (b"CSeq: 1 OPTIONS", b"", Refusal(400, "cseq")),
        (b"cseq:\r\n 1\r\n  INVITE", b"", None),
        (b"Subject: nothing", b"", None),
    ],
)
def test_a_message_that_does_not_hold_together(head: bytes, body: bytes, refusal: Refusal | None) -> None:
    assert judge(b"INVITE sip:a@h SIP/2.0\r\n" + head + b"\r\n\r\n" + body) == refusal


@pytest.mark.parametrize(
    ("to", "opens"),
    [
        (b"To: <sip:a@h>", True),
        (b"To: <sip:a@h>;tag=1", False),
        (b"t: sip:a@h ; TAG = x", False),
        (b"TO:\r\n <sip:a@h>\r\n ;tag=folded", False),
        (b"From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>", True),
        (b"To: <sip:a@h>\r\nX-Other: ;tag=1", True),
        (b"Subject: nothing", True),
    ],
)
def test_which_requests_open_a_dialog(to: bytes, opens: bool) -> None:
    assert opens_dialog(b"INVITE sip:a@h SIP/2.0\r\n" + to + b"\r\n\r\nTo: <sip:a@h>;tag=body") is opens


def test_methods() -> None:
    assert [method_of(text) for text in (HEAD, b"SIP/2.0 200 OK\r\n", b"", b"\xff\xfe x")] == ["INVITE", "", "", "��"]


def test_a_source_that_asks_too_often_waits_and_the_others_do_not() -> None:
    meter = Meter(10, 5)
    assert [meter.allows("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert meter.allows("b", 0.0)
    assert not meter.allows("a", 0.05)
    assert meter.allows("a", 0.2)
    assert [meter.allows("a", 100.0) for _ in range(7)] == [True] * 5 + [False] * 2


def test_only_so_many_sources_are_remembered() -> None:
    meter = Meter(1, 1, hosts=2)
    assert [meter.allows(host, 0.0) for host in ("a", "b", "c", "a", "c")] == [True, True, True, True, False]
