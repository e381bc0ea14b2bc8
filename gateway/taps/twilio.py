"""Twilio Media Streams: JSON text messages; µ-law 8 kHz in base64, tracks ``inbound`` (the caller) and ``outbound``.

Source: Twilio's documentation, "Media Streams: WebSocket messages". Numbers come as strings. ``customParameters`` of
``<Stream>`` (``<Parameter name="agent" value="ana"/>``) are facts about the call.
"""

import base64
import binascii
import json
from typing import Any, Final

from gateway.errors import TapError
from gateway.taps.audio import ulaw
from gateway.taps.stream import Begun, Finished, Input, Samples, Side, facts

_SIDES: Final[dict[str, Side]] = {"inbound": "caller", "outbound": "callee"}


class MediaStream:
    """One connection."""

    def __init__(self) -> None:
        self._tracks: list[str] = []

    def text(self, message: str) -> list[Input]:
        """One of Twilio's messages; marks and digits are let go."""
        try:
            told = json.loads(message)
        except ValueError as err:
            raise TapError(f"the peer's message is not JSON: {err}") from None
        if not isinstance(told, dict):
            raise TapError("the peer's message is no JSON object")
        match told.get("event"):
            case "start":
                return [self._start(_part(told, "start"))]
            case "media":
                return self._media(_part(told, "media"))
            case "stop":
                return [Finished()]
            case _:
                return []

    def binary(self, message: bytes) -> list[Input]:
        """Twilio sends none."""
        raise TapError("a binary message on a Twilio stream; is this tap's protocol right?")

    def outbox(self) -> list[str]:
        """Nothing is answered."""
        return []

    def stopping(self) -> list[str]:
        """Twilio stops by itself when the connection closes."""
        return []

    def _start(self, start: dict[str, Any]) -> Begun:
        if self._tracks:
            raise TapError("the peer sent start twice on one connection")
        kind = facts(start.get("mediaFormat"))
        if kind.get("encoding") != "audio/x-mulaw" or kind.get("sampleRate") != "8000":
            raise TapError(f"mediaFormat {kind} is not µ-law at 8000 Hz, the only one Twilio documents")
        tracks = start.get("tracks")
        self._tracks = [track for track in tracks if track in _SIDES] if isinstance(tracks, list) else []
        call = str(start.get("callSid", ""))
        if not self._tracks or not call:
            raise TapError('the start message names no call or no track; use <Stream track="both_tracks">')
        # Facts that the caller's side sets freely may not stand in for what Twilio says.
        about = {**facts(start.get("customParameters")), "call": call[:64]}
        return Begun(call, tuple(_SIDES[track] for track in self._tracks), 8000, about)

    def _media(self, media: dict[str, Any]) -> list[Input]:
        if not self._tracks:
            raise TapError("the peer sent media before start")
        track = media.get("track")
        if track not in self._tracks:
            return []
        try:
            payload = base64.b64decode(str(media.get("payload", "")), validate=True)
        except binascii.Error:
            raise TapError("the payload of a media message is not base64") from None
        return [Samples(self._tracks.index(track), ulaw(payload))]


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    part = told.get(name)
    if not isinstance(part, dict):
        raise TapError(f"a {name} message without its {name} object")
    return part
