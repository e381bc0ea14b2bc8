"""Steps of a sipp scenario within a dialog, for either side: what they send, what they want to get."""

from tests.interop.rig import HOST

CALLER = {
    "from": '"Cliente" <sip:+573001234567@[local_ip]:[local_port]>;tag=[pid]S[call_number]',
    "to": "[last_To:]",
    "contact": "caller",
}
PHONE = {
    "from": "<sip:agent@[local_ip]:[local_port]>;tag=[pid]A[call_number]",
    "to": "To: [$caller]",
    "contact": "agent",
}


def sdp(
    port: object, *, direction: str = "sendrecv", formats: str = "0 101", version: int = 2, host: str = HOST
) -> str:
    """A body that offers or answers G.711 and telephone-event."""
    return (
        f"v=0\no=- 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP {formats}\n"
        "a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:9 G722/8000\na=rtpmap:101 telephone-event/8000\n"
        f"a=fmtp:101 0-15\na={direction}\n"
    )


def _body(body: str, kind: str) -> str:
    return f"Content-Type: {kind}\nContent-Length: [len]\n\n{body}" if body else "Content-Length: 0\n\n"


def request(
    side: dict[str, str], method: str, number: int, *headers: str, body: str = "", kind: str = "application/sdp"
) -> str:
    """A request within the dialog, sent by ``side``."""
    retransmit = "" if method == "ACK" else ' retrans="500"'
    lines = [
        f"{method} [next_url] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        f"From: {side['from']}",
        side["to"],
        "[routes]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        f"Contact: <sip:{side['contact']}@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *headers,
    ]
    return f"<send{retransmit}><![CDATA[\n" + "\n".join(lines) + "\n" + _body(body, kind) + "\n]]></send>\n"


def response(code: int, *headers: str, body: str = "", contact: str = "") -> str:
    """A response to what was received last."""
    lines = [
        f"SIP/2.0 {code} Test",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        *([f"Contact: <sip:{contact}@[local_ip]:[local_port];transport=[transport]>"] if contact else []),
        *headers,
    ]
    return "<send><![CDATA[\n" + "\n".join(lines) + "\n" + _body(body, "application/sdp") + "\n]]></send>\n"


def get(what: int | str, pattern: str = "", *, optional: bool = False) -> str:
    """A response or request that has to come; ``pattern`` must match somewhere in the message."""
    kind = "response" if isinstance(what, int) else "request"
    action = (
        f'<action><ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="1"/></action>' if pattern else ""
    )
    more = ' optional="true"' if optional else ""
    rrs = ' rrs="true"' if what == "INVITE" else ""
    return f'<recv {kind}="{what}"{more}{rrs}>{action}</recv>\n'


def pause(milliseconds: int) -> str:
    """Wait."""
    return f'<pause milliseconds="{milliseconds}"/>\n'


def use(pattern: str) -> str:
    """sipp wants each variable read somewhere."""
    return '<Reference variables="1"/>\n' if 'assign_to="1"' in pattern else ""


def notified(code: int, *, final: bool = False) -> str:
    """A NOTIFY with this status as message/sipfrag, and its 200."""
    state = "terminated" if final else "active"
    return get("NOTIFY", f"Subscription-State: {state}.*SIP/2.0 {code} ") + response(200)


def invite(*headers: str, body: str = "", hops: int = 70) -> str:
    """The INVITE that begins a call."""
    lines = [
        "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        f"From: {CALLER['from']}",
        "To: <sip:[service]@[remote_ip]:[remote_port]>",
        "Call-ID: [call_id]",
        "CSeq: 1 INVITE",
        "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>",
        f"Max-Forwards: {hops}",
        *headers,
    ]
    return (
        '<send retrans="500"><![CDATA[\n' + "\n".join(lines) + "\n" + _body(body, "application/sdp") + "\n]]></send>\n"
    )


def acknowledge(number: int = 1, body: str = "") -> str:
    """The caller's ACK of a 200."""
    return request(CALLER, "ACK", number, body=body)


def refused(code: int, pattern: str = "") -> str:
    """A final response that isn't 200, and its ACK."""
    lines = [
        "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "[last_Via:]",
        f"From: {CALLER['from']}",
        "[last_To:]",
        "Call-ID: [call_id]",
        "CSeq: 1 ACK",
        "Max-Forwards: 70",
    ]
    ack = "<send><![CDATA[\n" + "\n".join(lines) + "\n" + _body("", "") + "\n]]></send>\n"
    return get(100, optional=True) + get(180, optional=True) + get(code, pattern) + ack


def answered(pattern: str = "") -> str:
    """100 and 180, then the 200."""
    return get(100, optional=True) + get(180, optional=True) + get(200, pattern).replace('"200"', '"200" rrs="true"')


def rung(*headers: str, code: int = 180, body: str = "") -> str:
    """The phone's first provisional response."""
    return _response(code, headers, body)


def picked_up(*headers: str, body: str) -> str:
    """The phone's 200 to the INVITE."""
    return _response(200, headers, body, reliable=True)


def answer_again(code: int, body: str = "") -> str:
    """The phone's final response to the re-INVITE it got last by :func:`called`."""
    return _response(code, (), body, reliable=True).replace(";tag=[pid]A[call_number]", "")


def _response(code: int, headers: tuple[str, ...], body: str, *, reliable: bool = False) -> str:
    lines = [
        f"SIP/2.0 {code} Test",
        "Via:[$via]",
        "From:[$caller]",
        "To:[$callee];tag=[pid]A[call_number]",
        "Call-ID: [call_id]",
        "CSeq:[$cseq]",
        "Contact: <sip:agent@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    retransmit = ' retrans="500"' if reliable else ""
    return (
        f"<send{retransmit}><![CDATA[\n" + "\n".join(lines) + "\n" + _body(body, "application/sdp") + "\n]]></send>\n"
    )


def called(*patterns: str) -> str:
    """The phone gets an INVITE; each pattern must match somewhere in it."""
    checks = "".join(
        f'<ereg regexp="{pattern}" search_in="msg" check_it="true" assign_to="1"/>' for pattern in patterns
    )
    # Kept, because its answer may come after other requests.
    kept = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{name}:" assign_to="{variable}"/>'
        for name, variable in (("From", "caller"), ("To", "callee"), ("Via", "via"), ("CSeq", "cseq"))
    )
    return f'<recv request="INVITE" rrs="true"><action>{kept}{checks}</action></recv>\n'


def script(*steps: str) -> str:
    """A scenario of these steps."""
    text = "".join(steps)
    if "$via" in text:
        text += '<Reference variables="caller,callee,via,cseq"/>\n'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="test">\n{text}{use(text)}</scenario>\n'
