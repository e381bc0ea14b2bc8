"""Which recogniser to open for a language, and which are there.

The choice for a language, first that fits:
1. a folder that the settings name for it (`asr.vosk_models`), unless engine is "moonshine";
2. the first installed model in catalogue order (with "auto" of any engine). The catalogue lists Moonshine's base
   models first, then Vosk's with the bigger ones in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.catalog import Catalog, Model, load_catalog
from models.errors import EngineUnavailable, UnknownLanguage, UnknownModel
from models.sources import by_hand
from models.store import Store
from models.strings import say

if TYPE_CHECKING:
    from models.asr.recogniser import VadRecogniser

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
    """The installed recogniser models whose needs are installed, best first."""
    catalog, store = load_catalog(), Store(models_dir)
    return tuple(
        Available(m.name, m.engine, m.language, m.licence)
        for m in catalog.models
        if m.kind == "asr" and all(_installed(store, catalog.get(n)) for n in (m.name, *m.needs))
    )


def open_recogniser(
    language: str,
    *,
    engine: str = "auto",
    model: str | None = None,
    models_dir: Path | None = None,
    vosk_models: Mapping[str, Path] | None = None,
    threads: int = 1,
    partial: float = 0.24,
) -> VadRecogniser:
    """Load a recogniser for `language` ("es" | "en"); about a second and 400 MB for a base model.

    engine: "auto", "moonshine" or "vosk". model: a catalogue name; without it the module's rule chooses.
    models_dir: as in `models.store.models_dir`. vosk_models: a Vosk folder of one's own by language.
    threads: of onnxruntime; one per core-sized worker is the fastest use. partial: seconds of new speech between
    partials.
    Raises `UnknownLanguage`, `UnknownModel`, `EngineUnavailable`, `ModelMissing` (says what to fetch), `ModelDamaged`.
    """
    if language not in LANGUAGES:
        what = say("language.what", language=language)
        raise UnknownLanguage(what, do=say("language.do", known=", ".join(LANGUAGES)))
    if engine not in ENGINES:
        what = say("engine.unknown.what", engine=engine)
        raise EngineUnavailable(what, do=say("engine.unknown.do", known=", ".join(ENGINES)))
    store, catalog = Store(models_dir), load_catalog()
    chosen = _named(catalog, language, model) if model else choose(catalog, store, language, engine, vosk_models or {})
    if isinstance(chosen, Path):
        return _open_vosk(store, chosen, language, chosen.name, trusted=False)
    if chosen.engine == "vosk":
        if chosen.status == "manual" and not store.is_installed(chosen.name):
            raise by_hand(catalog, chosen)
        return _open_vosk(store, store.require(chosen.name), language, chosen.name, trusted=True)
    return _open_moonshine(store, chosen, threads, partial)


def choose(catalog: Catalog, store: Store, language: str, engine: str, folders: Mapping[str, Path]) -> Model | Path:
    """What `open_recogniser` would open, installed or not: a catalogue entry or a folder.

    Raises `EngineUnavailable` when the engine has no model of that language at all.
    """
    if engine != "moonshine" and language in folders:
        return folders[language]
    fitting = [m for m in catalog.models if m.kind == "asr" and m.language == language and engine in ("auto", m.engine)]
    if not fitting:
        what = say("language.what", language=language)
        raise EngineUnavailable(what, where=engine, do=say("engine.unknown.do", known="auto"))
    installed = [m for m in fitting if _installed(store, m)]
    return next(iter([*installed, *(m for m in fitting if m.status == "ready"), *fitting]))


def _named(catalog: Catalog, language: str, name: str) -> Model:
    model = catalog.get(name)
    if model.kind != "asr" or model.language != language:
        raise UnknownModel(say("unknown.what", name=f"{name} ({language})"), do=say("unknown.do"))
    return model


def _open_vosk(store: Store, folder: Path, language: str, name: str, *, trusted: bool) -> VadRecogniser:
    # Imported where it is opened: an engine's libraries load only when it is used.
    from models.asr.vad import SileroModel
    from models.asr.vosk import open_folder
    from models.asr.vosk_folder import inspect

    inspect(folder)
    vad = SileroModel(store.require(VAD) / "silero_vad.onnx")
    return open_folder(folder, language, vad, name=name, trusted=trusted)


def _installed(store: Store, model: Model) -> bool:
    return store.is_installed(model.name, model.recipe)


def _open_moonshine(store: Store, model: Model, threads: int, partial: float) -> VadRecogniser:
    from models.asr.moonshine import MoonshineDecoder, MoonshineLeg
    from models.asr.recogniser import VadRecogniser
    from models.asr.stream import StreamConfig
    from models.asr.vad import SileroModel

    folder = store.require(model.name, model.language, model.recipe)
    tokenizer = store.require(TOKENIZER, model.language) / "tokenizer.json"
    vad = SileroModel(store.require(VAD, model.language) / "silero_vad.onnx")
    decoder = MoonshineDecoder(folder, tokenizer, threads=threads)
    decoder.decode(np.zeros(16000, np.float32))  # the first run allocates; better now than in a caller's first word
    config = StreamConfig(partial=partial)
    return VadRecogniser(model.name, model.language, lambda: MoonshineLeg(decoder), vad, config)
