"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import dataclass

import numpy as np

_SIZE = 60  # so small that the BLAS uses one thread
_PRODUCTS = 500
_ROUNDS = 25


@dataclass(frozen=True, slots=True)
class Machine:
    """cores: that this process may use. gflops: of float32 matrix products in a second of CPU time, now; shared caches
    and neighbours lower it, so two runs compare only where it is alike."""

    cores: int
    kind: str
    gflops: float

    def __str__(self) -> str:
        return f"{self.cores} cores, {self.kind}, {self.gflops:.0f} GFLOP per CPU second at the moment"


def describe() -> Machine:
    """Takes a few tenths of a second."""
    matrix = np.random.default_rng(1).random((_SIZE, _SIZE), np.float32)
    took = []
    for _ in range(_ROUNDS):
        before = time.process_time()
        for _ in range(_PRODUCTS):
            np.dot(matrix, matrix)
        took.append(time.process_time() - before)
    speed = _PRODUCTS * 2 * _SIZE**3 / statistics.median(took) / 1e9
    return Machine(len(os.sched_getaffinity(0)), platform.machine(), round(speed, 1))
