"""Playbooks from disk: the settings' files, the packaged examples for the languages they leave out."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from assist.config import Settings
from assist.decide.playbook import Playbook, parse
from assist.errors import ConfigError
from assist.events import Language


def load_playbooks(settings: Settings) -> Mapping[Language, Playbook]:
    """One playbook per language.

    Raises:
        ConfigError: a file can't be read or is no valid playbook, or two files serve the same language.
    """
    named: dict[Language, Playbook] = {}
    origin: dict[Language, Path] = {}
    for path in settings.playbook.files:
        playbook = read_playbook(path)
        if playbook.language in named:
            other = origin[playbook.language]
            raise ConfigError(f"{path}: {other} serves language {playbook.language!r} already; keep one of the two")
        named[playbook.language] = playbook
        origin[playbook.language] = path
    packaged: tuple[Language, ...] = ("es", "en")
    return {language: named.get(language) or packaged_playbook(language) for language in packaged}


def read_playbook(path: Path) -> Playbook:
    """The playbook in a file.

    Raises:
        ConfigError: it can't be read or is no valid playbook; the message names file, line and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"playbook {path} can't be read: {err}; correct [playbook] files") from None
    return parse(text, str(path))


def packaged_playbook(language: Language) -> Playbook:
    """The example that comes with the product."""
    resource = resources.files("assist.playbooks").joinpath(f"{language}.yaml")
    return parse(resource.read_text(encoding="utf-8"), f"assist/playbooks/{language}.yaml")
