"""What a leg reports to the switchboard: plain data, put on a queue by pjsua2's thread."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE came. ``source`` is ``host:port``; ``has_audio``: its body offers audio, in at most four streams."""

    leg: int
    source: str
    from_uri: str = ""
    to_uri: str = ""
    has_audio: bool = True


@dataclass(frozen=True, slots=True)
class Ringing:
    """The callee sent 180 or 183."""

    leg: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The dialog is up: its 200 came, or the ACK of ours."""

    leg: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The dialog has ended; ``code`` is its last status, 200 after a BYE."""

    leg: int
    code: int


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """Media was negotiated; ``held``: the peer doesn't want to hear us (RFC 3264, section 8.4)."""

    leg: int
    held: bool


@dataclass(frozen=True, slots=True)
class Digit:
    """The peer sent a DTMF digit (RFC 4733). Digits may be card numbers: never log them."""

    leg: int
    digit: str


Notice: TypeAlias = Invite | Ringing | Confirmed | Gone | MediaChanged | Digit
