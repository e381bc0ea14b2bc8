"""A sentence encoder for tests that need none of a real one's knowledge: sentences that share words lie close."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from assist.decide.text import normalise


class WordEncoder:
    """Words cut to five letters, hashed into 256 places."""

    name = "words"
    size = 256

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += texts
        rows = np.zeros((len(texts), self.size), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in normalise(text).split():
                row[crc32(word[:5].encode()) % self.size] += 1.0
            length = np.linalg.norm(row)
            row[:] = row / length if length else 1 / 16
        return rows
