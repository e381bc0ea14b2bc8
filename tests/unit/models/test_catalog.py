from __future__ import annotations

import re
from pathlib import Path

import pytest

import models.catalog
from models.catalog import load_catalog, parse_catalog
from models.errors import CatalogError, UnknownModel

from .conftest import catalog_text

GOOD = catalog_text(b"x")


def test_the_shipped_catalogue_is_complete() -> None:
    catalog = load_catalog()
    names = {m.name for m in catalog.models}
    assert {"moonshine-tiny-en", "moonshine-base-en", "moonshine-base-es", "vosk-model-es-0.42"} <= names
    for model in catalog.models:
        assert model.licence
        for file in model.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.size > 0
    for name in catalog.default:
        assert catalog.get(name).status == "ready"


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_spanish_licence_is_said_in_both_languages(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APUNTADOR_LANG", language)
    note = load_catalog().get("moonshine-base-es").licence_note
    for fact in ("1 mill", "Powered by Moonshine AI", "vosk-model-small-es-0.42"):
        assert fact in note


def test_no_registry_is_named() -> None:
    for file in Path(models.catalog.__file__).parent.rglob("*"):
        if file.suffix in (".py", ".toml"):
            assert not re.search(r"registry\.npmjs|pypi\.org|pythonhosted", file.read_text())


def test_needs_are_followed_and_defaults_narrowed_by_language() -> None:
    catalog = load_catalog()
    assert [m.name for m in catalog.closure(["moonshine-tiny-en"])] == [
        "moonshine-tiny-en",
        "silero-vad",
        "tokenizer-llama-32k",
    ]
    assert catalog.defaults(["es"]) == (
        "moonshine-base-es",
        "silero-vad",
        "tokenizer-llama-32k",
        "e5-small-es-en",
    )


def test_an_unknown_name_says_where_to_look() -> None:
    with pytest.raises(UnknownModel, match="apuntador models list"):
        load_catalog().get("nope")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "asr"', 'kind = "tts"', "kind"),
        ('name = "a.bin"', 'name = "../a.bin"', "plain name"),
        ('needs = ["two"]', 'needs = ["three"]', "three"),
        ('name = "two"', 'name = "one"', "duplicate"),
        ('licence = "MIT"', "", "licence"),
        ('status = "manual"', "", "integrity"),
        ('type = "vosk"', 'type = "none"', "source.type"),
        ('type = "vosk"', 'type = "pypi"', "needs files"),
        ("default =", "default", "line"),
    ],
)
def test_mistakes_are_named(old: str, new: str, says: str) -> None:
    assert parse_catalog(GOOD)
    with pytest.raises(CatalogError, match=says):
        parse_catalog(GOOD.replace(old, new, 1))
