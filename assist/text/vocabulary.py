"""A company's own words: names of products, plans and branches, written right however they were heard.

A vocabulary file has one term per line, in the company's own spelling, and after ``=`` how it is said or misheard::

    # Plans
    Hogar Plus
    Fibra Máx = fibra max, fibra mas
    [en]
    CloudBox = cloud box

Lines under ``[es]`` or ``[en]`` count for that language, those before for both. A near miss is replaced only where no
everyday word is; see :mod:`assist.text.common` and docs/text.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, cast

from rapidfuzz import fuzz, process

from assist.errors import ConfigError
from assist.events import Language
from assist.text.common import common_words
from assist.text.numbers import Token, tokens
from assist.text.phonetic import phonetic
from assist.text.words import words_of

MAX_TERMS: Final = 2000
_MAX_WORDS: Final = 6
_LEAST_LETTERS: Final = 5
_LEAST_KEY: Final = 4
_SURE_LETTERS: Final = 7
_FLOOR: Final = 85.0
_KEY_FLOOR: Final = 84.0
_SOUNDS_ALIKE_FLOOR: Final = 66.0
_ENDINGS: Final[dict[Language, frozenset[str]]] = {
    "es": words_of(
        "s es r n ron mos do da dos das ndo o a e os as an en on aron amos ar er ir ado ada ando iendo aba ara are "
        "aria ita ito mente ba ban ra ria re te ste ion iones al ales ero era"
    ),
    "en": words_of("s es d ed r er ing ly ion ions ies al ers or ors"),
}
_ANCHOR: Final = 3


@dataclass(frozen=True, slots=True)
class Term:
    """One term. ``words`` are its words in plain form, ``said`` other ways it is said, each as words."""

    text: str
    words: tuple[str, ...]
    said: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """Characters ``start`` to ``end`` mean ``term``."""

    start: int
    end: int
    term: str


@dataclass(frozen=True)
class Vocabulary:
    """The terms of one language."""

    language: Language
    terms: tuple[Term, ...] = ()

    @cached_property
    def _exact(self) -> dict[str, Term]:
        return {" ".join(words): term for term in self.terms for words in (term.words, *term.said)}

    @cached_property
    def _joined(self) -> list[str]:
        return ["".join(term.words) for term in self.terms]

    @cached_property
    def _keys(self) -> list[str]:
        return [phonetic(joined, self.language) for joined in self._joined]

    @cached_property
    def _longest(self) -> int:
        return max((len(words) for term in self.terms for words in (term.words, *term.said)), default=0)

    def corrections(self, text: str) -> list[Correction]:
        """Where ``text`` says a term, left to right, the longest first; also where it is written right already."""
        if not self.terms:
            return []
        found: list[Correction] = []
        line = tokens(text)
        index = 0
        while index < len(line):
            if not (line[index].word or line[index].numeral):
                index += 1
                continue
            for size in range(min(self._longest + 1, len(line) - index), 0, -1):
                window = line[index : index + size]
                if not all(token.word or token.numeral for token in window):
                    continue
                term = self._term(window)
                if term is not None:
                    found.append(Correction(window[0].start, window[-1].end, term.text))
                    index += size - 1
                    break
            index += 1
        return found

    def _term(self, window: Sequence[Token]) -> Term | None:
        words = tuple(_bare(token.plain) for token in window)
        exact = self._exact.get(" ".join(words))
        if exact is not None:
            return exact
        if all(token.numeral for token in window):
            return None
        common = common_words(self.language)
        if all(word in common for word in words):
            return None
        joined = "".join(words)
        if len(joined) < _LEAST_LETTERS:
            return None
        key = phonetic(joined, self.language)
        best: tuple[float, Term] | None = None
        for _, score, place in process.extract(key, self._keys, scorer=fuzz.ratio, score_cutoff=_KEY_FLOOR, limit=3):
            term = self.terms[place]
            alike = fuzz.ratio(joined, self._joined[place])
            if self._means(words, joined, key, term, place, alike) and (best is None or score + alike > best[0]):
                best = (score + alike, term)
        return best[1] if best is not None else None

    def _means(self, words: tuple[str, ...], joined: str, key: str, term: Term, place: int, alike: float) -> bool:
        wanted, wanted_key = self._joined[place], self._keys[place]
        if abs(len(words) - len(term.words)) > 1 or min(len(key), len(wanted_key)) < _LEAST_KEY:
            return False
        if key[0] != wanted_key[0] or sorted(_digits(joined)) != sorted(_digits(wanted)):
            return False
        common = common_words(self.language)
        other = [word for word in words if word not in term.words]
        if key == wanted_key and alike >= _SOUNDS_ALIKE_FLOOR:
            # Sounds the same: one word that means nothing else is proof enough.
            return not other or any(word not in common for word in other)
        if any(word in common or word.isdigit() for word in other):
            return False
        anchored = any(len(word) >= _ANCHOR and word in words for word in term.words) and len(words) == len(term.words)
        if anchored:
            missed = [word for word in term.words if word not in words]
            return len(other) == len(missed) and all(
                _alike(heard, right, self.language) and not _inflected(heard, right, self.language)
                for heard, right in zip(other, missed, strict=True)
            )
        if len(joined) < _SURE_LETTERS or alike < _FLOOR:
            return False
        # "conectar" is not a misheard "Conecta": words of one stem differ in their ending.
        return not _inflected(joined, wanted, self.language)


def _bare(word: str) -> str:
    return word.replace("'", "").replace("’", "")


def _digits(text: str) -> str:
    return "".join(ch for ch in text if ch.isdigit())


def _alike(heard: str, right: str, language: Language) -> bool:
    return (
        fuzz.ratio(heard, right) >= _SOUNDS_ALIKE_FLOOR
        and fuzz.ratio(phonetic(heard, language), phonetic(right, language)) >= _SOUNDS_ALIKE_FLOOR
    )


def _inflected(heard: str, right: str, language: Language) -> bool:
    """Whether the two are forms of one word: a common stem and endings of the language's grammar."""
    same = 0
    for first, second in zip(heard, right, strict=False):
        if first != second:
            break
        same += 1
    return same >= _ANCHOR and heard[same:] in _ENDINGS[language] and right[same:] in _ENDINGS[language] | {""}


# --- the file --------------------------------------------------------------------------------------------------


def load_vocabulary(files: Iterable[Path]) -> dict[Language, Vocabulary]:
    """The terms of all ``files``, by language.

    Raises:
        ConfigError: a file can't be read or has a bad line; the message names file, line and remedy.
    """
    entries: list[_Entry] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as err:
            raise ConfigError(f"vocabulary {path} can't be read: {err.strerror}; correct [asr] vocabulary") from None
        except UnicodeDecodeError as err:
            raise ConfigError(f"vocabulary {path} is not UTF-8 (byte {err.start}); save it as UTF-8") from None
        entries += _entries(text, str(path))
    return _vocabularies(entries)


def parse_vocabulary(text: str, source: str) -> dict[Language, Vocabulary]:
    """The terms in ``text``, by language; ``source`` names it in errors.

    Raises:
        ConfigError: a bad line.
    """
    return _vocabularies(list(_entries(text, source)))


@dataclass(frozen=True, slots=True)
class _Entry:
    where: str
    term: Term
    languages: tuple[Language, ...]


def _entries(text: str, source: str) -> Iterator[_Entry]:
    languages: tuple[Language, ...] = ("es", "en")
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        where = f"{source}, line {number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[] ").lower()
            if section not in ("es", "en") or line != f"[{line[1:-1]}]":
                raise ConfigError(f"{where}: {_shown(line)} is no section; write [es] or [en]")
            languages = (cast(Language, section),)
            continue
        name, equals, rest = line.partition("=")
        term = Term(" ".join(name.split()), _words(name, where))
        if equals:
            said = tuple(_words(part, where) for part in rest.split(","))
            term = Term(term.text, term.words, said)
        yield _Entry(where, term, languages)


def _words(text: str, where: str) -> tuple[str, ...]:
    words = tuple(_bare(token.plain) for token in tokens(text) if token.word or token.numeral)
    if not any(len(word) > 1 for word in words) or not any(ch.isalpha() for word in words for ch in word):
        shown = _shown(text) if text.strip() else "nothing"
        raise ConfigError(f"{where}: {shown} is no term; write: term = said like this, or like this")
    if len(words) > _MAX_WORDS:
        raise ConfigError(f"{where}: {_shown(text)} has {len(words)} words; a term has at most {_MAX_WORDS}")
    if not text.isprintable():
        raise ConfigError(f"{where}: {_shown(text)} has a tab or a control character; remove it")
    return words


def _vocabularies(entries: Sequence[_Entry]) -> dict[Language, Vocabulary]:
    built: dict[Language, Vocabulary] = {}
    languages: tuple[Language, ...] = ("es", "en")
    for language in languages:
        common = common_words(language)
        owner: dict[tuple[str, ...], _Entry] = {}
        terms: list[Term] = []
        for entry in entries:
            if language not in entry.languages:
                continue
            for words in dict.fromkeys((entry.term.words, *entry.term.said)):
                if len(words) == 1 and words[0] in common:
                    raise ConfigError(
                        f"{entry.where}: {words[0]!r} is an everyday word ({language}) and would be replaced wherever "
                        f"it is said; write the term with the word said beside it, or put it under the other language"
                    )
                other = owner.setdefault(words, entry)
                if other is not entry:
                    raise ConfigError(
                        f"{entry.where}: {' '.join(words)!r} is written at {other.where} already "
                        f"(for {other.term.text!r}); keep one of the two"
                    )
            terms.append(entry.term)
        if len(terms) > MAX_TERMS:
            raise ConfigError(f"{entries[-1].where}: more than {MAX_TERMS} terms; keep those callers say")
        built[language] = Vocabulary(language, tuple(terms))
    return built


def _shown(text: str) -> str:
    short = " ".join(text.split())
    return repr(short if len(short) <= 40 else f"{short[:40]}…")
