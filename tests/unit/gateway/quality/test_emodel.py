"""The E-model against values that ITU-T publishes."""

import math

import pytest

from gateway.quality.emodel import G711, R_DEFAULT, UNKNOWN, delay_impairment, loss_impairment, mos, mos_of, rating


@pytest.mark.parametrize(("r", "expected"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_mos_of_a_rating_is_that_of_g107_annex_b(r: float, expected: float) -> None:
    assert mos_of(r) == pytest.approx(expected, abs=0.01)


def test_a_call_with_nothing_wrong_is_worth_4_41() -> None:
    assert mos(loss_percent=0, one_way_ms=60, codec="PCMA") == pytest.approx(4.41, abs=0.005)


def test_the_ends_of_the_scale() -> None:
    assert mos_of(-5) == mos_of(0) == 1.0
    assert mos_of(3) == 1.0
    assert mos_of(100) == mos_of(120) == 4.5
    assert rating(loss_percent=100, one_way_ms=3000, codec=G711) == 0.0


def test_delay_as_g114_tells_it() -> None:
    # G.114, figure 1 (no echo): no effect up to 100 ms, hardly any at 150, users still satisfied at 200; 400 ms, the
    # limit for planning, is where the band "some users dissatisfied" (R 70) ends.
    heard = {ms: R_DEFAULT - delay_impairment(ms) for ms in (0, 100, 150, 200, 400)}
    assert heard[0] == heard[100] == R_DEFAULT
    assert heard[150] > 92
    assert heard[200] == pytest.approx(90, abs=0.5)
    assert heard[400] == pytest.approx(70, abs=1)


@pytest.mark.parametrize(
    ("loss", "expected"),
    # 95 * Ppl / (Ppl + 25.1): G.711 with concealment, G.113 appendix I.
    [(0, 0.0), (1, 3.64), (2, 7.01), (3, 10.14), (5, 15.78), (10, 27.07), (20, 42.13)],
)
def test_loss_of_g711_with_concealment(loss: float, expected: float) -> None:
    assert loss_impairment(loss, G711) == pytest.approx(expected, abs=0.01)


def test_an_unknown_codec_is_worse_and_case_does_not_matter() -> None:
    assert mos(loss_percent=1, one_way_ms=0, codec="opus") < mos(loss_percent=1, one_way_ms=0, codec="pcmu")
    assert loss_impairment(0, UNKNOWN) == UNKNOWN.ie


def test_more_loss_or_delay_never_helps() -> None:
    ratings = [rating(loss_percent=loss, one_way_ms=delay) for delay in (0, 150, 400) for loss in range(0, 101, 5)]
    for at in range(0, len(ratings), 21):
        assert ratings[at : at + 21] == sorted(ratings[at : at + 21], reverse=True)
    assert all(math.isfinite(r) for r in ratings)
