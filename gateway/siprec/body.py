"""The body of a SIPREC INVITE: which part is the SDP, which the metadata, and the labels of the streams.

Sources: RFC 7866, sections 7 and 9 (bodies), RFC 4574 (``a=label``), RFC 2046, section 5.1 (multipart).
"""

import re
from dataclasses import dataclass
from email import message_from_string, policy
from itertools import pairwise
from typing import Final

METADATA_TYPES: Final = ("application/rs-metadata+xml", "application/rs-metadata")
"""The second is what some vendors send (RFC 7865 registers the first)."""
MAX_MESSAGE: Final = 65_535
_MAX_PARTS: Final = 8
_LABEL: Final = re.compile(r"^a=label:(\S{1,64})\s*$", re.MULTILINE)
_SECTION: Final = re.compile(r"^m=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parts:
    """What was found; empty strings stand for what is not there."""

    sdp: str = ""
    metadata: str = ""


def is_recording(message: str) -> bool:
    """Whether a SIP request brings recording metadata: a cheap look, for any message."""
    return "rs-metadata" in message


def split(message: str) -> Parts:
    """SDP and metadata of a SIP message, from one body or a multipart one. Never raises."""
    head, _, body = message[:MAX_MESSAGE].partition("\r\n\r\n")
    kind = next((_value(line) for line in head.split("\r\n")[1:] if _names(line, "content-type", "c")), "")
    parsed = message_from_string(f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n{body}", policy=policy.SMTP)
    found: dict[str, str] = {}
    for part in list(parsed.walk())[:_MAX_PARTS]:
        if part.is_multipart():
            continue
        payload = part.get_payload()
        if isinstance(payload, str):
            name = "metadata" if part.get_content_type() in METADATA_TYPES else part.get_content_type()
            found.setdefault(name, payload)
    return Parts(found.get("application/sdp", ""), found.get("metadata", "").strip())


def labels(sdp: str) -> tuple[str, ...]:
    """The label of each ``m=audio`` line, in their order; empty where there is none."""
    return tuple(_label(section) for section in _sections(sdp) if section.startswith("m=audio"))


def with_labels(answer: str, offer: str) -> str:
    """``answer`` with each media line's label repeated from ``offer``: RFC 7866, 7.1.2 lets the SRC tell them apart."""
    wanted = [_label(section) for section in _sections(offer)]
    starts = [found.start() for found in _SECTION.finditer(answer)]
    pieces = [answer[: starts[0]] if starts else answer]
    for at, section in enumerate(_sections(answer)):
        label = wanted[at] if at < len(wanted) else ""
        pieces.append(section if not label or _label(section) else f"{section.rstrip()}\r\na=label:{label}\r\n")
    return "".join(pieces)


def _sections(sdp: str) -> list[str]:
    starts = [found.start() for found in _SECTION.finditer(sdp)]
    return [sdp[start:end] for start, end in pairwise([*starts, len(sdp)])]


def _label(section: str) -> str:
    found = _LABEL.search(section)
    return found.group(1) if found else ""


def _names(line: str, *names: str) -> bool:
    return line.partition(":")[0].strip().lower() in names


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
