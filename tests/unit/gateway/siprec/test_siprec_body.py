"""Bodies of recording sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.siprec.body import is_recording, labels, split, with_labels

OFFER = """v=0
o=SRC 1 1 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=0 0
m=audio 12240 RTP/AVP 0
a=sendonly
a=label:96
m=audio 22456 RTP/AVP 0
a=sendonly
a=label:97
""".replace("\n", "\r\n")
XML = '<?xml version="1.0" encoding="UTF-8"?>\r\n<recording xmlns="urn:ietf:params:xml:ns:recording:1"/>'


def invite(content_type: str, body: str, *, name: str = "Content-Type") -> str:
    return f"INVITE sip:srs@host SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n{name}: {content_type}\r\n\r\n{body}"


def multipart(metadata_type: str = "application/rs-metadata+xml", end: str = "--") -> str:
    return (
        f"--unique\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n"
        f"--unique\r\nContent-Type: {metadata_type}\r\nContent-Disposition: recording-session\r\n\r\n{XML}\r\n"
        f"--unique{end}\r\n"
    )


@pytest.mark.parametrize(
    "message",
    [
        invite("multipart/mixed;boundary=unique", multipart()),
        invite('Multipart/Mixed; boundary="unique"', multipart()),
        invite("multipart/mixed;boundary=unique", multipart(), name="c"),
        invite("multipart/mixed;boundary=unique", multipart("application/rs-metadata")),
        invite("multipart/mixed;boundary=unique", multipart(end="")),
        invite("multipart/mixed;boundary=unique", "preamble\r\n" + multipart()),
    ],
)
def test_both_parts_are_found(message: str) -> None:
    parts = split(message)
    assert is_recording(message)
    assert labels(parts.sdp) == ("96", "97")
    assert parts.metadata == XML


def test_a_single_body_is_one_part() -> None:
    assert split(invite("application/rs-metadata+xml", XML)).metadata == XML
    assert labels(split(invite("application/sdp", OFFER)).sdp) == ("96", "97")
    assert split(invite("text/plain", "hello")).sdp == ""
    assert split("INVITE sip:x SIP/2.0\r\n\r\n") == split("")


def test_labels_come_back_in_the_answer_where_they_belong() -> None:
    answer = OFFER.replace("a=label:96\r\n", "").replace("a=label:97\r\n", "").replace("sendonly", "recvonly")
    labelled = with_labels(answer, OFFER)
    assert labels(labelled) == ("96", "97")
    assert labelled.replace("a=label:96\r\n", "").replace("a=label:97\r\n", "") == answer
    assert with_labels(labelled, OFFER) == labelled
    assert with_labels(answer, answer) == answer
    assert labels(OFFER.replace("a=label:96\r\n", "")) == ("", "97")
    assert with_labels("", OFFER) == ""


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_message_can_be_split(body: str, kind: str) -> None:
    parts = split(f"INVITE x SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}")
    assert isinstance(parts.sdp, str)
    assert isinstance(with_labels(body, parts.sdp), str)
