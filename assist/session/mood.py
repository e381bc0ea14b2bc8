"""The mood model for the deciders: the trained one, or a list of words where that can't be opened."""

from typing import Final

import structlog

from assist.decide.kit import Feeling, SentimentModel
from assist.decide.lexicon import LexiconBaseline
from assist.decide.sentiment import score_of
from assist.events import Language
from models.errors import ModelsError
from models.text.sentiment import MoodModel

_REMEMBERED: Final = 256

log = structlog.get_logger(__name__)


class TrainedMood:
    """`MoodModel` as the deciders want it. It remembers the lines read last, for they are asked for again and again."""

    def __init__(self, model: MoodModel) -> None:
        self.name = model.name
        self._model = model
        self._read: dict[str, Feeling] = {}

    def read(self, text: str, language: Language) -> Feeling:
        """The model knows both languages; ``language`` is not needed."""
        known = self._read.get(text)
        if known is None:
            if len(self._read) >= _REMEMBERED:
                self._read.pop(next(iter(self._read)))
            known = self._read[text] = self._model.read(text)
        return known

    def score(self, text: str, language: Language) -> float:
        """See `score_of`."""
        return score_of(self.read(text, language))


def open_mood() -> SentimentModel:
    """The packaged model; the list of words, and a warning in the log, where it is missing or damaged."""
    try:
        return TrainedMood(MoodModel.open())
    except ModelsError as error:
        log.warning("mood.fallback", model=LexiconBaseline.name, reason=str(error))
        return LexiconBaseline()
