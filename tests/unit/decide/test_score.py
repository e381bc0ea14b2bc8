"""The quality score: points with evidence, critical items, disputes; the card's faults named with line and remedy."""

import pytest

from assist.decide.score import packaged_card, parse_card
from assist.errors import ConfigError
from assist.events import CallScored, Event, Language, LeadDid, ScoreItem
from tests.unit.decide.calls import T0, Call
from tests.unit.decide.test_summary import CALLS, spoken

CARD = """name = "x"
language = "es"
[[group]]
id = "g"
label = "G"
[[item]]
id = "a"
group = "g"
label = "A"
points = 5
measure = "outcome"
"""


def scored(call: Call) -> CallScored:
    assert call.state.score is not None
    return call.state.score


def item(call: Call, name: str) -> ScoreItem:
    return next(one for one in scored(call).items if one.item_id == name)


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_finished_call_is_scored_after_its_summary(language: Language) -> None:
    call = spoken(language)
    made = call.end(60)
    names = [type(event).__name__ for event in made]
    assert names.index("SummaryDrafted") < names.index("CallScored")
    assert 0 < (scored(call).score or 0) <= 100
    assert {one.group for one in scored(call).items} == {group.label for group in packaged_card(language).group}
    known = {line.utterance_id for line in call.state.lines}
    assert all(set(one.evidence) <= known for one in scored(call).items)
    assert item(call, "greets").points == item(call, "greets").of
    assert item(call, "greets").evidence == ("u1",)
    assert item(call, "dates").points == item(call, "dates").of


def test_a_critical_item_that_failed_holds_the_score_at_the_cap() -> None:
    call = spoken("es", [*CALLS["es"], ("agent", "Ese no es mi problema, señor.")])
    call.end(80)
    assert scored(call).score == 0
    assert scored(call).failed == ("no_rudeness",)
    assert item(call, "no_rudeness").evidence == ("u8",)


def answer(call: Call, action: str, target: str) -> list[Event]:
    return call.give(LeadDid(call_id="c1", at=T0 + 90, lead_id="luz", action=action, target=target, text="sí"))  # type: ignore[arg-type]


def test_an_upheld_dispute_gives_the_points_and_a_rejected_one_does_not() -> None:
    call = spoken("es", [*CALLS["es"], ("agent", "Ese no es mi problema, señor.")])
    call.end(80)
    assert call.did("score_disputed", "no_rudeness", "era una cita", at=85) == []
    assert answer(call, "dispute_rejected", "no_rudeness") == []
    assert scored(call).failed == ("no_rudeness",)
    assert [type(event) for event in answer(call, "dispute_upheld", "no_rudeness")] == [CallScored]
    assert scored(call).failed == ()
    assert scored(call).revision == 2
    assert "luz" in item(call, "no_rudeness").why
    assert [did.target for did in call.state.agent_did if did.action == "score_disputed"] == ["no_rudeness"]


def test_a_call_without_words_has_no_points_for_what_gave_no_occasion() -> None:
    call = spoken("es", [])
    call.end(20)
    assert item(call, "greets").points is None
    assert item(call, "mood").points is None


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("points = 5", "points = 500"), 10, "less than or equal to 100"),
        (('measure = "outcome"', 'measur = "outcome"'), 11, "did you mean 'measure'?"),
        (('group = "g"', 'group = "h"'), 8, "no group 'h'"),
        (('measure = "outcome"', 'measure = "says"'), 11, "it needs 'phrases'"),
        (('measure = "outcome"', 'measure = "rules"\nrules = ["nope"]'), 12, "the playbook has no rule 'nope'"),
    ],
)
def test_a_fault_is_named_with_its_line(change: tuple[str, str], line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_card(CARD.replace(*change), "c.toml", known_rules=frozenset({"greeting"}))
    assert any(one.startswith(f"c.toml:{line}:") and says in one for one in str(caught.value).splitlines())


@pytest.mark.parametrize("text", ["", "= 3", "\x00\x01", "name = [[["])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"c\.toml"):
        parse_card(text, "c.toml")
