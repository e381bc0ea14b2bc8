"""What a media stream says, whatever its protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

Side: TypeAlias = Literal["caller", "callee", "customer", "agent"]
"""Whose voice a channel carries. Peers that don't know our roles say who called; the tap's settings say who that is."""

MAX_ABOUT: Final = 32
"""Facts about a call that are kept of what the peer tells; it may tell anything."""
_LONGEST_FACT: Final = 128


@dataclass(frozen=True, slots=True)
class Begun:
    """The peer has said what it sends. ``about`` may tell caller, callee, agent, queue and language."""

    stream: str
    """The peer's name of the call; streams of one call have the same."""
    channels: tuple[Side, ...]
    rate: int
    """Samples per second of what `Samples` bring, 8000 or 16000."""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Samples:
    """Audio of the channel at this place of `Begun.channels`: signed 16-bit little-endian mono."""

    channel: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Paused:
    """No audio comes until `Resumed`: the peer, or we, asked for it."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Audio comes again."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The peer says the stream is over. ``failed``: it says so because something went wrong."""

    failed: bool = False


Input: TypeAlias = Begun | Samples | Paused | Resumed | Finished


class StreamCodec(Protocol):
    """One connection's protocol. Both methods raise `TapError` when the peer says what it must not."""

    def text(self, message: str) -> list[Input]:
        """A text message came."""
        ...

    def binary(self, message: bytes) -> list[Input]:
        """A binary message came."""
        ...

    def outbox(self) -> list[str]:
        """Text messages to be sent, each handed out once."""
        ...

    def stopping(self) -> list[str]:
        """What to say before we close the connection."""
        ...


def facts(raw: object) -> dict[str, str]:
    """Strings and numbers of a peer's JSON object, bounded in number and length; nothing of anything else."""
    if not isinstance(raw, dict):
        return {}
    kept: dict[str, str] = {}
    for key, value in raw.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(kept) < MAX_ABOUT:
            kept[str(key)[:_LONGEST_FACT]] = str(value)[:_LONGEST_FACT]
    return kept
