"""Is an utterance speech? The recogniser's doubt weighed against the voice detector's certainty. Pure.

Each of the two errs alone. Moonshine gives "no speech" (end of text as the first token) a probability of 0.5 to 1 for
music, but also for one word in six said alone ("dos", "cinco", "junio"); Silero takes a flute for a voice, but not for
long and not surely. Together: on 302 stretches of music and noise that opened the detector none is sure for its whole
length, and of the single words nine in ten are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Probabilities, and frames of the voice detector (32 ms).

    high: a frame at least this likely to be speech is sure.
    few, weak: fewer sure frames than this, or a lower mean, is a weak voice; enough, strong: as many, as high a mean
        is a strong one.
    doubt_weak, doubt, doubt_strong: the highest probability of "no speech" at which a weak, any other, and a strong
        voice has its words.
    """

    high: float = 0.8
    few: int = 3
    weak: float = 0.65
    enough: int = 7
    strong: float = 0.85
    doubt_weak: float = 0.2
    doubt: float = 0.5
    doubt_strong: float = 0.95


def most_doubt(
    probabilities: Sequence[float], *, paused: bool, ended: bool = False, config: VoiceConfig | None = None
) -> float:
    """The probability of "no speech" up to which an utterance's words count; below zero for none at all.

    probabilities: of speech, one for each frame from the first to the last speech. paused: the speaker has paused.
    While an utterance grows a strong voice proves nothing yet: the note of a flute begins like a vowel. ended: the
    utterance is over. Before that a weak voice has no words: with a little more audio it is often none.
    """
    config = config or VoiceConfig()
    sure = sum(p >= config.high for p in probabilities)
    mean = sum(probabilities) / max(1, len(probabilities))
    if sure < config.few or mean < config.weak:
        return config.doubt_weak if ended else -1.0
    strong = (paused or ended) and sure >= config.enough and mean >= config.strong
    return config.doubt_strong if strong else config.doubt
