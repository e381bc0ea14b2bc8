"""A linear model over hashed words and letters: what a neural encoder smooths over, spelling, dialect, exclamations.

Features are words, pairs of words, and runs of two to five letters within a word, hashed into a table (Weinberger et
al., Feature Hashing for Large Scale Multitask Learning, 2009), weighted (1 + log count) x inverse document frequency
and scaled to length 1. Training uses the same `features`, so there is one place that knows what a feature is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BUCKETS: Final = 1 << 17
MAX_CHARACTERS: Final = 600
"""Of a longer text only the end is read: how a turn ends is how its speaker feels."""
_WORD: Final = re.compile(r"\w+|[!?¡¿]|[^\w\s]")
_LETTERS: Final = range(2, 6)


def features(text: str) -> Counter[int]:
    """How often each bucket's features occur in ``text``, whatever its case."""
    words = _WORD.findall(text[-MAX_CHARACTERS:].lower())
    counts: Counter[int] = Counter()
    for word in words:
        counts[crc32(word.encode()) % BUCKETS] += 1
        edged = f" {word} "
        for size in _LETTERS:
            for start in range(len(edged) - size + 1):
                counts[crc32(f"c{edged[start : start + size]}".encode()) % BUCKETS] += 1
            if size >= len(edged):
                break
    for pair in pairwise(words):
        counts[crc32(" ".join(pair).encode()) % BUCKETS] += 1
    return counts


@dataclass(frozen=True, slots=True)
class NgramScorer:
    """``weights`` int8 [BUCKETS, classes] x ``scale`` [classes], ``rarity`` uint8 [BUCKETS] x ``rarity_scale``."""

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    rarity: NDArray[np.uint8]
    rarity_scale: float

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> NgramScorer:
        """Of what `arrays` gave. Raises `KeyError` or `ValueError` when it is something else."""
        weights = np.asarray(arrays["weights"])
        if weights.dtype != np.int8 or weights.shape[:1] != (BUCKETS,):
            raise ValueError("n-gram weights of another shape")
        return cls(
            weights,
            np.asarray(arrays["scale"], np.float32),
            np.asarray(arrays["bias"], np.float32),
            np.asarray(arrays["rarity"], np.uint8),
            float(np.asarray(arrays["rarity_scale"])),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What an ``.npz`` file holds."""
        return {
            "weights": self.weights,
            "scale": self.scale,
            "bias": self.bias,
            "rarity": self.rarity,
            "rarity_scale": np.array(self.rarity_scale, np.float32),
        }

    def logits(self, text: str) -> NDArray[np.float32]:
        """float32 [classes]."""
        counts = features(text)
        if not counts:
            return self.bias
        # In order, so that sums come out the same whatever order features were met in.
        buckets = np.fromiter(sorted(counts), np.int64, len(counts))
        values = weigh(
            np.array([counts[int(n)] for n in buckets], np.float32), self.rarity[buckets] * self.rarity_scale
        )
        out: NDArray[np.float32] = (values @ self.weights[buckets].astype(np.float32)) * self.scale + self.bias
        return out.astype(np.float32)


def weigh(counts: NDArray[np.float32], rarity: NDArray[np.floating]) -> NDArray[np.float32]:
    """One text's features, float32 [n] of length 1."""
    values = (1 + np.log(counts)) * rarity
    length = float(np.sqrt((values * values).sum()))
    out: NDArray[np.float32] = (values / length if length else values).astype(np.float32)
    return out
