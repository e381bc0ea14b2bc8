"""Open the installed sentence encoders."""

from __future__ import annotations

from pathlib import Path

from models.catalog import load_catalog
from models.store import Store
from models.text.encoder import E5Encoder, ParaphraseEncoder


def open_paraphrase(models_dir: Path | None = None, *, threads: int = 1) -> ParaphraseEncoder:
    """The encoder for short lines, ready to use.

    models_dir: as in `models.store.models_dir`. Raises `ModelMissing` (says what to fetch), `ModelDamaged`.
    """
    encoder = ParaphraseEncoder(_folder(E5Encoder.name, models_dir), threads=threads)
    encoder.encode(["."])  # the first run allocates; better now than in a caller's first word
    return encoder


def open_e5(models_dir: Path | None = None, *, threads: int = 1) -> E5Encoder:
    """The encoder for finding passages, ready to use. As :func:`open_paraphrase`."""
    encoder = E5Encoder(_folder(E5Encoder.name, models_dir), threads=threads)
    encoder.encode(["."])
    return encoder


def _folder(name: str, models_dir: Path | None) -> Path:
    return Store(models_dir).require(name, recipe=load_catalog().get(name).recipe)
