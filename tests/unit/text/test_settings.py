"""The vocabulary and the separators from the settings file to the writer of finals."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from assist.cli.main import app
from assist.config import load
from assist.errors import ConfigError
from assist.transcriber.polishing import load_polishers


def settings_file(tmp_path: Path, terms: str) -> Path:
    names = tmp_path / "names.txt"
    names.write_text(terms, encoding="utf-8")
    path = tmp_path / "apuntador.toml"
    path.write_text(f'[asr]\nvocabulary = ["{names}"]\nspanish_numbers = "1,234.5"\n', encoding="utf-8")
    return path


def test_settings_reach_the_writer(tmp_path: Path) -> None:
    polishers = load_polishers(load(settings_file(tmp_path, "Hogar Plus\n")))
    assert polishers["es"].polish("El hogar plush cuesta mil quinientos pesos.").text == "El Hogar Plus cuesta $1,500."
    assert polishers["en"].polish("Fifteen hundred dollars.").text == "$1,500."


def test_check_names_the_bad_line(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "Hogar Plus\n= nada\n")
    with pytest.raises(ConfigError, match=r"names\.txt, line 2"):
        load_polishers(load(path))
    result = CliRunner().invoke(app, ["--config", str(path), "check"])
    assert result.exit_code != 0
    assert isinstance(result.exception, ConfigError)
    good = CliRunner().invoke(app, ["--config", str(settings_file(tmp_path, "Hogar Plus\n")), "check"])
    assert good.exit_code == 0, good.output
