"""A trained net's weights by the names of the published file, for the writer of its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.train.e5 import Shape

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """What `models.graphs.e5.write_graph` reads, of the state of a `models.train.e5.Encoder`."""

    shape: Shape
    state: Mapping[str, Floats]

    @property
    def width(self) -> int:
        return self.shape.width

    @property
    def layers(self) -> int:
        return self.shape.layers

    @property
    def heads(self) -> int:
        return self.shape.heads

    @property
    def inner(self) -> int:
        return self.shape.inner

    @property
    def epsilon(self) -> float:
        return self.shape.epsilon

    def vector(self, name: str) -> Floats:
        """float32 [n]: ``l0.q.b``, ``l3.aln.w``, ``emb.ln.w``."""
        return self.state[_ours(name)]

    def matrix(self, name: str, inputs: int) -> Floats:
        """float32 [inputs, outputs]: ``l0.q.w``."""
        found = np.ascontiguousarray(self.state[_ours(name)].T)
        if len(found) != inputs:
            raise ValueError(f"{name} has {len(found)} inputs, not {inputs}")
        return found


def _ours(name: str) -> str:
    part, _, kind = name.rpartition(".")
    part = "eln" if part == "emb.ln" else f"layers.{part[1:]}"
    return f"{part}.{'weight' if kind == 'w' else 'bias'}"
