"""Playbooks from disk: the settings' files, the packaged examples for the languages they leave out."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from assist.config import Settings
from assist.decide import priors
from assist.decide.playbook import Playbook, parse
from assist.decide.playbook.read import MOST_BYTES
from assist.decide.priors import CardPrior
from assist.errors import ConfigError
from assist.events import Language
from assist.session.files import read_small


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


def load_priors(settings: Settings) -> Mapping[str, CardPrior]:
    """What agents did with each card so far; nothing where no file is named.

    Raises:
        ConfigError: the file can't be read or is no such file.
    """
    path = settings.playbook.feedback
    if path is None:
        return {}
    return priors.load(read_small(path, "feedback", "[playbook] feedback", MOST_BYTES), str(path))


def read_playbook(path: Path) -> Playbook:
    """The playbook in a file.

    Raises:
        ConfigError: it can't be read or is no valid playbook; the message names file, line and remedy.
    """
    return parse(read_small(path, "playbook", "[playbook] files", MOST_BYTES), str(path))


def packaged_playbook(language: Language) -> Playbook:
    """The example that comes with the product."""
    resource = resources.files("assist.playbooks").joinpath(f"{language}.yaml")
    return parse(resource.read_text(encoding="utf-8"), f"assist/playbooks/{language}.yaml")
