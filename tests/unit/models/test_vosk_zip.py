"""An official Vosk zip: fetched from a mirror on loopback, and unpacked without trusting what it says."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from models.archive import extract_tree
from models.catalog import Catalog, load_catalog, parse_catalog
from models.errors import FetchError, IntegrityError, ModelsError, UnsafeArchive
from models.fetch import fetch
from models.sources import MIRROR_VARIABLE, vosk_zip_url
from models.store import Store

from .conftest import Registry, sri

TREE = {"am/final.mdl": bytes(range(256)) * 2000, "conf/mfcc.conf": b"--dither=0\n", "README": b"a model"}
URL = "/vosk-model-small-es-0.42.zip"


def packed(members: Mapping[str, bytes], top: str = "vosk-model-small-es-0.42/", links: tuple[str, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if top:
            archive.writestr(top, "")
        for name, content in members.items():
            info = zipfile.ZipInfo(top + name)
            info.external_attr = (stat.S_IFLNK | 0o777 if name in links else stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def one_zip(content: bytes, integrity: str = "") -> Catalog:
    return parse_catalog(f"""
[[model]]
name = "vosk-model-small-es-0.42"
kind = "asr"
engine = "vosk"
language = "es"
licence = "Apache-2.0"
[model.source]
type = "vosk"
package = "vosk-model-small-es"
version = "0.42"
size = {len(content)}
integrity = "{integrity or sri(content)}"
""")


@pytest.fixture
def mirror(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv(MIRROR_VARIABLE, registry.url + "/")
    registry.files[URL] = packed(TREE)
    return registry


def test_the_tree_is_installed_whole_and_verified(mirror: Registry, data: Path) -> None:
    progress: list[int] = []
    catalog = one_zip(mirror.files[URL])
    assert fetch(catalog, ["vosk-model-small-es-0.42"], progress=lambda done, *_: progress.append(done))
    assert progress[-1] == len(mirror.files[URL])
    folder = data / "models" / "vosk-model-small-es-0.42"
    assert {name: (folder / name).read_bytes() for name in TREE} == TREE
    store = Store()
    store.verify(folder.name)
    (folder / "am/final.mdl").write_bytes(b"")
    assert not store.is_installed(folder.name)
    assert not (data / "models/.staging").exists()
    assert list((data / "models/.cache").iterdir()) == []


def test_a_line_that_breaks_is_taken_up_where_it_broke(mirror: Registry) -> None:
    mirror.cut_after = [1000, 500]
    assert fetch(one_zip(mirror.files[URL]), ["vosk-model-small-es-0.42"])
    assert [asked for _, asked in mirror.requests] == ["", "bytes=1000-", "bytes=1500-"]


def test_another_zip_is_refused_and_can_be_repeated(mirror: Registry, data: Path) -> None:
    right = mirror.files[URL]
    mirror.files[URL] = right[:-1] + b"?"
    with pytest.raises(IntegrityError, match="repeat"):
        fetch(one_zip(right), ["vosk-model-small-es-0.42"])
    assert not Store().is_installed("vosk-model-small-es-0.42")
    assert list((data / "models/.cache").iterdir()) == []
    mirror.files[URL] = right
    assert fetch(one_zip(right), ["vosk-model-small-es-0.42"])


def test_a_crash_while_unpacking_leaves_no_half_model(
    mirror: Registry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = one_zip(mirror.files[URL])
    with monkeypatch.context() as patched:
        patched.setattr(Store, "write_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fetch(catalog, ["vosk-model-small-es-0.42"])
    assert not (data / "models/vosk-model-small-es-0.42").exists()
    mirror.requests.clear()
    assert fetch(catalog, ["vosk-model-small-es-0.42"])
    assert mirror.requests == [], "the downloaded zip is used"
    Store().verify("vosk-model-small-es-0.42")


def test_the_official_address_stands_where_no_mirror_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    sources = [m.source for m in load_catalog().models if m.engine == "vosk"]
    assert {"vosk-model-small-es-0.42.zip", "vosk-model-en-us-0.22-lgraph.zip"} <= {
        vosk_zip_url(s).removeprefix("https://alphacephei.com/vosk/models/") for s in sources
    }


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (packed({"../evil": b"1"}, top="m/"), UnsafeArchive),
        (packed({"/etc/evil": b"1"}, top=""), UnsafeArchive),
        (packed({"..\\evil": b"1"}, top="m/"), UnsafeArchive),
        (packed({"am/final.mdl": b"/etc/passwd"}, links=("am/final.mdl",)), UnsafeArchive),
        (packed({"zeros": bytes(2_000_001)}), UnsafeArchive),
        (packed({"a": b"1" * 5000})[:-200], FetchError),
        (packed({"a": b"abc"}).replace(b"abc", b"abd"), FetchError),
        (b"no zip at all", FetchError),
    ],
    ids=["above", "absolute", "backslash", "link", "bomb", "cut", "changed", "no-zip"],
)
def test_what_is_wrong_with_a_zip_is_said(tmp_path: Path, content: bytes, error: type[ModelsError]) -> None:
    package, out = tmp_path / "p.zip", tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    package.write_bytes(content)
    with pytest.raises(error) as caught:
        extract_tree(package, out, limit=2_000_000)
    assert type(caught.value) is error
    assert str(package) in str(caught.value)
    assert [p for p in tmp_path.rglob("*") if p.is_file() and out not in p.parents] == [package]


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("m/a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("m/a", b"2")
    with pytest.raises(UnsafeArchive, match="m/a"):
        extract_tree(package, tmp_path, limit=100)


def test_a_zip_without_a_folder_of_its_own_is_unpacked_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(packed({"a": b"1", "b/c": b"2"}, top=""))
    extract_tree(tmp_path / "p.zip", tmp_path / "out", limit=100)
    assert (tmp_path / "out/b/c").read_bytes() == b"2"
