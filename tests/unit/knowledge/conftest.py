"""An encoder that knows words only: texts that share words lie close."""

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from assist.decide.text import normalise

SIZE = 64


@cache
def _direction(word: str) -> NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=SIZE)


class WordEncoder:
    """A word is a random direction, the same every time; a text is their sum."""

    name = "words"
    size = SIZE

    def __init__(self) -> None:
        self.passages: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self._row(text) for text in texts], np.float32).reshape(-1, self.size)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.passages += texts
        return self.encode_queries(texts)

    def _row(self, text: str) -> NDArray[np.float64]:
        row = np.full(self.size, 1e-6)
        for word in normalise(text).split():
            row += np.random.default_rng(sum(ord(ch) * 31**k for k, ch in enumerate(word)) % 2**32).normal(
                size=self.size
            )
        return row / np.linalg.norm(row)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()
