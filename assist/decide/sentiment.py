"""How the customer feels: one score for each of their finals, a smoothed trend, and an event when it moves notably."""

import math
from typing import Final

from assist.decide.kit import Decision, Kit
from assist.decide.language import Lexicon, language_data
from assist.decide.state import LOW_TREND, SessionState, Stimulus
from assist.decide.text import normalise
from assist.events import Heard, Language, Mood, SentimentChanged

MOOD_EDGE: Final = 0.2
"""Below minus this a mood is negative, above it positive."""
_NOTABLE: Final = 0.2
_TURNS: Final = 8
_DECAY: Final = 0.62
_PLAIN_WEIGHT: Final = 0.15
_NEGATION_REACH: Final = 3
_NEGATED: Final = -0.6
_SOFTENING: Final = 25.0


class LexiconBaseline:
    """A word list with negation and intensifiers: honest, quick, and no model. See ``data/<language>.yaml``.

    Weights of the words found are summed and squashed, ``s / sqrt(s² + 25)``: one mild word alone is no mood yet. A
    negation within three words before turns a word round at six tenths; an intensifier directly before multiplies it.
    """

    name = "lexicon-baseline"

    def score(self, text: str, language: Language) -> float:
        """Mood of ``text`` in -1..1; 0 when no word of it is known."""
        lexicon = language_data(language).lexicon
        line = normalise(text)
        total = 0.0
        for phrase, weight in lexicon.phrases:
            if phrase.pattern.search(line):
                total += weight
                # Its words are spent: "no me solucionan" must not count "solucionan" again.
                line = phrase.pattern.sub(" ", line)
        words = line.split()
        for index, word in enumerate(words):
            weight = _weight(lexicon, word)
            if not weight or word in lexicon.negations:
                continue
            if index and words[index - 1] in lexicon.factors:
                weight *= lexicon.factors[words[index - 1]]
            if any(before in lexicon.negations for before in words[max(0, index - _NEGATION_REACH) : index]):
                weight *= _NEGATED
            total += weight
        return total / math.sqrt(total * total + _SOFTENING) if total else 0.0


def _weight(lexicon: Lexicon, word: str) -> float:
    known = lexicon.words.get(word)
    if known is not None:
        return known
    return next((weight for stem, weight in lexicon.stems if word.startswith(stem)), 0.0)


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
    """After a customer's final: say so when mood or trend moved, or when the trend crosses the alert's line."""
    if not isinstance(stimulus, Heard) or not stimulus.final or stimulus.party != "customer":
        return []
    turns = customer_turns(state, _TURNS)
    if not any(turn.utterance_id == stimulus.utterance_id for turn in turns):
        return []
    score = kit.mood(stimulus)
    trend = trend_of([kit.mood(turn) for turn in turns])
    mood = mood_of(trend)
    last = state.sentiment
    old_trend = last.trend if last is not None else 0.0
    old_mood = last.mood if last is not None else "neutral"
    crossed = (old_trend < LOW_TREND) != (trend < LOW_TREND)
    if mood == old_mood and abs(trend - old_trend) < _NOTABLE and not crossed:
        return []
    felt = [turn.utterance_id for turn in turns if kit.mood(turn)][-3:]
    event = SentimentChanged(
        call_id=state.call_id,
        at=stimulus.at,
        party="customer",
        mood=mood,
        score=round(score, 3),
        trend=round(trend, 3),
        evidence=tuple(felt) or (stimulus.utterance_id,),
    )
    return [(event, stimulus.utterance_id)]
