"""The model of next actions: what it sees, and that it learns an order of things."""

from pathlib import Path

from models.text.linear import Recipe
from models.text.next_action import NextActionModel, learn, sample


def names(turns: list[tuple[str, str]], taken: list[str]) -> set[str]:
    return {name for group in sample(turns, taken) for name in group}


def test_recency_is_in_the_names() -> None:
    seen = names([("customer", "Hello there"), ("agent", "Yes?"), ("customer", "My order")], ["greet", "ask"])
    assert {
        "now:my",
        "now:my_order",
        "fresh:order",
        "before:hello",
        "last2:greet|ask",
        "did:greet",
        "ask|order",
    } <= seen
    assert "now:hello" not in seen
    assert "fresh:order" not in names([("customer", "My order"), ("agent", "Yes")], [])
    assert {"told:found", "told:found|ask"} <= names([("system", "Found 3")], ["ask"])


def test_nothing_said_and_nothing_done_is_a_sample_too() -> None:
    assert "last:^" in names([], [])


def test_long_turns_are_cut() -> None:
    assert len(names([("customer", " ".join(f"w{n}" for n in range(5000)))], [])) < 200


def test_it_learns_what_follows_what(tmp_path: Path) -> None:
    moments = []
    for n in range(30):
        moments += [
            ([("customer", f"I lost my card number {n}")], [], "block"),
            ([("customer", "yes please")], ["block"], "replace"),
            ([("customer", "yes please")], ["block", "replace"], "close"),
        ]
    model = learn(moments, Recipe(epochs=4))
    assert model.actions == ("block", "close", "replace")

    def likeliest(turns: list[tuple[str, str]], taken: list[str]) -> str:
        shares = model.probabilities(turns, taken)
        return max(shares, key=lambda name: shares[name])

    assert likeliest([("customer", "my card is lost")], []) == "block"
    assert likeliest([("customer", "yes please")], ["block"]) == "replace"
    assert likeliest([("customer", "yes please")], ["block", "replace"]) == "close"
    path = tmp_path / "m.npz"
    model.linear.save(path, {"moments": 90})
    again = NextActionModel.load(path)
    assert again.about["moments"] == 90
    assert again.probabilities([("customer", "yes")], ["block"]).keys() == {"block", "close", "replace"}
