"""A test call with a tone: whether both ways carry audio, and what to change where one does not.

The call is placed by the phone of :mod:`gateway.endpoint.phone` in a process of its own, as any phone would place it.
:func:`judge` is pure: what the phone saw in, findings out.
"""

import asyncio
import contextlib
import ipaddress
import json
import random
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assist import ports
from assist.control import SipLine
from assist.events import Language
from assist.strings import say
from gateway.probe import tone
from gateway.probe.checks import Finding
from gateway.probe.line import NOBODY, Account
from gateway.probe.options import Target
from gateway.probe.tone import Heard
from gateway.quality.meter import Counters, LegMeter

CODECS: Final = "PCMA,PCMU,G722"
SELF: Final = Target("", "self", 5060, "udp")
"""Stands for the gateway that a self-test starts."""
_EXTRA_S: Final = 12.0
_POOR_LOSS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the phone saw. ``trouble`` is why it could not call at all."""

    answered: bool = False
    code: int = 0
    registered: int = 0
    counters: Counters = field(default_factory=Counters)
    source: str = ""
    heard: Heard = field(default_factory=lambda: Heard(0.0, 0.0, 0.0))
    messages: tuple[SipLine, ...] = ()
    trouble: str = ""


def no_target(text: str, language: Language) -> Finding:
    """What was asked to be called is neither a number nor an address."""
    what = say(language, "call.what_call", uri=text)
    return Finding("failed", what, say(language, "sip.not_sip"), say(language, "sip.do_uri"))


async def place(target: Target, account: Account = NOBODY, *, wait_s: float = 30.0) -> Seen:
    """Call ``target``, play the tone, listen, hang up."""
    host = source_towards(target.host)
    with tempfile.TemporaryDirectory(prefix="apuntador-call-") as folder:
        said, heard = Path(folder) / "tone.wav", Path(folder) / "heard.wav"
        tone.write(said)
        rtp = random.randrange(42000, 48000, 2)
        arguments = ["--bind", host, "--port", str(free_port(host)), "--rtp-port", str(rtp)]
        arguments += ["--call", target.uri, "--play", str(said), "--record", str(heard), "--hang-up", "--report"]
        arguments += ["--codec", CODECS, "--transport", target.transport, "--wait-s", f"{wait_s:g}"]
        if account.user:
            arguments += ["--auth-user", account.user, "--user", account.user]
            arguments += ["--identity", f"sip:{account.user}@{target.host}"]
        if account.srtp:
            arguments += ["--srtp"]
        if account.secret:
            arguments += ["--secret", account.secret]
        if account.register:
            arguments += ["--registrar", Target("", target.host, target.port, target.transport).uri]
        events, trouble = await run_phone(arguments, wait_s + _EXTRA_S)
        return _seen(events, trouble, tone.listen(tone.read(heard)))


async def run_phone(arguments: Sequence[str], timeout_s: float) -> tuple[list[dict[str, Any]], str]:
    """What the phone printed, and its last words where it could not call at all."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway.endpoint.phone", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return [], f"no end after {timeout_s:g} s"
    events = []
    for line in out.decode(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            events.append(json.loads(line))
    words = err.decode(errors="replace").strip().splitlines()
    return events, words[-1] if words and process.returncode == 3 else ""


def _seen(events: Sequence[dict[str, Any]], trouble: str, heard: Heard) -> Seen:
    by_name = {str(event.get("event")): event for event in events}
    media = by_name.get("media", {})
    names = Counters.__dataclass_fields__
    return Seen(
        answered="playing" in by_name,
        code=int(by_name.get("ended", {}).get("code", 0)),
        registered=int(by_name.get("registered", {}).get("code", 0)),
        counters=Counters(**{name: media[name] for name in names if name in media}),
        source=str(media.get("source", "")),
        heard=heard,
        messages=tuple(SipLine(**one) for one in by_name.get("messages", {}).get("messages", [])),
        trouble=trouble,
    )


def judge(seen: Seen, target: Target, account: Account, language: Language) -> Iterator[Finding]:
    """What the call says about the way to ``target``, step by step."""

    def found(mark: Any, step: str, result: str, remedy: str = "", **values: object) -> Finding:
        told = say(language, f"call.do_{remedy}", **values) if remedy else ""
        step = "self" if step == "call" and target is SELF else step
        what = say(language, f"call.what_{step}", uri=target.uri)
        return Finding(mark, what, say(language, f"call.{result}", **values), told)

    if seen.trouble:
        yield found("failed", "call", "no_phone", "no_phone", detail=seen.trouble)
        return
    if account.register:
        if not 200 <= seen.registered < 300:
            remedy = "credentials" if seen.registered in (401, 403, 407, 404) else "registrar"
            yield found("failed", "register", "refused", remedy, code=seen.registered, user=account.user)
            return
        yield found("ok", "register", "registered", code=seen.registered)
    if not seen.answered:
        yield found("failed", "call", *_not_answered(seen), code=_final(seen), user=account.user, host=target.host)
        return
    yield found("ok", "call", "answered")
    codecs = _offered(seen.messages)
    yield found("ok", "codec", "codec", codec=seen.counters.codec, offered=CODECS.replace(",", ", "), taken=codecs)
    yield from _inward(seen, found)
    yield from _outward(seen, found)


def _not_answered(seen: Seen) -> tuple[str, str]:
    code = _final(seen)
    if code == 0:
        rang = any(message.first.startswith(("SIP/2.0 180", "SIP/2.0 183")) for message in seen.messages)
        came = any(not message.outgoing for message in seen.messages)
        return ("not_answered", "answer") if rang else ("no_answer", "answer") if came else ("silent", "silent")
    remedies = {401: "credentials", 407: "credentials", 403: "allow", 404: "number", 480: "away", 486: "busy"}
    remedies |= {488: "codec", 415: "codec", 503: "unavailable", 408: "silent", 502: "silent"}
    return "refused", remedies.get(code, "other")


def _final(seen: Seen) -> int:
    finals = [
        int(message.first.split()[1])
        for message in seen.messages
        if not message.outgoing and message.cseq.endswith("INVITE") and message.first[8:9] in "3456"
    ]
    # A 487 is the answer to our own giving up.
    return next((code for code in reversed(finals) if code != 487), 0)


def _offered(messages: Sequence[SipLine]) -> str:
    theirs = [message.media for message in messages if not message.outgoing and message.media]
    return " ".join(theirs[-1].split()[1:]) if theirs else ""


def _inward(seen: Seen, found: Any) -> Iterator[Finding]:
    """Audio from the other side: does it come, from where it should, and is anything in it?"""
    told = _answered_address(seen.messages)
    values = {"told": told, "source": seen.source, "packets": seen.counters.packets}
    if not seen.counters.packets:
        private = _private_beyond(told, seen.messages)
        yield found("failed", "inward", "nothing_came", "nat_there" if private else "inward", **values)
        return
    host, _, port = told.rpartition(":")
    from_host, _, from_port = seen.source.rpartition(":")
    if host and from_host and host != from_host:
        yield found("warning", "inward", "other_host", "other_host", **values)
    elif port and from_port and port != from_port:
        yield found("warning", "inward", "other_port", "other_port", **values)
    if seen.heard.tone_s + seen.heard.other_s < 0.1:
        yield found("warning", "inward", "only_silence", "only_silence", **values)
    else:
        yield found("ok", "inward", "came", **values)
    meter = LegMeter()
    meter.sample(seen.counters)
    quality = meter.total("customer")
    figures = {"loss": f"{quality.loss:.1f}", "jitter": f"{quality.jitter_ms:.0f}", "mos": f"{quality.mos or 0:.1f}"}
    poor = quality.loss > _POOR_LOSS
    yield found("warning" if poor else "ok", "quality", "quality", "quality" if poor else "", **figures)


def _outward(seen: Seen, found: Any) -> Iterator[Finding]:
    """Audio to the other side: an echo proves it, RTCP says it, else nobody knows."""
    counters = seen.counters
    if seen.heard.tone:
        yield found("ok", "outward", "echo")
    elif counters.reports and counters.reported_lost < 0.5 * max(1, counters.sent):
        yield found("ok", "outward", "reported", lost=counters.reported_lost, sent=counters.sent)
    elif counters.reports:
        yield found("failed", "outward", "reported_lost", "outward", lost=counters.reported_lost, sent=counters.sent)
    else:
        yield found("warning", "outward", "unknown", "echo")


def _answered_address(messages: Sequence[SipLine]) -> str:
    """``host:port`` of the last session description that came; the last one counts."""
    theirs = [message.media for message in messages if not message.outgoing and message.media]
    return theirs[-1].split()[0] if theirs else ""


def _private_beyond(told: str, messages: Sequence[SipLine]) -> bool:
    """Whether the other side told a private address for its audio while its SIP came from a public one."""
    peers = [message.peer.rpartition(":")[0] for message in messages if not message.outgoing]
    try:
        audio, signalling = (ipaddress.ip_address(one.strip("[]")) for one in (told.rpartition(":")[0], peers[-1]))
    except (ValueError, IndexError):
        return False
    return audio.is_private and not signalling.is_private


def source_towards(host: str) -> str:
    """Our address on the way to ``host``; loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def free_port(host: str) -> int:
    """A port that is free for UDP and TCP."""
    while True:
        port = random.randrange(20000, 30000)
        kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        if all(ports.refusal(host, port, kind) is None for kind in kinds):
            return port
