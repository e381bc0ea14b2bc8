"""SIP messages with the properties that RFC 4475 describes, one for each of its sections, in our own words.

``python -m tests.interop.torture PORT`` sends them to a gateway or an edge on this machine, over UDP and TCP, and
prints what each was answered.
"""

import argparse
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
SDP = (
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)
BIG = "9" * 30


@dataclass(frozen=True)
class Case:
    """One message. ``{via}`` in it becomes the sender's address, ``{port}`` the target's port."""

    section: str
    name: str
    text: bytes

    def bytes_for(self, port: int, via: str, transport: str) -> bytes:
        """The message as it is sent."""
        marks = {b"{via}": via.encode(), b"{port}": str(port).encode(), b"{transport}": transport.encode()}
        text = self.text
        for mark, value in marks.items():
            text = text.replace(mark, value)
        return text


def build(
    name: str,
    *,
    start: str = "{method} sip:900@127.0.0.1:{port} SIP/2.0",
    method: str = "OPTIONS",
    body: str | bytes = "",
    length: str | None = None,
    without: tuple[str, ...] = (),
    more: str = "",
    **changed: str,
) -> bytes:
    """A plain request with some of it changed: header values by their name with ``_`` for ``-``."""
    data = body.encode() if isinstance(body, str) else body
    headers: Mapping[str, str] = {
        "Via": f"SIP/2.0/{{transport}} {{via}};rport;branch=z9hG4bK-{name}-{{transport}}",
        "From": "<sip:torture@example.com>;tag=t1",
        "To": "<sip:900@example.com>",
        "Call-ID": f"{name}.{{transport}}@{{via}}",
        "CSeq": f"8 {method}",
        "Max-Forwards": "70",
        "Contact": "<sip:torture@{via}>",
        **({"Content-Type": "application/sdp"} if body else {}),
    }
    values = {**headers, **{key.replace("_", "-"): value for key, value in changed.items()}}
    lines = [start.replace("{method}", method)]
    lines += [f"{key}: {value}" for key, value in values.items() if key not in without]
    lines.append(f"Content-Length: {length if length is not None else len(data)}")
    head = "\r\n".join(line for line in lines if line) + "\r\n" + more
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + data


def _response(line: str, name: str, **changed: str) -> bytes:
    return build(name, start=line, method="OPTIONS", **changed)


def cases() -> Iterator[Case]:
    """All of them, in the RFC's order."""
    yield from (Case(f"3.1.1.{number}", *case) for number, case in enumerate(_valid(), 1))
    yield from (Case(f"3.1.2.{number}", *case) for number, case in enumerate(_invalid(), 1))
    yield Case("3.2.1", "badbranch", build("badbranch", Via="SIP/2.0/{transport} {via};rport;branch=z9hG4bK"))
    yield from (Case(f"3.3.{number}", *case) for number, case in enumerate(_application(), 1))
    old = build("inv2543", method="INVITE", body=SDP, without=("Max-Forwards", "Contact"))
    # RFC 2543: no branch, no tags, no Max-Forwards.
    old = old.replace(b";rport;branch=z9hG4bK-inv2543-{transport}", b"").replace(b";tag=t1", b"")
    yield Case("3.4.1", "inv2543", old)


def _valid() -> Iterator[tuple[str, bytes]]:
    folded = (
        "INVITE sip:900@127.0.0.1:{port};unknownparam SIP/2.0\r\n"
        "TO :\r\n sip:900@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
        "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.{transport}@{via}\r\nContent-Length   : @\r\n"
        "cseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n"
        " /{transport}\r\n    {via};rport;branch=z9hG4bKwsinv{transport}\r\n"
        "s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
        "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        'm:"Quoted string \\"\\"" <sip:jdrosen@{via}> ; newparam =\r\n      newvalue ;\r\n'
        "  secondparam ; q = 0.33\r\n\r\n"
    )
    yield (
        "wsinv",
        folded.replace("@\r\ncseq", f"{len(SDP)}\r\ncseq").replace("tag    = \r\n", "\r\n").encode() + SDP.encode(),
    )
    odd = "!interesting-Method0123456789_*+`.%indeed'~"
    yield (
        "intmeth",
        build(
            "intmeth",
            start=f"{odd} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:"
            "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@127.0.0.1 SIP/2.0",
            To='"BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)@example.com>',
            From="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"рабочий\""
            ";tag=_token~1'+`*%!-.",
            CSeq=f"139122385 {odd}",
            extensionHeader_x="\ufeff大停電",
        ),
    )
    yield (
        "esc01",
        build(
            "esc01",
            method="INVITE",
            start="INVITE sip:sips%3Auser%40example.com@127.0.0.1:{port} SIP/2.0",
            To="sip:%75se%72@example.com",
            From="<sip:I%20have%20spaces@example.net>;tag=938",
            Contact="<sip:cal%6Cer@{via};%6C%72;n%61me=v%61lue%25%34%31>",
            body=SDP,
        ),
    )
    yield (
        "escnull",
        build(
            "escnull",
            method="REGISTER",
            To="sip:null-%00-null@example.com",
            From="sip:null-%00-null@example.com;tag=839923423",
            Contact="<sip:%00@{via}>, <sip:%00%00@{via}>",
        ),
    )
    yield (
        "esc02",
        build(
            "esc02",
            start="RE%47IST%45R sip:registrar.example.com SIP/2.0",
            CSeq="29344 RE%47IST%45R",
            To='"%Z%45" <sip:resource@example.com>',
            From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
            Contact="<sip:alias1@{via}>, <sip:alias2@{via}>",
        ),
    )
    yield "lwsdisp", build("lwsdisp", From="caller<sip:caller@example.com>;tag=323")
    long = "l" * 200
    yield (
        "longreq",
        build(
            "longreq",
            method="INVITE",
            To=f'"I have a user name of {"extreme " * 40}proportion"'
            f"<sip:user@example.com:6000;{long}=longparamvalue{long};flag>",
            From=f"sip:{'amazinglylongcallername' * 5}@example.net;tag=12{'982' * 50}424"
            f";unknown{long}=unknown{long}value",
            Call_ID=f"longreq.one{'really' * 20}longcallid",
            Via="SIP/2.0/{transport} {via};rport;branch=z9hG4bK-longreq-{transport}"
            + "".join(f", SIP/2.0/TCP sip{n}.example.com" for n in range(33, 25, -1)),
            Contact=f"<sip:{'amazinglylongcallername' * 5}@{{via}}>",
            body=SDP,
        ),
    )
    first = build(
        "dblreq", method="REGISTER", To="sip:j.user@example.com", From="sip:j.user@example.com;tag=43251j3j324"
    )
    yield "dblreq", first + build("dblreq2", method="INVITE", body=SDP)
    yield "semiuri", build("semiuri", start="OPTIONS sip:user;par=u%40example.net@127.0.0.1 SIP/2.0")
    vias = "".join(
        f", SIP/2.0/{kind} t{n}.example.com;branch=z9hG4bK{n}"
        for n, kind in enumerate(("SCTP", "TLS", "UNKNOWN", "TCP"))
    )
    yield (
        "transports",
        build("transports", Via="SIP/2.0/{transport} {via};rport;branch=z9hG4bKtransports{transport}" + vias),
    )
    parts = (
        (
            b"--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\nHello\r\n"
            b"--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        )
        + bytes(range(256))
        + b"\r\n--7a9cbec02ceef655--\r\n"
    )
    yield (
        "mpart01",
        build("mpart01", method="MESSAGE", body=parts, Content_Type="multipart/mixed;boundary=7a9cbec02ceef655"),
    )
    yield "unreason", _response("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое", "unreason")
    yield "noreason", _response("SIP/2.0 100 ", "noreason")


def _invalid() -> Iterator[tuple[str, bytes]]:
    yield (
        "badinv01",
        build(
            "badinv01",
            method="INVITE",
            Via="SIP/2.0/{transport} {via};;,;,,;rport;branch=z9hG4bKbadinv{transport}",
            Contact='"" <> ;,"Joe" <sip:joe@{via}>;;;;',
            body=SDP,
        ),
    )
    yield "clerr", build("clerr", method="INVITE", body=SDP, length="9999")
    yield "ncl", build("ncl", method="INVITE", body=SDP, length="-999")
    yield (
        "scalar02",
        build(
            "scalar02",
            method="REGISTER",
            CSeq=f"{BIG} REGISTER",
            Max_Forwards="300",
            Expires=BIG,
            Contact=f"<sip:user@{{via}}>;expires={BIG}",
        ),
    )
    yield (
        "scalarlg",
        _response(
            "SIP/2.0 503 Service Unavailable",
            "scalarlg",
            CSeq=f"{BIG} OPTIONS",
            Retry_After=BIG,
            Warning=f'1812 overture "{BIG}"',
        ),
    )
    yield "quotbal", build("quotbal", method="INVITE", To='"Mr. J. User <sip:j.user@example.com>', body=SDP)
    yield "ltgtruri", build("ltgtruri", method="INVITE", start="INVITE <sip:900@127.0.0.1> SIP/2.0", body=SDP)
    yield "lwsruri", build("lwsruri", method="INVITE", start="INVITE sip:900@127.0.0.1; lr SIP/2.0", body=SDP)
    yield "lwsstart", build("lwsstart", method="INVITE", start="INVITE  sip:900@127.0.0.1  SIP/2.0", body=SDP)
    yield "trws", build("trws", start="OPTIONS sip:remote-target@127.0.0.1 SIP/2.0  ")
    yield (
        "escruri",
        build(
            "escruri", method="INVITE", start="INVITE sip:900@127.0.0.1?Route=%3Csip:example.com%3E SIP/2.0", body=SDP
        ),
    )
    yield "baddate", build("baddate", method="INVITE", Date="Fri, 01 Jan 2010 16:00:00 EST", body=SDP)
    yield "regbadct", build("regbadct", method="REGISTER", Contact="sip:user@{via}?Route=%3Csip:sip.example.com%3E")
    yield "badaspec", build("badaspec", To='"Watson, Thomas" < sip:t.watson@example.org >')
    yield "baddn", build("baddn", From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43")
    yield (
        "badvers",
        build(
            "badvers",
            start="OPTIONS sip:t.watson@127.0.0.1 SIP/7.0",
            Via="SIP/7.0/{transport} {via};rport;branch=z9hG4bKbadvers",
        ),
    )
    yield "mismatch01", build("mismatch01", CSeq="8 INVITE")
    yield "mismatch02", build("mismatch02", start="NEWMETHOD sip:900@127.0.0.1 SIP/2.0", CSeq="8 INVITE", body=SDP)
    yield "bigcode", _response("SIP/2.0 4294967301 better not break the receiver", "bigcode")


def _application() -> Iterator[tuple[str, bytes]]:
    yield "insuf", build("insuf", method="INVITE", without=("From", "To", "Call-ID"), body=SDP)
    yield "unkscm", build("unkscm", start="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0")
    yield "novelsc", build("novelsc", start="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0")
    yield (
        "unksm2",
        build(
            "unksm2",
            method="REGISTER",
            To="isbn:2983792873",
            From="<http://www.example.com>;tag=3234233",
            Contact="<name:John_Smith>",
        ),
    )
    yield (
        "bext01",
        build("bext01", Require="nothingSupportsThis, nothingSupportsThisEither", Proxy_Require="noProxiesSupportThis"),
    )
    yield (
        "invut",
        build(
            "invut",
            method="INVITE",
            Content_Type="application/unknownformat",
            body='<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n',
        ),
    )
    yield "regaut01", build("regaut01", method="REGISTER", Authorization="NoOneKnowsThisScheme opaque-data=here")
    yield (
        "multi01",
        build(
            "multi01",
            method="INVITE",
            body=SDP,
            more="CSeq: 5 INVITE\r\nCall-ID: other@example.net\r\nMax-Forwards: 5\r\nTo: sip:other@example.com\r\n"
            "From: sip:other@example.net;tag=3413415\r\nContent-Type: multipart/mixed;boundary=x\r\n",
        ),
    )
    yield (
        "mcl01",
        build("mcl01", more="Content-Length: 13\r\n", body="There's no way to know\r\n", Content_Type="text/plain"),
    )
    yield (
        "bcast",
        _response(
            "SIP/2.0 200 OK",
            "bcast",
            Via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
        ),
    )
    yield "zeromf", build("zeromf", Max_Forwards="0")
    yield "cparam01", build("cparam01", method="REGISTER", Contact="sip:+19725552222@{via};unknownparam")
    yield "cparam02", build("cparam02", method="REGISTER", Contact="<sip:+19725552222@{via};unknownparam>")
    yield "regescrt", build("regescrt", method="REGISTER", Contact="<sip:user@{via}?Route=%3Csip:sip.example.com%3E>")
    yield "sdp01", build("sdp01", method="INVITE", Accept="text/nobodyKnowsThis", body=SDP)


# --- sending ---------------------------------------------------------------------------------------------------------


def final_code(text: str) -> int:
    """Status of a response, 0 for anything else."""
    found = re.match(r"SIP/2\.0 (\d{3}) ", text)
    return int(found.group(1)) if found else 0


def acknowledgement(request: bytes, response: str) -> bytes:
    """The ACK for a final response that is no 2xx (RFC 3261, section 17.1.1.3)."""
    lines = request.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
    keep = [line for line in lines[1:] if line.lower().startswith(("via", "from", "call-id"))][:3]
    to = next((line for line in response.split("\r\n") if line.lower().startswith("to")), "To: <sip:x@example.com>")
    target = lines[0].split(" ")[1] if " " in lines[0] else "sip:x"
    return "\r\n".join(
        [f"ACK {target} SIP/2.0", *keep, to, "CSeq: 8 ACK", "Max-Forwards: 70", "Content-Length: 0", "", ""]
    ).encode()


def send(case: Case, port: int, *, tcp: bool = False, host: str = HOST, patience_s: float = 0.3) -> int:
    """Send a case and wait a little; returns the last status that came, 0 for silence. A final one is acknowledged."""
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    code = 0
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        sock.settimeout(patience_s)
        with suppress(OSError):
            sock.connect((HOST, port))
            via = f"{host}:{sock.getsockname()[1]}"
            request = case.bytes_for(port, via, "TCP" if tcp else "UDP")
            sock.sendall(request)
            while code < 200:
                text = sock.recv(65535).decode(errors="replace")
                code = final_code(text) or code
            if request.startswith(b"INVITE"):
                sock.sendall(acknowledgement(request, text))
    return code


def main(argv: list[str] | None = None) -> int:
    """Send everything and print the answers."""
    parser = argparse.ArgumentParser(description="RFC 4475 against a SIP port of this machine")
    parser.add_argument("port", type=int)
    args = parser.parse_args(argv)
    for case in cases():
        answers = [send(case, args.port, tcp=tcp) or "-" for tcp in (False, True)]
        sys.stdout.write(f"{case.section:<10}{case.name:<12}{answers[0]!s:>5}{answers[1]!s:>5}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
