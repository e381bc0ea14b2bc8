"""What is concluded from what the phone of a test call saw; each conclusion that is not good says what to change."""

import dataclasses
from typing import get_args

import pytest

from assist.config import Settings, Trunk
from assist.control import SipLine
from assist.events import Language
from gateway.probe.call import Seen, judge
from gateway.probe.line import NOBODY, Account, line_of, target_of
from gateway.probe.options import Target
from gateway.probe.tone import Heard
from gateway.quality.meter import Counters

TARGET = Target("*43", "8.8.8.8", 5060, "udp")
ECHO = Heard(4.0, 1.7, 0.1)
SPOKE = Heard(4.0, 0.0, 2.0)
SILENT = Heard(4.0, 0.0, 0.0)


def line(first: str, media: str = "", *, out: bool = False, cseq: str = "1 INVITE") -> SipLine:
    peer = "8.8.8.8:5060"
    return SipLine(
        at=0.0, outgoing=out, transport="UDP", peer=peer, sip_call_id="x", cseq=cseq, first=first, head="", media=media
    )


GOOD = Seen(
    answered=True,
    code=200,
    counters=Counters(codec="PCMA", packets=200, sent=200),
    source="8.8.8.8:4000",
    heard=ECHO,
    messages=(line("INVITE sip:x SIP/2.0", out=True), line("SIP/2.0 200 OK", "8.8.8.8:4000 PCMA")),
)
SAID_PRIVATE = (line("SIP/2.0 200 OK", "192.168.1.9:4000 PCMA"),)


def marks(seen: Seen, account: Account = NOBODY) -> dict[str, tuple[str, str, str]]:
    """Mark, result and remedy of each step, by the step's name."""
    found = {}
    for finding in judge(seen, TARGET, account, "en"):
        assert bool(finding.remedy) == (finding.mark != "ok"), finding
        found[finding.what] = (finding.mark, finding.result, finding.remedy)
    return found


def test_an_echo_proves_both_ways() -> None:
    found = marks(GOOD)
    assert {mark for mark, _, _ in found.values()} == {"ok"}
    assert "both ways work" in found["Audio from here to there"][1]
    assert found["Codec"][1] == "PCMA (offered PCMA, PCMU, G722; answered PCMA)"


@pytest.mark.parametrize(
    ("change", "step", "mark", "result", "remedy"),
    [
        ({"counters": Counters(sent=200), "heard": SILENT}, "in", "failed", "no packet came", "direct media"),
        (
            {"counters": Counters(sent=200), "heard": SILENT, "messages": SAID_PRIVATE},
            "in",
            "failed",
            "192.168.1.9:4000",
            "external_media_address",
        ),
        ({"source": "8.8.8.8:4999"}, "in", "warning", "port 8.8.8.8:4999", "rtp_symmetric"),
        ({"source": "8.8.4.4:4000"}, "in", "warning", "from 8.8.4.4:4000", "media proxy"),
        ({"heard": SILENT}, "in", "warning", "nothing but silence", "microphone"),
        ({"heard": SPOKE}, "out", "warning", "can't be told", "five beeps"),
        (
            {"heard": SPOKE, "counters": Counters(codec="PCMA", packets=200, sent=200, reports=1, reported_lost=200)},
            "out",
            "failed",
            "200 of 200 packets lost",
            "One-way",
        ),
        (
            {"counters": Counters(codec="PCMA", packets=160, lost=40, sent=200)},
            "quality",
            "warning",
            "20.0 % lost",
            "priority",
        ),
    ],
    ids=["one-way", "nat", "port", "proxy", "silence", "unknown", "not-heard", "loss"],
)
def test_what_is_wrong_with_the_audio(
    change: dict[str, object], step: str, mark: str, result: str, remedy: str
) -> None:
    names = {"in": "Audio from there to here", "out": "Audio from here to there", "quality": "Quality of what came"}
    found = [
        one
        for one in judge(dataclasses.replace(GOOD, **change), TARGET, Account(), "en")  # type: ignore[arg-type]
        if one.what == names[step] and one.mark != "ok"
    ]
    assert [one.mark for one in found] == [mark]
    assert result in found[0].result
    assert remedy in found[0].remedy


def test_reports_say_that_we_are_heard() -> None:
    counters = dataclasses.replace(GOOD.counters, reports=1, reported_lost=2)
    assert marks(dataclasses.replace(GOOD, heard=SPOKE, counters=counters))["Audio from here to there"][0] == "ok"


@pytest.mark.parametrize(
    ("answers", "result", "remedy"),
    [
        ([], "no answer at all", "firewalls"),
        (["100 Trying"], "no final answer", "within the time"),
        (["100 Trying", "180 Ringing"], "nobody answered", "echo test"),
        (["180 Ringing", "487 Request Terminated"], "nobody answered", "echo test"),
        (["401 Unauthorized", "403 Forbidden"], "refused with 403", "ACL"),
        (["401 Unauthorized"], "refused with 401", "secret"),
        (["404 Not Found"], "refused with 404", "extension"),
        (["480 Gone"], "refused with 480", "not registered"),
        (["486 Busy Here"], "refused with 486", "busy"),
        (["488 Not Acceptable"], "refused with 488", "PCMA"),
        (["503 Unavailable"], "refused with 503", "drained"),
        (["500 Oops"], "refused with 500", "log of 8.8.8.8"),
    ],
    ids=lambda value: "-".join(one[:3] for one in value) or "none" if isinstance(value, list) else None,
)
def test_a_call_that_is_not_answered(answers: list[str], result: str, remedy: str) -> None:
    messages = tuple(line(f"SIP/2.0 {answer}") for answer in answers)
    found = marks(Seen(messages=messages))
    assert list(found) == ["Test call to sip:*43@8.8.8.8:5060"]
    mark, told, what_to_do = found["Test call to sip:*43@8.8.8.8:5060"]
    assert mark == "failed"
    assert result in told
    assert remedy in what_to_do


def test_registration_comes_first() -> None:
    who = Account("ana", "env:X", register=True)
    refused = marks(Seen(registered=403), who)
    assert refused == {
        "Registration for sip:*43@8.8.8.8:5060": (
            "failed",
            "refused with 403",
            "Check the user (ana) and secret at the PBX; apuntador sip check --user … --secret file:…",
        )
    }
    assert marks(dataclasses.replace(GOOD, registered=200), who)["Registration for sip:*43@8.8.8.8:5060"][0] == "ok"


def test_a_phone_that_could_not_call_says_why() -> None:
    assert "port 5" in marks(Seen(trouble="port 5 is taken"))["Test call to sip:*43@8.8.8.8:5060"][1]


@pytest.mark.parametrize("language", get_args(Language))
def test_everything_is_said_in_both_languages(language: Language) -> None:
    assert all(one.what and one.result for one in judge(GOOD, TARGET, Account(), language))


@pytest.mark.parametrize(
    ("text", "peers", "uri"),
    [
        ("sip:2001@10.0.0.5", [], "sip:2001@10.0.0.5:5060"),
        ("2001@10.0.0.5:5080", [], "sip:2001@10.0.0.5:5080"),
        ("*43", ["sip:pbx.example;transport=tls"], "sip:*43@pbx.example:5061;transport=tls"),
        ("#9", ["10.0.0.5"], "sip:%239@10.0.0.5:5060"),
        ("900", [], "sip:900@127.0.0.1:5060"),
        ("9 00", [], None),
        ("900>;x", ["10.0.0.5"], None),
        ("900", ["not an address"], None),
    ],
    ids=["uri", "at", "peer", "hash", "own", "space", "unsafe", "bad-peer"],
)
def test_whom_to_call(text: str, peers: list[str], uri: str | None) -> None:
    target = target_of(text, peers, Settings())
    assert (target.uri if target else None) == uri


class Carrier(Trunk):
    """A trunk that calls can be sent to."""

    host: str = ""
    transport: str = "udp"
    user: str = ""
    secret: str = ""


def test_a_trunk_with_a_host_is_called_there_as_its_user() -> None:
    carrier = Carrier(name="out", agent="ana", host="sip.example.com", transport="tls", user="5550", secret="env:X")
    settings = Settings().model_copy(update={"trunk": (Trunk(name="in", agent="ana"), carrier)})
    line = line_of(settings, "out")
    assert line is not None
    assert (line.target.uri, line.account) == ("sip:sip.example.com:5061;transport=tls", Account("5550", "env:X"))
    target = target_of("*43", ["10.0.0.5"], settings, line)
    assert target is not None
    assert target.uri == "sip:*43@sip.example.com:5061;transport=tls"
    assert line_of(settings, "in") is None
    assert line_of(settings, "none") is None
