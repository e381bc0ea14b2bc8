"""The writers of finals, one per language, from the settings."""

from collections.abc import Mapping

from assist.config import Settings
from assist.events import Language
from assist.text.polish import Polisher, polisher
from assist.text.vocabulary import load_vocabulary


def load_polishers(settings: Settings) -> Mapping[Language, Polisher]:
    """Names from the vocabulary files, separators as set.

    Raises:
        ConfigError: a vocabulary file can't be read or has a bad line; the message names file, line and remedy.
    """
    vocabulary = load_vocabulary(settings.asr.vocabulary)
    formats = {"es": settings.asr.spanish_numbers, "en": settings.asr.english_numbers}
    return {language: polisher(language, words, formats[language]) for language, words in vocabulary.items()}
