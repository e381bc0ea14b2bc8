"""The agent's voice comes back on a silent customer's leg: nothing of it is heard, in either language."""

from __future__ import annotations

import pytest

from assist.events import Language
from bench.crosstalk import line, listen, voices, with_leak
from models.asr.registry import open_recogniser
from models.errors import ModelMissing

pytestmark = pytest.mark.models
SECONDS = 8.0


@pytest.mark.parametrize("loss", [20.0, 45.0])
@pytest.mark.parametrize("language", ["es", "en"])
def test_the_other_partys_voice_is_not_heard_on_a_silent_leg(language: Language, loss: float) -> None:
    try:
        recogniser = open_recogniser(language)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    sides = voices(language, SECONDS)
    silent = sides["customer"] * 0
    back = line(with_leak(silent, sides["agent"], loss, 0.15), seed=1)
    assert listen(recogniser, back, line(sides["agent"], seed=2)) == (0, 0)
