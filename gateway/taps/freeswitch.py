"""FreeSWITCH's mod_audio_fork (drachtio) and mod_audio_stream: a text message of metadata, then L16 audio.

``stereo`` has the caller on the left and the callee on the right; ``mono`` is the caller, ``mixed`` both at once, which
we refuse: two people's words can't be told apart. The metadata is what the dialplan gives, JSON:
``{"call": "${uuid}", "agent": "ana", "rate": 8000}``; ``mix`` says "mono" where it is.
"""

import json
from collections.abc import Mapping
from typing import Final

from gateway.errors import TapError
from gateway.taps.audio import channels_of
from gateway.taps.stream import Begun, Input, Paused, Resumed, Samples, Side, facts

SUBPROTOCOLS: Final = ("audio.drachtio.org", "audiostream.drachtio.org")
_MIXES: Final[dict[str, tuple[Side, ...]]] = {"stereo": ("caller", "callee"), "mono": ("caller",)}
_RATES: Final = {"8000": 8000, "8k": 8000, "16000": 16000, "16k": 16000}


class AudioFork:
    """One connection.

    Args:
        query: the parameters of the request's URI; they count as metadata too.
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = dict(query)
        self._channels = 0

    def text(self, message: str) -> list[Input]:
        """The first message is the metadata; later ones that the dialplan sends may pause and resume."""
        try:
            told = json.loads(message)
        except ValueError:
            raise TapError(
                "the metadata is not JSON; give uuid_audio_fork a JSON object as its last argument"
            ) from None
        if self._channels:
            word = str(told.get("event", "")) if isinstance(told, dict) else ""
            return [Paused()] if word == "pause" else [Resumed()] if word == "resume" else []
        return [self._begin({**facts(told), **self._query})]

    def binary(self, message: bytes) -> list[Input]:
        """Interleaved s16le samples. Without metadata the URI has to say all there is."""
        inputs: list[Input] = []
        if not self._channels:
            inputs.append(self._begin(self._query))
        return [*inputs, *(Samples(at, pcm) for at, pcm in enumerate(channels_of(message, self._channels)))]

    def outbox(self) -> list[str]:
        """Nothing is answered."""
        return []

    def stopping(self) -> list[str]:
        """mod_audio_fork stops by itself when the connection closes."""
        return [json.dumps({"type": "disconnect"})]

    def _begin(self, told: dict[str, str]) -> Begun:
        mix = told.get("mix", "stereo")
        if mix not in _MIXES:
            raise TapError(f"mix {mix!r} can't be taken apart into two voices; fork with stereo (or mono for one leg)")
        rate = _RATES.get(told.get("rate", "8000"))
        if rate is None:
            raise TapError(f"rate {told['rate']!r} is neither 8000 nor 16000; fork with 8k or 16k")
        call = told.get("call") or told.get("uuid") or told.get("callId")
        if not call:
            raise TapError('the metadata does not name the call; add "call": "${uuid}"')
        self._channels = len(_MIXES[mix])
        return Begun(call, _MIXES[mix], rate, told)
