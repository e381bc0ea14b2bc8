"""A recognised final as people write it, with every change traceable to the recognised words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from assist.events import Language, TextChange, TextChangeKind
from assist.text.entities import find_entities
from assist.text.marks import mark_edits
from assist.text.style import NumberFormat, Style, style_of
from assist.text.vocabulary import Vocabulary

LONGEST: Final = 4000
"""Characters; a longer line is no utterance and stays as it is."""
_LETTER: Final = re.compile(r"\w")
_WORD: Final = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters ``start`` to ``end`` of the recognised words become ``text``."""

    kind: TextChangeKind
    start: int
    end: int
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Polished:
    """``text`` and how it came about: putting each change's ``spoken`` back gives the recognised words."""

    text: str
    changes: tuple[TextChange, ...] = ()


@dataclass(frozen=True)
class Polisher:
    """One language's writer. The same words always give the same text, and its own text stays as it is."""

    style: Style
    vocabulary: Vocabulary

    def polish(self, raw: str) -> Polished:
        """``raw`` as people write it.

        Where what was written would be read differently the second time, it is not sure what was meant: the names are
        put right at most, or nothing at all.
        """
        if len(raw) > LONGEST or not _LETTER.search(raw):
            return Polished(raw)
        for numbers in (True, False):
            polished = self._once(raw, numbers=numbers)
            if polished.text == raw or self._once(polished.text, numbers=True).text == polished.text:
                return polished
        return Polished(raw)

    def _once(self, raw: str, *, numbers: bool) -> Polished:
        edits = [
            Edit("name", found.start, found.end, found.term, found.term) for found in self.vocabulary.corrections(raw)
        ]
        entities = find_entities(raw, self.style) if numbers else []
        kept: list[Edit] = []
        for entity in entities:
            end = entity.end
            if entity.text.endswith(".") and raw[end : end + 1] == "." and raw[end + 1 : end + 2].strip() == "":
                end += 1  # the full stop of "p. m." also ends the sentence
            edit = Edit(entity.kind, entity.start, end, entity.text, entity.value)
            if entity.kind == "email":
                edits = [name for name in edits if not _overlap(name, edit)]
            if not any(_overlap(name, edit) for name in edits):
                kept.append(edit)
        edits += kept
        fragment = not _WORD.search(_without(raw, edits))
        edits += [Edit(*mark) for mark in mark_edits(raw, edits, self.style.language, fragment=fragment)]
        return _applied(raw, edits)


def polisher(
    language: Language, vocabulary: Vocabulary | None = None, number_format: NumberFormat | None = None
) -> Polisher:
    """The writer of ``language``; ``number_format`` where the company's country does not write as most do."""
    return Polisher(style_of(language, number_format), vocabulary or Vocabulary(language))


def restored(text: str, changes: Iterable[TextChange], *, names: bool = True) -> str:
    """The recognised words behind ``text``; with ``names`` false the corrected names stay."""
    parts: list[str] = []
    at = 0
    for change in changes:
        parts.append(text[at : change.start])
        keep = change.kind == "name" and not names
        parts.append(text[change.start : change.end] if keep else change.spoken)
        at = change.end
    return "".join((*parts, text[at:]))


def _overlap(one: Edit, other: Edit) -> bool:
    return one.start < other.end and other.start < one.end


def _without(raw: str, edits: Iterable[Edit]) -> str:
    for edit in sorted(edits, key=lambda edit: -edit.start):
        raw = raw[: edit.start] + " " + raw[edit.end :]
    return raw


def _applied(raw: str, edits: Iterable[Edit]) -> Polished:
    parts: list[str] = []
    changes: list[TextChange] = []
    at = length = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        spoken = raw[edit.start : edit.end]
        if spoken == edit.text:
            continue
        parts += [raw[at : edit.start], edit.text]
        start = length + edit.start - at
        length = start + len(edit.text)
        at = edit.end
        changes.append(TextChange(kind=edit.kind, start=start, end=length, spoken=spoken, value=edit.value))
    return Polished("".join((*parts, raw[at:])), tuple(changes)) if changes else Polished(raw)
