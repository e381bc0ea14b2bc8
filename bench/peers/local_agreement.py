"""Streaming with a recogniser of whole recordings, as whisper_streaming does it.

The policy LocalAgreement-2 of Macháček, Dabre and Bojar 2023, "Turning Whisper into Real-Time Transcription System"
(arXiv 2307.14743), section 2, with the paper's values; written after the paper, because whisper_streaming itself is in
no package registry (the package of that name is another program, which wants a sound card).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.peers.protocol import MediaClock, Text

LEAST_NEW = 1.0
"""Seconds of new audio for another pass."""
LONGEST = 15.0
"""Seconds; a longer buffer is cut where the last agreed segment ends."""
_PROMPT = 200  # characters of what was cut off, for the model to go on from
_REPEATS = 5  # words at a seam that may be heard twice
_WAVER = 0.1  # seconds that word times waver between passes


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word with the space before it, as Whisper writes it; seconds from the start of the recording."""

    text: str
    t0: float
    t1: float


Transcribe = Callable[[float, float, str], tuple[list[Spoken], list[float]]]
"""Words from one second to another of the recording, given the text before it, and where segments end."""


def stream(seconds: float, transcribe: Transcribe, clock: MediaClock) -> list[Text]:
    """The texts shown while a recording of so many seconds comes in: one utterance, final at its end."""
    committed: list[Spoken] = []
    before: list[Spoken] = []
    shown: list[Text] = []
    begin = end = 0.0
    while end < seconds:
        # A pass takes all that came while the last one ran, and no less than the policy wants.
        end = min(seconds, max(end + LEAST_NEW, clock.now))
        last = end >= seconds
        clock.begin(end)
        prompt = joined([word for word in committed if word.t1 <= begin])[-_PROMPT:]
        words, breaks = transcribe(begin, end, prompt)
        words = fresh(committed, words)
        count = len(words) if last else agreed(before, words)
        committed += words[:count]
        before = words[count:]
        if end - begin > LONGEST and committed:
            begin = max([begin, *(at for at in breaks if at <= committed[-1].t1)])
        shown.append(_shown(clock.end(), committed, before, last))
    return shown


def agreed(before: Sequence[Spoken], now: Sequence[Spoken]) -> int:
    """Length of the longest common prefix of two hypotheses, in words."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old.text != new.text:
            break
        count += 1
    return count


def fresh(committed: Sequence[Spoken], words: Sequence[Spoken]) -> list[Spoken]:
    """The words that come after the committed ones."""
    if not committed:
        return list(words)
    later = [word for word in words if word.t0 > committed[-1].t1 - _WAVER]
    for size in range(min(_REPEATS, len(later), len(committed)), 0, -1):
        if [word.text for word in committed[-size:]] == [word.text for word in later[:size]]:
            return later[size:]
    return later


def joined(words: Sequence[Spoken]) -> str:
    return "".join(word.text for word in words).strip()


def _shown(at: float, committed: Sequence[Spoken], rest: Sequence[Spoken], final: bool) -> Text:
    words = [*committed, *rest]
    t0, t1 = (words[0].t0, words[-1].t1) if words else (0.0, 0.0)
    known = tuple((word.text.strip(), word.t0, word.t1) for word in words)
    return Text(at, 0, joined(words), len(joined(committed)), final, t0, t1, known)
