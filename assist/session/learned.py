"""The models of next actions that ``apuntador playbook learn`` wrote: one file a version, the newest counts."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from assist.config import Settings
from assist.decide.kit import SentenceEncoder
from assist.decide.next_action import NextActions
from assist.decide.playbook import Playbook
from assist.decide.taxonomy import Taxonomy
from assist.errors import ConfigError
from assist.events import Language
from models.text.linear import LinearFileError
from models.text.next_action import NextActionModel

_NAME: Final = re.compile(r"next-actions\.(es|en)\.(\d{4,})\.npz")


def versions(folder: Path, language: Language) -> list[tuple[int, Path]]:
    """Version and file of each, the oldest first."""
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return sorted((int(match[2]), path) for match, path in found if match[1] == language)


def load_learned(settings: Settings, language: Language) -> NextActionModel | None:
    """The newest model of a language; None where nothing was learnt.

    Raises:
        ConfigError: the file is damaged or can't be read.
    """
    known = versions(settings.learned_path, language)
    if not known:
        return None
    path = known[-1][1]
    try:
        return NextActionModel.load(path)
    except LinearFileError as err:
        raise ConfigError(f"{path}: {err}; remove it (the version before it is used then) or learn again") from None
    except OSError as err:
        raise ConfigError(f"{path} can't be read ({err.strerror}); check its permissions") from None


def save_learned(model: NextActionModel, settings: Settings, language: Language) -> Path:
    """Write ``model`` as the next version, readable by its owner only; the file's path.

    Raises:
        ConfigError: the folder can't be written.
    """
    folder = settings.learned_path
    known = versions(folder, language)
    path = folder / f"next-actions.{language}.{(known[-1][0] if known else 0) + 1:04d}.npz"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        model.linear.save(part, model.about)
        part.replace(path)
    except OSError as err:
        raise ConfigError(f"{folder}: {err.strerror}; name another folder with [playbook] learned") from None
    return path


def next_cards(
    settings: Settings, playbook: Playbook, encoder: SentenceEncoder | None, taxonomies: Sequence[Taxonomy] = ()
) -> NextActions:
    """What tells which card comes next: the playbook, and what was learnt where something was.

    Raises:
        ConfigError: what was learnt can't be read.
    """
    everyday = [line for taxonomy in taxonomies for line in taxonomy.background or ()]
    encode = encoder.encode if encoder is not None else None
    return NextActions(playbook, encode, load_learned(settings, playbook.language), everyday)
