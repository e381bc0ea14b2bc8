"""The SIP messages of the last calls, kept in memory so that ``apuntador sip trace`` can draw them.

pjsip writes each message that comes or goes into its log; :meth:`SipTrace.add` gets that line. What comes is kept as it
is and only read when somebody asks. Numbers and names are masked then, unless they are asked for.
"""

import dataclasses
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from assist.control import Attempt, SipLine, masked
from assist.events import Party

MOST_MESSAGES: Final = 1500
MOST_CHARACTERS: Final = 3_000_000
MOST_CALLS: Final = 300
MOST_SHOWN: Final = 250
MOST_ATTEMPTS: Final = 40

_LINE: Final = re.compile(r"(RX|TX) \d+ bytes .{0,200}? (?:from|to) (\w+) (\S+):\n", re.DOTALL)
_STEERS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_END: Final = "\n--end msg--"
_KEEP_ALIVE: Final = "OPTIONS/cseq="
_CALL_ID: Final = re.compile(r"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_CSEQ: Final = re.compile(r"^CSeq[ \t]*:[ \t]*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_USER_AT: Final = re.compile(r"\b(sips?:)([^@;>\s]+)@", re.IGNORECASE)
_TEL: Final = re.compile(r"\b(tel:)([^;>\s]+)", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"^((?:From|f|To|t|Contact|m|P-Asserted-Identity|P-Preferred-Identity|Remote-Party-ID|Diversion|History-Info|"
    r"Referred-By|b|Refer-To|r|Reply-To)[ \t]*:[ \t]*)(\"(?:[^\"\\]|\\.)*\"|[^<\"\r\n]+?)[ \t]*<",
    re.IGNORECASE | re.MULTILINE,
)
_LONG_NUMBER: Final = re.compile(r"\+?\d{7,}")
_STRUCTURE: Final = re.compile(
    r"(?:via|v|call-id|i|cseq|from|f|to|t|contact|m|route|record-route|max-forwards|content-length|l|content-type|c|"
    r"expires|session-expires|x|min-se|allow|supported|k|require|accept|rseq|rack|user-agent|server|replaces)\s*:",
    re.IGNORECASE,
)
"""Headers whose long numbers are no telephone numbers, or whose addresses are masked as such."""
_STATIC: Final = {"0": "PCMU", "8": "PCMA", "9": "G722"}
_IN_DIALOG: Final = re.compile(r"^(?:To|t)[ \t]*:[^\n]*;[ \t]*tag=", re.IGNORECASE | re.MULTILINE)
_FROM: Final = re.compile(r"^(?:From|f)[ \t]*:[^\n]*?\b(?:sips?|tel):([^@;>\s]*)", re.IGNORECASE | re.MULTILINE)
_URI: Final = re.compile(r"^INVITE (?:sips?|tel):([^@;>\s]*)")
_SECRET: Final = re.compile(r"^((?:Proxy-)?Authorization[ \t]*:[ \t]*\w+).*$", re.IGNORECASE | re.MULTILINE)
_KEY: Final = re.compile(r"^(a=crypto:\d+ \S+ inline:).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    text: str


class SipTrace:
    """The ring of messages and which dialogs belong to which call. ``clock`` gives seconds UTC."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: deque[_Kept] = deque()
        self._characters = 0
        self._calls: OrderedDict[str, dict[str, Party]] = OrderedDict()

    def add(self, line: str) -> None:
        """pjsip logged something; kept when it is a message that may belong to a call."""
        if not line.startswith(("RX ", "TX ")) or _KEEP_ALIVE in line[:120] or "/OPTIONS/" in line[:120]:
            return
        self._kept.append(_Kept(self._clock(), line))
        self._characters += len(line)
        while len(self._kept) > MOST_MESSAGES or self._characters > MOST_CHARACTERS:
            self._characters -= len(self._kept.popleft().text)

    def belongs(self, call_id: str, party: Party, sip_call_id: str) -> None:
        """The dialog with this Call-ID is that call's leg."""
        if not sip_call_id:
            return
        self._calls.setdefault(call_id, {})[_harmless(sip_call_id)] = party
        self._calls.move_to_end(call_id)
        while len(self._calls) > MOST_CALLS:
            self._calls.popitem(last=False)

    def find(self, beginning: str) -> str:
        """The latest call whose id begins so, or whose SIP Call-ID does; the latest of all for an empty beginning.

        Empty when there is none. An INVITE that was refused is no call: its SIP Call-ID stands for it.
        """
        known = next((call_id for call_id in reversed(self._calls) if call_id.startswith(beginning)), "")
        if known or not beginning:
            return known
        of_dialog = {key: call_id for call_id, dialogs in self._calls.items() for key in dialogs}
        for kept in reversed(self._kept):
            found = _CALL_ID.search(kept.text)
            if found is not None and found[1].startswith(beginning):
                return of_dialog.get(found[1], found[1])
        return ""

    def recent(self, *, full: bool, most: int = MOST_ATTEMPTS) -> tuple[Attempt, ...]:
        """The INVITEs that began a dialog lately, the latest last; a call's two dialogs are two of them."""
        of_dialog = {key: call_id for call_id, dialogs in self._calls.items() for key in dialogs}
        found: dict[str, Attempt] = {}
        for kept in self._kept:
            if "/cseq=" not in kept.text[:120] or "INVITE" not in kept.text[:120]:
                continue
            parsed = parse(kept.text, kept.at, full=full)
            if parsed is None or not parsed.cseq.endswith("INVITE"):
                continue
            known = found.get(parsed.sip_call_id)
            if known is None and parsed.first.startswith("INVITE ") and not _IN_DIALOG.search(parsed.head):
                found[parsed.sip_call_id] = Attempt(
                    at=parsed.at,
                    outgoing=parsed.outgoing,
                    peer=parsed.peer,
                    caller=_user(parsed.head, _FROM),
                    callee=_user(parsed.first, _URI),
                    call_id=of_dialog.get(parsed.sip_call_id, ""),
                    sip_call_id=parsed.sip_call_id,
                    result="",
                )
            elif (
                # What is answered to an INVITE within the dialog says nothing of how the call began.
                known is not None
                and not known.result.startswith("2")
                and parsed.outgoing != known.outgoing
                and parsed.first.startswith("SIP/2.0 ")
            ):
                found[parsed.sip_call_id] = dataclasses.replace(known, result=parsed.first[8:])
        return tuple(found.values())[-most:]

    def dialogs(self, call_id: str) -> dict[str, Party]:
        """Party by SIP Call-ID of a call; of an INVITE that was refused its own, as a customer's."""
        return dict(self._calls.get(call_id, {call_id: "customer"}))

    def messages(self, call_id: str, *, full: bool, bodies: bool) -> tuple[SipLine, ...]:
        """The call's messages in order, the last :data:`MOST_SHOWN` of them."""
        wanted = self.dialogs(call_id)
        found: deque[SipLine] = deque(maxlen=MOST_SHOWN)
        for kept in self._kept:
            if not any(key in kept.text for key in wanted):
                continue
            parsed = parse(kept.text, kept.at, full=full, bodies=bodies)
            if parsed is not None and parsed.sip_call_id in wanted:
                found.append(parsed)
        return tuple(found)


def parse(line: str, at: float, *, full: bool = False, bodies: bool = False) -> SipLine | None:
    """The message in pjsip's log line; None when there is none in it."""
    found = _LINE.match(line)
    if found is None:
        return None
    message = _harmless(line[found.end() :].removesuffix(_END).replace("\r\n", "\n"))
    head, _, body = message.partition("\n\n")
    call_id, cseq = _CALL_ID.search(head), _CSEQ.search(head)
    if call_id is None:
        return None
    shown = head if full else mask(head)
    sdp = re.search(r"^(?:Content-Type|c)[ \t]*:[ \t]*application/sdp", head, re.IGNORECASE | re.MULTILINE) is not None
    return SipLine(
        at=at,
        outgoing=found[1] == "TX",
        transport=found[2],
        peer=found[3],
        sip_call_id=call_id[1],
        cseq=cseq[1] if cseq else "",
        first=shown.partition("\n")[0],
        head=_SECRET.sub(r"\1 …", shown),
        media=_media(body) if sdp else "",
        # Only a session description is known to hold nobody's data.
        body=_KEY.sub(r"\1…", body.strip("\n")) if bodies and (sdp or full) else "",
    )


def _harmless(text: str) -> str:
    """What a peer sends may be no UTF-8, or steer a terminal."""
    return _STEERS.sub("·", text.encode("utf-8", "replace").decode())


def _user(text: str, pattern: "re.Pattern[str]") -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _media(sdp: str) -> str:
    """``10.0.0.5:4000 PCMA PCMU sendonly`` of the first audio stream; more streams are counted."""
    address = re.search(r"^c=IN IP[46] (\S+)", sdp, re.MULTILINE)
    streams = re.findall(r"^m=audio (\d+)", sdp, re.MULTILINE)
    if not streams:
        return ""
    codecs = list(dict.fromkeys(re.findall(r"^a=rtpmap:\d+ ([\w.-]+)", sdp, re.MULTILINE)))
    codecs += [name for kind, name in _STATIC.items() if name not in codecs and kind in _offered(sdp)]
    codecs = [name for name in codecs if name != "telephone-event"]
    direction = re.search(r"^a=(sendonly|recvonly|inactive)", sdp, re.MULTILINE)
    parts = [f"{address[1] if address else '?'}:{streams[0]}", *codecs[:4]]
    parts += [direction[1]] if direction else []
    parts += [f"+{len(streams) - 1}"] if len(streams) > 1 else []
    return " ".join(parts)


def _offered(sdp: str) -> list[str]:
    found = re.search(r"^m=audio \d+ \S+ ([\d ]+)", sdp, re.MULTILINE)
    return found[1].split() if found else []


def mask(head: str) -> str:
    """A message's head without names and numbers: user parts lose all but their end, display names go."""
    head = _NAMED.sub(r"\1<", head)
    head = _USER_AT.sub(lambda found: f"{found[1]}{masked(found[2])}@", head)
    head = _TEL.sub(lambda found: f"{found[1]}{masked(found[2])}", head)
    first, *headers = head.split("\n")
    return "\n".join([first, *(_mask_header(line) for line in headers)])


def _mask_header(line: str) -> str:
    if _STRUCTURE.match(line):
        return line
    return _LONG_NUMBER.sub(lambda found: masked(found[0]), line)
