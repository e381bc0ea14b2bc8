from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.moonshine import loop_length, sure_length


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


@pytest.mark.parametrize(
    ("pieces", "scores", "kept"),
    [
        (["Sí", ",", "dígame", "."], [-0.1, -0.4, -0.3, 0.0], 4),
        (["Sí", ".", "", "¡", "Ay", "!"], [-0.1, 0.0, -1.2, -2.4, -2.3, -0.6], 2),
        (["Hola", ".", "¿", "Qué", "tal", "?"], [-0.1, 0.0, -0.4, -0.3, -0.2, 0.0], 6),
        (["Ya", ".", "No", ".", "Ay", "!"], [0.0, 0.0, -2.0, -2.0, -2.0, -2.0], 2),
        # One doubtful utterance is all there is: a name, say. It stays.
        (["Mejía", "."], [-3.0, -2.0], 2),
        ([], [], 0),
    ],
)
def test_only_a_last_sentence_that_is_hardly_believed_is_cut(pieces: list[str], scores: list[float], kept: int) -> None:
    assert sure_length(pieces, scores) == kept
