"""Numbers in recognised speech: said as words, as numerals or as a mixture, in Spanish and English.

A recogniser writes the same amount as "ochenta y nueve mil novecientos" or "89.900", the same folio as
"siete cuatro dos", "7, 4, 2" or "742". :func:`find_numbers` returns runs of neighbouring numbers; what a run means
(a sum, a folio) is for the caller to say.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from assist.events import Language
from assist.text.words import JOIN, NUMBERS, REPEATS, SCALES, WEAK

_PIECE: Final = re.compile(r"[$€£]?[0-9]+(?:[.,][0-9]+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|[\w]")
_NUMERAL: Final = re.compile(r"[$€£]?[0-9]")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, numeral or mark of a line; ``plain`` is lower case without accents, ``accented`` if it had one."""

    plain: str
    start: int
    end: int
    accented: bool = False

    @property
    def numeral(self) -> bool:
        """Whether it is written in digits."""
        return _NUMERAL.match(self.plain) is not None

    @property
    def word(self) -> bool:
        """Whether it is a word rather than a numeral or a mark."""
        return self.plain[0].isalpha()


@dataclass(frozen=True, slots=True)
class Number:
    """One number. ``first``/``last`` are the first token and the one behind the last; ``start``/``end`` characters.

    ``digits`` is the number as dialled, ``words`` how many words or numerals it took, ``spelled`` whether any of them
    is a word; ``symbol`` a currency sign written before it; ``pause`` whether a comma or a full stop stands before it.
    """

    value: float
    digits: str
    first: int
    last: int
    start: int
    end: int
    words: int
    spelled: bool
    symbol: str = ""
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring numbers. ``groups`` are their values, ``digits`` the same as dialled (``"0915"``).

    ``start``/``end`` are character positions; ``before``/``after`` the neighbouring words (plain, lower case);
    ``symbol`` is a currency sign written before the first; ``words`` how many words or numerals it took.
    """

    numbers: tuple[Number, ...]
    before: str
    after: str
    symbol: str

    @property
    def groups(self) -> tuple[float, ...]:
        """The numbers' values."""
        return tuple(number.value for number in self.numbers)

    @property
    def digits(self) -> str:
        """The numbers as dialled."""
        return "".join(number.digits for number in self.numbers)

    @property
    def start(self) -> int:
        """First character."""
        return self.numbers[0].start

    @property
    def end(self) -> int:
        """Character behind the last."""
        return self.numbers[-1].end

    @property
    def words(self) -> int:
        """Words and numerals."""
        return sum(number.words for number in self.numbers)


def plain(word: str) -> str:
    """Lower case without accents; "ñ" becomes "n"."""
    if word.isascii():
        return word.lower()
    bare = unicodedata.normalize("NFD", word.lower())
    return "".join(ch for ch in bare if not unicodedata.combining(ch)) or word


@lru_cache(maxsize=256)
def tokens(text: str) -> tuple[Token, ...]:
    """Words, numerals and marks of ``text``, left to right."""
    found: list[Token] = []
    for match in _PIECE.finditer(text):
        word = match.group()
        name = plain(word)
        found.append(Token(name, match.start(), match.end(), name != word.lower()))
    return tuple(found)


def find_numbers(text: str, language: Language) -> list[Run]:
    """All runs in ``text``, left to right."""
    pieces = tokens(text)
    runs: list[Run] = []
    index = 0
    while index < len(pieces):
        if not _is_number(pieces, index, language):
            index += 1
            continue
        if pieces[index].plain == "oh" and index + 1 < len(pieces) and pieces[index + 1].plain == ",":
            index += 1
            continue
        stop = _without_article(pieces, index, _run_end(pieces, index, language))
        names = [t.plain for t in pieces[index:stop] if t.word or t.numeral]
        # "uno" alone is no number, but "uno uno" is dialled.
        if not WEAK.issuperset(names) or (len(names) > 1 and set(names) in ({"uno"}, {"one"})):
            before = next((pieces[at].plain for at in range(index - 1, -1, -1) if pieces[at].word), "")
            after = " ".join(t.plain for t in pieces[stop : stop + 3] if t.word)
            symbol = pieces[index].plain[0] if pieces[index].plain[0] in "$€£" else ""
            if not symbol and index and pieces[index - 1].plain in "$€£":
                symbol = pieces[index - 1].plain
            runs.append(Run(tuple(_numbers(pieces, index, stop, language)), before, after, symbol))
        index = stop
    return runs


def digit(token: Token, language: Language) -> str:
    """The one digit that ``token`` says, or nothing."""
    if token.numeral:
        return token.plain if len(token.plain) == 1 else ""
    value = NUMBERS[language].get(token.plain, 10)
    return str(value) if value < 10 else ""


def _is_number(pieces: Sequence[Token], index: int, language: Language) -> bool:
    token = pieces[index]
    if token.numeral or token.plain in NUMBERS[language] or token.plain in SCALES[language]:
        return True
    return token.plain in REPEATS[language] and index + 1 < len(pieces) and digit(pieces[index + 1], language) != ""


def _run_end(pieces: Sequence[Token], index: int, language: Language) -> int:
    stop = index + 1
    while stop < len(pieces):
        if _is_number(pieces, stop, language):
            stop += 1
        elif stop + 1 < len(pieces) and _is_number(pieces, stop + 1, language):
            name = pieces[stop].plain
            if name == "." and pieces[stop + 1].plain in WEAK:
                break  # "742815. Un momento"
            if name not in (",", "-", ".") and not (name == JOIN[language] and _joins(pieces, stop, language)):
                break
            stop += 1
        else:
            break
    return stop


def _without_article(pieces: Sequence[Token], index: int, stop: int) -> int:
    """The run's end before a closing "un" that belongs to the next word: "siete cuatro dos, un momento"."""
    if stop - index < 2 or pieces[stop - 1].plain not in ("un", "una", "oh") or pieces[stop - 2].plain == "y":
        return stop
    if stop >= len(pieces) or not pieces[stop].word:
        return stop
    stop -= 1
    while stop > index + 1 and pieces[stop - 1].plain in (",", "-", "."):
        stop -= 1
    return stop


def _joins(pieces: Sequence[Token], at: int, language: Language) -> bool:
    """Whether the "and" at ``at`` stands inside one number: "forty and five" are two."""
    before, after = pieces[at - 1].plain, pieces[at + 1].plain
    if before in SCALES[language]:
        return True
    tens, units = NUMBERS[language].get(before, 0), NUMBERS[language].get(after, 0)
    if language == "en":
        return False
    return (30 <= tens <= 90 and 0 < units < 10) or (tens >= 100 and units > 0) or (tens == 20 and 0 < units < 10)


def _numbers(pieces: Sequence[Token], first: int, stop: int, language: Language) -> list[Number]:
    """Split a run where one number ends and the next begins; see the cardinal grammars of both languages."""
    words, scales, join = NUMBERS[language], SCALES[language], JOIN[language]
    found: list[Number] = []
    total = current = 0.0
    began = joined = pause = paused_before = False
    begin = words_taken = 0
    end = first
    dialled = ""
    spelled = False
    repeat = 0

    def close() -> None:
        nonlocal total, current, began, dialled, words_taken, spelled
        if began:
            value = total + current
            symbol = pieces[begin].plain[0] if pieces[begin].plain[0] in "$€£" else ""
            found.append(
                Number(
                    value,
                    dialled or f"{value:.0f}",
                    begin,
                    end,
                    pieces[begin].start,
                    pieces[end - 1].end,
                    words_taken,
                    spelled,
                    symbol,
                    paused_before,
                )
            )
        total = current = 0.0
        began = spelled = False
        dialled = ""
        words_taken = 0

    for index in range(first, stop):
        token = pieces[index]
        name = token.plain
        if name == join:
            joined = True
            words_taken += 1
            continue
        if not token.word and not token.numeral:
            pause = name != "-"
            continue
        fresh = not began
        if repeat and (one := digit(token, language)):
            dialled, current, began = one * repeat, float(one * repeat), True
            words_taken, spelled, end, repeat = words_taken + 1, True, index + 1, 0
            close()
            pause = joined = False
            continue
        if name in REPEATS[language]:
            close()
            repeat, begin, paused_before, words_taken = REPEATS[language][name], index, pause, 1
            pause = joined = False
            continue
        if token.numeral:
            value, written = numeral(name)
            if began and total and not current and not pause and value < 1000 and "." not in name:
                current = value  # "89 mil 900"
            else:
                close()
                fresh = True
                current, began = value, True
                dialled = written if name.isdigit() or name[1:].isdigit() or not value.is_integer() else ""
        elif name in scales:
            scale = scales[name]
            if began and (pause or (current and dialled.startswith("0")) or (scale > 100 and total and not current)):
                close()
                fresh = True
            # "89 mil": the value counts, no longer the digits.
            dialled = ""
            if scale == 100:
                current = (current or 1) * 100
            else:
                total, current = total + (current or 1) * scale, 0.0
            began = spelled = True
        else:
            value = float(words[name])
            # "cuarenta y uno, setenta y dos": a comma always divides; without one the size tells.
            if began and (pause or dialled or not _fits(total, current, value, joined, language)):
                close()
                fresh = True
            current += value
            began = spelled = True
        if fresh:
            begin, paused_before = index, pause
            words_taken = 0
        words_taken += 1
        end = index + 1
        if current == 0 and total == 0 and not token.numeral:
            close()
        pause = joined = False
    close()
    return found


def _fits(total: float, current: float, value: float, joined: bool, language: Language) -> bool:
    if value == 0:
        return False
    if current == 0:
        return total > 0
    if value < 10:
        tens = current % 100
        if language == "es":
            return (joined and tens >= 20 and tens % 10 == 0) or (current >= 100 and tens == 0)
        return (tens >= 20 and tens % 10 == 0) or (current >= 100 and tens == 0)
    return value < 100 and current >= 100 and current % 100 == 0


def numeral(name: str) -> tuple[float, str]:
    """Value and digits of a number in digits; three digits behind a mark are thousands."""
    digits = name.lstrip("$€£")
    parts = re.split(r"[.,]", digits)
    if len(parts) == 1:
        return float(digits), digits
    if len(parts[-1]) == 3 and all(len(part) == 3 for part in parts[1:]):
        return float("".join(parts)), "".join(parts)
    return float("".join(parts[:-1]) + "." + parts[-1]), "".join(parts)
