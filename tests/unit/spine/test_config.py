"""Settings: what is wrong is named with its file, key and remedy."""

from pathlib import Path

import pytest

from assist import config
from assist.errors import ConfigError


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APUNTADOR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("APUNTADOR_CONFIG", raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text)
    return path


def test_defaults_are_on_loopback_and_in_the_data_directory(tmp_path: Path) -> None:
    settings = config.load()
    assert settings.gateway.bind == settings.hub.bind == "127.0.0.1"
    assert settings.store_url == f"sqlite:///{tmp_path / 'data' / 'cases.db'}"
    assert settings.models_path == tmp_path / "data" / "models"
    assert settings.trunk[0].allow == ("127.0.0.0/8",)


def test_a_file_and_the_environment_which_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "[hub]\nport = 9000\n[gateway]\nworkers = 4\n")
    monkeypatch.setenv("APUNTADOR_HUB__PORT", "9100")
    settings = config.load(path)
    assert settings.hub.port == 9100
    assert settings.gateway.workers == 4


def test_the_file_in_the_working_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "apuntador.toml").write_text('language = "en"\n')
    assert config.load().language == "en"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "unknown key colour"),
        ("[hub]\nprot = 1", r"unknown key hub\.prot"),
        ("[hub]\nport = 99999", r"hub\.port"),
        ("[hub\n", "not TOML"),
        ('[[trunk]]\nname = "t"\nagent = "nobody"', "routes to agent 'nobody'"),
        ('[[trunk]]\nname = "t"\nagent = "agent"\nallow = ["x"]', r"trunk\.0\.allow"),
        ('[[agent]]\nid = "a"\nsip = "ana@host"', "SIP URI"),
        ('[[agent]]\nid = "agent"\nsip = "sip:a@h"\n[[agent]]\nid = "agent"\nsip = "sip:b@h"', "same id"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as caught:
        config.load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        config.load(tmp_path / "none.toml")


def test_the_reference_names_every_key() -> None:
    text = config.reference()
    for section in ("nats", "gateway", "asr", "hub", "store", "log"):
        for key, field in config.Settings.model_fields[section].annotation.model_fields.items():  # type: ignore[union-attr]
            assert f"| `{key}` |" in text
            assert field.description, f"{section}.{key} has no docstring"
