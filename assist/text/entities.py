"""What a line says in numbers and signs: sums, dates, times, codes, addresses. Found in words or numerals alike.

:func:`find_entities` tells for each how people write it and what it is for a machine. It reads one line; numbers
said in pieces over several lines are put together by :mod:`assist.decide.facts`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from assist.events import Language
from assist.text.moments import date_at, time_at
from assist.text.numbers import Number, Token, find_numbers, numeral, tokens
from assist.text.spelled import code_at, email_at
from assist.text.style import Style, currency_of, writable
from assist.text.words import CENTS, COUNTED, ORDINALS, REPEATS, SCALES, SIGN_CODES, UNITS

EntityKind: TypeAlias = Literal["number", "digits", "money", "percent", "date", "time", "code", "email"]

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)\S+")
_SIGNED: Final = re.compile(r"(?<!\w)(US\$|S/ ?|Q)([0-9]+(?:[.,][0-9]+)*)(?!\w)")
_CODE: Final = re.compile(r"(?<![\w-])[A-Z]{1,4}-?[0-9]{2,}[A-Z0-9]*(?![\w-])")
_LEAST_DIGITS: Final = 3
_LONGEST_LIST: Final = 3
_DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Entity:
    """``text`` for people, ``value`` for machines (docs/text.md), characters ``start`` to ``end`` of the line.

    ``pieces`` are the groups of digits as they were said, for strings of digits.
    """

    kind: EntityKind
    start: int
    end: int
    text: str
    value: str
    pieces: tuple[str, ...] = ()


@dataclass(slots=True)
class Line:
    """A line being read: its tokens and, by first token, its numbers."""

    text: str
    style: Style
    tokens: tuple[Token, ...]
    numbers: dict[int, Number]
    runs: list[tuple[Number, ...]]

    @property
    def language(self) -> Language:
        """The line's language."""
        return self.style.language

    def plain(self, index: int) -> str:
        """The token at ``index`` in plain form; empty outside of the line."""
        return self.tokens[index].plain if 0 <= index < len(self.tokens) else ""

    def raw(self, first: int, last: int) -> str:
        """The characters of tokens ``first`` to before ``last``."""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end]


Found: TypeAlias = tuple[EntityKind, int, str, str]
"""Kind, the token behind it, text, value."""


def find_entities(text: str, style: Style) -> list[Entity]:
    """Everything found in ``text``, left to right, without overlaps."""
    if not any(ch.isalnum() for ch in text):
        return []
    runs = [run.numbers for run in find_numbers(text, style.language)]
    numbers = {number.first: number for run in runs for number in run}
    line = Line(text, style, tokens(text), numbers, runs)
    found = list(_written(text, style.language))
    taken = {i for i, t in enumerate(line.tokens) if any(e.start <= t.start < e.end for e in found)}
    inside = {i for number in numbers.values() for i in range(number.first + 1, number.last)}
    readers: tuple[Callable[[Line, int], tuple[int, Found] | None], ...] = (_email, _code, _date, _time, _measure)
    for reader in readers:
        index = 0
        while index < len(line.tokens):
            hit = None if index in taken or index in inside else reader(line, index)
            if hit is None:
                index += 1
                continue
            first, (kind, last, shown, value) = hit
            if taken.intersection(range(first, last)):
                index += 1
                continue
            taken.update(range(first, last))
            start, end = line.tokens[first].start, line.tokens[last - 1].end
            found.append(Entity(kind, start, end, shown, value))
            index = last
    for run in runs:
        found += _plain_numbers(line, run, taken)
    return sorted(found, key=lambda entity: entity.start)


def _written(text: str, language: Language) -> Iterator[Entity]:
    """What is written as it should be: nothing inside it may be read in another way."""
    end = 0
    for match in _EMAIL.finditer(text):
        end = match.end()
        yield Entity("email", match.start(), end, match.group(), match.group())
    if end:
        return
    for match in _SIGNED.finditer(text):
        code = SIGN_CODES[language].get(match.group(1).strip(), "")
        if code:
            amount = numeral(match.group(2))[0]
            yield Entity("money", match.start(), match.end(), match.group(), f"{amount:.2f} {code}")
    for match in _CODE.finditer(text):
        if not _SIGNED.match(match.group()):
            yield Entity("code", match.start(), match.end(), match.group(), match.group().replace("-", ""))


def _email(line: Line, index: int) -> tuple[int, Found] | None:
    hit = email_at(line.tokens, index, line.numbers)
    return (hit[0], ("email", hit[1], hit[2], hit[2])) if hit is not None else None


def _code(line: Line, index: int) -> tuple[int, Found] | None:
    hit = code_at(line.text, line.tokens, index, line.numbers, line.language)
    return (index, ("code", hit[0], hit[1], hit[1])) if hit is not None else None


def _date(line: Line, index: int) -> tuple[int, Found] | None:
    hit = date_at(line.tokens, index, line.numbers, line.language)
    return (index, ("date", *hit)) if hit is not None else None


def _time(line: Line, index: int) -> tuple[int, Found] | None:
    hit = time_at(line.tokens, index, line.numbers, line.language)
    return (hit[0], ("time", *hit[1])) if hit is not None else None


# --- quantities ----------------------------------------------------------------------------------------------


def _measure(line: Line, index: int) -> tuple[int, Found] | None:
    number = line.numbers.get(index)
    if number is None or not writable(number.value):
        return None
    first, after, amount, places = index, number.last, number.value, None
    rest = line.numbers.get(after + 1) if line.plain(after) in ("coma", "punto", "point") else None
    if rest is not None and rest.digits.isdigit() and not rest.symbol and len(rest.digits) <= _DECIMALS:
        amount, places, after = float(f"{number.value:.0f}.{rest.digits}"), len(rest.digits), rest.last
    if line.language == "en" and line.plain(index) in SCALES["en"] and line.plain(index - 1) == "a":
        first -= 1  # "a hundred dollars"
    return _money(line, first, number, after, amount) or _percent_or_unit(line, first, number, after, amount, places)


def _money(line: Line, first: int, number: Number, after: int, amount: float) -> tuple[int, Found] | None:
    language = line.language
    if number.symbol:
        sign = "$" if number.symbol == "$" else number.symbol
        code = SIGN_CODES[language].get(sign, "")
        if not code:
            return None
        raw = line.raw(first, after)
        if number.spelled:
            raw = line.style.money(amount, code, "")
        return first, ("money", after, raw, f"{amount:.2f} {code}")
    at = after + 1 if line.plain(after) == "de" and amount >= 1e6 else after
    word = line.plain(at)
    code = currency_of(word, language)
    if not code or (number.words == 1 and number.value < 2):
        return None
    shown_word = line.raw(at, at + 1)
    last = at + 1
    link = line.plain(last) in ("con", "y", "and")
    cents = line.numbers.get(last + 1 if link else last)
    if cents is not None and cents.value < 100 and amount.is_integer() and line.plain(cents.last) in CENTS[language]:
        amount, last = amount + cents.value / 100, cents.last + 1
    elif cents is not None and _hundredths(line, last, link, cents) and amount.is_integer():
        amount, last = amount + cents.value / 100, cents.last
    return first, ("money", last, line.style.money(amount, code, shown_word), f"{amount:.2f} {code}")


def _hundredths(line: Line, at: int, link: bool, cents: Number) -> bool:
    """ "87 soles con 50", "87 pounds 50": two digits right behind the currency that count nothing else."""
    if not (line.plain(at) == "con" if line.language == "es" else not link):
        return False
    after = line.plain(cents.last)
    counted = after in COUNTED[line.language] or after in UNITS[line.language] or after in ("%", "por", "percent")
    return len(cents.digits) == 2 and cents.value.is_integer() and not cents.symbol and not counted


def _percent_or_unit(
    line: Line, first: int, number: Number, after: int, amount: float, places: int | None
) -> tuple[int, Found] | None:
    language = line.language
    sign = " %" if language == "es" else "%"
    written = line.style.number(amount, places=places) if number.spelled or places else line.raw(first, after)
    one, two = line.plain(after), line.plain(after + 1)
    words = 1 if one in ("porciento", "percent") else 2 if (one, two) in _PERCENT else 0
    if words:
        return first, ("percent", after + words, f"{written}{sign}", f"{amount:g}")
    if one == "%":
        return first, ("percent", after + 1, line.raw(first, after + 1), f"{amount:g}")
    decimal = places is not None and language == "en" and line.plain(number.last) == "point"
    if (one in UNITS[language] or one in CENTS[language] or decimal) and (number.spelled or places):
        return first, ("number", after, written, f"{amount:g}")
    return None


_PERCENT: Final = (("por", "ciento"), ("por", "cien"), ("per", "cent"))


# --- strings of digits and plain numbers -----------------------------------------------------------------------


def _plain_numbers(line: Line, run: tuple[Number, ...], taken: set[int]) -> Iterator[Entity]:
    parts: list[list[Number]] = [[]]
    for number in run:
        if number.first in taken or number.symbol or not number.value.is_integer():
            parts.append([])
        else:
            parts[-1].append(number)
    for part in parts:
        if not part:
            continue
        year = _year(line, part)
        if year:
            yield Entity("number", part[0].start, part[-1].end, year, year)
        elif _dialled(line, part):
            pieces = _pieces(line, part)
            digits = "".join(pieces)
            if any(number.spelled for number in part) or all(len(number.digits) == 1 for number in part):
                text = " ".join(pieces)
            else:
                text = line.text[part[0].start : part[-1].end]
            yield Entity("digits", part[0].start, part[-1].end, text, digits, pieces)
        elif all(number.value >= 10 for number in part):
            yield from (entity for number in part if (entity := _cardinal(line, number)) is not None)


def _year(line: Line, part: list[Number]) -> str:
    """ "in nineteen eighty five" """
    if line.language != "en" or len(part) != 2 or part[1].pause or not all(number.spelled for number in part):
        return ""
    if line.plain(part[0].first - 1) not in ("in", "since", "from", "year", "until"):
        return ""
    century, rest = part[0].value, part[1].value
    return f"{century:.0f}{rest:.0f}" if century in (18, 19, 20) and 10 <= rest < 100 else ""


def _dialled(line: Line, part: list[Number]) -> bool:
    """Whether neighbouring numbers are a string of digits and not a list ("two, three days", "ten, fifteen")."""
    digits = "".join(number.digits for number in part)
    values = [number.value for number in part]
    if len(part) == 1:
        only = part[0]
        return len(digits) >= _LEAST_DIGITS and (
            _repeated(line, only)
            or (not only.spelled and len(digits) > _LEAST_DIGITS and digits == line.text[only.start : only.end])
        )
    if digits.startswith("0") and all(number.spelled or len(number.digits) == 1 for number in part):
        return True
    few = len(part) == 2 and not any(_repeated(line, number) for number in part)
    if len(digits) < _LEAST_DIGITS + few:
        return False  # "two thirty", "twenty-four seven"
    if line.plain(part[-1].last) in COUNTED[line.language]:
        return False
    paused = all(number.pause for number in part[1:])
    if (paused or len(values) == _LONGEST_LIST) and values == [float(n + 1) for n in range(len(values))]:
        return False
    return not (paused and len(part) <= _LONGEST_LIST and all(value >= 10 and value % 5 == 0 for value in values))


def _repeated(line: Line, number: Number) -> bool:
    return line.plain(number.first) in REPEATS[line.language]


def _pieces(line: Line, part: list[Number]) -> tuple[str, ...]:
    """Groups as said: lone digits join; a pause or a number of two digits and more begins a new one.

    Where a pause follows every digit it divides nothing.
    """
    pauses = [number.pause for number in part[1:]]
    steady = all(pauses)
    pieces: list[str] = []
    lone = False
    for number in part:
        single = len(number.digits) == 1 or _repeated(line, number)
        if pieces and single and lone and (steady or not number.pause):
            pieces[-1] += number.digits
        else:
            pieces.append(number.digits)
        lone = single
    return tuple(pieces)


def _cardinal(line: Line, number: Number) -> Entity | None:
    if not number.spelled or not writable(number.value):
        return None
    after = number.last + (line.plain(number.last) == "-")
    if line.language == "en" and line.plain(after) in ORDINALS:
        return None  # "twenty first"
    first = number.first
    scales = SCALES[line.language]
    names = [line.plain(i) for i in range(number.first, number.last)]
    if len(names) == 1 and (names[0] in scales or names[0] in ("cien", "ciento")):
        return None  # "mil gracias"
    if line.language == "en" and names[0] in scales:
        if line.plain(first - 1) != "a":
            return None
        first -= 1
    value = f"{number.value:.0f}"
    text = line.style.number(number.value)
    if number.value >= 1e6 and number.value % 1e6 == 0:
        text = f"{line.style.number(number.value / 1e6)} {line.raw(number.last - 1, number.last)}"
    return Entity("number", line.tokens[first].start, number.end, text, value)
