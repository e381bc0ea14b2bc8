"""Legs of calls to measure on: from a corpus with pauses put in, or from the demo conversations, whose word times are
known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assist.demo.conversation import load
from assist.events import PARTIES, Language
from bench import g711
from bench.corpus import Condition, Utterance, read_wav, transmit
from bench.g711 import Pcm

TICK: Final = 0.01
"""Seconds to which the end of speech is known."""
STAGGER: Final = 1.7
"""Seconds between the starts of demo calls, so that they do not speak in step."""
_NOISE: Final = 8  # standard deviation of the line noise: -72 dBFS
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a call: int16 [n] at `rate`, and which 10 ms of it are speech (see `loud`). words: as written, and
    the second at which each ends; empty when that is not known."""

    pcm: Pcm
    rate: int
    speech: Flags
    words: tuple[tuple[str, float], ...] = ()

    @property
    def seconds(self) -> float:
        return self.pcm.size / self.rate

    def speech_end(self, begin: float, end: float) -> float | None:
        """Second at which the last speech between two points of time ends; None when there is none."""
        first = round(begin / TICK)
        where = np.flatnonzero(self.speech[first : max(first, round(end / TICK))])
        return float(first + where[-1] + 1) * TICK if where.size else None


def make_calls(
    utterances: Sequence[Utterance], condition: Condition, calls: int, seconds: float, *, seed: int = 1
) -> list[Leg]:
    """2 x `calls` legs of `seconds`: the two sides of a call take turns, each speaks 40 % of the time, on line noise
    of -72 dBFS. Which utterances come when is drawn with `seed`; calls begin in different places."""
    random = np.random.default_rng(seed)
    legs: list[Leg] = []
    for _ in range(calls):
        order = _endlessly(utterances, random)
        sides: tuple[list[tuple[int, Pcm]], list[tuple[int, Pcm]]] = ([], [])
        rate, position, side = g711.RATE, 0, 0
        position = int(random.uniform(0, 3) * g711.RATE)
        while True:
            utterance = next(order)
            clip, rate = transmit(utterance, condition)
            if position + clip.size > seconds * rate:
                break
            sides[side].append((position, clip))
            # A quarter of each turn is silence on both sides: 40 % + 40 % + 20 %.
            position += clip.size + round(clip.size * random.uniform(0.05, 0.45))
            side = 1 - side
        legs += [_lay_out(clips, rate, round(seconds * rate), random) for clips in sides]
    return legs


def demo_calls(language: Language, condition: Condition, calls: int) -> list[Leg]:
    """2 x `calls` legs of the demo conversation (98 s, 40 % speech per leg on average), each call later than the one
    before. The voice is synthetic, so the words are easy, but their times are known to about 60 ms."""
    conversation = load(language)
    legs = []
    for call in range(calls):
        for party in PARTIES:
            pcm, rate = read_wav(conversation.wav(party))
            pause = np.zeros(round(call * STAGGER * rate), np.int16)
            whole = Utterance(f"{language} {party} {call}", language, "", np.concatenate((pause, pcm)), rate)
            heard, heard_rate = transmit(whole, condition)
            words = tuple(
                (word.text, word.t1 + call * STAGGER) for said in conversation.spoken_by(party) for word in said.words
            )
            legs.append(Leg(heard, heard_rate, loud(heard, heard_rate), words))
    return legs


def _endlessly(utterances: Sequence[Utterance], random: np.random.Generator) -> Iterator[Utterance]:
    while True:
        for index in random.permutation(len(utterances)):
            yield utterances[index]


def _lay_out(clips: Sequence[tuple[int, Pcm]], rate: int, size: int, random: np.random.Generator) -> Leg:
    pcm = np.rint(random.normal(0, _NOISE, size)).astype(np.int16)
    tick = round(rate * TICK)
    speech = np.zeros(size // tick + 1, np.bool_)
    for start, clip in clips:
        pcm[start : start + clip.size] = clip
        heard = loud(clip, rate)
        speech[start // tick : start // tick + heard.size] |= heard
    return Leg(pcm, rate, speech)


def loud(pcm: Pcm, rate: int) -> Flags:
    """Which 10 ms of a recording are speech by their level: within 35 dB of its loud parts and 10 dB above its quiet
    ones. An end of speech that owes nothing to the recogniser under test; good to about 30 ms."""
    size = round(rate * TICK)
    frames = pcm[: pcm.size // size * size].reshape(-1, size).astype(np.float64)
    level = 10 * np.log10((frames**2).mean(1) + 1)
    if not level.size:
        return np.zeros(0, np.bool_)
    quiet = min(float(np.percentile(level, 5)), 30.0)  # a recording without any pause has no quiet part
    return np.asarray(level > max(float(np.percentile(level, 95)) - 35, quiet + 10))
