"""Which model hears a language when there are several."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import models.cli
from models.asr.registry import available, choose, open_recogniser
from models.catalog import load_catalog
from models.errors import EngineUnavailable, ModelDamaged, ModelMissing
from models.store import Store

from .test_vosk_folder import STATIC, make


def install(name: str, data: Path) -> None:
    """A model as far as the store can tell without reading it."""
    store = Store()
    folder = store.path(name)
    folder.mkdir(parents=True)
    (folder / "weights").write_text("x")
    store.write_manifest(folder, name, "test", load_catalog().get(name).recipe)


def chosen(language: str, engine: str = "auto", folders: dict[str, Path] | None = None) -> str:
    found = choose(load_catalog(), Store(), language, engine, folders or {})
    return str(found) if isinstance(found, Path) else found.name


def test_installed_wins_over_not_installed_and_big_over_small(data: Path) -> None:
    assert chosen("es") == "moonshine-base-es"
    install("vosk-model-small-es-0.42", data)
    assert chosen("es") == "vosk-model-small-es-0.42"
    install("vosk-model-es-0.42", data)
    assert chosen("es") == "vosk-model-es-0.42"
    install("moonshine-base-es", data)
    assert chosen("es") == "moonshine-base-es"
    assert chosen("es", "vosk") == "vosk-model-es-0.42"
    assert chosen("en") == "moonshine-base-en", "the other language is chosen apart"


def test_within_english_the_catalogue_ranks_by_size(data: Path) -> None:
    ranked = ["vosk-model-en-us-0.22", "vosk-model-en-us-0.22-lgraph", "vosk-model-small-en-us-0.15"]
    for name in reversed(ranked):
        install(name, data)
        assert chosen("en", "vosk") == name


def test_a_folder_of_ones_own_wins_unless_the_engine_is_another(data: Path) -> None:
    install("moonshine-base-es", data)
    own = {"es": data / "mine"}
    assert chosen("es", "auto", own) == chosen("es", "vosk", own) == str(data / "mine")
    assert chosen("es", "moonshine", own) == "moonshine-base-es"
    assert chosen("en", "auto", own) == "moonshine-base-en"


def test_what_is_missing_is_something_that_can_be_fetched(data: Path) -> None:
    with pytest.raises(ModelMissing, match=r"apuntador models fetch vosk-model-small-es-0\.42"):
        open_recogniser("es", engine="vosk")
    with pytest.raises(EngineUnavailable, match=r"Download https://.*/vosk-model-es-0\.42\.zip"):
        open_recogniser("es", model="vosk-model-es-0.42")


def test_a_folder_that_is_no_model_is_refused_before_vosk_sees_it(data: Path) -> None:
    with pytest.raises(ModelMissing, match="none does not exist"):
        open_recogniser("es", vosk_models={"es": data / "none"})
    (data / "empty").mkdir(parents=True)
    with pytest.raises(ModelDamaged, match=r"am/final\.mdl"):
        open_recogniser("es", vosk_models={"es": data / "empty"})
    with pytest.raises(ModelMissing, match="silero-vad"):
        open_recogniser("es", vosk_models={"es": make(data / "whole", STATIC)})


def test_available_needs_the_needs(data: Path) -> None:
    install("vosk-model-small-es-0.42", data)
    assert available() == ()
    install("silero-vad", data)
    assert [a.name for a in available()] == ["vosk-model-small-es-0.42"]


def test_the_list_says_what_is_in_use(data: Path, tmp_path: Path) -> None:
    for name in ("moonshine-base-es", "vosk-model-small-es-0.42", "vosk-model-small-en-us-0.15"):
        install(name, data)
    own = make(tmp_path / "own", STATIC)
    settings = SimpleNamespace(
        models_path=data / "models", asr=SimpleNamespace(engine="auto", vosk_models={"en": own, "es": tmp_path / "no"})
    )
    listed = CliRunner().invoke(models.cli.app, ["list", "--json"], obj=settings)
    assert listed.exit_code == 0, listed.output
    entries = json.loads(listed.stdout)
    assert {e["path"] for e in entries if e["used"]} == {str(own), str(tmp_path / "no")}
    assert {e["state"] for e in entries if e["used"]} == {"folder", "unusable"}
    settings.asr = SimpleNamespace(engine="vosk", vosk_models={})
    table = CliRunner().invoke(models.cli.app, ["list"], obj=settings).stdout
    used = [line.split()[0] for line in table.splitlines() if "installed, in use" in line]
    assert used == ["vosk-model-small-es-0.42", "vosk-model-small-en-us-0.15"]
