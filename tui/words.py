"""States as words and symbols. A symbol always goes with its word, so nothing depends on colour alone."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from assist.events import (
    WORD_LIST,
    Degraded,
    FactHeard,
    Heard,
    Language,
    Mood,
    RuleState,
    ScoreItem,
    SentimentChanged,
)
from assist.strings import say
from tui.state import Rule

Trend: TypeAlias = Literal["up", "flat", "down"]

# One cell wide in every terminal font; emoji are not.
RULE_SYMBOLS: Final[dict[RuleState, str]] = {
    "pending": "○",
    "due": "!",
    "met": "✓",
    "missed": "✗",
    "forbidden_said": "✗",
}
_NOT_SAID: Final = "·"
MOOD_SYMBOLS: Final[dict[Mood, str]] = {"negative": "−", "neutral": "=", "positive": "+"}
TREND_SYMBOLS: Final[dict[Trend, str]] = {"up": "▲", "flat": "►", "down": "▼"}
_TREND_STEP: Final = 0.1


def rule_symbol(state: RuleState, *, forbidden: bool) -> str:
    """An item's symbol; what must not be said and has not been asks nothing of the agent."""
    return _NOT_SAID if forbidden and state == "pending" else RULE_SYMBOLS[state]


def progress(language: Language, rules: Sequence[Rule]) -> str:
    """How much of what must be said has been."""
    required = [rule for rule in rules if not rule.forbidden]
    return say(language, "tui.checklist", met=sum(rule.state == "met" for rule in required), total=len(required))


def clock(seconds: float) -> str:
    """``03:12``, past an hour ``1:03:12``."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def trend(sentiment: SentimentChanged) -> Trend:
    """Where the mood goes: this turn against the smoothed mood of the call."""
    step = sentiment.score - sentiment.trend
    return "up" if step > _TREND_STEP else "down" if step < -_TREND_STEP else "flat"


def mood(language: Language, value: Mood) -> str:
    """Symbol and word."""
    return f"{MOOD_SYMBOLS[value]} {say(language, f'tui.mood_{value}')}"


def felt(language: Language, event: SentimentChanged) -> str:
    """The call's mood, the emotion behind it where one is known, and a remark where only a list of words judged."""
    text = mood(language, event.mood)
    if event.emotion != "neutral":
        text += f" · {say(language, f'tui.emotion_{event.emotion}')}"
    return f"{text} ({say(language, 'tui.mood_by_words')})" if event.model == WORD_LIST else text


def degraded(language: Language, event: Degraded) -> str:
    """What a part in trouble means for the agent."""
    level = event.level
    if level in ("reduced", "stalled") and event.component != "recogniser":
        level = "late"  # only the recogniser has these
    key = f"tui.{level}_{event.component}"
    if level == "late" and event.component == "recogniser" and event.lag_s:
        key = "tui.late_by_recogniser"
    text = say(language, key, lag=_whole(event.lag_s))
    return f"{text}; {say(language, 'tui.audio_lost', lost=_whole(event.lost_s))}" if event.lost_s >= 1 else text


def _whole(seconds: float) -> str:
    """``34 s``, from two minutes on ``2:05 min``."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"


def fact(language: Language, event: FactHeard) -> str:
    """What was told, with its name; empty when all of it is masked."""
    if not any(ch.isalnum() for ch in event.text):
        return ""
    name = event.label or (say(language, "tui.fact_phone") if event.kind == "phone" else "")
    return f"{name} {event.text}" if name else event.text


def score_symbol(item: ScoreItem) -> str:
    """Whether all, some or none of an item's points were reached, or there was no occasion."""
    if item.points is None:
        return _NOT_SAID
    return "✓" if item.points >= item.of else "✗" if item.points == 0 else "~"


def partial(heard: Heard) -> tuple[str, str]:
    """The settled part of a partial and its tail, which may still change."""
    stable = max(0, min(heard.stable_chars, len(heard.text)))
    return heard.text[:stable], heard.text[stable:]
