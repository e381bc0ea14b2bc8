"""Whose requests are taken. Pure: the bytes of a request in, a refusal or nothing out.

Some requests never become a dialog: from nowhere we know, without the proof the trunk asks for, or with audio encrypted
where the trunk wants it plain, or the other way round. What harms the process whoever sends it is kept out before:
:mod:`gateway.screening`.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from assist.config import Srtp, Trunk
from gateway import routing
from gateway.digest import Authority
from gateway.edge.inbox import Passed
from gateway.screening import NOT_ACCEPTABLE, WITH_SDP, Refusal, Transport, opens_dialog

_TRANSPORTS: Final[Mapping[str, Transport]] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
_MOST_CALLS: Final = 4096
"""Call-IDs kept of calls that began encrypted; a worker has a handful at once."""
_START: Final = re.compile(r"([A-Z]+) \S+ SIP/2\.0")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_LINE: Final = re.compile(r"\r\n|\r|\n")


class Admission:
    """Judges requests.

    Args:
        trunks: as set, in order of match.
        secrets: each challenged trunk's password by the trunk's name.
        clock: seconds, never back.
        edge: what an edge in front says about a request; it has asked for proof itself.
    """

    def __init__(
        self,
        trunks: Sequence[Trunk],
        secrets: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        *,
        edge: Callable[[str], Passed] | None = None,
    ) -> None:
        self.trunks = trunks
        self.secrets = secrets
        self._edge = edge
        self._authority = Authority(clock)
        self._encrypted: OrderedDict[str, None] = OrderedDict()

    def judge(self, message: bytes, source: str, transport: Transport) -> Refusal | None:
        """Why the request is turned away, None when it may go on. ``source`` is the host it came from."""
        text = message.decode("utf-8", "replace")
        head, _, body = text.partition("\r\n\r\n")
        started = _START.match(head)
        if started is None or started[1] not in WITH_SDP:
            return None
        head = _FOLD.sub(" ", head)
        if started[1] == "INVITE" and opens_dialog(message):
            if self._edge is None:
                trunk = routing.choose_trunk(self.trunks, source)
            else:
                passed = self._edge(text)
                trunk = routing.choose_trunk(self.trunks, passed.source, passed.trunk)
                transport = _TRANSPORTS.get(passed.transport, "")
            return self._call(trunk, head, body, transport)
        # Within a dialog, which may be a trunk's or a phone's. What began encrypted stays so: pjsua2 would step down.
        call_id = _header(head, "Call-ID", "i")
        encrypted = call_id in self._encrypted
        if encrypted:
            self._encrypted.move_to_end(call_id)
        why = sdp_trouble(body, "required" if encrypted else None)
        return Refusal(NOT_ACCEPTABLE, why) if why else None

    def _call(self, trunk: Trunk | None, head: str, body: str, transport: Transport) -> Refusal | None:
        if trunk is None:
            return Refusal(FORBIDDEN, "source")
        refusal = self._stranger(trunk, head, transport)
        if refusal is not None:
            return refusal
        why = sdp_trouble(body, trunk.srtp)
        if why:
            return Refusal(NOT_ACCEPTABLE, why, trunk=trunk.name)
        if trunk.srtp != "off" and "SAVP" in body:
            self._encrypted[_header(head, "Call-ID", "i")] = None
            if len(self._encrypted) > _MOST_CALLS:
                self._encrypted.popitem(last=False)
        return None

    def _stranger(self, trunk: Trunk, head: str, transport: Transport) -> Refusal | None:
        if trunk.transport == "tls" and transport != "tls":
            return Refusal(FORBIDDEN, "not_tls", trunk=trunk.name)
        if not trunk.challenge or self._edge is not None:
            return None
        outcome = self._authority.judge(
            _header(head, "Authorization"),
            method="INVITE",
            user=trunk.user,
            password=self.secrets.get(trunk.name, ""),
            request_id=f"{_header(head, 'Call-ID', 'i')} {_header(head, 'CSeq')}",
        )
        if outcome == "good" and self.secrets.get(trunk.name):
            return None
        challenges = self._authority.challenges(stale=outcome == "stale")
        headers = tuple(("WWW-Authenticate", value) for value in challenges)
        return Refusal(UNAUTHORIZED, f"digest_{outcome}", headers, trunk.name)


def sdp_trouble(body: str, srtp: Srtp | None) -> str:
    """Why a body's audio is not as ``srtp`` says, empty when it is; ``srtp`` None: nobody's wish is known."""
    keyless = False
    for line in _LINE.split(body):
        if line.startswith("a=crypto:"):
            keyless = False
        if not line.startswith("m="):
            continue
        if keyless:
            return "srtp_keys"
        parts = line[2:].split()
        if srtp is None or not parts or parts[0] != "audio" or parts[1:2] == ["0"]:
            continue
        if "SAVP" in (parts[2].upper() if len(parts) > 2 else ""):
            if srtp == "off":
                return "srtp_off"
            keyless = True
        elif srtp == "required":
            return "srtp_required"
    return "srtp_keys" if keyless else ""


def _header(head: str, name: str, short: str = "") -> str:
    names = f"(?:{name}|{short})" if short else name
    found = re.search(rf"^{names}\s*:[ \t]*([^\r\n]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].strip() if found else ""
