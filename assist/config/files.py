"""Where settings come from: the file, the environment, and files of secrets."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assist.config.checks import cross_check
from assist.config.settings import Settings
from assist.errors import ConfigError


def find_config(explicit: Path | None = None) -> Path | None:
    """The settings file that counts, or None for the defaults.

    Raises:
        ConfigError: the file that was asked for does not exist.
    """
    named = explicit or (Path(os.environ["APUNTADOR_CONFIG"]) if os.environ.get("APUNTADOR_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"settings file {named} does not exist")
        return named
    for candidate in (Path("apuntador.toml"), Path("/etc/apuntador/apuntador.toml")):
        if candidate.is_file():
            return candidate
    return None


def load(explicit: Path | None = None) -> Settings:
    """Read and check the settings.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, or a wrong value; the message names file, key and remedy.
    """
    path = find_config(explicit)
    data: dict[str, Any] = {}
    where = str(path) if path else "the environment"
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as err:
            raise ConfigError(f"{path}: not TOML: {err}") from None
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"{path}: can't be read: {err}") from None
    try:
        settings = Settings(**data)
    except ValidationError as err:
        raise ConfigError(f"{where}: {_explain(err)}") from None
    if "trunk" not in settings.model_fields_set and "agent" in settings.model_fields_set:
        # The default trunk is for the default agent; who has agents of their own and no trunk takes no SIP calls.
        settings = settings.model_copy(update={"trunk": ()})
    cross_check(settings, where)
    settings._file = path
    return settings


def _explain(err: ValidationError) -> str:
    lines = []
    for item in err.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {key}; every key is in docs/configuration.md")
        else:
            lines.append(f"{key}: {item['msg']}")
    return "; ".join(lines)


def read_secret(reference: str) -> str:
    """The secret at ``file:/path`` or ``env:NAME``, without white space around it.

    Raises:
        ConfigError: there is none, or it is empty.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
    else:
        try:
            value = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"secret {reference}: can't be read: {getattr(err, 'strerror', err)}") from None
    if not value.strip():
        raise ConfigError(f"secret {reference}: there is nothing in it")
    return value.strip()
