"""Patterns and allowances as settings write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist import dial


@pytest.mark.parametrize(
    ("pattern", "number", "fits"),
    [
        ("", "anything", True),
        ("57", "573001234567", True),
        ("57", "+573001234567", False),
        ("+57", "+573001234567", True),
        ("*8", "*8100", True),
        ("ventas", "ventas", True),
        (r"/9\d{7,10}/", "93001234567", True),
        (r"/9\d{7,10}/", "993001234567", False),  # all of the number
        (r"/9\d{7,10}/", "9300123", False),
        (r"/(?:600|601)/", "601", True),
        ("5", "5" * 32, True),
        ("5", "5" * 33, False),
        (r"/5+/", "5" * 33, False),
    ],
)
def test_patterns(pattern: str, number: str, fits: bool) -> None:
    assert dial.compile_pattern(pattern)(number) is fits


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("^57", "beginning of a number"),
        ("5 7", "beginning of a number"),
        ("/57", "between slashes"),
        ("/", "between slashes"),
        ("/(5/", "no regular expression"),
        (r"/(\d+)+x/", "take for ever"),
        (r"/(\d*)*/", "take for ever"),
        (r"/(\d{2,}){3,}/", "take for ever"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dial.compile_pattern(pattern)


@pytest.mark.parametrize(
    ("allowance", "number", "holds"),
    [
        ("+57", "+573001234567", True),
        ("+57", "573001234567", False),
        ("+571", "+573001234567", False),
        ("112", "112", True),
        ("112", "1123", False),
        ("6xx", "600", True),
        ("6XX", "699", True),
        ("6xx", "6*9", False),
        ("6xx", "60", False),
        ("*8x", "*81", True),
    ],
)
def test_allowances(allowance: str, number: str, holds: bool) -> None:
    assert dial.is_allowance(allowance)
    assert dial.covers(allowance, number) is holds


@pytest.mark.parametrize("text", ["", "+", "+5x", "57 1", "*", "#", "+57300123456789012"])
def test_what_may_be_an_allowance(text: str) -> None:
    assert dial.is_allowance(text) is (text in "*#" and bool(text))


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_pattern_is_a_test_or_an_error(pattern: str, number: str) -> None:
    try:
        fits = dial.compile_pattern(pattern)
    except ValueError:
        return
    assert fits(number) in (True, False)
