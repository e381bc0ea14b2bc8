"""What the caller's INVITE says about the call, and what of it the agent's phone gets. Pure.

Sources: RFC 3325 (P-Asserted-Identity, Privacy), RFC 5876 (the same in UPDATE), RFC 7332 (loops through
B2BUAs), RFC 7433 (User-to-User).
"""

import hashlib
import re
from typing import Final

from assist.config import Trunk
from gateway import routing
from gateway.message import Head

MAX_FORWARDS: Final = 70
SEEN: Final = "X-Apuntador-Seen"
"""Which trunk and number the call has come through already, as hashes: what comes back the same way goes in circles."""
LOOP_DETECTED: Final = 482
TOO_MANY_HOPS: Final = 483
_IDENTITY: Final = ("P-Asserted-Identity", "Remote-Party-ID", "Privacy")
_HIDES: Final = frozenset({"id", "user", "header"})
_HOST: Final = re.compile(r"sips?:[^@>]*@([A-Za-z0-9.:\[\]-]+)", re.IGNORECASE)
_MOST_BYTES: Final = 1500
"""pjsua2's messages end at 4,000 bytes; SDP and the dialog's own headers need about half."""
_MOST_SEEN: Final = 10


def hops(head: Head) -> int:
    """``Max-Forwards`` for the next INVITE: one less than this one has, -1 when it has none left."""
    value = head.get("max-forwards")
    return min(int(value) if value.isdecimal() and len(value) <= 3 else MAX_FORWARDS, 255) - 1


def refusal(head: Head, trunk: str) -> int:
    """Status to refuse the INVITE with because it goes in circles, 0 to take it."""
    if hops(head) < 0:
        return TOO_MANY_HOPS
    seen = _seen(head)
    return LOOP_DETECTED if _mark(head, trunk) in seen or len(seen) >= _MOST_SEEN else 0


def number(head: Head, from_uri: str) -> str:
    """The caller's number or user part for the case.

    Of an anonymous ``From`` the asserted identity counts, unless the caller asked for privacy.
    """
    user = routing.user_part(from_uri)
    asserted = head.get("p-asserted-identity")
    if user != routing.ANONYMOUS or not asserted or _private(head):
        return user
    return routing.user_part(asserted)


def handed_on(head: Head, trunk: Trunk) -> tuple[tuple[str, str], ...]:
    """Header fields for the agent's phone.

    The identity and the wish for privacy go together: the phone is inside the trust domain (RFC 3325, section 3) and
    honours it. What is too long for a message is left out, the last first.
    """
    fields = [(SEEN, ",".join([*_seen(head), _mark(head, trunk.name)]))]
    wanted = (*_IDENTITY, *trunk.pass_headers)
    fields += [(name, value) for name, value in head.kept(wanted) if name.lower() != SEEN.lower() and _is_clean(value)]
    size, kept = 0, []
    for name, value in fields:
        size += len(name) + len(value.encode()) + 4
        if size <= _MOST_BYTES:
            kept.append((name, value))
    return tuple(kept)


def connected(message: str) -> str:
    """URI of who is at the sender's end, of a re-INVITE or UPDATE that says so; empty where it doesn't.

    A PBX says so when it has put somebody else there: a transfer within the PBX, a queue, a pick-up.
    """
    if not message.startswith(("INVITE ", "UPDATE ")):
        return ""
    head = Head(message)
    said = head.get("p-asserted-identity") or head.get("remote-party-id")
    user = routing.user_part(said)
    host = _HOST.search(said)
    return "" if user == routing.ANONYMOUS or host is None else f"sip:{user}@{host.group(1)}"


def _private(head: Head) -> bool:
    asked = {part.strip().lower() for part in head.get("privacy").replace(",", ";").split(";")}
    return bool(asked & _HIDES)


def _seen(head: Head) -> list[str]:
    return [mark for mark in head.get(SEEN).split(",") if mark]


def _mark(head: Head, trunk: str) -> str:
    called = routing.user_part(head.start.partition(" ")[2])
    return hashlib.blake2s(
        f"{trunk}|{called}|{routing.user_part(head.get('from'))}".encode(), digest_size=4
    ).hexdigest()


def _is_clean(value: str) -> bool:
    return bool(value) and value.isprintable()
