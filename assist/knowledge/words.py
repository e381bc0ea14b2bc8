"""Finding by words: BM25 (Robertson & Zaragoza 2009, doi 10.1561/1500000019) over folded words."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assist.decide.text import normalise

_K1: Final = 1.2
_B: Final = 0.75
_POSSESSIVE: Final = re.compile(r"(\w+)['’`´]s\b", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The words of ``text``, folded; "the customer's bill" has "customer" as well as "customers".

    >>> words_of("Die Kundin: the CUSTOMER's bill")
    ['die', 'kundin', 'the', 'customers', 'bill', 'customer']
    """
    return [
        *normalise(text).split(),
        *(word for owner in _POSSESSIVE.findall(text) for word in normalise(owner).split()),
    ]


class Words:
    """An index of texts. Words are lower case without accents; rare ones weigh more."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(words_of(text)) for text in texts]
        lengths = np.array([sum(count.values()) for count in counts], np.float32)
        norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()) if counts else 1.0, 1e-9))
        places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, count in enumerate(counts):
            for word, times in count.items():
                places[word].append((number, times))
        self._size = len(counts)
        self._weights: dict[str, float] = {}
        self._found: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
        for word, where in places.items():
            self._weights[word] = float(np.log(1 + (self._size - len(where) + 0.5) / (len(where) + 0.5)))
            texts_with = np.array([number for number, _ in where], np.int64)
            said = np.array([times for _, times in where], np.float32)
            worth = said * (_K1 + 1) / (said + norm[texts_with])
            self._found[word] = texts_with, worth.astype(np.float32)

    def scores(self, query: str) -> NDArray[np.float32]:
        """float32 [texts]: how well each text answers; 0 when it has none of the words."""
        scores = np.zeros(self._size, np.float32)
        for word in set(words_of(query)):
            if word in self._found:
                where, worth = self._found[word]
                scores[where] += np.float32(self._weights[word]) * worth
        return scores
