"""The survey's recordings: packaged ones in Spanish and English, or the company's own."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, get_args

from assist.config import Survey
from assist.errors import ConfigError
from assist.events import Language
from gateway.playout import read_wav

PACKAGED: Final = ("intro", "csat", "nps", "ces", "invalid", "thanks", "goodbye")

Prompts = Mapping[str, list[bytes]]
"""Frames of 20 ms by the recording's name; a question's name is ``question.<id>``."""


def load_prompts(survey: Survey) -> Mapping[Language, Prompts]:
    """All recordings that a survey with these settings may need.

    Raises:
        ConfigError: a recording of the company's own can't be played.
    """
    found: dict[Language, Prompts] = {}
    for language in get_args(Language):
        folder = resources.files(__name__).joinpath(language)
        with resources.as_file(folder) as path:
            prompts = {name: _read(path / f"{name}.wav") for name in PACKAGED}
        for question in survey.question:
            own = question.prompt.get(language)
            prompts[f"question.{question.id}"] = _read(own) if own is not None else prompts[question.kind]
        found[language] = prompts
    return found


def _read(path: Path) -> list[bytes]:
    try:
        return read_wav(path)
    except ValueError as err:
        raise ConfigError(f"survey recording {err}") from None
