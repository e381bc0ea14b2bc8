"""Borders of words as a recogniser tells them against those of sentences whose words' times are known.

Sentences come from espeak-ng (`bench.espeak`) and are heard at the telephone band, streamed in the gateway's chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from assist.events import Language
from bench.corpus import CONDITIONS, Utterance, transmit
from bench.espeak import Espeak, Spoken, SpokenWord
from bench.espeak_sentences import CHECKING, CHOOSING, SENTENCES, VOICES
from bench.g711 import Pcm
from bench.text import normalise
from models.asr.types import Recogniser, Transcript, Urgency, Word

Half: TypeAlias = Literal["choose", "check"]
GOOD_S: Final = 0.12
_BEFORE_S, _AFTER_S = 0.6, 1.5
"""Seconds of line noise around a sentence: the recogniser's detector settles, and the utterance ends."""
_CHUNK_S: Final = 0.06
_LEVEL: Final = 0.5
_NOISE: Final = 8


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as it comes over the line: int16 [n] at 8 kHz, and its words in seconds of it."""

    pcm: Pcm
    rate: int
    words: tuple[SpokenWord, ...]


@dataclass(slots=True)
class Errors:
    """Seconds by which begins and ends of words are off, early ones negative. words: spoken; matched: of them."""

    starts: list[float]
    ends: list[float]
    words: int = 0
    matched: int = 0

    def add(self, other: Errors) -> None:
        self.starts += other.starts
        self.ends += other.ends
        self.words += other.words
        self.matched += other.matched


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one kind of border: milliseconds of the absolute error, of the median signed one, share within 120 ms."""

    count: int
    median_ms: int
    p90_ms: int
    bias_ms: int
    good: float


def figures(errors: Sequence[float]) -> Figures | None:
    """None of nothing."""
    if not errors:
        return None
    size = np.abs(errors)
    return Figures(
        count=len(errors),
        median_ms=round(float(np.median(size)) * 1000),
        p90_ms=round(float(np.percentile(size, 90)) * 1000),
        bias_ms=round(float(np.median(errors)) * 1000),
        good=float((size <= GOOD_S).mean()),
    )


def time_errors(spoken: Iterable[SpokenWord], heard: Iterable[Word], language: Language) -> Errors:
    """Borders of the rightly heard words. A word that `normalise` writes as several, such as a number in figures, is
    matched but has no times of its own."""
    truth = _pieces(((word.text, word.t0, word.t1) for word in spoken), language)
    found = _pieces(((word.text, word.t0, word.t1) for word in heard), language)
    matcher = SequenceMatcher(None, [word for word, _, _ in truth], [word for word, _, _ in found], autojunk=False)
    errors = Errors([], [], words=len(truth))
    for block in matcher.get_matching_blocks():
        for k in range(block.size):
            (_, *true), (_, *ours) = truth[block.a + k], found[block.b + k]
            errors.matched += 1
            for into, ideal, real in zip((errors.starts, errors.ends), true, ours, strict=True):
                if ideal is not None and real is not None:
                    into.append(real - ideal)
    return errors


_Piece: TypeAlias = tuple[str, float | None, float | None]


def _pieces(words: Iterable[_Piece], language: Language) -> list[_Piece]:
    pieces: list[_Piece] = []
    for text, t0, t1 in words:
        spelled = normalise(text, language)
        pieces += [(word, t0, t1) if len(spelled) == 1 else (word, None, None) for word in spelled]
    return pieces


def over_the_line(spoken: Spoken, name: str) -> Said:
    """At the telephone band, with line noise around it. name: seeds the noise."""
    before, after = (np.zeros(round(s * spoken.rate), np.int16) for s in (_BEFORE_S, _AFTER_S))
    quiet = np.concatenate((before, np.rint(spoken.pcm * _LEVEL).astype(np.int16), after))
    random = np.random.default_rng(sum(name.encode()))
    noisy = quiet + np.rint(random.normal(0, _NOISE, quiet.size)).astype(np.int16)
    pcm, rate = transmit(Utterance(name, "en", "", noisy, spoken.rate), CONDITIONS["ulaw"])
    words = tuple(
        SpokenWord(w.text, *(None if t is None else t + _BEFORE_S for t in (w.t0, w.t1))) for w in spoken.words
    )
    return Said(pcm, rate, words)


def said(espeak: Espeak, language: Language, *, half: Half | None = None) -> list[Said]:
    """All sentences in all voices of a language; `half`: "choose" or "check", with their own sentences and voices."""
    halves: dict[Half, slice] = {"choose": CHOOSING, "check": CHECKING}
    return [
        over_the_line(espeak.speak(sentence, voice, speed), sentence + voice)
        for name, part in halves.items()
        if half in (None, name)
        for voice, speed in VOICES[language][name]
        for sentence in (SENTENCES[language] if half is None else SENTENCES[language][part])
    ]


def hear(recogniser: Recogniser, sentence: Said) -> list[Word]:
    """The words of the finals of a leg of its own that comes chunk by chunk, every step served at once."""
    stream = recogniser.stream(sentence.rate)
    size = round(_CHUNK_S * sentence.rate)
    shown: list[Transcript] = []
    for begin in range(0, sentence.pcm.size + size, size):
        if begin < sentence.pcm.size:
            stream.feed(sentence.pcm[begin : begin + size])
        else:
            stream.finish()
        while stream.urgency() is not Urgency.NONE:
            shown += stream.step()
    return [word for text in shown if text.final for word in text.words]


def measure(recogniser: Recogniser, sentences: Iterable[Said], language: Language) -> Errors:
    total = Errors([], [])
    for sentence in sentences:
        total.add(time_errors(sentence.words, hear(recogniser, sentence), language))
    return total


def print_head() -> None:
    print(
        f"{'lang':<5}{'model':<32}{'heard':>7}   {'starts: median':>15}{'p90':>6}{'bias':>6}{'≤120':>6}"
        f"{'   ends: median':>17}{'p90':>6}{'bias':>6}{'≤120':>6}   (ms)"
    )


def print_row(language: Language, name: str, errors: Errors) -> None:
    cells = []
    for kind, width in ((figures(errors.starts), 15), (figures(errors.ends), 17)):
        cells.append(
            f"{kind.median_ms:>{width}}{kind.p90_ms:>6}{kind.bias_ms:>6}{kind.good:>6.0%}"
            if kind
            else f"{'n/a':>{width + 18}}"
        )
    print(f"{language:<5}{name:<32}{errors.matched / max(1, errors.words):>7.0%}   {cells[0]}{cells[1]}", flush=True)


def row(language: Language, name: str, errors: Errors) -> dict[str, Any]:
    kinds = {"starts": figures(errors.starts), "ends": figures(errors.ends)}
    return {"language": language, "model": name, "words": errors.words, "matched": errors.matched} | {
        kind: asdict(value) if value else None for kind, value in kinds.items()
    }
