"""A small registry on loopback and a catalogue that points at it, so that fetching is tested for real."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalog import Catalog, parse_catalog


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APUNTADOR_LANG", "en")


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder of its own for each test."""
    folder = tmp_path / "data"
    monkeypatch.setenv("APUNTADOR_DATA_DIR", str(folder))
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    return folder


@dataclass
class Registry:
    """An npm-like registry. `cut_after`: break each connection off after so many bytes, as often as listed."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 0  # answer everything with it
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range header


def sri(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def tarball(members: Mapping[str, bytes | str]) -> bytes:
    """A .tgz; a str value makes a symbolic link to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            state.requests.append((self.path, asked))
            content = state.files.get(self.path)
            if state.status or content is None:
                self.send_error(state.status or 404)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.ranges else 0
            if start > len(content):
                self.send_error(416)
                return
            self.send_response(206 if asked and state.ranges else 200)
            if asked and state.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if state.cut_after and not self.path.endswith("/1.0.0"):
                body = body[: state.cut_after.pop(0)]
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("APUNTADOR_NPM_REGISTRY", state.url)
    yield state
    server.shutdown()
    server.server_close()


FILES = {"package/a.bin": b"a" * 300_000 + bytes(range(256)) * 400, "package/b.bin": b"b" * 1000}
TOML = """
default = ["one", "two"]
[[model]]
name = "one"
kind = "asr"
engine = "moonshine"
language = "es"
licence = "Community"
licence_note.en = "Read me first"
needs = ["two"]
{source}
[[model.file]]
member = "package/a.bin"
name = "a.bin"
size = {a_size}
sha256 = "{a_sum}"
[[model]]
name = "two"
kind = "vad"
engine = "silero"
language = ""
licence = "MIT"
{source}
[[model.file]]
member = "package/b.bin"
name = "b.bin"
size = {b_size}
sha256 = "{b_sum}"
[[model]]
name = "later"
kind = "asr"
engine = "vosk"
language = "es"
licence = "Apache-2.0"
status = "manual"
[model.source]
type = "vosk"
package = "vosk-model-later"
version = "0.1"
size = 1
"""

MakeCatalog = Callable[..., Catalog]


def catalog_text(package: bytes, **change: object) -> str:
    source = (
        '[model.source]\ntype = "npm"\npackage = "@x/pack"\nversion = "1.0.0"\n'
        f'size = {len(package)}\nintegrity = "{sri(package)}"'
    )
    values = {
        "source": source,
        "a_size": len(FILES["package/a.bin"]),
        "b_size": len(FILES["package/b.bin"]),
        "a_sum": hashlib.sha256(FILES["package/a.bin"]).hexdigest(),
        "b_sum": hashlib.sha256(FILES["package/b.bin"]).hexdigest(),
    }
    return TOML.format(**(values | change))


@pytest.fixture
def catalog(registry: Registry) -> Catalog:
    """Models "one" (needs "two") and "two" in one package on the local registry, and "later", manual."""
    package = tarball({"package/other": b"o" * 10, "../evil": b"!", **FILES})
    registry.files["/@x/pack/1.0.0"] = json.dumps({"dist": {"tarball": registry.url + "/pack.tgz"}}).encode()
    registry.files["/pack.tgz"] = package
    return parse_catalog(catalog_text(package))
