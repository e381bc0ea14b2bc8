"""Phone numbers read by a country's plan (ITU-T E.164), with libphonenumber's tables.

What a fence allows must be what is dialled, so a number is read first and sent in a form made from that reading; one
that can't be read goes nowhere but as a whole number that the settings name.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

Form: TypeAlias = Literal["+e164", "e164", "national"]

_COSTLY: Final = {
    PhoneNumberType.PREMIUM_RATE: "premium rate",
    PhoneNumberType.SHARED_COST: "shared cost",
    PhoneNumberType.UAN: "universal access",
    PhoneNumberType.PAGER: "pager",
}
_WORLD: Final = "001"
"""libphonenumber's region of codes that belong to no country: satellite phones (870, 881), networks (882, 883), 979."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was understood. ``costly`` says why it may cost more than a call to its country, else empty."""

    e164: str
    region: str
    costly: str
    national: str


def read(text: str, country: str) -> Number | None:
    """The number that ``text`` is when dialled in ``country`` (two letters; empty: it has to begin with ``+``).

    None when it is no number of any plan: a short code, letters, too few digits, a prefix that is not assigned.
    """
    if not text or any(not (c.isascii() and (c.isdigit() or c == "+")) for c in text):
        return None
    try:
        found = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_country_code(found.country_code or 0)
    costly = "satellite or network" if region == _WORLD else _COSTLY.get(phonenumbers.number_type(found), "")
    if not (phonenumbers.is_valid_number(found) or (region == _WORLD and phonenumbers.is_possible_number(found))):
        return None
    return Number(
        e164=phonenumbers.format_number(found, PhoneNumberFormat.E164),
        region=phonenumbers.region_code_for_number(found) or region,
        costly=costly,
        national=phonenumbers.national_significant_number(found),
    )


def written(number: Number, form: Form, country: str) -> str:
    """The number as a trunk wants it; a foreign one is never shortened."""
    if form == "national" and phonenumbers.country_code_for_region(country) == phonenumbers.country_code_for_region(
        number.region
    ):
        return number.national
    return number.e164.lstrip("+") if form == "e164" else number.e164
