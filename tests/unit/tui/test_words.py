"""What the screen says of a part in trouble, in both languages."""

from typing import get_args, get_type_hints

import pytest

from assist.events import Degraded, DegradedLevel, Language
from tui.words import degraded


def trouble(level: DegradedLevel, lag_s: float = 0.0, lost_s: float = 0.0) -> Degraded:
    return Degraded(
        call_id="c1", at=0.0, component="recogniser", level=level, detail="internal", lag_s=lag_s, lost_s=lost_s
    )


@pytest.mark.parametrize(
    ("event", "es", "en"),
    [
        (
            trouble("reduced"),
            "Texto solo al final de cada frase: el equipo está muy ocupado",
            "Text only at the end of each sentence: the machine is very busy",
        ),
        (trouble("late", 34.4), "Transcripción con retraso: 34 s", "Transcript late by 34 s"),
        (trouble("late", 125.0), "Transcripción con retraso: 2:05 min", "Transcript late by 2:05 min"),
        (
            trouble("late", 600.0, 12.0),
            "Transcripción con retraso: 10:00 min; 12 s de audio sin transcribir",
            "Transcript late by 10:00 min; 12 s of audio not transcribed",
        ),
        (trouble("late"), "Transcripción atrasada: la llamada sigue", "Transcript late: the call goes on"),
        (trouble("stalled"), "Se oye voz, pero no sale texto", "Speech is heard, but gives no text"),
    ],
)
def test_how_well_a_call_is_transcribed(event: Degraded, es: str, en: str) -> None:
    assert degraded("es", event) == es
    assert degraded("en", event) == en


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("level", get_args(DegradedLevel))
@pytest.mark.parametrize("component", get_args(get_type_hints(Degraded)["component"]))
def test_whatever_comes_there_are_words_for_it(language: Language, level: DegradedLevel, component: str) -> None:
    event = Degraded(
        call_id="",
        at=0.0,
        component=component,
        level=level,
        detail="internal",
        lag_s=3.0,  # type: ignore[arg-type]
    )
    assert degraded(language, event)
    assert "internal" not in degraded(language, event)
