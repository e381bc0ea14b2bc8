"""Which numbers may be called: nothing by default, and what is dialled is what was understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assist import dial
from assist.config import Outbound, Trunk
from gateway.route import numbers
from gateway.route.fence import judge


def trunk(*allow: str, block: tuple[str, ...] = (), country: str = "CO", **more: object) -> Trunk:
    outbound = Outbound.model_validate({"allow": allow, "block": block, **more})
    return Trunk(name="carrier", host="sip.example.com", country=country, outbound=outbound)


def test_nothing_is_allowed_by_default() -> None:
    for number in ("+573001234567", "3001234567", "112", "100", "*8", ""):
        assert not judge(trunk(), number).passes


@pytest.mark.parametrize(
    ("number", "country", "allow", "dialled"),
    [
        ("3001234567", "CO", "+57", "+573001234567"),
        ("6015551234", "CO", "+57", "+576015551234"),
        ("5512345678", "MX", "+52", "+525512345678"),
        ("91123456789", "AR", "+54", "+5491123456789"),
        ("01123456789", "AR", "+54", "+541123456789"),  # the 0 before an area code is no digit of the number
        ("912345678", "ES", "+34", "+34912345678"),
        ("8095551234", "DO", "+1809", "+18095551234"),
        ("912345678", "PE", "+51", "+51912345678"),
        ("987654321", "CL", "+56", "+56987654321"),
        ("0212555123", "VE", "+58", ""),  # too short
        ("+573001234567", "", "+57", "+573001234567"),
        ("3001234567", "", "+57", ""),  # by whose plan?
        ("+34912345678", "CO", "+57", ""),
        ("112", "CO", "+57", ""),
    ],
)
def test_numbers_of_a_country(number: str, country: str, allow: str, dialled: str) -> None:
    assert judge(trunk(allow, country=country), number).number == dialled


@pytest.mark.parametrize(
    "number", ["00441632960000", "011441632960000", "0057900123", "00881612345678", "0090012345", "005730012345678"]
)
def test_an_access_code_does_not_smuggle_a_foreign_number_past_a_prefix(number: str) -> None:
    # Read by Colombia's plan these are no numbers; a carrier would dial the rest of them abroad.
    assert not judge(trunk("+57"), number).passes


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+19005551234", "costly"),  # premium rate
        ("+34806123456", "costly"),
        ("+34902123456", "costly"),  # shared cost
        ("+881612345678", "costly"),  # satellite
        ("+882123456789", "costly"),
        ("+979123456789", "costly"),  # international premium rate
        ("+12125551234", "allowed"),
    ],
)
def test_costly_numbers_stay_out_even_of_an_open_fence(number: str, why: str) -> None:
    everywhere = tuple(f"+{digit}" for digit in range(1, 10))
    assert judge(trunk(*everywhere), number).why == why
    assert judge(trunk(*everywhere, premium=True), number).passes


def test_blocks_win_over_allowances() -> None:
    fence = trunk("+1", "+57", "6xx", block=("+1876", "+57601900", "666"))
    assert judge(fence, "+12125551234").passes
    assert judge(fence, "+18765551234").why == "blocked"  # Jamaica has country code 1 as well
    assert judge(fence, "6019001234").why == "blocked"
    assert judge(fence, "600").number == "600"
    assert judge(fence, "666").why == "blocked"


@pytest.mark.parametrize(
    ("form", "number", "sent"),
    [
        ("+e164", "3001234567", "+573001234567"),
        ("e164", "3001234567", "573001234567"),
        ("national", "+573001234567", "3001234567"),
        ("national", "+34912345678", "+34912345678"),
    ],
)
def test_the_form_the_trunk_wants(form: str, number: str, sent: str) -> None:
    assert judge(trunk("+57", "+34", send=form), number).number == sent


@given(
    st.text(max_size=40), st.sampled_from(["CO", "MX", "AR", "US", "ES", ""]), st.sampled_from(["+57", "+1", "+5255"])
)
def test_whatever_passes_is_within_the_allowance(text: str, country: str, allow: str) -> None:
    _within(text, country, allow)


@given(st.text("0123456789+*#", max_size=24), st.sampled_from(["CO", "MX", "AR", "US"]), st.sampled_from(["+57", "+1"]))
def test_whatever_digits_pass_are_within_the_allowance(text: str, country: str, allow: str) -> None:
    _within(text, country, allow)


def _within(text: str, country: str, allow: str) -> None:
    verdict = judge(trunk(allow, country=country), text)
    if verdict.passes:
        assert verdict.number.startswith(allow)
        assert dial.is_dialable(verdict.number)
        again = numbers.read(verdict.number, country)
        assert again is not None
        assert again.e164 == verdict.number
        assert not again.costly
