"""Reading a SIP message's head (RFC 3261, section 7.3). Pure: text in, text out; nothing here trusts its input."""

from collections.abc import Iterable
from typing import Final

_COMPACT: Final = {
    "b": "referred-by",
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "r": "refer-to",
    "t": "to",
    "v": "via",
    "x": "session-expires",
}
"""Short forms that matter here; the registry has a few more."""


class Head:
    """Start line and header fields of a message.

    Args:
        message: the whole message, or its head alone.
    """

    def __init__(self, message: str) -> None:
        head = message.replace("\r\n", "\n").partition("\n\n")[0]
        lines: list[str] = []
        for line in head.split("\n"):
            if line[:1] in (" ", "\t") and len(lines) > 1:
                lines[-1] += " " + line.strip()  # folded
            else:
                lines.append(line)
        self.start = lines[0]
        self._fields: list[tuple[str, str, str]] = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon and name.strip():
                spelled = name.strip()
                self._fields.append((_full(spelled), spelled, value.strip()))

    @property
    def method(self) -> str:
        """Method of a request, empty for a response."""
        return "" if self.start.startswith("SIP/") else self.start.partition(" ")[0]

    def get(self, name: str) -> str:
        """First value of this header field; empty where there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Each value of this header field, one for each line."""
        wanted = _full(name)
        return [value for full, _, value in self._fields if full == wanted]

    def kept(self, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Fields of these names, as they were spelled and in their order; ``X-*`` takes all that begin so."""
        wanted = [name.lower() for name in names]
        exact = {name for name in wanted if not name.endswith("*")}
        starts = tuple(name[:-1] for name in wanted if name.endswith("*"))
        return tuple(
            (spelled, value)
            for full, spelled, value in self._fields
            if full in exact or (starts and full.startswith(starts))
        )


def tag(name_addr: str) -> str:
    """The tag of a ``From`` or ``To`` value; empty where there is none."""
    return parameter(name_addr.rpartition(">")[2] if ">" in name_addr else name_addr, "tag")


def parameter(text: str, name: str) -> str:
    """A parameter's value in ``…;name=value;…``; empty where it is missing or has none."""
    for part in text.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip()
    return ""


def _full(name: str) -> str:
    lower = name.lower()
    return _COMPACT.get(lower, lower)
