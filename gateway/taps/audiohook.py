"""Genesys AudioHook, version 2: JSON both ways; µ-law 8 kHz, channels ``external`` (the customer) and ``internal``.

Source: Genesys' AudioHook protocol reference. Each side counts its messages in ``seq`` and repeats the other's count;
``opened`` is due within five seconds of ``open``. A conversation id of zeros is a probe of the connection: it is
answered and brings no call. Bound to what is documented: monitors only, no events are sent back.
"""

import json
from typing import Any, Final
from uuid import UUID

from gateway.errors import TapError
from gateway.taps.audio import channels_of, ulaw
from gateway.taps.stream import Begun, Finished, Input, Paused, Resumed, Samples, Side, facts

VERSION: Final = "2"
MAX_TEXT: Final = 65_535
"""Longest text message the protocol allows, in characters."""
_SIDES: Final[dict[str, Side]] = {"external": "customer", "internal": "agent"}
_RATE: Final = 8000


class AudioHook:
    """One session.

    Args:
        session: ``Audiohook-Session-Id`` of the request; every message has to name it.
        organization: ``Audiohook-Organization-Id`` of the request, which the signature covers.
    """

    def __init__(self, session: str, organization: str) -> None:
        self._session, self._organization = session, organization
        self._seq = self._client_seq = 0
        self._channels = 0
        self._opened = self._closed = self._paused = False
        self._out: list[str] = []

    def text(self, message: str) -> list[Input]:
        """One of the client's messages."""
        told = self._checked(message)
        parameters = told.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        match told.get("type"):
            case "open":
                return self._open(parameters)
            case "ping":
                self._say("pong", {})
            case "update":
                self._say("updated", {})
            case "close":
                self._say("closed", {})
                self._closed = True
                return [Finished(failed=parameters.get("reason") == "error")]
            case "paused":
                return self._pause(paused=True)
            case "resumed":
                return self._pause(paused=False)
        return []  # discarded audio shows as time without audio; errors end in a close

    def binary(self, message: bytes) -> list[Input]:
        """µ-law bytes, a byte a channel in turns."""
        if not self._opened:
            raise TapError("the peer sent audio before its session was opened")
        if self._closed or not self._channels:
            return []
        if len(message) % self._channels:
            raise TapError(f"{len(message)} bytes of audio do not divide into {self._channels} channels")
        return [Samples(at, pcm) for at, pcm in enumerate(channels_of(ulaw(message), self._channels))]

    def outbox(self) -> list[str]:
        """Answers that wait to be sent."""
        out, self._out = self._out, []
        return out

    def stopping(self) -> list[str]:
        """Ask the client to end the session; it closes and disconnects then."""
        if not self._closed:
            self._say("disconnect", {"reason": "completed"})
        return self.outbox()

    def _checked(self, message: str) -> dict[str, Any]:
        if len(message) > MAX_TEXT:
            raise TapError(f"a text message of {len(message)} characters is longer than AudioHook allows")
        try:
            told = json.loads(message)
        except ValueError as err:
            raise TapError(f"the peer's message is not JSON: {err}") from None
        if not isinstance(told, dict) or told.get("version") != VERSION:
            raise TapError("the peer does not speak AudioHook version 2")
        if told.get("id") != self._session:
            raise TapError("a message names another session than the request did")
        if told.get("seq") != self._client_seq + 1:
            raise TapError(f"message {told.get('seq')} came after message {self._client_seq}")
        server_seq = told.get("serverseq")
        if not isinstance(server_seq, int) or not 0 <= server_seq <= self._seq:
            raise TapError("the peer acknowledges messages that were never sent")
        self._client_seq += 1
        return told

    def _open(self, parameters: dict[str, Any]) -> list[Input]:
        if self._opened:
            raise TapError("the peer opened its session twice")
        if str(parameters.get("organizationId", "")) != self._organization:
            raise TapError("the open message is of another organisation than the request")
        conversation = _uuid(parameters.get("conversationId"))
        if conversation.int == 0:
            self._opened = True
            self._say("opened", {"media": [], "startPaused": False})
            return []
        media = _chosen(parameters.get("media"))
        sides = tuple(_SIDES[name] for name in media["channels"])
        self._opened, self._channels = True, len(sides)
        self._say("opened", {"media": [media], "startPaused": False})
        participant = facts(parameters.get("participant"))
        about = {
            "caller": participant.get("ani", ""),
            "callee": participant.get("dnis", ""),
            "language": str(parameters.get("language", ""))[:2].lower(),
            **facts(parameters.get("customConfig")),
        }
        return [Begun(conversation.hex, sides, _RATE, {key: value for key, value in about.items() if value})]

    def _pause(self, *, paused: bool) -> list[Input]:
        if paused is self._paused:
            return []
        self._paused = paused
        return [Paused() if paused else Resumed()]

    def _say(self, kind: str, parameters: dict[str, Any]) -> None:
        self._seq += 1
        told = {
            "version": VERSION,
            "id": self._session,
            "type": kind,
            "seq": self._seq,
            "clientseq": self._client_seq,
            "parameters": parameters,
        }
        self._out.append(json.dumps(told))


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise TapError("the open message names no conversation") from None


def _chosen(offered: object) -> dict[str, Any]:
    """The offered medium with the most voices that we read."""
    found: list[dict[str, Any]] = []
    for media in offered if isinstance(offered, list) else []:
        if not isinstance(media, dict):
            continue
        channels = media.get("channels")
        named = isinstance(channels, list) and channels and all(name in _SIDES for name in channels)
        if named and media.get("format") == "PCMU" and media.get("rate") == _RATE and media.get("type") == "audio":
            found.append(media)
    if not found:
        raise TapError("the peer offers no µ-law audio at 8000 Hz; AudioHook monitors always can")
    return max(found, key=lambda media: len(media["channels"]))
