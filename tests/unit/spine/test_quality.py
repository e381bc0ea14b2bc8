"""Disputes and what they do to a score: who may say what, in which order, and what it adds up to."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist import quality
from assist.events import AgentDid, LeadDid, ScoreItem
from assist.quality import Dispute


def item(name: str, points: float | None, of: float = 10.0, *, critical: bool = False, group: str = "G") -> ScoreItem:
    return ScoreItem(
        item_id=name, label=name, group=group, critical=critical, points=points, of=of, why="", evidence=()
    )


def disputed(target: str, at: float, text: str = "porque sí") -> AgentDid:
    return AgentDid(call_id="c", at=at, agent_id="ana", action="score_disputed", target=target, text=text)


def answered(target: str, at: float, action: Any = "dispute_upheld") -> LeadDid:
    return LeadDid(call_id="c", at=at, lead_id="luz", action=action, target=target, text="visto")


def test_a_dispute_keeps_author_time_and_answer() -> None:
    assert quality.disputes([answered("a", 9), disputed("a", 5)]) == (
        Dispute("a", "ana", 5, "porque sí", "upheld", "luz", 9, "visto"),
    )


def test_a_rejected_dispute_may_be_upheld_after_all_or_raised_again() -> None:
    rejected = [disputed("a", 1), answered("a", 2, "dispute_rejected")]
    assert [one.state for one in quality.disputes([*rejected, answered("a", 3)])] == ["upheld"]
    assert [one.state for one in quality.disputes([*rejected, disputed("a", 3)])] == ["rejected", "open"]


def test_what_makes_no_sense_is_passed_over() -> None:
    assert quality.disputes([answered("a", 1)]) == ()
    twice = [disputed("a", 1), disputed("a", 2, "otra vez")]
    assert [one.reason for one in quality.disputes(twice)] == ["porque sí"]
    final = [disputed("a", 1), answered("a", 2), answered("a", 3, "dispute_rejected"), disputed("a", 4)]
    assert [one.state for one in quality.disputes(final)] == ["upheld"]
    note = AgentDid(call_id="c", at=0, agent_id="ana", action="note", target="a", text="x")
    assert quality.disputes([note, LeadDid(call_id="c", at=1, lead_id="luz", action="note", target="a")]) == ()


@pytest.mark.parametrize(
    ("points", "state", "may"),
    [
        (5.0, None, True),
        (10.0, None, False),
        (None, None, False),
        (5.0, "open", False),
        (5.0, "rejected", True),
        (5.0, "upheld", False),
    ],
)
def test_only_lost_points_can_be_disputed_and_once_at_a_time(points: float | None, state: Any, may: bool) -> None:
    dispute = Dispute("a", "ana", 1, "x", state) if state else None
    assert quality.disputable(item("a", points), dispute) is may


def test_a_failed_critical_item_holds_the_score_at_the_cap_until_it_is_upheld() -> None:
    items = [item("a", 10), item("b", 4, critical=True), item("c", None)]
    assert quality.failed(items) == ("b",)
    assert quality.total(items, 30) == 30
    assert quality.total(items, 95) == 70
    won = quality.upheld(items[1], Dispute("b", "ana", 1, "x", "upheld", "luz"), "es")
    assert "luz" in won.why
    assert quality.total([items[0], won, items[2]], 30) == 100
    assert quality.total([items[2]], 30) is None


def test_pillars_come_in_the_cards_order_and_count_only_what_applied() -> None:
    items = [item("a", 4, group="Z"), item("b", 3, group="A"), item("c", None, group="Z"), item("d", None, group="B")]
    assert [(one.label, one.points, one.of) for one in quality.pillars(items)] == [
        ("Z", 4, 10),
        ("A", 3, 10),
        ("B", None, 0),
    ]


@given(
    st.lists(
        st.one_of(
            st.builds(disputed, st.sampled_from("ab"), st.integers(0, 9).map(float)),
            st.builds(
                answered,
                st.sampled_from("ab"),
                st.integers(0, 9).map(float),
                st.sampled_from(["dispute_upheld", "dispute_rejected"]),
            ),
        ),
        max_size=12,
    )
)
def test_an_item_has_one_open_dispute_at_most_and_none_after_an_upheld_one(acts: list[AgentDid | LeadDid]) -> None:
    numbered = [replace(act, seq=number) for number, act in enumerate(acts, 1)]
    found = quality.disputes(numbered)
    for name in "ab":
        states = [one.state for one in found if one.item_id == name]
        assert all(state == "rejected" for state in states[:-1])
    assert quality.disputes(reversed(numbered)) == found
