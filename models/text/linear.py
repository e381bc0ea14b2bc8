"""Multinomial logistic regression over named features, in numpy alone: small enough to be trained where it is used.

A sample is a list of groups, a group a mapping from a feature's name to how often it occurs. Each group is weighted
(1 + log count) x inverse document frequency and scaled to length 1 by itself, so that a long turn does not drown what
was done before it. Trained with AdaGrad (Duchi et al. 2011), one sample at a time, in a fixed order by its seed.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Group: TypeAlias = Mapping[str, float]
Sample: TypeAlias = Sequence[Group]

FORMAT: Final = 1
_SMALL: Final = 1e-8
_NEGLIGIBLE: Final = 1e-3


class LinearFileError(ValueError):
    """A file that holds no such model; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. ``least`` is in how many samples a feature must occur, ``most`` how many features are kept."""

    epochs: int = 8
    rate: float = 0.4
    least: int = 2
    most: int = 200_000
    seed: int = 7


@dataclass(frozen=True)
class Linear:
    """``weights`` float32 [features, labels], ``bias`` [labels], ``rarity`` [features] the inverse document
    frequencies, ``places`` each feature's row."""

    labels: tuple[str, ...]
    places: Mapping[str, int]
    rarity: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, sample: Sample) -> NDArray[np.float32]:
        """float32 [labels], summing to 1. A sample without a known feature has the labels' own frequencies."""
        rows, values = _vector(sample, self.places, self.rarity)
        return _softmax(values @ self.weights[rows] + self.bias)

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write an ``.npz`` that `load` reads; ``about`` is whatever JSON holds. Weights are kept in 16 bits.

        Raises:
            OSError: the file can't be written.
        """
        names = sorted(self.places, key=lambda name: self.places[name])
        head = json.dumps({"format": FORMAT, "labels": self.labels, "about": about}, ensure_ascii=False)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                head=np.frombuffer(head.encode(), np.uint8),
                names=np.frombuffer("\n".join(names).encode(), np.uint8),
                rarity=self.rarity,
                weights=self.weights.astype(np.float16),
                bias=self.bias,
            )

    @classmethod
    def load(cls, path: Path) -> tuple[Linear, dict[str, Any]]:
        """The model and what was noted about it.

        Raises:
            LinearFileError: the file is damaged or something else.
            OSError: it can't be read.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                head = json.loads(arrays["head"].tobytes())
                names = arrays["names"].tobytes().decode().split("\n")
                rarity = arrays["rarity"].astype(np.float32)
                weights = arrays["weights"].astype(np.float32)
                bias = arrays["bias"].astype(np.float32)
            if head["format"] != FORMAT:
                raise LinearFileError(f"format {head['format']}, this release reads {FORMAT}")
            labels = tuple(str(label) for label in head["labels"])
            about = dict(head["about"])
        except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as err:
            if isinstance(err, LinearFileError):
                raise
            raise LinearFileError("damaged, or no such model") from err
        if weights.shape != (len(names), len(labels)) or rarity.shape != (len(names),) or bias.shape != (len(labels),):
            raise LinearFileError("its parts do not fit together")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all() and np.isfinite(rarity).all()):
            raise LinearFileError("its weights are no numbers")
        return cls(labels, {name: place for place, name in enumerate(names)}, rarity, weights, bias), about


def train(samples: Sequence[Sample], answers: Sequence[str], recipe: Recipe = Recipe()) -> Linear:
    """A model of which answer goes with which sample; the same input gives the same model.

    Raises:
        ValueError: there are fewer than two different answers, or not as many answers as samples.
    """
    labels = tuple(sorted(set(answers)))
    if len(labels) < 2 or len(answers) != len(samples):
        raise ValueError("a model needs two answers or more, and one answer for each sample")
    places, rarity = _vocabulary(samples, recipe)
    vectors = [_vector(sample, places, rarity) for sample in samples]
    number = {label: at for at, label in enumerate(labels)}
    wanted = np.array([number[answer] for answer in answers])
    counts = np.bincount(wanted, minlength=len(labels)).astype(np.float64)
    bias = np.log(counts / counts.sum()).astype(np.float32)
    weights = np.zeros((len(places), len(labels)), np.float32)
    squares = np.full(len(places), _SMALL, np.float32)
    bias_square = 1.0
    chance = np.random.default_rng(recipe.seed)
    for _ in range(recipe.epochs):
        for at in chance.permutation(len(vectors)):
            rows, values = vectors[at]
            error = _softmax(values @ weights[rows] + bias)
            error[wanted[at]] -= 1.0
            # One step size a feature, not one a weight, and no step for labels that are ruled out already: that is
            # ten times less work, and no worse.
            told = np.flatnonzero(np.abs(error) > _NEGLIGIBLE)
            small = error[told]
            loss = float(small @ small)
            squares[rows] += values * values * loss
            weights[np.ix_(rows, told)] -= np.outer(recipe.rate * values / np.sqrt(squares[rows]), small)
            bias_square += loss
            bias[told] -= 0.1 * recipe.rate / math.sqrt(bias_square) * small
    return Linear(labels, places, rarity, weights, bias)


def counted(names: Iterable[str]) -> Group:
    """The group of these names, repeated ones counted."""
    return Counter(names)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(scores - scores.max())
    out: NDArray[np.float32] = raised / raised.sum()
    return out


def _vocabulary(samples: Sequence[Sample], recipe: Recipe) -> tuple[dict[str, int], NDArray[np.float32]]:
    documents: Counter[str] = Counter()
    for sample in samples:
        documents.update({name for group in sample for name in group})
    # By frequency, then name: which features are kept must not hang on the order they were met in.
    kept = sorted((name for name, n in documents.items() if n >= recipe.least), key=lambda n: (-documents[n], n))
    kept = kept[: recipe.most]
    rarity = [1.0 + math.log((1 + len(samples)) / (1 + documents[name])) for name in kept]
    return {name: place for place, name in enumerate(kept)}, np.array(rarity, np.float32)


def _vector(
    sample: Sample, places: Mapping[str, int], rarity: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows, each once and in order, and their values."""
    summed: dict[int, float] = {}
    for group in sample:
        weighed = {
            place: (1.0 + math.log(count)) * float(rarity[place])
            for name, count in group.items()
            if (place := places.get(name)) is not None
        }
        length = math.sqrt(sum(value * value for value in weighed.values())) or 1.0
        for place, value in weighed.items():
            summed[place] = summed.get(place, 0.0) + value / length
    rows = np.fromiter(sorted(summed), np.int64, len(summed))
    return rows, np.array([summed[int(row)] for row in rows], np.float32)
