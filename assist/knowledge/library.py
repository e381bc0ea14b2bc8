"""The folder of articles: read, kept up to date, remembered.

What was made of the articles is one file in the cache folder, written whole or not at all. An article is read again
when its size or time changes, and encoded again when its content does.
"""

import hashlib
import json
import os
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from assist.errors import KnowledgeError
from assist.events import Language
from assist.knowledge.passage import Passage, Skipped
from assist.knowledge.search import Knowledge, PassageEncoder, everyday_lines
from assist.knowledge.split import TableError, split

KINDS: Final = (".md", ".markdown", ".txt", ".html", ".htm", ".csv")
LARGEST_FILE: Final = 2_000_000
"""Bytes of an article; no article that people read is longer."""
LARGEST_PAGE: Final = 500_000
"""Bytes of an HTML file: html.parser's time grows with the square of what is left open."""
MOST_FILES: Final = 5_000
MOST_PASSAGES: Final = 20_000
_FORMAT: Final = 2  # of the remembered file; another one is made anew
_BOTH_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

OnProgress = Callable[[int, int, str], None]
"""Articles done, articles in all, the one begun."""


@dataclass(frozen=True, slots=True)
class Library:
    """What a folder's articles gave. ``changed``: articles read anew; ``unread``: how many files of other kinds, by
    their ending."""

    knowledge: Knowledge
    files: int
    changed: int
    skipped: tuple[Skipped, ...]
    unread: Mapping[str, int]
    unsaved: str = ""
    """Why it could not be remembered for the next time; empty when it was. It can be searched all the same."""
    _entries: Mapping[str, "_Entry"] = field(default_factory=dict, repr=False)
    _everyday: Mapping[Language, NDArray[np.float32]] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Entry:
    """What is remembered of a file: a problem, or passages and their rows, and of each passage those of its pieces."""

    size: int
    mtime_ns: int
    sha256: str
    passages: list[Passage] = field(default_factory=list)
    vectors: NDArray[np.float32] | None = None
    pieces: list[NDArray[np.float32]] = field(default_factory=list)
    problem: Skipped | None = None

    def stale(self, info: os.stat_result) -> bool:
        """Whether the file may be another now. One that could not be opened may be so by a change of its rights."""
        unreadable = self.problem is not None and self.problem.problem == "unreadable"
        return unreadable or (self.size, self.mtime_ns) != (info.st_size, info.st_mtime_ns)

    def same(self, other: "_Entry") -> bool:
        """Whether both remember the same of the file."""
        mine = (self.size, self.mtime_ns, self.sha256, self.problem)
        return mine == (other.size, other.mtime_ns, other.sha256, other.problem)


def refresh(
    folder: Path,
    cache: Path,
    encoder: PassageEncoder,
    on_progress: OnProgress = lambda done, total, name: None,
    *,
    before: Library | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Library:
    """Read ``folder`` and what changed in it since the last time, which is remembered in ``cache``.

    ``before`` is what this process read of the same folder the last time; it is returned when nothing changed since.
    Files that can't be used are in `Library.skipped` with the reason; they stop nothing. With ``stop`` true no further
    article is read: what is there is kept.

    Raises:
        KnowledgeError: there is no such folder.
    """
    if not folder.is_dir():
        raise KnowledgeError(f"the folder of articles {folder} does not exist; set knowledge.folder or make it")
    target = cache / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.npz"
    if before is not None and before._entries:
        known, everyday = dict(before._entries), dict(before._everyday)
    else:
        known, everyday = _load(target, encoder)
    found, unread, skipped = _files(folder)
    entries: dict[str, _Entry] = {}
    changed = passages = 0
    for done, (name, path, info) in enumerate(found):
        entry = known.get(name)
        if stop():
            names = {name for name, _, _ in found}
            entries = {**{name: entry for name, entry in known.items() if name in names}, **entries}
            break
        if entry is None or entry.stale(info):
            on_progress(done, len(found), name)
            fresh = _read(name, path, info, entry, encoder)
            changed += entry is None or not fresh.same(entry)
            entry = fresh
        if passages + len(entry.passages) > MOST_PASSAGES:
            skipped.append(Skipped(name, "too_many", str(MOST_PASSAGES)))
            continue
        passages += len(entry.passages)
        entries[name] = entry
        if entry.problem:
            skipped.append(entry.problem)
    if not everyday:
        everyday = {language: encoder.encode_queries(lines) for language, lines in everyday_lines().items()}
    different = bool(changed) or entries.keys() != known.keys()
    if before is not None and not different and not before.unsaved and tuple(skipped) == before.skipped:
        return before
    unsaved = _save(target, entries, everyday, encoder) if different or (before is not None and before.unsaved) else ""
    rows = [entry.vectors for entry in entries.values() if entry.vectors is not None and len(entry.passages)]
    vectors = np.concatenate(rows) if rows else np.zeros((0, encoder.size), np.float32)
    every = [passage for entry in entries.values() for passage in entry.passages]
    pieces = [rows for entry in entries.values() for rows in entry.pieces]
    knowledge = Knowledge(every, vectors, encoder, everyday, pieces)
    usable = sum(1 for entry in entries.values() if not entry.problem)
    return Library(knowledge, usable, changed, tuple(skipped), unread, unsaved, entries, everyday)


def _files(folder: Path) -> tuple[list[tuple[str, Path, os.stat_result]], Counter[str], list[Skipped]]:
    """The articles in order of name, how many other files there are, and what is no file of this folder."""
    found: list[tuple[str, Path, os.stat_result]] = []
    unread: Counter[str] = Counter()
    skipped: list[Skipped] = []
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in KINDS:
            unread[path.suffix.lower() or path.name] += 1
            continue
        try:
            info = path.stat()
        except OSError as error:
            skipped.append(Skipped(name, "unreadable", error.strerror or ""))
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            skipped.append(Skipped(name, "outside"))
        elif not stat.S_ISREG(info.st_mode):
            skipped.append(Skipped(name, "unreadable"))
        elif len(found) >= MOST_FILES:
            skipped.append(Skipped(name, "too_many", str(MOST_FILES)))
        else:
            found.append((name, path, info))
    return found, unread, skipped


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):  # does not follow links to folders
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here) / name for name in sorted(names) if not name.startswith("."))


def _read(name: str, path: Path, info: os.stat_result, known: _Entry | None, encoder: PassageEncoder) -> _Entry:
    entry = _Entry(info.st_size, info.st_mtime_ns, "")
    limit = LARGEST_PAGE if path.suffix.lower() in (".html", ".htm") else LARGEST_FILE
    if info.st_size > limit:
        entry.problem = Skipped(name, "too_large", f"{info.st_size / 1e6:.1f} MB > {limit / 1e6:.1f} MB")
        return entry
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        entry.problem = Skipped(name, "unreadable", error.strerror or "")
        return entry
    entry.sha256 = hashlib.sha256(raw).hexdigest()
    if known is not None and known.sha256 == entry.sha256:
        entry.passages, entry.vectors, entry.problem = known.passages, known.vectors, known.problem
        entry.pieces = known.pieces
        return entry
    try:
        entry.passages = split(_text(raw), name)
    except _BinaryError:
        entry.problem = Skipped(name, "binary")
    except UnicodeDecodeError as error:
        entry.problem = Skipped(name, "encoding", f"byte {error.start}")
    except TableError as error:
        entry.problem = Skipped(name, "table", str(error))
    if len(entry.passages) > MOST_PASSAGES:
        entry.problem = Skipped(name, "too_many", str(MOST_PASSAGES))
        entry.passages = []
    entry.vectors = encoder.encode_passages([passage.searched for passage in entry.passages])
    entry.pieces = [encoder.encode_passages(passage.pieces) for passage in entry.passages]
    return entry


class _BinaryError(ValueError):
    """No text at all."""


def _text(raw: bytes) -> str:
    if raw[:2] in _BOTH_MARKS:
        return raw.decode("utf-16")
    if b"\0" in raw[:65536]:
        raise _BinaryError
    return raw.decode("utf-8-sig")


def _load(target: Path, encoder: PassageEncoder) -> tuple[dict[str, _Entry], dict[Language, NDArray[np.float32]]]:
    """What is remembered; nothing when it is not there, damaged, or of another encoder."""
    try:
        with np.load(target, allow_pickle=False) as stored:
            head: dict[str, Any] = json.loads(stored["head"].tobytes())
            if (head["format"], head["encoder"], head["everyday"]) != (_FORMAT, encoder.name, _everyday_sum()):
                return {}, {}
            vectors = stored["vectors"].astype(np.float32)
            pieces = stored["pieces"].astype(np.float32)
            everyday: dict[Language, NDArray[np.float32]] = {"es": stored["es"], "en": stored["en"]}
        entries, at, piece = {}, 0, 0
        for name, raw in head["files"].items():
            passages = [Passage(**passage) for passage in raw["passages"]]
            rows = vectors[at : at + len(passages)]
            at += len(passages)
            parts = []
            for passage in passages:
                parts.append(pieces[piece : piece + len(passage.pieces)])
                piece += len(passage.pieces)
            problem = Skipped(**raw["problem"]) if raw["problem"] else None
            entries[name] = _Entry(raw["size"], raw["mtime_ns"], raw["sha256"], passages, rows, parts, problem)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return {}, {}
    if at != len(vectors) or piece != len(pieces) or {vectors.shape[1:], pieces.shape[1:]} != {(encoder.size,)}:
        return {}, {}
    return entries, everyday


def _save(
    target: Path,
    entries: Mapping[str, _Entry],
    everyday: Mapping[Language, NDArray[np.float32]],
    encoder: PassageEncoder,
) -> str:
    """Why it could not be written; empty when it was."""
    files = {
        name: {
            "size": entry.size,
            "mtime_ns": entry.mtime_ns,
            "sha256": entry.sha256,
            "passages": [asdict(passage) for passage in entry.passages],
            "problem": asdict(entry.problem) if entry.problem else None,
        }
        for name, entry in entries.items()
    }
    head = {"format": _FORMAT, "encoder": encoder.name, "everyday": _everyday_sum(), "files": files}
    rows = [entry.vectors for entry in entries.values() if entry.vectors is not None]
    vectors = np.concatenate(rows) if rows else np.zeros((0, encoder.size), np.float32)
    parts = [rows for entry in entries.values() for rows in entry.pieces]
    pieces = np.concatenate(parts) if parts else np.zeros((0, encoder.size), np.float32)
    packed = np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), np.uint8)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            part = Path(scratch) / target.name
            np.savez(
                part,
                head=packed,
                vectors=vectors,
                pieces=pieces.astype(np.float16),
                es=everyday["es"],
                en=everyday["en"],
            )
            part.replace(target)
    except OSError as error:
        return f"{target}: can't be written: {error.strerror}; check the space and permissions of data_dir"
    return ""


def _everyday_sum() -> str:
    return hashlib.sha256(repr(sorted(everyday_lines().items())).encode()).hexdigest()[:16]
