"""From tokens to words with times: a monotonic alignment over the decoder's cross-attention.

When the decoder predicts token k it looks at the audio it is about to write down. `models.graphs.moonshine` lets the
decoder give the mean attention of the heads that follow the speech most closely (`alignment_heads` of the catalogue).
Each audio frame is given to one token, in order, so that the attention on the way is greatest (dynamic programming, as
whisper's word times do after Radford et al. 2022 with dynamic time warping).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.asr.types import Word

FRAME_SECONDS: Final = 384 / 16000  # the strides of the encoder's three convolutions, 64 · 3 · 2
_WORD_START: Final = "▁"
_HOP: Final = 0.01
_QUIET_DB: Final = 28.0


def token_starts(attention: NDArray[np.float32]) -> NDArray[np.int64]:
    """First frame of every row of float32 [tokens, frames]; needs at least as many frames as tokens."""
    tokens, frames = attention.shape
    score = np.full(tokens, -np.inf, np.float32)
    score[0] = attention[0, 0]
    moved = np.zeros((frames, tokens), bool)  # whether the best path entered this token at this frame
    before = np.full(tokens, -np.inf, np.float32)
    for frame in range(1, frames):
        before[1:] = score[:-1]
        moved[frame] = before > score
        score = np.maximum(before, score) + attention[:, frame]
    starts = np.zeros(tokens, np.int64)
    token = tokens - 1
    for frame in range(frames - 1, 0, -1):
        if moved[frame, token]:
            starts[token] = frame
            token -= 1
    return starts


def to_words(
    tokenizer: Tokenizer, tokens: Sequence[int], scores: Sequence[float], attention: NDArray[np.float32]
) -> tuple[Word, ...]:
    """Words of a hypothesis, seconds from the start of the audio.

    tokens, scores: n token ids and their log-probabilities. attention: float32 [n + 1, frames]; row k is what the
    decoder looked at to predict token k, the last one to predict the end. A word ends where the next begins. Its
    confidence is the geometric mean of its tokens' probabilities. Empty without tokens.
    """
    if not tokens:
        return ()
    groups: list[list[int]] = []
    for place, token in enumerate(tokens):
        piece = tokenizer.id_to_token(token) or ""
        if not groups or piece.startswith(_WORD_START):
            groups.append([])
        groups[-1].append(place)
    if attention.shape[0] <= attention.shape[1]:
        starts = token_starts(attention) * FRAME_SECONDS
    else:  # more tokens than frames: a text that loops; spread it, nobody will look at its times
        starts = np.linspace(0.0, attention.shape[1] * FRAME_SECONDS, attention.shape[0])
    words: list[Word] = []
    for group in groups:
        text = tokenizer.decode([tokens[place] for place in group], skip_special_tokens=True).strip()
        if text:
            confidence = float(np.exp(np.mean([scores[place] for place in group])))
            words.append(Word(text, float(starts[group[0]]), float(starts[group[-1] + 1]), confidence))
    return tuple(words)


def trim(words: Sequence[Word], audio: NDArray[np.float32], rate: int) -> tuple[Word, ...]:
    """The words without the silence at their edges: an aligner gives a pause to the word before it.

    words: seconds from the start of audio, float32 [n] at `rate`. Silence is what lies `_QUIET_DB` below the word's
    loudest moment, so that line noise close to the voice trims nothing.
    """
    hop = round(_HOP * rate)
    frames = audio[: audio.size // hop * hop].reshape(-1, hop)
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-12)
    trimmed = []
    for word in words:
        first, last = round(word.t0 / _HOP), max(round(word.t0 / _HOP) + 1, round(word.t1 / _HOP))
        part = level[first:last]
        if part.size:
            heard = np.flatnonzero(part >= part.max() - _QUIET_DB)
            t0 = max(word.t0, (first + int(heard[0]) - 1) * _HOP)
            t1 = min(word.t1, (first + int(heard[-1]) + 2) * _HOP)
            word = replace(word, t0=min(t0, word.t1), t1=max(t1, t0))
        trimmed.append(word)
    return tuple(trimmed)
