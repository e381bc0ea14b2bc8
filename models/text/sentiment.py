"""The mood of one line: sentiment, emotion, how strong, how urgent, how much trouble. docs/models/sentiment-card.md

A fine-tuned multilingual E5-small (int8, onnxruntime) whose sentiment is mixed with a linear n-gram model's. Both were
trained by `models.train.sentiment` and are part of the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import EngineError, ModelDamaged, ModelMissing
from models.strings import say
from models.text.ngrams import NgramScorer

FOLDER: Final = Path(__file__).parents[1] / "data" / "sentiment"
FILES: Final = ("encoder.onnx", "tokenizer.json", "ngrams.npz", "model.json")
PREFIX: Final = "query: "
"""What E5 wants before a text that is not a passage."""
MAX_TOKENS: Final = 48
"""About thirty words. Of a longer turn its end is read: that is how its speaker feels now."""
_MAX_CHARACTERS: Final = 360
"""More than `MAX_TOKENS` hold; what is before them need not be cut into tokens."""
EMOTIONS: Final = ("frustration_anger", "worry_sadness", "joy_relief", "neutral")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feeling:
    """Probabilities. ``negative``, ``neutral`` and ``positive`` add up to 1, ``emotions`` (keys: `EMOTIONS`) too.

    ``intensity``, ``urgency`` and ``effort`` go from 0 to 1; from 0.5 on a line counts as strong, as pressing, as one
    that tells of trouble.
    """

    negative: float
    neutral: float
    positive: float
    emotions: Mapping[str, float]
    intensity: float
    urgency: float
    effort: float


NOTHING: Final = Feeling(0.0, 1.0, 0.0, {name: float(name == "neutral") for name in EMOTIONS}, 0.0, 0.0, 0.0)
"""Of a line without a word."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How the two models' logits become probabilities; chosen on the development sets.

    ``share`` is the encoder's in the sentiment's logarithms, the temperatures divide logits (Guo et al., On
    Calibration of Modern Neural Networks, 2017). A slope and an offset for each flag put 0.5 where its F1 is best.
    """

    share: float
    sentiment_temperature: float
    emotion_temperature: float
    flag_slopes: Sequence[float] = (1.0, 1.0, 1.0)
    flag_offsets: Sequence[float] = (0.0, 0.0, 0.0)

    def sentiment(self, encoder: Floats, ngrams: Floats) -> Floats:
        """Logits float32 [..., 3] of each -> probabilities of the same shape."""
        mixed = self.share * log_softmax(encoder) + (1 - self.share) * log_softmax(ngrams)
        return softmax(np.asarray(mixed / self.sentiment_temperature, np.float32))

    def emotion(self, encoder: Floats) -> Floats:
        """Logits float32 [..., 4] -> probabilities."""
        return softmax(encoder / self.emotion_temperature)

    def flags(self, encoder: Floats) -> Floats:
        """Logits float32 [..., 3] -> probabilities, each of its own."""
        known = encoder * np.asarray(self.flag_slopes, np.float32) + np.asarray(self.flag_offsets, np.float32)
        return np.asarray(1 / (1 + np.exp(-np.clip(known, -30, 30))), np.float32)


def softmax(x: Floats) -> Floats:
    """Over the last axis."""
    shifted = np.exp(x - x.max(-1, keepdims=True))
    out: Floats = shifted / shifted.sum(-1, keepdims=True)
    return out


def log_softmax(x: Floats) -> Floats:
    """Over the last axis."""
    shifted = x - x.max(-1, keepdims=True)
    out: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return out


class MoodModel:
    """Reads one line at a time, so that a line's numbers do not depend on what was read with it.

    The same text has the same numbers on one machine; across processors they may differ in the third decimal.
    """

    def __init__(self, name: str, session: Any, tokenizer: Any, ngrams: NgramScorer, mixture: Mixture) -> None:
        self.name = name
        self._session, self._tokenizer, self._ngrams, self._mixture = session, tokenizer, ngrams, mixture
        self._lead = len(tokenizer.encode(PREFIX.strip()).ids) - 1

    @classmethod
    def open(cls, folder: Path = FOLDER) -> MoodModel:
        """The packaged model, one thread. Raises `ModelMissing` or `ModelDamaged`."""
        from tokenizers import Tokenizer

        from models.runtime import open_session

        do = say("packaged.do")
        for name in FILES:
            if not (folder / name).is_file():
                raise ModelMissing(say("packaged.missing.what", file=name), where=str(folder), do=do)
        try:
            told = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            mixture = Mixture(**told["mixture"])
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            with np.load(folder / "ngrams.npz", allow_pickle=False) as arrays:
                ngrams = NgramScorer.from_arrays(dict(arrays))
            session = open_session(folder / "encoder.onnx", threads=1)
            model = cls(str(told["name"]), session, tokenizer, ngrams, mixture)
            model.read("hola")
        except Exception as error:  # a damaged file fails in as many ways as there are readers
            reason = error.what if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
            raise ModelDamaged(say("packaged.damaged.what", reason=reason), where=str(folder), do=do) from error
        return model

    def logits(self, text: str) -> tuple[Floats, Floats]:
        """The encoder's float32 [10] (three of sentiment, four of emotion, three flags) and the n-grams' [3]."""
        ids = self._tokenizer.encode(PREFIX + _end(text.strip())).ids
        if len(ids) > MAX_TOKENS:
            ids = ids[: self._lead] + ids[self._lead - MAX_TOKENS :]
        said = np.array([ids], np.int64)
        return self._session.run(None, {"ids": said})[0][0], self._ngrams.logits(text)

    def read(self, text: str) -> Feeling:
        """The mood of ``text``, a line of a transcript in Spanish or English, or both."""
        if not any(ch.isalpha() for ch in text[-_MAX_CHARACTERS:]):
            return NOTHING
        encoder, ngrams = self.logits(text)
        negative, neutral, positive = self._mixture.sentiment(encoder[:3], ngrams).tolist()
        emotions = dict(zip(EMOTIONS, self._mixture.emotion(encoder[3:7]).tolist(), strict=True))
        intensity, urgency, effort = self._mixture.flags(encoder[7:]).tolist()
        return Feeling(negative, neutral, positive, emotions, intensity, urgency, effort)


def _end(text: str) -> str:
    if len(text) <= _MAX_CHARACTERS:
        return text
    cut = text[-_MAX_CHARACTERS:]
    return cut.partition(" ")[2] or cut
