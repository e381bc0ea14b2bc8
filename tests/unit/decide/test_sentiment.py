"""Score, emotion, trend, turning points, and when the decider speaks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from assist.decide.sentiment import SURE, emotion_of, score_of, turning
from assist.events import Language, SentimentChanged
from tests.unit.decide.calls import Call, kit_of


@dataclass(frozen=True, slots=True)
class Felt:
    negative: float = 0.0
    neutral: float = 1.0
    positive: float = 0.0
    emotions: Mapping[str, float] = field(default_factory=lambda: {"neutral": 1.0})
    intensity: float = 0.0
    urgency: float = 0.0
    effort: float = 0.0


PLAIN = Felt()
CROSS = Felt(0.9, 0.05, 0.05, {"frustration_anger": 0.8, "neutral": 0.2}, effort=0.7)
FURIOUS = replace(CROSS, intensity=1.0)
WORRIED = Felt(0.8, 0.2, 0.0, {"worry_sadness": 0.9, "neutral": 0.1}, urgency=0.9)
GLAD = Felt(0.0, 0.1, 0.9, {"joy_relief": 0.9, "neutral": 0.1})


class Scripted:
    """A model that feels what the line is called."""

    name = "scripted"

    def read(self, text: str, language: Language) -> Felt:
        feelings = {"cross": CROSS, "furious": FURIOUS, "worried": WORRIED, "glad": GLAD}
        return feelings.get(text.split()[0] if text else "", PLAIN)

    def score(self, text: str, language: Language) -> float:
        return score_of(self.read(text, language))


def changes(*lines: str) -> list[SentimentChanged]:
    call = Call(replace(kit_of(""), sentiment=Scripted()))
    call.answer()
    for n, line in enumerate(lines):
        call.say("customer", line, 4.0 * n + 3)
    return [event for event in call.decided if isinstance(event, SentimentChanged)]


def test_a_strong_line_scores_further_than_a_mild_one() -> None:
    assert -1 <= score_of(FURIOUS) < score_of(CROSS) < 0 < score_of(GLAD) <= 1


@pytest.mark.parametrize(
    "felt",
    [
        PLAIN,
        Felt(SURE - 0.01, 0.2, 0.25),
        Felt(0.0, 0.5, 0.5),
        Felt(0.4, 0.2, 0.4),
    ],
)
def test_an_unsure_line_has_no_mood(felt: Felt) -> None:
    assert score_of(felt) == 0
    assert emotion_of(felt, 0.0) == "neutral"


def test_an_emotion_that_contradicts_the_mood_is_none() -> None:
    assert emotion_of(CROSS, score_of(CROSS)) == "frustration_anger"
    assert emotion_of(GLAD, score_of(GLAD)) == "joy_relief"
    assert emotion_of(replace(GLAD, emotions=CROSS.emotions), score_of(GLAD)) == "neutral"
    assert emotion_of(replace(CROSS, emotions={"joy_relief": 0.9}), score_of(CROSS)) == "neutral"
    assert emotion_of(replace(CROSS, emotions={"worry_sadness": SURE - 0.01}), score_of(CROSS)) == "neutral"


@pytest.mark.parametrize(
    ("scores", "turned"),
    [
        ([], "none"),
        ([-0.7], "none"),
        ([-0.7, -0.6, -0.8, -0.7], "none"),
        ([-0.7, -0.7, 0.6], "none"),  # one resigned "thank you" turns nothing
        ([-0.7, -0.7, 0.6, 0.6], "better"),
        ([-0.7, -0.7, 0.6, 0.6, 0.6], "none"),  # it has turned already
        ([-0.8, -0.8, 1.0], "better"),  # a leap
        ([0.6, 0.6, -0.6, -0.6], "worse"),
        ([0.6, 0.0, 0.6, 0.0, -0.6, 0.0, -0.6], "worse"),
        ([0.6, 0.6, -0.6, -0.6, 0.0], "none"),  # turned before, not with this line
    ],
)
def test_turning_points(scores: list[float], turned: str) -> None:
    assert turning(scores) == turned


def test_an_event_says_all_that_is_known_of_the_line() -> None:
    (event,) = changes("furious about it")
    assert event.mood == "negative"
    assert event.probabilities == (0.9, 0.05, 0.05)
    assert (event.emotion, event.intensity, event.effort) == ("frustration_anger", 1.0, 0.7)
    assert event.model == "scripted"
    assert event.evidence


def test_plain_talk_is_no_event() -> None:
    assert changes("yes", "my number is four", "okay") == []


def test_another_emotion_at_the_same_trend_is_an_event() -> None:
    events = changes("cross", "cross", "cross", "worried")
    assert [event.emotion for event in events] == ["frustration_anger", "worry_sadness"]
    assert events[-1].urgency == 0.9


def test_the_turn_of_a_call_is_announced_once() -> None:
    events = changes("cross", "cross", "cross", "yes", "glad", "glad", "glad")
    assert [event.turn for event in events].count("better") == 1
    assert events[-1].mood == "positive"


def test_the_same_call_gives_the_same_events() -> None:
    lines = ("cross", "yes", "furious", "glad", "worried", "glad")
    assert changes(*lines) == changes(*lines)
