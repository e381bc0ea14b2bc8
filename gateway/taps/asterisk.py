"""Asterisk's chan_websocket: a text message that begins the medium, then binary frames; one leg each.

Both forms of its messages are read: ``MEDIA_START key:value …`` and, from Asterisk 20.18, 22.8 and 23.2 on, JSON
(``{"event": "MEDIA_START", …}``). The dial string's ``v(call=…,party=customer)`` arrives as the query of the URI.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from gateway.errors import TapError
from gateway.taps.audio import alaw, ulaw
from gateway.taps.stream import Begun, Input, Samples, Side, facts

SUBPROTOCOL: Final = "media"
_FORMATS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "ulaw": (8000, ulaw),
    "alaw": (8000, alaw),
    "slin": (8000, bytes),
    "slin16": (16000, bytes),
}
_SIDES: Final[dict[str, Side]] = {"customer": "customer", "agent": "agent", "caller": "caller", "callee": "callee"}


class ChanWebSocket:
    """One connection.

    Args:
        query: the parameters of the request's URI; ``call`` and ``party`` say what the connection carries.
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self._decode: Callable[[bytes], bytes] | None = None
        self._json = False

    def text(self, message: str) -> list[Input]:
        """``MEDIA_START`` begins the stream; what else Asterisk reports (buffering, flow) concerns playing only."""
        name, told = self._parse(message)
        if name != "MEDIA_START":
            return []
        if self._decode is not None:
            raise TapError("the peer sent MEDIA_START twice on one connection")
        kind = told.get("format", "")
        if kind not in _FORMATS:
            raise TapError(
                f"Asterisk offers the format {kind or 'unknown'}; dial with c(ulaw), c(alaw), c(slin) or c(slin16)"
            )
        call, party = self._query.get("call", ""), _SIDES.get(self._query.get("party", ""))
        if not call or party is None:
            raise TapError(
                "the connection does not say whose voice it brings; dial with v(call=${UNIQUEID},party=customer) "
                "on one leg and v(call=…,party=agent) on the other"
            )
        rate, self._decode = _FORMATS[kind]
        return [Begun(call, (party,), rate, facts(dict(self._query)))]

    def binary(self, message: bytes) -> list[Input]:
        """A frame of the channel's audio."""
        if self._decode is None:
            raise TapError("the peer sent audio before MEDIA_START")
        return [Samples(0, self._decode(message))]

    def outbox(self) -> list[str]:
        """Nothing is ever answered: the channel answers by itself."""
        return []

    def stopping(self) -> list[str]:
        """Asterisk takes the end of the connection for the end of the channel."""
        return [json.dumps({"command": "HANGUP"}) if self._json else "HANGUP"]

    def _parse(self, message: str) -> tuple[str, dict[str, str]]:
        if message.lstrip().startswith("{"):
            try:
                told = json.loads(message)
            except ValueError as err:
                raise TapError(f"the peer's message is not JSON: {err}") from None
            self._json = True
            return str(told.get("event", "")), facts(told)
        name, *pairs = message.split() or [""]
        return name, {key: value for key, _, value in (pair.partition(":") for pair in pairs)}
