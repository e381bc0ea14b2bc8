"""Registering: when to try again."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.registration import Registration


def pause_after(registration: Registration, code: int, now: float) -> float:
    """Seconds until the next try, to a tenth."""
    registration.answered(code, 0, now)
    waited = 0.0
    while not registration.is_due(now + waited):
        waited += 0.1
        assert waited < 2000
    assert not registration.is_due(now + waited)  # once
    return waited


def test_granted_and_renewed() -> None:
    registration = Registration()
    assert registration.standing.state == "trying"
    assert registration.answered(200, 300, 0.0)
    assert (registration.standing.state, registration.standing.expires) == ("registered", 300)
    assert not registration.answered(200, 300, 250.0)
    assert not registration.is_due(10_000.0)


def test_a_registrar_that_is_away_is_asked_again_at_growing_pauses() -> None:
    registration = Registration()
    pauses = [pause_after(registration, 503, 0.0) for _ in range(12)]
    assert 1.5 <= pauses[0] <= 2.6
    assert all(later > 1.2 * before for before, later in itertools.pairwise(pauses[:8]))
    assert 450 <= pauses[-1] <= 721
    assert registration.standing.state == "failed"
    registration.answered(200, 300, 0.0)
    assert pause_after(registration, 408, 0.0) < 3


@pytest.mark.parametrize("code", [401, 403, 404, 407])
def test_a_refusal_is_not_insisted_on(code: int) -> None:
    registration = Registration()
    assert pause_after(registration, code, 0.0) >= 48
    assert (registration.standing.state, registration.standing.code) == ("refused", code)


@given(st.lists(st.tuples(st.sampled_from([200, 401, 403, 408, 500, 503]), st.floats(0, 100)), max_size=60))
def test_there_is_always_a_next_try_or_a_registration(steps: list[tuple[int, float]]) -> None:
    registration, now = Registration(), 0.0
    for code, passes in steps:
        now += passes
        registration.answered(code, 300 if code == 200 else 0, now)
    if steps and steps[-1][0] != 200:
        assert registration.is_due(now + 721)
    else:
        assert not registration.is_due(now + 10_000)
