"""The small logistic regression: it learns, it is the same each time, and a file that is none is refused."""

from pathlib import Path

import numpy as np
import pytest

from models.text.linear import Linear, LinearFileError, Recipe, counted, train

SAMPLES = [[counted(["yes", f"noise{n % 5}"])] for n in range(20)] + [
    [counted(["no", f"noise{n % 5}"])] for n in range(20)
]
ANSWERS = ["pay"] * 20 + ["leave"] * 20


def test_it_learns_what_tells_answers_apart() -> None:
    model = train(SAMPLES, ANSWERS)
    assert model.labels == ("leave", "pay")
    shares = model.probabilities([counted(["yes"])])
    assert shares.dtype == np.float32
    assert shares.sum() == pytest.approx(1)
    assert shares[1] > 0.9
    assert model.probabilities([counted(["no", "yes", "no"])])[0] > 0.5


def test_without_a_known_feature_it_knows_how_common_answers_are() -> None:
    model = train([*SAMPLES, *SAMPLES[:20]], [*ANSWERS, *ANSWERS[:20]], Recipe(epochs=1))
    shares = model.probabilities([counted(["unheard"]), counted([])])
    assert shares[1] > shares[0]


def test_the_same_input_gives_the_same_model() -> None:
    one, other = train(SAMPLES, ANSWERS), train(SAMPLES, ANSWERS)
    assert one.places == other.places
    assert np.array_equal(one.weights, other.weights)
    assert not np.array_equal(one.weights, train(SAMPLES, ANSWERS, Recipe(seed=8)).weights)


def test_rare_features_are_left_out_and_common_ones_kept() -> None:
    samples = [[counted(["a", "b"])], [counted(["a", "c"])], [counted(["a", "b"])]]
    model = train(samples, ["x", "y", "x"], Recipe(least=2))
    assert set(model.places) == {"a", "b"}
    assert set(train(samples, ["x", "y", "x"], Recipe(least=1, most=1)).places) == {"a"}


@pytest.mark.parametrize(("samples", "answers"), [([], []), (SAMPLES, ["pay"] * 40), (SAMPLES, ANSWERS[:-1])])
def test_what_can_not_be_learnt_is_refused(samples: list[list[dict[str, float]]], answers: list[str]) -> None:
    with pytest.raises(ValueError, match="two answers"):
        train(samples, answers)


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    model = train(SAMPLES, ANSWERS)
    model.save(path, {"cases": 3})
    again, about = Linear.load(path)
    assert about == {"cases": 3}
    assert again.labels == model.labels
    sample = [counted(["yes", "noise1"])]
    assert again.probabilities(sample) == pytest.approx(model.probabilities(sample), abs=1e-3)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = tmp_path
    good = folder / "good.npz"
    train(SAMPLES, ANSWERS).save(good, {})
    whole = good.read_bytes()
    for name, data in (("empty", b""), ("text", b"hello"), ("cut", whole[: len(whole) // 2])):
        (folder / name).write_bytes(data)
        with pytest.raises(LinearFileError):
            Linear.load(folder / name)
    np.savez(folder / "other.npz", a=np.zeros(3))
    with pytest.raises(LinearFileError):
        Linear.load(folder / "other.npz")
    with np.load(good) as arrays:
        parts = dict(arrays)
    parts["weights"] = parts["weights"][:1]
    np.savez(folder / "bent.npz", **parts)
    with pytest.raises(LinearFileError, match="fit together"):
        Linear.load(folder / "bent.npz")
    parts["weights"] = np.full((1, 2), np.nan)
    parts["head"] = np.frombuffer(parts["head"].tobytes().replace(b'"format": 1', b'"format": 9'), np.uint8)
    np.savez(folder / "newer.npz", **parts)
    with pytest.raises(LinearFileError, match="format 9"):
        Linear.load(folder / "newer.npz")
