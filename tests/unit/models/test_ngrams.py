"""The linear n-gram model."""

import numpy as np
import pytest

from models.text.ngrams import BUCKETS, MAX_CHARACTERS, NgramScorer, features


def scorer() -> NgramScorer:
    """Any word with "gracias" in it is positive."""
    weights = np.zeros((BUCKETS, 3), np.int8)
    for bucket in features("gracias"):
        weights[bucket, 2] = 100
    return NgramScorer(
        weights, np.full(3, 0.05, np.float32), np.zeros(3, np.float32), np.full(BUCKETS, 200, np.uint8), 0.02
    )


def test_case_does_not_matter_and_accents_do() -> None:
    assert features("GRACIAS, Señor") == features("gracias, señor")
    assert features("gracias, senor") != features("gracias, señor")


def test_a_word_is_known_by_its_letters_too() -> None:
    assert scorer().logits("muchas gracias")[2] > 0
    assert scorer().logits("graciasss")[2] > 0
    assert scorer().logits("xyz")[2] == 0


def test_the_same_text_has_the_same_numbers() -> None:
    model = scorer()
    text = "bueno, pues muchas gracias por todo, ¿eh?"
    assert (model.logits(text) == model.logits(text)).all()


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_said_is_the_bias(text: str) -> None:
    assert scorer().logits(text).tolist() == [0, 0, 0]


def test_of_a_long_text_the_end_is_read() -> None:
    assert scorer().logits("x " * MAX_CHARACTERS + "gracias")[2] > 0
    assert scorer().logits("gracias" + " x" * MAX_CHARACTERS)[2] == 0


def test_it_survives_being_stored() -> None:
    model = scorer()
    again = NgramScorer.from_arrays(model.arrays())
    assert (again.logits("mil gracias") == model.logits("mil gracias")).all()


def test_weights_of_another_shape_are_refused() -> None:
    arrays = scorer().arrays() | {"weights": np.zeros((10, 3), np.int8)}
    with pytest.raises(ValueError, match="shape"):
        NgramScorer.from_arrays(arrays)
