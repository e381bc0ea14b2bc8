"""Capitals and sentence marks, only where the recogniser left them out and only where they are sure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeAlias

from assist.events import Language, TextChangeKind
from assist.text.numbers import Token, tokens
from assist.text.words import ABBREVIATIONS, MONTHS, WEEKDAYS, words_of

Mark: TypeAlias = tuple[TextChangeKind, int, int, str]
"""Kind, start, end, text."""


class Span(Protocol):
    """An edit that is already decided."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def text(self) -> str: ...


_END: Final = re.compile(r"[\w)\]}\"»”%$€£°]\s*$")
_OPEN_END: Final[dict[Language, frozenset[str]]] = {
    "es": words_of(
        "y e o u ni que pero porque de del a al en con por para sin sobre el los las un una mi su sus es son me le se "
        "esa cuando donde muy"
    ),
    "en": words_of("and or but because the a an my your his our their if it's i very"),
}
"""A line that ends so was cut in the middle."""

_ES_ASK: Final = words_of("cual cuales cuando cuanto cuanta cuantos cuantas donde adonde quien quienes como")
_ES_THEN: Final = words_of(
    "es son esta estan seria fue era puedo puede podemos debo hago hacer pago paso me se le lo tengo tiene sabe "
    "significa necesito sigue va van queda cuesta vale llega funciona vence sale hay numero numeros dia dias hora plan "
    "documento documentos tipo datos"
)
_ES_BEFORE: Final = words_of("en a de por para con desde hasta")
_ES_LEAD: Final = words_of("y pero entonces hola bueno")
_ES_OPENERS: Final = (
    ("me", "puede"), ("me", "podria"), ("me", "confirma"), ("me", "regala"), ("me", "escucha"), ("podria",),
    ("le", "puedo"), ("se", "puede"), ("tiene", "con", "que"), ("hay", "algo", "mas"),
)  # fmt: skip
_EN_ASK: Final = words_of("who what when where why how which")
_EN_AUX: Final = words_of(
    "is are was were do does did can could will would should have has may am isn't aren't don't doesn't didn't can't "
    "won't"
)
_EN_THEN: Final = _EN_AUX | words_of("about much many long often far time day kind number plan")
_EN_SUBJECT: Final = words_of("i you he she it we they there this that the my your anyone")
_EN_LEAD: Final = words_of("and but so okay ok well hi hello")


def mark_edits(raw: str, edits: Sequence[Span], language: Language, *, fragment: bool) -> Iterator[Mark]:
    """Capitals and marks for ``raw``, nowhere inside ``edits``; a ``fragment`` (a bare number) gets no end mark."""
    line = tokens(raw)
    if not line:
        return
    taken = sorted((edit.start, edit.end) for edit in edits)

    def free(token: Token) -> bool:
        return not any(start < token.end and token.start < end for start, end in taken)

    yield from _capitals(raw, line, language, free)
    if fragment or not _END.search(raw):
        yield from _opening(raw, line, language)
        return
    last = next((token for token in reversed(line) if token.word or token.numeral), None)
    if last is None or (free(last) and last.plain in _OPEN_END[language]):
        return
    end = len(raw.rstrip())
    if any(edit.end == end and edit.text.endswith(".") for edit in edits):
        return
    unmarked = not any(token.plain in ".?!…¿¡" for token in line if not token.word and not token.numeral)
    first = _asks(line, language) if unmarked else None
    if first is not None and first >= 0:
        if language == "es":
            # Inserted before the capital, which is an edit of its own one character on.
            yield "punctuation", line[first].start, line[first].start, "¿"
        yield "punctuation", end, end, "?"
    else:
        yield "punctuation", end, end, "."


def _capitals(raw: str, line: Sequence[Token], language: Language, free: "_Free") -> Iterator[Mark]:
    begins = True
    for index, token in enumerate(line):
        if not token.word and not token.numeral:
            if token.plain in "?!" or (token.plain == "." and _ends(raw, line, index)):
                begins = True
            elif token.plain == "…" or (token.plain == "." and token.start == 0):
                begins = False
            continue
        text = raw[token.start : token.end]
        lower = text.islower() and free(token)
        if lower and token.word:
            proper = language == "en" and (
                token.plain in ("i", "i'm", "i'll", "i've", "i'd", "i’m", "i’ll", "i’ve", "i’d")
                or token.plain in WEEKDAYS
                or (token.plain in MONTHS["en"] and token.plain not in ("may", "march"))
            )
            if (begins or proper) and _plain_letter(text[0]):
                yield "case", token.start, token.start + 1, text[0].upper()
        begins = False


class _Free(Protocol):
    def __call__(self, token: Token) -> bool: ...


def _plain_letter(ch: str) -> bool:
    return len(ch.upper()) == 1 and ch.upper().lower() == ch


def _ends(raw: str, line: Sequence[Token], index: int) -> bool:
    """Whether the full stop at ``index`` ends a sentence: a space follows, and no abbreviation stands before it."""
    end = line[index].end
    if end < len(raw) and not raw[end].isspace():
        return False
    before = line[index - 1] if index else None
    if before is None or before.plain == ".":
        return False
    return not (before.end == line[index].start and before.plain in ABBREVIATIONS)


def _asks(line: Sequence[Token], language: Language) -> int | None:
    """The token a question begins with, where the whole line surely is one."""
    index = 0
    leads = _ES_LEAD if language == "es" else _EN_LEAD
    while index < len(line) and (line[index].plain in leads or line[index].plain == ","):
        index += 1
    start = 0
    words = [token.plain for token in line[index:]]
    if len(words) < 2 or len(words) > 20:
        return None
    if language == "en":
        if words[0] in _EN_ASK and words[1] in _EN_THEN:
            return start
        return start if words[0] in _EN_AUX and words[1] in _EN_SUBJECT and words[0] != "may" else None
    accented = line[index].accented
    if words[0] in _ES_BEFORE and len(words) > 2 and index + 1 < len(line):
        if words[1] == "que" and line[index + 1].accented and words[2] in _ES_THEN | {"le"}:
            return start
        return start if words[1] in _ES_ASK and line[index + 1].accented else None
    if accented and words[0] in _ES_ASK:
        return None if words[:2] == ["como", "no"] else start
    if accented and words[0] == "que" and words[1] in _ES_THEN:
        return start
    return start if any(tuple(words[: len(opener)]) == opener for opener in _ES_OPENERS) else None


def _opening(raw: str, line: Sequence[Token], language: Language) -> Iterator[Mark]:
    """ "¿" for a line that is one Spanish question whose opening mark was left out."""
    if language != "es" or not raw.rstrip().endswith("?") or "¿" in raw:
        return
    if sum(token.plain in ".?!…¡" for token in line if not token.word and not token.numeral) == 1:
        yield "punctuation", line[0].start, line[0].start, "¿"
