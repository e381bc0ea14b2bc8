"""Whose requests are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist.config import Trunk
from gateway.admission import Admission, sdp_trouble
from gateway.edge.inbox import Passed
from gateway.screening import Refusal, judge
from tests.unit.gateway.test_digest import Clock, answer

TRUNKS = (
    Trunk(name="plain", allow=("10.0.0.1/32",)),
    Trunk(name="proof", allow=("10.0.0.2/32",), challenge=True, user="pbx", secret="env:X"),
    Trunk(name="tls", allow=("10.0.0.3/32",), transport="tls", srtp="required"),
    Trunk(name="either", allow=("10.0.0.4/32",), srtp="optional"),
)
PLAIN, SDES = "RTP/AVP", "RTP/SAVP"


def admission() -> Admission:
    return Admission(TRUNKS, {"proof": "secreta"}, Clock())


def invite(
    *lines: str, profile: str = PLAIN, media: str = "", method: str = "INVITE", to: str = "<sip:900@h>"
) -> bytes:
    keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n" if "SAVP" in profile else ""
    body = media or f"v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 4000 {profile} 0\r\n{keys}"
    head = [f"{method} sip:900@10.0.0.20 SIP/2.0", f"To: {to}", "Call-ID: abc", f"CSeq: 1 {method}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def verdict(message: bytes, source: str, transport: str = "udp") -> tuple[int, str]:
    refusal = admission().judge(message, source, transport)  # type: ignore[arg-type]
    return (refusal.code, refusal.why) if refusal else (0, "")


def test_strangers_are_forbidden_with_and_without_a_body() -> None:
    assert verdict(invite(), "10.9.9.9") == (403, "source")
    assert verdict(invite(media=" "), "10.9.9.9") == (403, "source")
    assert verdict(invite(), "") == (403, "source")
    assert verdict(invite(), "10.0.0.1") == (0, "")


def test_other_requests_and_requests_within_a_dialog_go_on() -> None:
    assert verdict(invite(method="OPTIONS"), "10.9.9.9") == (0, "")
    assert verdict(invite(to="<sip:900@h>;tag=1"), "10.9.9.9") == (0, "")  # an agent's phone puts us on hold


@pytest.mark.parametrize("transport", ["udp", "tcp", ""])
def test_a_tls_trunk_takes_nothing_else(transport: str) -> None:
    assert verdict(invite(profile=SDES), "10.0.0.3", transport) == (403, "not_tls")
    assert verdict(invite(profile=SDES), "10.0.0.3", "tls") == (0, "")


def test_proof_is_asked_for_and_taken() -> None:
    gate = admission()
    asked = gate.judge(invite(), "10.0.0.2", "udp")
    assert asked is not None
    assert (asked.code, asked.why, len(asked.headers)) == (401, "digest_none", 2)
    assert gate.judge(invite(f"Authorization: {answer(asked.headers[0][1])}"), "10.0.0.2", "udp") is None
    folded = answer(asked.headers[1][1], count="00000002").replace(", ", ",\r\n ")
    assert gate.judge(invite(f"authorization : {folded}"), "10.0.0.2", "udp") is None
    wrong = gate.judge(invite(f"Authorization: {answer(asked.headers[0][1], password='x')}"), "10.0.0.2", "udp")
    assert wrong is not None
    assert (wrong.code, wrong.why) == (401, "digest_wrong")


def test_a_trunk_whose_secret_is_missing_takes_no_call() -> None:
    gate = Admission(TRUNKS, {}, Clock())
    asked = gate.judge(invite(), "10.0.0.2", "udp")
    assert asked is not None
    empty = answer(asked.headers[0][1], password="")
    refusal = gate.judge(invite(f"Authorization: {empty}"), "10.0.0.2", "udp")
    assert refusal is not None
    assert refusal.code == 401


@pytest.mark.parametrize(
    ("source", "profile", "why"),
    [
        ("10.0.0.1", PLAIN, ""),
        ("10.0.0.1", SDES, "srtp_off"),
        ("10.0.0.1", "RTP/SAVPF", "srtp_off"),
        ("10.0.0.3", PLAIN, "srtp_required"),
        ("10.0.0.3", SDES, ""),
        ("10.0.0.4", PLAIN, ""),
        ("10.0.0.4", SDES, ""),
    ],
)
def test_audio_is_encrypted_as_the_trunk_wants_it(source: str, profile: str, why: str) -> None:
    assert verdict(invite(profile=profile), source, "tls") == ((488, why) if why else (0, ""))
    # Within a dialog it may be a phone's that happens to be in the trunk's network.
    again = invite(profile=profile, to="<sip:900@h>;tag=1")
    assert verdict(again, source, "tls") == ((488, why) if why == "dtls" else (0, ""))


def test_a_call_that_began_encrypted_stays_so() -> None:
    gate = admission()
    assert gate.judge(invite(profile=SDES), "10.0.0.4", "udp") is None
    for method in ("INVITE", "UPDATE"):
        plain = gate.judge(invite(method=method, to="<sip:900@h>;tag=1"), "10.0.0.4", "udp")
        assert plain is not None
        assert (plain.code, plain.why) == (488, "srtp_required")
        assert gate.judge(invite(method=method, profile=SDES, to="<sip:900@h>;tag=1"), "10.0.0.4", "udp") is None
        # Without SDP (a session timer's refresh) there is nothing to step down to.
        assert gate.judge(invite(method=method, media=" ", to="<sip:900@h>;tag=1"), "10.0.0.4", "udp") is None


def test_a_line_of_port_0_is_none() -> None:
    keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n"
    assert sdp_trouble(f"m=audio 0 RTP/AVP 0\r\nm=audio 4 RTP/SAVP 0\r\n{keys}", "required") == ""


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "ACK", "PRACK"])
def test_dtls_is_kept_out_of_every_request_that_brings_sdp(method: str) -> None:
    media = "v=0\nm=audio 0 RTP/AVP 0\rm=video 4 UDP/TLS/RTP/SAVPF 96\n"
    assert judge(invite(method=method, media=media, to="<sip:h>;tag=2")) == Refusal(488, "dtls")


@pytest.mark.parametrize(
    ("source", "name", "code"),
    [("10.0.0.1", "plain", 0), ("10.0.0.2", "proof", 0), ("10.0.0.1", "proof", 403), ("", "", 403)],
)
def test_behind_an_edge_what_the_edge_says_counts(source: str, name: str, code: int) -> None:
    """It has looked at the sender and asked for proof; its own address says nothing."""
    door = Admission(TRUNKS, {}, Clock(), edge=lambda text: Passed(text, f"{source}:5060", name, "udp"))
    refusal = door.judge(invite(), "127.0.0.1", "udp")
    assert (refusal.code if refusal else 0) == code


def test_encrypted_audio_without_keys() -> None:
    keys = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n"
    one = "m=audio 4 RTP/SAVP 0\r\n"
    assert sdp_trouble(one, "optional") == "srtp_keys"
    assert sdp_trouble(one + keys, "optional") == ""
    assert sdp_trouble(keys + one, "optional") == "srtp_keys"  # another stream's, or nobody's
    assert sdp_trouble(one + keys + one, "required") == "srtp_keys"
    assert sdp_trouble(one + one + keys, "required") == "srtp_keys"
    assert sdp_trouble(one + keys + one + keys, "required") == ""


@given(st.binary(max_size=600), st.sampled_from(["10.0.0.1", "10.0.0.2", "10.9.9.9", "::1", "rubbish"]))
def test_any_bytes_have_a_verdict(message: bytes, source: str) -> None:
    for text in (message, b"INVITE sip:a SIP/2.0\r\n" + message, invite() + message):
        admission().judge(text, source, "udp")
