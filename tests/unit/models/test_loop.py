from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.moonshine import loop_length


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([7] * 5, 5),
        ([1, 2] + [7] * 6, 4),
        ([1, 2, 3] * 3, 9),
        ([9] + [1, 2, 3] * 4, 7),
        (list(range(15)) * 2, 30),
        ([99, *(list(range(15)) * 3)], 16),
    ],
)
def test_what_people_say_twice_stays_and_loops_are_cut(tokens: list[int], kept: int) -> None:
    assert len(tokens) - loop_length(tokens) == kept


@given(st.lists(st.integers(0, 3), max_size=80))
def test_a_cut_leaves_a_prefix_that_is_no_loop_of_the_same_unit(tokens: list[int]) -> None:
    cut = loop_length(tokens)
    assert 0 <= cut < max(1, len(tokens))
