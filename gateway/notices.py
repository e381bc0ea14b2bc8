"""What a leg reports to the switchboard: plain data, put on a queue by pjsua2's thread."""

from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.refer import Refer
from gateway.siprec.body import Parts


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE came. ``source`` is ``host:port``; ``has_audio``: its body offers audio, in at most four streams.

    ``recording`` is what its body brings where recording metadata is part of it (SIPREC). ``late``: it has no body, so
    that the offer is ours to make (RFC 3261, section 13.2.1). ``message`` is all of it.
    """

    leg: int
    source: str
    from_uri: str = ""
    to_uri: str = ""
    has_audio: bool = True
    recording: Parts | None = None
    late: bool = False
    message: str = field(default="", repr=False)
    trunk: str = ""
    """Name of its trunk, where an edge in front has found that out; ``source`` is whom the edge had it from."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The callee sent 180 or 183; ``early``: with SDP, so that there is something to hear (RFC 3960)."""

    leg: int
    early: bool = False


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
    sending: bool = True
    """Whether any audio stream comes to us."""
    early: bool = False
    """Whether the callee did so before it answered (RFC 3960)."""


@dataclass(frozen=True, slots=True)
class Digit:
    """The peer sent a DTMF digit (RFC 4733). Digits may be card numbers: never log them."""

    leg: int
    digit: str


@dataclass(frozen=True, slots=True)
class RecordingNews:
    """A request within the dialog brought recording metadata."""

    leg: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Connected:
    """A request within the dialog says who is at the peer's end now: a URI (RFC 3325, RFC 5876)."""

    leg: int
    uri: str


@dataclass(frozen=True, slots=True)
class Referred:
    """The peer's REFER was accepted: it wants the other party transferred."""

    leg: int
    refer: Refer


@dataclass(frozen=True, slots=True)
class Registered:
    """A trunk's REGISTER was answered with ``code``; ``expires`` are the seconds granted. It belongs to no leg."""

    leg: int
    trunk: str
    code: int
    expires: int


Notice: TypeAlias = (
    Invite | Ringing | Confirmed | Gone | MediaChanged | Digit | RecordingNews | Referred | Connected | Registered
)
