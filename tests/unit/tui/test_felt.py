"""What the screen says of a mood."""

import pytest

from assist.events import WORD_LIST, Emotion, Language, SentimentChanged
from tui.words import felt


def changed(emotion: Emotion = "neutral", model: str = "") -> SentimentChanged:
    return SentimentChanged(
        call_id="c1",
        at=1.0,
        party="customer",
        mood="negative",
        score=-0.6,
        trend=-0.6,
        evidence=("u1",),
        emotion=emotion,
        model=model,
    )


@pytest.mark.parametrize(
    ("language", "event", "text"),
    [
        ("es", changed(), "− negativo"),
        ("es", changed("frustration_anger", "e5-mood-1"), "− negativo · enojo"),
        ("en", changed("worry_sadness"), "− negative · worry"),
        ("es", changed(model=WORD_LIST), "− negativo (por lista de palabras)"),
        ("en", changed(model=WORD_LIST), "− negative (by word list)"),
    ],
)
def test_a_mood_in_words(language: Language, event: SentimentChanged, text: str) -> None:
    assert felt(language, event) == text
