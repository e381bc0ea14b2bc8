"""The seat of the Vosk engine. It arrives with a later issue; until then opening it says so."""

from __future__ import annotations

from typing import Never

from models.errors import EngineUnavailable
from models.strings import say


def open_vosk(model: str) -> Never:
    """Raises `EngineUnavailable`."""
    raise EngineUnavailable(say("engine.vosk.what"), where=model, do=say("engine.vosk.do"))
