"""The sentence catalogue: both languages say the same things."""

import pytest

from assist.strings import catalogue, placeholders, say


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    spanish, english = catalogue("es"), catalogue("en")
    assert set(spanish) == set(english)
    differing = [key for key in spanish if placeholders(str(spanish[key])) != placeholders(str(english[key]))]
    assert differing == []


def test_an_unknown_key_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        say("es", "no.such_key")
