"""Recording metadata: who takes part, and on which stream each is heard.

Source: RFC 7865 (the model in section 6, the schema in section 10). Vendors leave out namespaces, put a participant's
streams into ``send`` of ``participantstreamassoc`` or of ``participant``, and write ``complete`` or ``Complete``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from gateway.errors import MetadataError

MAX_CHARACTERS: Final = 64 * 1024
_MAX_ELEMENTS: Final = 500
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in the call. ``aor`` is a SIP or tel URI, ``name`` what is shown to people; either may be empty."""

    id: str
    aor: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one body says. ``sends``: stream ids by participant id; ``labels``: ``a=label`` by stream id."""

    complete: bool = True
    participants: Mapping[str, Participant] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    sends: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    """Participants whose ``disassociate-time`` is told."""

    def updated(self, news: "Metadata") -> "Metadata":
        """This with ``news`` in it: a partial update adds and replaces, a complete one takes its place."""
        if news.complete:
            return news
        return Metadata(
            True,
            {**self.participants, **news.participants},
            {**self.labels, **news.labels},
            {**self.sends, **news.sends},
            (self.gone | news.gone) - (news.sends.keys() - news.gone),
        )

    def speakers(self) -> Mapping[str, tuple[Participant, ...]]:
        """Who is heard under each label; those who left are not."""
        found: dict[str, tuple[Participant, ...]] = {}
        for who, streams in self.sends.items():
            if who in self.gone:
                continue
            for stream in streams:
                label = self.labels.get(stream, "")
                if label:
                    found[label] = (*found.get(label, ()), self.participants.get(who, Participant(who)))
        return found


def read(xml: str) -> Metadata:
    """The metadata in ``xml``.

    Raises:
        MetadataError: not XML, no recording metadata, too long, or it declares entities.
    """
    if len(xml) > MAX_CHARACTERS:
        raise MetadataError(f"recording metadata of {len(xml)} characters is too long ({MAX_CHARACTERS} are read)")
    try:
        root: Element = fromstring(xml.strip().encode("utf-8"), forbid_dtd=True)
    except DefusedXmlException:
        raise MetadataError("recording metadata declares a document type or entities; that is never read") from None
    except (ParseError, ValueError, LookupError) as err:
        raise MetadataError(f"recording metadata is not XML: {err}") from None
    if _name(root) != "recording":
        raise MetadataError(f"recording metadata begins with <{_name(root)[:40]}>, not <recording>")
    elements = list(root.iter())
    if len(elements) > _MAX_ELEMENTS:
        raise MetadataError(f"recording metadata has {len(elements)} elements; {_MAX_ELEMENTS} are read")
    return _metadata(root)


def _metadata(root: Element) -> Metadata:
    mode = next((_text(child) for child in root if _name(child) == "datamode"), "complete")
    participants: dict[str, Participant] = {}
    labels: dict[str, str] = {}
    sends: dict[str, frozenset[str]] = {}
    gone: set[str] = set()
    for child in root:
        match _name(child):
            case "participant":
                who = child.get("participant_id") or child.get("id") or ""
                participants[who] = _participant(who, child)
                sent = _sent(child)
                if sent:
                    sends[who] = sends.get(who, frozenset()) | sent
            case "stream":
                stream = child.get("stream_id") or child.get("id") or ""
                labels[stream] = next((_text(part) for part in child if _name(part) == "label"), "")
            case "participantstreamassoc":
                who = child.get("participant_id") or ""
                sends[who] = sends.get(who, frozenset()) | _sent(child)
            case "participantsessionassoc":
                if any(_name(part) == "disassociate-time" and _text(part) for part in child):
                    gone.add(child.get("participant_id") or "")
    return Metadata(mode.lower() != "partial", participants, labels, sends, frozenset(gone))


def _participant(who: str, element: Element) -> Participant:
    for part in _of(element, "nameid"):
        names = [_text(name) for name in _of(part, "name")]
        return Participant(who, (part.get("aor") or "").strip()[:_LONGEST], names[0] if names else "")
    return Participant(who)


def _sent(element: Element) -> frozenset[str]:
    return frozenset(_text(part) for part in _of(element, "send") if _text(part))


def _of(element: Element, name: str) -> Iterable[Element]:
    return (child for child in element if _name(child).lower() == name)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: Element) -> str:
    return (element.text or "").strip()[:_LONGEST]
