"""Codes and e-mail addresses said letter by letter: "A B cuatro cinco", "be de burro", "ana punto ruiz arroba …"."""

from collections.abc import Mapping, Sequence
from typing import Final

from assist.events import Language
from assist.text.numbers import Number, Token, plain
from assist.text.words import LETTERS, SPELLING, WEAK_LETTERS, words_of

_AT: Final = ("arroba", "at", "@")
_LINKS: Final = {
    **{"punto": ".", "dot": ".", ".": ".", "guion": "-", "dash": "-", "hyphen": "-", "-": "-"},
    **{"underscore": "_", "_": "_"},
}
_ENDINGS: Final = words_of(
    "com net org info edu gov gob io co es mx ar pe cl ec gt bo cr hn py ve uy pa do sv ni us uk ca biz"
)
_NO_NAMES: Final = words_of("es is mi my correo email mail con y and the el a to")
_LEAST: Final = 3
_MOST_LETTERS: Final = 8


def email_at(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[int, int, str] | None:
    """First token, the one behind, and the address around an "arroba" or "at" at ``index``."""
    if tokens[index].plain not in _AT or index == 0:
        return None
    domain, last = _chain(tokens, index + 1, numbers)
    ending = domain.rpartition(".")[2]
    if "." not in domain or ending not in _ENDINGS:
        return None
    for first in range(max(0, index - 9), index):
        name, behind = _chain(tokens, first, numbers)
        if behind == index and name and (first == 0 or tokens[first - 1].plain not in _LINKS):
            return first, last, f"{name}@{domain}"
    return None


def _chain(tokens: Sequence[Token], index: int, numbers: Mapping[int, Number]) -> tuple[str, int]:
    """Names joined by "punto", "dot" and the like, numbers glued to the name before them."""
    text, at = "", index
    while at < len(tokens):
        number = numbers.get(at)
        if number is not None and number.value.is_integer() and not number.symbol:
            piece, at = number.digits, number.last
        elif tokens[at].word and tokens[at].plain not in _LINKS and tokens[at].plain not in _AT:
            if text and text[-1].isalnum():
                break
            if tokens[at].plain in _NO_NAMES and tokens[at].plain not in _ENDINGS:
                break
            piece, at = tokens[at].plain, at + 1
        elif text and tokens[at].plain in _LINKS:
            low = at + 1 < len(tokens) and tokens[at].plain == "guion" and tokens[at + 1].plain == "bajo"
            more = at + 1 + low
            if more >= len(tokens) or not (tokens[more].word or tokens[more].numeral):
                break
            # A full stop ends a sentence unless it stands inside a word.
            if tokens[at].plain == "." and tokens[more].start != tokens[at].end:
                break
            piece, at = ("_" if low else _LINKS[tokens[at].plain]), more
        else:
            break
        text += piece
    return (text if text and text[-1].isalnum() else ""), at


def code_at(
    text: str, tokens: Sequence[Token], index: int, numbers: Mapping[int, Number], language: Language
) -> tuple[int, str] | None:
    """The token behind the code that begins at ``index``, and the code: letters and digits, at least three of them."""
    code, at = "", index
    strong = letters = digits = 0
    while at < len(tokens) and letters <= _MOST_LETTERS:
        number = numbers.get(at)
        if number is not None:
            if number.symbol or number.value >= 10_000 or not number.value.is_integer():
                break
            code += number.digits
            digits += len(number.digits)
            at = number.last
            continue
        letter, behind, sure = _letter(text, tokens, at, language)
        if not letter:
            # "A-B-4-5", "A, B, 4": marks between the signs.
            mark = code and tokens[at].plain in (",", "-") and at + 1 < len(tokens)
            if mark and (at + 1 in numbers or _letter(text, tokens, at + 1, language)[0]):
                at += 1
                continue
            break
        code += letter
        letters += 1
        strong += sure
        at = behind
    while at > index and tokens[at - 1].plain in (",", "-"):
        at -= 1
    if not strong or not letters or len(code) < _LEAST or at - index < 2:
        return None
    spoken_letters = strong >= 2 and letters == strong
    return (at, code) if digits >= 2 or (spoken_letters and not digits and _spells(tokens, index, language)) else None


def _letter(text: str, tokens: Sequence[Token], at: int, language: Language) -> tuple[str, int, bool]:
    """The letter said at ``at``, the token behind it, and whether it can be nothing else."""
    token = tokens[at]
    if not token.word:
        return "", at, False
    name, behind = token.plain, at + 1
    following = _name(tokens, behind)
    if language == "es" and (name, following) in (("doble", "u"), ("doble", "ve"), ("i", "griega"), ("doble", "v")):
        return ("Y" if name == "i" else "W"), behind + 1, True
    if language == "en" and (name, following) in (("double", "u"), ("double", "you")):
        return "W", behind + 1, True
    if name == "ene" and text[token.start : token.end].lower() == "eñe":
        return "Ñ", behind, True
    if name in ("a", "p") and (following == "m" or (following == "." and _name(tokens, behind + 1) == "m")):
        return "", at, False  # a time of day
    letter = LETTERS[language].get(name, "")
    if len(name) == 1 and name.isascii() and name.isalpha():
        letter = name.upper()
    if not letter:
        return "", at, False
    for words in SPELLING[language]:
        end = behind + len(words)
        if end < len(tokens) and tuple(t.plain for t in tokens[behind:end]) == words:
            example = plain(text[tokens[end].start : tokens[end].end])
            if len(example) > 2 and example[0] == letter.lower():
                return letter, end + 1, True
    return letter, behind, name not in WEAK_LETTERS[language]


def _name(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].plain if index < len(tokens) else ""


def _spells(tokens: Sequence[Token], index: int, language: Language) -> bool:
    """Whether the first letter is explained by a word: letters alone are a code only then."""
    behind = index + 1
    return any(tuple(t.plain for t in tokens[behind : behind + len(words)]) == words for words in SPELLING[language])
