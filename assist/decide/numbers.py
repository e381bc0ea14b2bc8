"""Numbers in recognised speech: said as words, as numerals or as a mixture, in Spanish and English.

A recogniser writes the same amount as "ochenta y nueve mil novecientos" or "89.900", the same folio as
"siete cuatro dos", "7, 4, 2" or "742". :func:`find_numbers` returns runs of neighbouring numbers; what a run means
(a sum, a folio) is for the caller to say.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from assist.events import Language


def _count(words: str, first: int = 0, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(words.split())}


_ES: Final = {
    **_count("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis"),
    **_count("diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco", 17),
    **_count("veintiseis veintisiete veintiocho veintinueve treinta", 26),
    **_count("treinta cuarenta cincuenta sesenta setenta ochenta noventa cien", 30, 10),
    **_count("ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos", 100, 100),
    **_count("ochocientos novecientos", 800, 100),
    **_count(
        "doscientas trescientas cuatrocientas quinientas seiscientas setecientas ochocientas novecientas", 200, 100
    ),
    **{"un": 1, "una": 1, "veintiun": 21, "veintiuna": 21},
}
_EN: Final = {
    **_count("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"),
    **_count("sixteen seventeen eighteen nineteen twenty", 16),
    **_count("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
    **{"oh": 0, "fourty": 40},
}
_SCALES: Final[dict[Language, dict[str, int]]] = {
    "es": {"mil": 1000, "millon": 1_000_000, "millones": 1_000_000},
    "en": {"hundred": 100, "thousand": 1000, "million": 1_000_000},
}
_WORDS: Final[dict[Language, dict[str, int]]] = {"es": _ES, "en": _EN}
_JOIN: Final[dict[Language, str]] = {"es": "y", "en": "and"}
# Alone, these are articles or interjections far more often than numbers.
_WEAK: Final = frozenset({"un", "una", "uno", "one", "oh", "o"})
_PIECE: Final = re.compile(r"[$€£]?\d+(?:[.,]\d+)*|[^\W\d_]+|[^\w\s]")
_NUMERAL: Final = re.compile(r"[$€£]?\d")


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring numbers. ``groups`` are their values, ``digits`` the same as dialled (``"0915"``).

    ``start``/``end`` are character positions; ``before``/``after`` the neighbouring words (plain, lower case);
    ``symbol`` is a currency sign written before the first; ``words`` how many words or numerals it took.
    """

    groups: tuple[float, ...]
    digits: str
    start: int
    end: int
    before: str
    after: str
    symbol: str
    words: int


def plain(word: str) -> str:
    """Lower case without accents; "ñ" becomes "n"."""
    bare = unicodedata.normalize("NFD", word.lower())
    return "".join(ch for ch in bare if not unicodedata.combining(ch))


def find_numbers(text: str, language: Language) -> list[Run]:
    """All runs in ``text``, left to right."""
    pieces = [(plain(m.group()), m.start(), m.end()) for m in _PIECE.finditer(text)]
    runs: list[Run] = []
    index = 0
    while index < len(pieces):
        if not _is_number(pieces[index][0], language):
            index += 1
            continue
        stop = _run_end(pieces, index, language)
        chunk = pieces[index:stop]
        names = [name for name, _, _ in chunk if name.isalnum() or _NUMERAL.match(name)]
        if not _WEAK.issuperset(names):
            groups, digits = _groups([name for name, _, _ in chunk], language)
            before = next((name for name, _, _ in reversed(pieces[:index]) if name.isalpha()), "")
            after = [name for name, _, _ in pieces[stop : stop + 3] if name.isalpha()]
            symbol = chunk[0][0][0] if chunk[0][0][0] in "$€£" else ""
            if not symbol and index and pieces[index - 1][0] in "$€£":
                symbol = pieces[index - 1][0]
            runs.append(Run(groups, digits, chunk[0][1], chunk[-1][2], before, " ".join(after), symbol, len(names)))
        index = stop
    return runs


def _is_number(name: str, language: Language) -> bool:
    return bool(_NUMERAL.match(name)) or name in _WORDS[language] or name in _SCALES[language]


def _run_end(pieces: list[tuple[str, int, int]], index: int, language: Language) -> int:
    stop = index + 1
    while stop < len(pieces):
        name = pieces[stop][0]
        joined = stop + 1 < len(pieces) and _is_number(pieces[stop + 1][0], language)
        if _is_number(name, language) or (joined and name in (",", "-", ".", _JOIN[language])):
            stop += 1
        else:
            break
    return stop


def _groups(names: list[str], language: Language) -> tuple[tuple[float, ...], str]:
    """Split a run where one number ends and the next begins; see the cardinal grammars of both languages."""
    words, scales, join = _WORDS[language], _SCALES[language], _JOIN[language]
    groups: list[float] = []
    digits = ""
    total = current = 0.0
    began = pause = joined = False

    def close() -> None:
        nonlocal total, current, began, digits
        if began:
            value = total + current
            groups.append(value)
            digits += f"{value:.0f}"
        total = current = 0.0
        began = False

    for name in names:
        if name == join:
            joined = True
            continue
        if not name.isalnum() and not _NUMERAL.match(name):
            pause = name != "-"
            continue
        if _NUMERAL.match(name):
            value, written = _numeral(name)
            if total and not current and not pause and value < 1000:
                current = value  # "89 mil 900"
                continue
            close()
            if name.isdigit() and name.startswith("0"):
                groups.append(value)
                digits += written
            else:
                current, began = value, True
        elif name in scales:
            scale = scales[name]
            if scale == 100:
                current = (current or 1) * 100
            else:
                total, current = total + (current or 1) * scale, 0.0
            began = True
        else:
            value = float(words[name])
            # "cuarenta y uno, setenta y dos": a comma always divides; without one the size tells.
            if began and (pause or not _fits(total, current, value, joined, language)):
                close()
            current += value
            began = True
            if value == 0:
                close()
        pause = joined = False
    close()
    return tuple(groups), digits


def _fits(total: float, current: float, value: float, joined: bool, language: Language) -> bool:
    if current == 0:
        return total > 0
    if value < 10:
        tens = current % 100
        if language == "es":
            return (joined and tens >= 30 and tens % 10 == 0) or (current >= 100 and tens == 0)
        return (tens >= 20 and tens % 10 == 0) or (current >= 100 and tens == 0)
    return value < 100 and current >= 100 and current % 100 == 0


def _numeral(name: str) -> tuple[float, str]:
    digits = name.lstrip("$€£")
    parts = re.split(r"[.,]", digits)
    if len(parts) == 1:
        return float(digits), digits
    if len(parts[-1]) == 3 and all(len(part) == 3 for part in parts[1:]):
        return float("".join(parts)), "".join(parts)
    return float("".join(parts[:-1]) + "." + parts[-1]), "".join(parts)
