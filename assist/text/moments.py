"""Dates and times of day as people say them. The year is never guessed, nor the half of the day."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from assist.events import Language
from assist.text.numbers import Number, Token
from assist.text.words import DAYS_IN_MONTH, MARKS, MONTH_NAMES, MONTHS, ORDINALS, PART_OF_DAY

Read: TypeAlias = tuple[int, str, str]
"""The token behind it, text, value."""
_YEARS: Final = range(1900, 2101)
_AMBIGUOUS: Final = ("may", "march")
_EN_PARTS: Final = {
    ("in", "the", "morning"): "am",
    ("in", "the", "afternoon"): "pm",
    ("in", "the", "evening"): "pm",
    ("at", "night"): "pm",
}
_EN_MARKS: Final = {"am": "a.m.", "pm": "p.m."}


def date_at(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number], language: Language) -> Read | None:
    """The date that begins at token ``index``: "cinco de noviembre", "March the third, nineteen eighty five"."""
    return _spanish_date(tokens, index, numbers) if language == "es" else _english_date(tokens, index, numbers)


def _plain(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].plain if 0 <= index < len(tokens) else ""


def _day(number: Number | None) -> int:
    if number is None or number.symbol or not number.value.is_integer() or not 1 <= number.value <= 31:
        return 0
    return int(number.value)


def _spanish_date(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> Read | None:
    number = numbers.get(index)
    day = _day(number)
    at = number.last if number is not None else index + 1
    if not day and _plain(tokens, index) in ("primero", "uno"):
        day = 1
    month = MONTHS["es"].get(_plain(tokens, at + 1), 0) if _plain(tokens, at) == "de" else 0
    if not day or not month or day > DAYS_IN_MONTH[month - 1]:
        return None
    last = at + 2
    text = f"{day} de {MONTH_NAMES['es'][month - 1]}"
    if _plain(tokens, last) in ("de", "del"):
        extra = 1 + (_plain(tokens, last + 1) == "ano")
        year, behind = _year(last + extra, numbers)
        if year:
            return behind, f"{text} de {year}", f"{year}-{month:02d}-{day:02d}"
    return last, text, f"--{month:02d}-{day:02d}"


def _english_date(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> Read | None:
    name = _plain(tokens, index)
    month = MONTHS["en"].get(name, 0)
    if month:
        day, at, sure = _english_day(tokens, index + 1 + (_plain(tokens, index + 1) == "the"), numbers)
        if not day or (name in _AMBIGUOUS and not sure):
            return None
    elif name == "the":
        day, at, sure = _english_day(tokens, index + 1, numbers)
        month = MONTHS["en"].get(_plain(tokens, at + 1), 0) if _plain(tokens, at) == "of" else 0
        if not day or not month or not sure:
            return None
        at += 2
    else:
        return None
    if day > DAYS_IN_MONTH[month - 1]:
        return None
    text = f"{MONTH_NAMES['en'][month - 1].capitalize()} {day}"
    year, behind = _year(at + (_plain(tokens, at) in (",", "of")), numbers)
    if year:
        return behind, f"{text}, {year}", f"{year}-{month:02d}-{day:02d}"
    return at, text, f"--{month:02d}-{day:02d}"


def _english_day(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[int, int, bool]:
    """The day, the token behind it and whether only a date is said so."""
    word = _plain(tokens, index)
    if word in ORDINALS:
        return ORDINALS[word], index + 1, True
    number = numbers.get(index)
    if number is None:
        return 0, index, False
    after = _plain(tokens, number.last)
    hyphen = after == "-"
    ordinal = ORDINALS.get(_plain(tokens, number.last + 1) if hyphen else after, 0)
    if number.value in (20, 30) and number.spelled and 0 < ordinal < 10:
        return int(number.value) + ordinal, number.last + 1 + hyphen, True
    if after in ("st", "nd", "rd", "th") and not number.spelled:
        return _day(number), number.last + 1, True
    return _day(number), number.last, not number.spelled


def _year(index: int, numbers: Mapping[int, Number]) -> tuple[int, int]:
    """The year said at ``index`` in full and the token behind it; "eighty five" alone is none."""
    number = numbers.get(index)
    if number is None or not number.value.is_integer():
        return 0, index
    if int(min(number.value, 9999)) in _YEARS and number.digits == f"{number.value:.0f}":
        return int(number.value), number.last
    rest = numbers.get(number.last)
    if number.value in (19, 20) and rest is not None and 10 <= rest.value < 100 and not rest.pause:
        return int(number.value) * 100 + int(rest.value), rest.last
    return 0, index


# --- times of day ----------------------------------------------------------------------------------------------


def time_at(
    tokens: Sequence[Token], index: int, numbers: Mapping[int, Number], language: Language
) -> tuple[int, Read] | None:
    """The time said at token ``index``, with the first token that belongs to it."""
    return _spanish_time(tokens, index, numbers) if language == "es" else _english_time(tokens, index, numbers)


def _minutes(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[int, int]:
    """Minutes said at ``index`` and the token behind them; -1 when there are none."""
    word = _plain(tokens, index)
    if word in ("media", "cuarto", "half", "quarter"):
        return (30 if word in ("media", "half") else 15), index + 1
    number = numbers.get(index)
    if number is None or number.symbol or not number.value.is_integer() or not 1 <= number.value < 60:
        return -1, index
    return int(number.value), number.last


def _spanish_time(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[int, Read] | None:
    before = _plain(tokens, index - 1)
    number = numbers.get(index)
    if before == "la" and _plain(tokens, index) == "una":
        hour, at = 1, index + 1
    elif before == "las" and number is not None and not number.symbol and number.value in range(2, 25):
        hour, at = int(number.value), number.last
    else:
        return None
    minute, link = 0, _plain(tokens, at)
    told = False
    if link in ("y", "con", "menos"):
        said, behind = _minutes(tokens, at + 1, numbers)
        if said > 0:
            told, at = True, behind + (_plain(tokens, behind) == "minutos")
            hour, minute = (hour - 1 or 12, 60 - said) if link == "menos" else (hour, said)
    elif (following := numbers.get(at)) is not None and not following.pause:
        said, behind = _minutes(tokens, at, numbers)
        if said >= 10:
            told, minute, at = True, said, behind
    if not told and (_plain(tokens, at), _plain(tokens, at + 1)) == ("en", "punto"):
        told, at = True, at + 2
    half, at = _spanish_half(tokens, at)
    if not told and not half:
        return None
    return index, (at, *_clock(hour, minute, half, MARKS))


def _spanish_half(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    one, two, three = (_plain(tokens, at + n) for n in range(3))
    if one == "de" and two == "la" and three in PART_OF_DAY:
        return three, at + 3
    if one == "del" and two in ("mediodia", "dia"):
        return ("mediodia", at + 2) if two == "mediodia" else ("", at)
    return _mark(tokens, at)


def _mark(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """ "pm", "p.m.", "p m" """
    one = _plain(tokens, at)
    if one in ("am", "pm"):
        return one, at + 1
    if one in ("a", "p"):
        dotted = _plain(tokens, at + 1) == "."
        if _plain(tokens, at + 1 + dotted) == "m":
            behind = at + 2 + dotted
            return f"{one}m", behind + (dotted and _plain(tokens, behind) == ".")
    return "", at


def _english_time(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[int, Read] | None:
    before, word = _plain(tokens, index - 1), _plain(tokens, index)
    said, at = _minutes(tokens, index, numbers)
    link = _plain(tokens, at)
    if said > 0 and link in ("past", "to", "after") and (word in ("half", "quarter") or before == "at"):
        hour_number = numbers.get(at + 1)
        if hour_number is None or hour_number.value not in range(1, 13) or (word == "half" and link == "to"):
            return None
        hour, minute, behind = int(hour_number.value), said, hour_number.last
        if link == "to":
            hour, minute = hour - 1 or 12, 60 - said
        first = index - (before == "a" and word in ("half", "quarter"))
        half, behind = _english_half(tokens, behind)
        return first, (behind, *_clock(hour, minute, half, _EN_MARKS))
    number = numbers.get(index)
    if number is None or number.symbol or number.value not in range(1, 13):
        return None
    hour, minute, at = int(number.value), 0, number.last
    told = False
    following = numbers.get(at)
    zero = following is not None and following.value == 0 and following.spelled
    if following is not None and not following.pause:
        tens = numbers.get(following.last) if zero else following
        least = 1 if zero else 10
        if tens is not None and least <= tens.value < (10 if zero else 60) and tens.value.is_integer():
            minute, at, told = int(tens.value), tens.last, before == "at"
    if not minute and _plain(tokens, at) in ("o'clock", "o’clock", "oclock"):
        at, told = at + 1, True
    half, at = _english_half(tokens, at)
    if not half and not told:
        return None
    if told and not half and at in numbers:
        return None  # "at three forty five sixty": an address or a string of digits
    text, value = _clock(hour, minute, half, _EN_MARKS)
    return index, (at, text, value)


def _english_half(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    for words, half in _EN_PARTS.items():
        if tuple(_plain(tokens, at + n) for n in range(len(words))) == words:
            return half, at + len(words)
    return _mark(tokens, at)


def _clock(hour: int, minute: int, half: str, marks: Mapping[str, str]) -> tuple[str, str]:
    """Text and value; the value is ISO (``T15:30``) where the half of the day is known, else as said (``3:30``)."""
    known = PART_OF_DAY.get(half, half)
    if half == "noche" and (hour == 12 or hour < 5):
        known = "am"
    shown = f"{hour}:{minute:02d}"
    if hour > 12 or not known:
        return shown, f"T{hour % 24:02d}:{minute:02d}" if hour > 12 else shown
    hour24 = hour % 12 + (12 if known == "pm" else 0)
    return f"{shown} {marks[known]}", f"T{hour24:02d}:{minute:02d}"
