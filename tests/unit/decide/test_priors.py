"""What agents did before: counts, and what they change."""

import pytest

from assist.decide.kit import Kit
from assist.decide.priors import CardPrior, load
from assist.errors import ConfigError
from assist.events import CardOffered
from tests.unit.decide.calls import Call, kit_of

BOOK = """
language: es
cards:
  - {id: one, title: Uno, say: Uno., when: {customer: [me cobraron dos veces]}}
  - {id: two, title: Dos, say: Dos., when: {customer: [me cobraron dos veces]}}
"""


def offered(priors: dict[str, CardPrior], line: str) -> list[str]:
    kit = kit_of(BOOK)
    call = Call(Kit(kit.playbook, kit.sentiment, priors=priors))
    call.answer()
    return [event.card_id for event in call.say("customer", line, 5) if isinstance(event, CardOffered)]


def test_a_card_that_helped_more_comes_first() -> None:
    helped = {"one": CardPrior(offered=40, dismissed=30), "two": CardPrior(offered=40, taken=30)}
    assert offered(helped, "me cobraron dos veces") == ["two"]


def test_a_card_that_hardly_ever_helped_needs_a_surer_match() -> None:
    never = {name: CardPrior(offered=40, not_useful=30) for name in ("one", "two")}
    misheard = "me cobraron dod vezes"
    assert offered({}, misheard) == ["one"]
    assert offered(never, misheard) == []
    assert offered(never, "me cobraron dos veces") == ["one"]


def test_few_offers_say_little() -> None:
    assert CardPrior().useful == 0.5
    assert 0.3 < CardPrior(offered=2).useful < 0.5
    assert CardPrior(offered=100, taken=90).useful > 0.8


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', '{"a": {"bought": 1}}', '{"a": {"taken": "x"}}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"cards\.json"):
        load(text, "cards.json")
