"""Download one file so that an interruption costs nothing but the interruption.

The bytes go to `<name>.part`; a later call, in this process or another, asks the server for the rest (RFC 9110
section 14, Range). Only a file whose sum is right gets its final name.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from models.errors import DiskFull, FetchError, IntegrityError, Offline
from models.strings import megabytes, say

Progress = Callable[[int, int, str], None]
"""Called with (bytes done, bytes in all, name of what is being fetched)."""

_PATIENCE: Final = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt that follows one without any progress


def ignore_progress(done: int, total: int, name: str) -> None:
    """A `Progress` that shows nothing."""


def http_client() -> httpx.Client:
    """A client that honours SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables (httpx's `trust_env`)."""
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30.0, connect=15.0), trust_env=True)


@contextlib.contextmanager
def disk_full_says_so(folder: Path, needed: int) -> Iterator[None]:
    """Turn "no space left" (or over quota) into `DiskFull`, which says how many bytes are needed and where."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(folder).free
        raise DiskFull(
            say("disk.what", needed=megabytes(needed), free=megabytes(free)), where=str(folder), do=say("disk.do")
        ) from error


def download(
    client: httpx.Client,
    url: str,
    target: Path,
    *,
    size: int,
    integrity: str,
    name: str,
    progress: Progress = ignore_progress,
    patience: tuple[float, ...] = _PATIENCE,
) -> None:
    """Bring `url` to `target`, going on from a `.part` file if there is one.

    `size` in bytes; `integrity` in Subresource Integrity form (`sha512-<base64>`), "" to skip the check.
    Raises `Offline` (the part file stays), `IntegrityError` (it is deleted), `DiskFull` (it stays), `FetchError`
    when the server refuses.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    waits = iter(patience)
    while (before := _length(part)) < size:
        failure = _attempt(client, url, part, size, name, progress)
        if failure is None:
            break
        if _length(part) > before:  # the line is bad but alive
            waits = iter(patience)
        pause = next(waits, None)
        if pause is None:
            raise _offline(failure, url, target.parent.parent)
        time.sleep(pause)
    check_integrity(part, integrity)
    part.rename(target)


def check_integrity(path: Path, integrity: str) -> None:
    """Compare a file with a Subresource Integrity string; deletes the file and raises `IntegrityError` if not equal."""
    if not integrity:
        return
    algorithm, _, expected = integrity.partition("-")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm)
    found = base64.b64encode(digest.digest()).decode()
    if found != expected:
        path.unlink()
        what = say("integrity.what", found=found[:12] + "…", expected=expected[:12] + "…")
        raise IntegrityError(what, where=path.name, do=say("integrity.do"))


def _attempt(client: httpx.Client, url: str, part: Path, size: int, name: str, progress: Progress) -> Exception | None:
    """One request for what is still missing. Returns the reason if it broke off and may be tried again."""
    done = _length(part)
    # Compressed transfer would make byte ranges mean something else than offsets in the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink(missing_ok=True)
                return FetchError(say("http.refused.what", status=answer.status_code))
            if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                return FetchError(say("http.refused.what", status=answer.status_code))
            if not answer.is_success:
                what = say("http.refused.what", status=answer.status_code)
                raise FetchError(what, where=url, do=say("http.refused.do"))
            goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")
            if not (answer.status_code == httpx.codes.PARTIAL_CONTENT and goes_on):
                done = 0  # the server sends the whole file
            with disk_full_says_so(part.parent, size - done), part.open("ab" if done else "wb") as file:
                for block in answer.iter_raw():
                    file.write(block)
                    done += len(block)
                    progress(min(done, size), size, name)
    except httpx.TransportError as error:
        return error
    return None if done >= size else FetchError(f"{done} / {size} bytes")


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _offline(cause: Exception, url: str, folder: Path) -> Offline:
    reason = str(cause) or type(cause).__name__
    error = Offline(say("offline.what", reason=reason), where=url, do=say("offline.do", folder=folder))
    error.__cause__ = cause
    return error
