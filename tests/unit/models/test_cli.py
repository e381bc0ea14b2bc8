from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import models.cli
from models.catalog import Catalog
from models.sources import REGISTRY_VARIABLE
from models.strings import EN, ES, ui_language


@pytest.fixture
def run(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(models.cli, "load_catalog", lambda: catalog)
    return lambda *arguments: CliRunner().invoke(models.cli.app, list(arguments))


def test_fetch_says_the_licence_first_and_the_result_last(run, data: Path) -> None:  # type: ignore[no-untyped-def]
    result = run("fetch", "--yes")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0] == "one: licence Community. Read me first."
    assert "100 %" in result.stdout
    assert lines[-1] == f"Installed: one, two (in {data / 'models'})"
    again = run("fetch")
    assert (again.exit_code, again.stdout.count("\n")) == (0, 1)


def test_quiet_is_quiet(run) -> None:  # type: ignore[no-untyped-def]
    result = run("fetch", "-q", "-y")
    assert (result.exit_code, result.output) == (0, "")


def test_list_in_both_forms(run) -> None:  # type: ignore[no-untyped-def]
    run("fetch", "two", "--quiet")
    states = {m["name"]: m["state"] for m in json.loads(run("list", "--json").stdout)}
    assert states == {"one": "available", "two": "installed", "later": "manual"}
    assert "download by hand" in run("list").stdout


def test_verify(run, data: Path) -> None:  # type: ignore[no-untyped-def]
    assert run("verify").exit_code == 1
    run("fetch", "--quiet")
    assert run("verify").exit_code == 0
    assert run("verify", "later").exit_code == 1
    (data / "models/two/b.bin").write_bytes(b"?")
    result = run("verify")
    assert result.exit_code == 1
    assert "one: ok" in result.stdout
    assert "apuntador models fetch two" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("fetch", "nope"), "nope"), (("verify", "nope"), "nope"), (("fetch", "later"), "vosk"), (("fetch", "--x"), "--x"),
     (("fetch", "--language", "fr"), "fr")],
)  # fmt: skip
def test_wrong_usage_is_2(run, arguments: tuple[str, ...], says: str) -> None:  # type: ignore[no-untyped-def]
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_offline_is_3(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(REGISTRY_VARIABLE, "http://127.0.0.1:9")
    result = run("fetch", "-y")
    assert result.exit_code == 3
    assert "copy the folder" in result.stderr


def test_both_languages_say_the_same_things() -> None:
    import string

    def slots(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert ES.keys() == EN.keys()
    assert {k: slots(v) for k, v in ES.items()} == {k: slots(v) for k, v in EN.items()}


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"APUNTADOR_LANG": "en"}, "en"), ({"LANG": "en_GB.UTF-8"}, "en"), ({"LANG": "es_MX.UTF-8"}, "es"),
     ({"LANG": "C.UTF-8"}, "es"), ({}, "es"), ({"APUNTADOR_LANG": "es", "LANG": "en_US"}, "es")],
)  # fmt: skip
def test_the_language_is_chosen_by_the_environment(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APUNTADOR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ui_language() == language
