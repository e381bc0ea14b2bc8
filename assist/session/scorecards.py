"""Scorecards from disk: the settings' files, the packaged card for the languages they leave out."""

from collections.abc import Mapping
from pathlib import Path

from assist.config import Settings
from assist.decide.playbook import Playbook
from assist.decide.playbook.read import MOST_BYTES
from assist.decide.score import Scorecard, packaged_card, parse_card
from assist.errors import ConfigError
from assist.events import Language
from assist.session.files import read_small


def load_scorecards(settings: Settings, playbooks: Mapping[Language, Playbook]) -> Mapping[Language, Scorecard]:
    """One card per language; its rules are those of the language's playbook.

    Raises:
        ConfigError: a file can't be read or is no valid card, or two files serve the same language.
    """
    named: dict[Language, Scorecard] = {}
    for path in settings.scorecard.files:
        card = read_scorecard(path)
        if card.language in named:
            raise ConfigError(f"{path}: another card serves language {card.language!r} already; keep one of the two")
        playbook = playbooks.get(card.language)
        rules = frozenset(rule.id for rule in playbook.rules) if playbook is not None else None
        named[card.language] = read_scorecard(path, rules)
    packaged: tuple[Language, ...] = ("es", "en")
    return {language: named.get(language) or packaged_card(language) for language in packaged}


def read_scorecard(path: Path, known_rules: frozenset[str] | None = None) -> Scorecard:
    """The card in a file.

    Raises:
        ConfigError: it can't be read or is no valid card; the message names file, line and remedy.
    """
    text = read_small(path, "scorecard", "[scorecard] files", MOST_BYTES)
    return parse_card(text, str(path), known_rules=known_rules)
