"""Which recogniser to open for a language, and which are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.asr.types import Recogniser
from models.catalog import Catalog, Model, load_catalog
from models.errors import EngineUnavailable, UnknownLanguage, UnknownModel
from models.store import Store
from models.strings import say

ENGINES: Final = ("auto", "moonshine", "vosk")
LANGUAGES: Final = ("es", "en")
VAD: Final = "silero-vad"
TOKENIZER: Final = "tokenizer-llama-32k"


@dataclass(frozen=True, slots=True)
class Available:
    """A recogniser model that could be opened now."""

    name: str
    engine: str
    language: str
    licence: str


def available(models_dir: Path | None = None) -> tuple[Available, ...]:
    """The installed recogniser models whose engine is ready and whose needs are installed, best first."""
    catalog, store = load_catalog(), Store(models_dir)
    return tuple(
        Available(m.name, m.engine, m.language, m.licence)
        for m in catalog.models
        if m.kind == "asr"
        and m.status == "ready"
        and all(_installed(store, catalog.get(n)) for n in (m.name, *m.needs))
    )


def open_recogniser(
    language: str,
    *,
    engine: str = "auto",
    model: str | None = None,
    models_dir: Path | None = None,
    threads: int = 1,
    partial: float = 0.32,
) -> Recogniser:
    """Load a recogniser for `language` ("es" | "en"); about a second and 400 MB for a base model.

    engine: "auto", "moonshine" or "vosk". model: a catalogue name; without it the best installed one is taken.
    models_dir: as in `models.store.models_dir`. threads: of onnxruntime; one per core-sized worker is the fastest use.
    partial: seconds of new speech between partials.
    Raises `UnknownLanguage`, `UnknownModel`, `EngineUnavailable`, `ModelMissing` (says what to fetch), `ModelDamaged`.
    """
    if language not in LANGUAGES:
        what = say("language.what", language=language)
        raise UnknownLanguage(what, do=say("language.do", known=", ".join(LANGUAGES)))
    if engine not in ENGINES:
        what = say("engine.unknown.what", engine=engine)
        raise EngineUnavailable(what, do=say("engine.unknown.do", known=", ".join(ENGINES)))
    store = Store(models_dir)
    chosen = _choose(load_catalog(), store, language, engine, model)
    if chosen.engine == "vosk":
        # Imported where it is opened: an engine's libraries load only when it is used.
        from models.asr.vosk import open_vosk

        open_vosk(chosen.name)
    return _open_moonshine(store, chosen, threads, partial)


def _choose(catalog: Catalog, store: Store, language: str, engine: str, name: str | None) -> Model:
    if name is not None:
        model = catalog.get(name)
        if model.kind != "asr" or model.language != language:
            raise UnknownModel(say("unknown.what", name=f"{name} ({language})"), do=say("unknown.do"))
        return model
    # Catalogue order is order of preference.
    fitting = [
        m
        for m in catalog.models
        if m.kind == "asr"
        and m.language == language
        and (m.engine == engine or (engine == "auto" and m.status == "ready"))
    ]
    if not fitting:
        what = say("language.what", language=language)
        raise EngineUnavailable(what, where=engine, do=say("engine.unknown.do", known="auto"))
    return next((m for m in fitting if _installed(store, m)), fitting[0])


def _installed(store: Store, model: Model) -> bool:
    return store.is_installed(model.name, model.recipe)


def _open_moonshine(store: Store, model: Model, threads: int, partial: float) -> Recogniser:
    from models.asr.moonshine import MoonshineDecoder, MoonshineRecogniser
    from models.asr.stream import StreamConfig
    from models.asr.vad import SileroModel

    folder = store.require(model.name, model.language, model.recipe)
    tokenizer = store.require(TOKENIZER, model.language) / "tokenizer.json"
    vad = SileroModel(store.require(VAD, model.language) / "silero_vad.onnx")
    decoder = MoonshineDecoder(folder, tokenizer, threads=threads)
    decoder.decode(np.zeros(16000, np.float32))  # the first run allocates; better now than in a caller's first word
    return MoonshineRecogniser(model.name, model.language, decoder, vad, StreamConfig(partial=partial))
