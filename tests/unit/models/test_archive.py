from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from models.archive import extract
from models.catalog import ModelFile
from models.errors import FetchError, IntegrityError, UnsafeArchive

from .conftest import tarball


def file(member: str, content: bytes) -> ModelFile:
    return ModelFile(member, "f", len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    return folder


def pack(tmp_path: Path, members: dict[str, bytes | str]) -> Path:
    path = tmp_path / "p.tgz"
    path.write_bytes(tarball(members))
    return path


def test_only_what_is_wanted_is_written(tmp_path: Path, out: Path) -> None:
    package = pack(tmp_path, {"../evil": b"1", "/etc/evil": b"2", "p/x": b"3", "p/y": b"4", "../../out/z": b"5"})
    extract(package, {out / "y": file("p/y", b"4")})
    assert [p.name for p in out.iterdir()] == ["y"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["p.tgz", "y"]


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UnsafeArchive, match="p/x"):
        extract(pack(tmp_path, {"p/x": "/etc/passwd"}), {out / "x": file("p/x", b"")})
    assert list(out.iterdir()) == []


def test_wrong_content_is_refused_and_not_left(tmp_path: Path, out: Path) -> None:
    with pytest.raises(IntegrityError):
        extract(pack(tmp_path, {"p/x": b"1"}), {out / "x": file("p/x", b"2")})
    assert list(out.iterdir()) == []


def test_a_missing_member_is_named(tmp_path: Path, out: Path) -> None:
    with pytest.raises(FetchError, match="p/missing"):
        extract(pack(tmp_path, {"p/x": b"1"}), {out / "m": file("p/missing", b"")})


def test_a_broken_package_is_said_to_be_broken(tmp_path: Path, out: Path) -> None:
    package = pack(tmp_path, {"p/x": bytes(range(256)) * 1000})
    package.write_bytes(package.read_bytes()[:200])
    with pytest.raises(FetchError, match="cannot be read"):
        extract(package, {out / "x": file("p/x", b"1")})


def test_a_wheel_is_read_too(tmp_path: Path, out: Path) -> None:
    wheel = tmp_path / "w.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("../evil", "!")
        z.writestr("pkg/x", "1")
    extract(wheel, {out / "x": file("pkg/x", b"1")})
    assert (out / "x").read_bytes() == b"1"
    with pytest.raises(FetchError, match="pkg/none"):
        extract(wheel, {out / "y": file("pkg/none", b"")})
