"""Articles to passages. Pure: text in, passages out.

A passage is what stands under one heading, or a part of it of some 900 characters that ends with a paragraph; so it is
short enough to be read in a call and to be told from its neighbours. Nothing in an article is followed or run: markup
is dropped, the rest is quoted as it stands.
"""

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Final

from assist.events import Language
from assist.knowledge.language import detect
from assist.knowledge.passage import Passage

LONGEST: Final = 900
"""Characters of a passage, but for a single longer sentence."""
_HARD_LIMIT: Final = 2000
_LONGEST_MARKED: Final = 5000
_HEADING: Final = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_DECLARATION: Final = re.compile(r"<[!?]")
_NEVER_CLOSED: Final = re.compile(r"<(?=[^<>]*(?:<|\Z))")  # each would cost html.parser the rest of the page
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_DECLARED: Final = re.compile(r"(?:language|lang|idioma)\s*:\s*[\"']?(es|en)\b", re.IGNORECASE)
_FRONT_TITLE: Final = re.compile(r"(?:title|t[ií]tulo)\s*:\s*(.+)", re.IGNORECASE)
_IN_NAME: Final = re.compile(r"(?:^|[._\-/])(es|en)(?=[._\-/]|$)")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+")
_TITLE_COLUMNS: Final = ("title", "titulo", "título", "question", "pregunta", "name", "nombre")
_TEXT_COLUMNS: Final = ("text", "texto", "answer", "respuesta", "body", "content", "contenido")
_LANGUAGE_COLUMNS: Final = ("language", "lang", "idioma")
_CELL: Final = 200_000


class TableError(ValueError):
    """A CSV file that is no table of articles; the message says where and why."""


@dataclass(slots=True)
class _Block:
    """A paragraph: its text, the headings above it, the line it begins in."""

    text: str
    headings: tuple[str, ...]
    line: int


@dataclass(slots=True)
class _Article:
    title: str = ""
    language: str = ""
    blocks: list[_Block] = field(default_factory=list)


def split(text: str, file: str) -> list[Passage]:
    """The passages of an article. ``file``: its path within the folder, whose ending says what it is.

    The language is the one declared (front matter, ``<html lang>``, a column, ``.es.`` or ``es/`` in the name), else
    the one that its words tell.

    Raises:
        TableError: a CSV file without columns for title and text, or with broken quotes.
    """
    kind = PurePosixPath(file).suffix.lower()
    if kind == ".csv":
        return list(_rows(text, file))
    article = _html(text) if kind in (".html", ".htm") else _markdown(text)
    title = article.title or PurePosixPath(file).stem.replace("_", " ").replace("-", " ")
    return list(_passages(article, title, file))


def _passages(article: _Article, title: str, file: str) -> Iterator[Passage]:
    language = _language(article.language, file, "\n".join(block.text for block in article.blocks[:50]))
    for block in _joined(article.blocks):
        headings = [heading for heading in block.headings if heading != title]
        yield Passage(block.text, title, file, " › ".join(headings), block.line, language)


def _language(declared: str, file: str, text: str) -> Language:
    named = _IN_NAME.findall(file.lower())
    found = declared.lower()[:2] or (named[-1] if named else "")
    if found == "es" or found == "en":
        return "es" if found == "es" else "en"
    return detect(text)


def _joined(blocks: list[_Block]) -> Iterator[_Block]:
    """Paragraphs under the same headings, put together up to the length of a passage."""
    open_block: _Block | None = None
    for block in (part for whole in blocks for part in _cut(whole)):
        if open_block is None:
            open_block = block
        elif open_block.headings == block.headings and len(open_block.text) + len(block.text) < LONGEST:
            open_block = _Block(f"{open_block.text}\n{block.text}", block.headings, open_block.line)
        else:
            yield open_block
            open_block = block
    if open_block is not None:
        yield open_block


def _cut(block: _Block) -> Iterator[_Block]:
    """A paragraph that is too long, cut between sentences; a sentence that is too long, between characters."""
    if len(block.text) <= LONGEST:
        yield block
        return
    part = ""
    for sentence in _SENTENCE_END.split(block.text):
        for piece in (sentence[k : k + _HARD_LIMIT] for k in range(0, len(sentence), _HARD_LIMIT)):
            if part and len(part) + len(piece) > LONGEST:
                yield _Block(part, block.headings, block.line)
                part = piece
            else:
                part = f"{part} {piece}" if part else piece
    if part:
        yield _Block(part, block.headings, block.line)


def _markdown(text: str) -> _Article:
    article, lines = _Article(), text.splitlines()
    start = _front_matter(lines, article)
    headings: list[str] = []
    levels: list[int] = []
    paragraph: list[str] = []
    began, fenced = start, False

    def close() -> None:
        if paragraph:
            article.blocks.append(_Block("\n".join(paragraph), tuple(headings), began + 1))
            paragraph.clear()

    for number, line in enumerate(lines[start:], start):
        fenced ^= _FENCE.match(line) is not None
        heading = None if fenced else _HEADING.match(line)
        if heading:
            close()
            level, name = len(heading[1]), _plain(heading[2])
            while levels and levels[-1] >= level:
                levels.pop()
                headings.pop()
            levels.append(level)
            headings.append(name)
            article.title = article.title or name
        elif line.strip():
            if not paragraph:
                began = number
            paragraph.append(_plain(line.strip()))
        else:
            close()
    close()
    return article


def _front_matter(lines: list[str], article: _Article) -> int:
    """Read `---` … `---` at the top; the number of the first line after it."""
    if not lines or lines[0].strip() != "---":
        return 0
    for number, line in enumerate(lines[1:40], 1):
        if line.strip() == "---":
            return number + 1
        if declared := _DECLARED.match(line.strip()):
            article.language = declared[1]
        if named := _FRONT_TITLE.match(line.strip()):
            article.title = named[1].strip().strip("\"'")
    return 0


def _plain(line: str) -> str:
    """A line without Markdown's marks for links, images and emphasis."""
    if len(line) > _LONGEST_MARKED:  # nobody writes such a line; the patterns' time grows with its square
        return line
    line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
    return html.unescape(re.sub(r"(\*\*|__|`)(\S[^*_`]*)\1", r"\2", line)).strip()


class _Reader(HTMLParser):
    """Text of a page by paragraphs; scripts, styles and forms are left out."""

    _DROPPED = frozenset({"script", "style", "noscript", "template", "svg", "nav", "select", "textarea"})
    _ENDS = frozenset({"p", "div", "li", "ul", "ol", "tr", "table", "section", "article", "br", "dd", "dt", "td", "th",
                       "blockquote", "pre", "main", "header", "footer", "body"})  # fmt: skip

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.article = _Article()
        self._words: list[str] = []
        self._began = 1
        self._headings: list[tuple[int, str]] = []
        self._heading = 0
        self._dropped = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.article.language = dict(attrs).get("lang") or ""
        if tag in self._DROPPED:
            self._dropped += 1
        elif tag == "title":
            self._in_title = True
        elif re.fullmatch(r"h[1-6]", tag):
            self.close_block()
            self._heading = int(tag[1])
        elif tag in self._ENDS:
            self.close_block()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._DROPPED:
            self._dropped = max(0, self._dropped - 1)
        elif tag == "title":
            self._in_title = False
        elif re.fullmatch(r"h[1-6]", tag) and self._heading:
            name = " ".join("".join(self._words).split())
            self._words.clear()
            self._headings = [(level, text) for level, text in self._headings if level < self._heading]
            self._headings.append((self._heading, name))
            self.article.title = self.article.title or name
            self._heading = 0
        elif tag in self._ENDS:
            self.close_block()

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.article.title = " ".join(f"{self.article.title} {data}".split())
        elif not self._dropped:
            if not self._words and data.strip():
                self._began = self.getpos()[0] + len(data) - len(data.lstrip("\n"))
            if self._words or data.strip():
                self._words.append(data)

    def close_block(self) -> None:
        """End the paragraph."""
        text = " ".join("".join(self._words).split())
        self._words.clear()
        if text:
            self.article.blocks.append(_Block(text, tuple(name for _, name in self._headings), self._began))


def _html(text: str) -> _Article:
    reader = _Reader()
    reader.feed(_NEVER_CLOSED.sub("&lt;", _without_declarations(text)))
    reader.close()
    reader.close_block()
    return reader.article


def _without_declarations(text: str) -> str:
    """Without comments, declarations and instructions, with as many lines; what follows one left open is dropped."""
    parts: list[str] = []
    at = 0
    while found := _DECLARATION.search(text, at):
        begin = found.start()
        parts.append(text[at:begin])
        mark = "-->" if text.startswith("<!--", begin) else ">"
        end = text.find(mark, begin)
        if end < 0:
            return "".join(parts)
        at = end + len(mark)
        parts.append("\n" * text.count("\n", begin, at))
    return "".join([*parts, text[at:]])


def _rows(text: str, file: str) -> Iterator[Passage]:
    """A CSV file with a row for each article."""
    head = text[:4096]
    mark = max(",;\t|", key=head.split("\n", 1)[0].count)
    csv.field_size_limit(_CELL)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        title, body = _column(names, _TITLE_COLUMNS), _column(names, _TEXT_COLUMNS)
        if title is None or body is None:
            known = f"{'/'.join(_TITLE_COLUMNS)} + {'/'.join(_TEXT_COLUMNS)}"
            raise TableError(f"1: {', '.join(names)[:80]!r}; {known}")
        language = _column(names, _LANGUAGE_COLUMNS)
        line = rows.line_num + 1
        for row in rows:
            if len(row) > max(title, body) and row[body].strip():
                declared = row[language].strip() if language is not None and len(row) > language else ""
                article = _Article(row[title].strip(), declared, [_Block(row[body].strip(), (), line)])
                yield from _passages(article, article.title, file)
            line = rows.line_num + 1
    except csv.Error as error:
        raise TableError(f"{rows.line_num}: {error}") from error


def _column(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
