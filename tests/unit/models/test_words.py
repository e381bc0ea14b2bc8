"""Aligning tokens with frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.words import token_starts


def test_each_token_begins_where_its_attention_begins() -> None:
    attention = np.full((3, 10), 0.01, np.float32)
    attention[0, 0:4] = attention[1, 4:5] = attention[2, 5:10] = 1.0
    assert token_starts(attention).tolist() == [0, 4, 5]


def test_a_stray_look_back_does_not_break_the_order() -> None:
    attention = np.full((3, 9), 0.01, np.float32)
    attention[0, 0:3] = attention[1, 3:6] = attention[2, 6:9] = 1.0
    attention[2, 0] = 0.9
    assert token_starts(attention).tolist() == [0, 3, 6]


@given(st.integers(1, 8), st.integers(0, 20), st.integers(0, 2**31))
def test_starts_grow_and_every_token_has_a_frame(tokens: int, more: int, seed: int) -> None:
    attention = np.random.default_rng(seed).random((tokens, tokens + more)).astype(np.float32)
    starts = token_starts(attention)
    assert starts[0] == 0
    assert (np.diff(starts) >= 1).all()
    # No other order of the frames has more attention on its way.
    best = sum(attention[k, a:b].sum() for k, (a, b) in enumerate(_spans(starts, tokens + more)))
    moved = starts.copy()
    if tokens > 1 and moved[1] + 1 < (moved[2] if tokens > 2 else tokens + more):
        moved[1] += 1
        other = sum(attention[k, a:b].sum() for k, (a, b) in enumerate(_spans(moved, tokens + more)))
        assert other <= best + 1e-4


def _spans(starts: np.ndarray, frames: int) -> list[tuple[int, int]]:
    ends = [*starts[1:].tolist(), frames]
    return list(zip(starts.tolist(), ends, strict=True))


def test_one_token_has_all_frames() -> None:
    assert token_starts(np.ones((1, 5), np.float32)).tolist() == [0]
    assert token_starts(np.ones((2, 2), np.float32)) == pytest.approx([0, 1])
