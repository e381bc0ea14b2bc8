"""The folder where models live, and what is installed in it.

<models folder>/
    <name>/            the files of one model, and installed.json with the sum of each
    .cache/            downloads under way, and packages not yet unpacked
    .staging/          a model being put together; renamed into place when whole
    .lock              held by the process that is fetching
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from models.errors import ModelDamaged, ModelMissing
from models.strings import say

MANIFEST: Final = "installed.json"
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class InstalledFile:
    name: str
    size: int
    sha256: str


def models_dir(override: Path | None = None) -> Path:
    """`override`, else `models/` in `$APUNTADOR_DATA_DIR` or in the user's data folder for this platform."""
    if override is not None:
        return override
    configured = os.environ.get("APUNTADOR_DATA_DIR")
    data = Path(configured).expanduser() if configured else Path(platformdirs.user_data_dir("apuntador"))
    return data / "models"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Store:
    """One models folder. Creating the object touches nothing on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self.root = models_dir(folder)
        self.cache = self.root / ".cache"
        self.staging = self.root / ".staging"

    def path(self, name: str) -> Path:
        return self.root / name

    def manifest(self, name: str) -> tuple[InstalledFile, ...] | None:
        """The files of an installed model, or None when it is not installed (or its manifest is unreadable)."""
        try:
            raw = json.loads((self.path(name) / MANIFEST).read_text())
            return tuple(InstalledFile(f["name"], f["size"], f["sha256"]) for f in raw["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_installed(self, name: str, recipe: str = "") -> bool:
        """Whether the model was made by `recipe` and every file is there with its recorded size. Reads no content:
        microseconds."""
        files = self.manifest(name)
        if files is None or self._recipe(name) != recipe:
            return False
        return all(self._size(name, f) == f.size for f in files)

    def require(self, name: str, language: str = "", recipe: str | None = None) -> Path:
        """The folder of an installed model, made by `recipe` when one is given. Raises `ModelMissing` (also for a
        model that an older release has prepared) or `ModelDamaged`."""
        files = self.manifest(name)
        if files is None or (recipe is not None and self._recipe(name) != recipe):
            do = say("missing.do", language=language) if language else say("missing.do.name", name=name)
            raise ModelMissing(say("missing.what", name=name), where=str(self.path(name)), do=do)
        for file in files:
            if self._size(name, file) != file.size:
                self._damaged(name, file)
        return self.path(name)

    def verify(self, name: str) -> None:
        """Compare every file's SHA-256 with the manifest. Raises `ModelMissing` or `ModelDamaged`."""
        self.require(name)
        for file in self.manifest(name) or ():
            if sha256_of(self.path(name) / file.name) != file.sha256:
                self._damaged(name, file)

    def _recipe(self, name: str) -> str:
        try:
            return str(json.loads((self.path(name) / MANIFEST).read_text()).get("recipe", ""))
        except (OSError, ValueError, AttributeError):
            return ""

    def write_manifest(self, folder: Path, name: str, source: str, recipe: str = "") -> None:
        """Record size and sum of every file now under `folder`; the last thing written before it is installed."""
        files = [
            {"name": p.relative_to(folder).as_posix(), "size": p.stat().st_size, "sha256": sha256_of(p)}
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name != MANIFEST
        ]
        text = json.dumps({"model": name, "source": source, "recipe": recipe, "files": files}, indent=1)
        (folder / MANIFEST).write_text(text + "\n")

    def install(self, staged: Path, name: str) -> None:
        """Move a complete folder into place. A reader sees the old model or the new one, or for an instant none."""
        target = self.path(name)
        old = self.staging / f"{name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        staged.rename(target)
        shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the folder for writing; other processes wait. `on_wait` is called once if there is a wait."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait:
                    on_wait()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield  # closing the file releases the lock, also when the process is killed

    def _size(self, name: str, file: InstalledFile) -> int:
        try:
            return (self.path(name) / file.name).stat().st_size
        except OSError:
            return -1

    def _damaged(self, name: str, file: InstalledFile) -> None:
        raise ModelDamaged(
            say("damaged.what", name=name, reason=file.name),
            where=str(self.path(name)),
            do=say("damaged.do", name=name),
        )
