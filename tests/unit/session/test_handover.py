"""Whose call a hand-over goes to."""

import pytest

from assist.events import CallStarted, HandOverDrafted
from assist.session.handover import WITHIN_S, HandOvers, user_of

AT = 1_790_000_000.0


def made(target: str = "sip:luis@pbx") -> HandOverDrafted:
    return HandOverDrafted(
        call_id="c1", at=AT, cause="transferred", items=(), mood_start="neutral", mood_end="neutral", tags=(),
        target=target,
    )  # fmt: skip


def start(*, caller: str = "5550", agent: str = "luis", queue: str = "q", at: float = AT + 4) -> CallStarted:
    return CallStarted(
        call_id="c2", at=at, trunk="t", caller=caller, callee="900", queue=queue, agent_id=agent, language="es"
    )


def test_the_next_agent_gets_it_once_as_an_event_of_their_own_call() -> None:
    hand_overs = HandOvers()
    hand_overs.put(made(), "5550")
    got = hand_overs.take(start())
    assert got is not None
    assert (got.call_id, got.from_call, got.at) == ("c2", "c1", AT + 4)
    assert hand_overs.take(start()) is None


@pytest.mark.parametrize("target", ["sip:luis@pbx", "<sip:q@pbx;transport=tls>", "900"])
def test_the_target_may_be_an_agent_a_queue_or_a_number(target: str) -> None:
    hand_overs = HandOvers()
    hand_overs.put(made(target), "sip:5550@carrier")
    assert hand_overs.take(start()) is not None


@pytest.mark.parametrize(
    "other",
    [
        start(caller="5551"),
        start(agent="eva"),
        start(at=AT + WITHIN_S + 5),
        start(at=AT - 60),
    ],
    ids=["another customer", "another agent", "too late", "before"],
)
def test_nobody_else_gets_it(other: CallStarted) -> None:
    hand_overs = HandOvers()
    hand_overs.put(made(), "5550")
    assert hand_overs.take(other) is None


def test_a_withheld_number_is_nobody() -> None:
    hand_overs = HandOvers()
    hand_overs.put(made(), "")
    assert hand_overs.take(start(caller="")) is None


@pytest.mark.parametrize("address", ["sip:Luis@pbx", "<sips:luis@pbx>", "luis", "tel:luis"])
def test_user_of(address: str) -> None:
    assert user_of(address) == "luis"
