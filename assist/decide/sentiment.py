"""How the customer feels: each of their finals, a smoothed trend, the points where it turns, an event when it moves."""

from collections.abc import Sequence
from typing import Final, cast

from assist.decide.kit import Decision, Feeling, Kit
from assist.decide.state import LOW_TREND, SessionState, Stimulus
from assist.events import Emotion, Heard, Mood, MoodTurn, SentimentChanged

MOOD_EDGE: Final = 0.2
"""Below minus this a mood is negative, above it positive."""
SURE: Final = 0.55
"""A mood or emotion less probable than this is none: better quiet than wrong."""
MARKED: Final = 0.5
"""From here on a line counts as urgent."""
_MILD: Final = 0.8
"""Score of a line that is surely of one mood but not strong; a strong one goes to 1."""
_NOTABLE: Final = 0.2
_TURNS: Final = 8
_DECAY: Final = 0.62
_PLAIN_WEIGHT: Final = 0.15
_TURNING_WINDOW: Final = 16
_SLACK: Final = 0.2
_TURNED: Final = 1.4


def score_of(feeling: Feeling) -> float:
    """One number for a line, -1..1: 0 unless it is surely negative or positive, larger the stronger it is said."""
    best = max(feeling.negative, feeling.positive)
    if best < SURE or feeling.neutral >= best:
        return 0.0
    strength = _MILD + (1 - _MILD) * feeling.intensity
    return (feeling.positive - feeling.negative) * strength


def emotion_of(feeling: Feeling, score: float) -> Emotion:
    """The emotion of a line with this score: none where it is unsure or contradicts the mood."""
    name, chance = max(feeling.emotions.items(), key=lambda item: item[1])
    glad = name == "joy_relief"
    if name == "neutral" or chance < SURE or score == 0 or (score > 0) != glad:
        return "neutral"
    return cast(Emotion, name)


def mood_of(score: float) -> Mood:
    """The word for a score or a trend."""
    return "negative" if score < -MOOD_EDGE else "positive" if score > MOOD_EDGE else "neutral"


def trend_of(scores: list[float]) -> float:
    """Smoothed mood, the newest last. Turns without mood ("sí, dígame") weigh little: they calm nobody."""
    total = weights = 0.0
    for age, score in enumerate(reversed(scores[-_TURNS:])):
        weight = _DECAY**age * (1.0 if score else _PLAIN_WEIGHT)
        total += weight * score
        weights += weight
    return total / weights if weights else 0.0


def turning(scores: Sequence[float]) -> MoodTurn:
    """Whether the mood turned with the last of ``scores``, turns without mood left out.

    A two-sided cumulative sum (Page, Continuous Inspection Schemes, 1954) around the mean of what was said since the
    last turn: small steps within ``_SLACK`` do not add up, and one line alone turns nothing unless it is a leap.
    """
    felt = [score for score in scores if score][-_TURNING_WINDOW:]
    mean, count, up, down = 0.0, 0, 0.0, 0.0
    turned: MoodTurn = "none"
    for score in felt:
        turned = "none"
        if count:
            up = max(0.0, up + score - mean - _SLACK)
            down = max(0.0, down + mean - score - _SLACK)
            if max(up, down) > _TURNED:
                turned = "better" if up > down else "worse"
                mean, count, up, down = 0.0, 0, 0.0, 0.0
        count += 1
        mean += (score - mean) / count
    return turned if scores and scores[-1] else "none"


def customer_turns(state: SessionState, last: int) -> list[Heard]:
    """The customer's ``last`` finals, oldest first."""
    turns: list[Heard] = []
    for line in reversed(state.lines):
        if line.party == "customer":
            turns.append(line)
            if len(turns) == last:
                break
    return turns[::-1]


def decide(state: SessionState, stimulus: Stimulus, kit: Kit) -> list[Decision]:
    """After a customer's final: say so when mood, emotion or trend moved, when the mood turned or urgency came up, or
    when the trend crosses the alert's line."""
    if not isinstance(stimulus, Heard) or not stimulus.final or stimulus.party != "customer":
        return []
    turns = customer_turns(state, _TURNING_WINDOW)
    if not any(turn.utterance_id == stimulus.utterance_id for turn in turns):
        return []
    feeling = kit.feeling(stimulus)
    score = kit.mood(stimulus)
    scores = [kit.mood(turn) for turn in turns]
    trend = trend_of(scores)
    mood = mood_of(trend)
    emotion = emotion_of(feeling, score)
    turn = turning(scores) if turns[-1].utterance_id == stimulus.utterance_id else "none"
    last = state.sentiment
    old_trend = last.trend if last is not None else 0.0
    old_mood = last.mood if last is not None else "neutral"
    old_emotion = last.emotion if last is not None else "neutral"
    crossed = (old_trend < LOW_TREND) != (trend < LOW_TREND)
    felt_anew = emotion not in ("neutral", old_emotion)
    pressing = feeling.urgency >= MARKED and (last is None or last.urgency < MARKED)
    moved = mood != old_mood or abs(trend - old_trend) >= _NOTABLE or crossed
    if not (moved or felt_anew or pressing or turn != "none"):
        return []
    felt = [line.utterance_id for line in turns[-_TURNS:] if kit.mood(line)][-3:]
    event = SentimentChanged(
        call_id=state.call_id,
        at=stimulus.at,
        party="customer",
        mood=mood,
        score=round(score, 3),
        trend=round(trend, 3),
        evidence=tuple(felt) or (stimulus.utterance_id,),
        probabilities=tuple(round(p, 3) for p in (feeling.negative, feeling.neutral, feeling.positive)),
        emotion=emotion,
        intensity=round(feeling.intensity, 3),
        urgency=round(feeling.urgency, 3),
        effort=round(feeling.effort, 3),
        turn=turn,
        model=kit.sentiment.name,
    )
    return [(event, stimulus.utterance_id)]
