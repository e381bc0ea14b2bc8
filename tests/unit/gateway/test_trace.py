"""SIP messages as pjsip's log brings them: kept within bounds, found by call, masked."""

from typing import Any

from assist import control
from assist.control import Answer
from gateway import trace
from gateway.trace import SipTrace, mask, parse

WORKER: dict[str, Any] = {
    "worker_id": "gateway.0",
    "host": "here",
    "pid": 1,
    "address": "",
    "mode": "ready",
    "calls": (),
    "capacity": 2,
    "started_at": 0.0,
    "served": 0,
    "memory_kb": 0,
}
SDP = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)


def logged(call_id: str = "abc@pbx", *, first: str = "INVITE sip:900@10.0.0.1 SIP/2.0", body: str = SDP) -> str:
    return (
        f"RX 999 bytes Request msg INVITE/cseq=7 (rdata0x55) from UDP 10.0.0.5:5060:\n{first}\r\n"
        'From: "Rosa Díaz" <sip:+573001234567@pbx.example>;tag=1234567890\r\n'
        f"To: <sip:900@10.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 7 INVITE\r\n"
        "P-Asserted-Identity: tel:+573001234567\r\nX-Cliente: cuenta 9876543210\r\n"
        'Authorization: Digest username="ana", response="5f4dcc3b5aa765d61d8327deb882cf99"\r\n'
        f"Content-Type: application/sdp\r\n\r\n{body}\n--end msg--"
    )


def test_a_message_is_read() -> None:
    found = parse(logged(), 5.0, full=True, bodies=True)
    assert found is not None
    assert (found.outgoing, found.transport, found.peer) == (False, "UDP", "10.0.0.5:5060")
    assert (found.sip_call_id, found.cseq, found.at) == ("abc@pbx", "7 INVITE", 5.0)
    assert found.first == "INVITE sip:900@10.0.0.1 SIP/2.0"
    assert found.media == "10.0.0.5:4000 PCMA PCMU sendonly"
    assert "Rosa Díaz" in found.head
    assert "m=audio 4000" in found.body


def test_without_full_nobody_is_named_and_no_number_told() -> None:
    found = parse(logged(first="INVITE sip:3109876543@10.0.0.1 SIP/2.0"), 0.0, bodies=True)
    assert found is not None
    told = f"{found.first}\n{found.head}\n{found.body}"
    for secret in ("Rosa", "Díaz", "573001234567", "3109876543", "9876543210"):
        assert secret not in told
    assert "sip:•••543@10.0.0.1" in found.first
    assert "From: <sip:•••567@pbx.example>;tag=1234567890" in found.head


def test_keys_and_credentials_are_never_told() -> None:
    found = parse(logged(), 0.0, full=True, bodies=True)
    assert found is not None
    assert "5f4dcc3b5aa765d61d8327deb882cf99" not in found.head
    assert "WVNfX19" not in found.body


def test_a_body_that_is_no_session_description_may_hold_names() -> None:
    line = logged(body="<xml>Rosa</xml>").replace("application/sdp", "application/rs-metadata+xml")
    assert parse(line, 0.0, bodies=True).body == ""  # type: ignore[union-attr]
    assert "Rosa" in parse(line, 0.0, bodies=True, full=True).body  # type: ignore[union-attr]


def test_what_would_steer_a_terminal_or_is_no_text_is_replaced() -> None:
    found = parse(logged().replace("Rosa", "Ro\x1b[2Jsa\udcff\u202e"), 0.0, full=True)
    assert found is not None
    assert "Ro·[2Jsa?·" in found.head
    control.pack(Answer(**WORKER, messages=(found,)))


def test_compact_headers_and_unnamed_addresses_are_masked_too() -> None:
    head = mask("BYE sip:1@h SIP/2.0\nf: Rosa <sip:3001234567@h>\nm: <tel:+573001234567;x=1>\nr: <sips:3001234567@h>")
    assert "Rosa" not in head
    assert "3001234567" not in head


def test_what_is_no_message_is_none() -> None:
    for line in ("", "RX nonsense", "RX 3 bytes x from UDP 1.1.1.1:5060:\nnonsense\n--end msg--"):
        assert parse(line, 0.0) is None


def test_keep_alives_and_the_rest_of_the_log_are_not_kept() -> None:
    ring = SipTrace(clock=lambda: 1.0)
    ring.belongs("c1", "customer", "abc@pbx")
    ring.add("Module mod-x registered")
    ring.add("RX 10 bytes Request msg OPTIONS/cseq=1 (rdata0x1) from UDP 1.1.1.1:5060:\nOPTIONS …\nCall-ID: abc@pbx\n")
    ring.add("TX 10 bytes Response msg 200/OPTIONS/cseq=1 (tdta0x1) to UDP 1.1.1.1:5060:\nSIP/2.0…\nCall-ID: abc@pbx\n")
    assert ring.messages("c1", full=False, bodies=False) == ()


def test_a_call_is_found_by_the_beginning_of_its_id_with_both_dialogs() -> None:
    ring = SipTrace()
    for call in ("a1", "a2"):
        ring.belongs(call, "customer", f"{call}@pbx")
        ring.belongs(call, "agent", f"{call}@us")
        ring.add(logged(f"{call}@pbx"))
        ring.add(logged(f"{call}@us").replace("RX", "TX", 1).replace("from UDP", "to UDP"))
    assert ring.find("a1") == "a1"
    assert ring.find("") == "a2"
    assert ring.find("b") == ""
    assert [line.sip_call_id for line in ring.messages("a1", full=False, bodies=False)] == ["a1@pbx", "a1@us"]
    assert ring.dialogs("a1") == {"a1@pbx": "customer", "a1@us": "agent"}


def test_the_ring_is_bounded_in_number_and_size() -> None:
    ring = SipTrace()
    ring.belongs("c", "customer", "same")
    for _ in range(trace.MOST_MESSAGES + 200):
        ring.add(logged("same"))
    assert len(ring.messages("c", full=False, bodies=False)) == trace.MOST_SHOWN
    assert len(ring._kept) <= trace.MOST_MESSAGES
    for _ in range(100):
        ring.add(logged("same", body="x" * 100_000))
    assert sum(len(kept.text) for kept in ring._kept) <= trace.MOST_CHARACTERS
    for number in range(trace.MOST_CALLS + 10):
        ring.belongs(f"n{number}", "customer", f"d{number}")
    assert len(ring._calls) == trace.MOST_CALLS


def answer(call_id: str, status: str, *, cseq: str = "7 INVITE", out: bool = True) -> str:
    way, word = ("TX", "to") if out else ("RX", "from")
    return (
        f"{way} 99 bytes Response msg {status[:3]}/INVITE/cseq=7 (tdta0x1) {word} UDP 10.0.0.5:5060:\n"
        f"SIP/2.0 {status}\r\nTo: <sip:900@h>;tag=x\r\nFrom: <sip:1@h>\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq}\r\n\r\n\n--end msg--"
    )


def test_what_was_refused_is_listed_and_found_by_its_sip_call_id() -> None:
    ring = SipTrace(clock=lambda: 3.0)
    ring.belongs("ours", "customer", "good@pbx")
    for call_id, statuses in {
        "bad@pbx": ["403 Forbidden"],
        "good@pbx": ["100 Trying", "180 Ringing", "200 OK"],
    }.items():
        ring.add(logged(call_id))
        for status in statuses:
            ring.add(answer(call_id, status))
    # A re-INVITE that fails does not change how the call began.
    ring.add(logged("good@pbx").replace("<sip:900@10.0.0.1>", "<sip:900@10.0.0.1>;tag=t"))
    ring.add(answer("good@pbx", "488 Not Acceptable"))
    told = [(one.sip_call_id, one.call_id, one.result, one.callee, one.caller) for one in ring.recent(full=False)]
    assert told == [
        ("bad@pbx", "", "403 Forbidden", "900", "•••567"),
        ("good@pbx", "ours", "200 OK", "900", "•••567"),
    ]
    assert ring.find("bad@") == "bad@pbx"
    assert ring.find("good@") == "ours"
    assert ring.find("none@") == ""
    assert ring.dialogs("bad@pbx") == {"bad@pbx": "customer"}
    assert len(ring.messages("bad@pbx", full=False, bodies=False)) == 2
    assert len(ring.recent(full=False, most=1)) == 1
