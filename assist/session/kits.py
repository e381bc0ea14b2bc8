"""The deciders' tools, put together from the settings: the one place where a playbook meets the models."""

from collections.abc import Mapping

from assist.config import Settings
from assist.decide.kit import ArticleCards, Kit, SentenceEncoder, SentimentModel
from assist.decide.playbook import Playbook
from assist.events import Language
from assist.session.learned import next_cards
from assist.session.playbooks import load_priors
from assist.session.scorecards import load_scorecards
from assist.session.taxonomies import load_taxonomies
from assist.session.wordings import open_bank
from assist.text.style import NumberFormat


def make_kits(
    settings: Settings,
    playbooks: Mapping[Language, Playbook],
    *,
    sentiment: SentimentModel,
    meaning: SentenceEncoder | None,
) -> dict[Language, Kit]:
    """A kit for each playbook, compiled and warm: takes a second or two with an encoder, none of it is cached.

    Raises:
        ConfigError: a file that the settings name is wrong.
    """
    priors = load_priors(settings)
    taxonomies = load_taxonomies(settings)
    scorecards = load_scorecards(settings, playbooks)
    bank = open_bank(meaning) if meaning is not None else None
    formats: dict[Language, NumberFormat] = {"es": settings.asr.spanish_numbers, "en": settings.asr.english_numbers}
    return {
        language: Kit(
            playbook,
            sentiment,
            settings.timezone,
            formats[language],
            meaning=meaning,
            bank=bank,
            next_cards=next_cards(settings, playbook, meaning, taxonomies[language]),
            priors=priors,
            taxonomies=taxonomies[language],
            scorecard=scorecards.get(language),
            articles=article_cards(settings),
        ).warm()
        for language, playbook in playbooks.items()
    }


def article_cards(settings: Settings) -> ArticleCards | None:
    """When a passage may be put before an agent; None where there are no articles or nobody wants that."""
    wanted = settings.knowledge
    if wanted.folder is None or not wanted.cards:
        return None
    return ArticleCards(wanted.confidence, wanted.per_call, wanted.priority)
