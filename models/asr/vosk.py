"""Vosk (Kaldi) on the CPU: a decoder that takes audio as it comes, with word times and confidences.

Source: vosk-api 0.3.45 (Apache-2.0). Text has neither punctuation nor capitals. A model is loaded once and shared by
its legs; each leg has a `KaldiRecognizer`.

Results depend on the audio only. Two habits of Kaldi stand against that and are taken away: random dither is replaced
by the same noise every time, and audio goes in in steps of a fixed length, because silence weighting and Vosk's own
endpoints look at the audio whenever a step ends.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from models.asr.recogniser import VadRecogniser
from models.asr.stream import Hypothesis
from models.asr.types import Word
from models.asr.vad import SileroModel
from models.asr.vosk_folder import VoskFolder, inspect
from models.asr.vosk_probe import probe
from models.errors import BadPhrase, EngineUnavailable, ModelDamaged
from models.strings import say

_RATE: Final = 16000  # of the audio handed over
_STEP: Final = 800  # samples per step: 50 ms
_EDGE: Final = 320  # samples at the end that resampling to 16 kHz may still change
_SAME: Final = 1e-3  # largest difference between two renderings of the same audio
_NOISE: Final = 1 << 16  # samples of noise before it repeats; standard deviation 1, as Kaldi's dither
_QUIET: Final = -2  # Kaldi's warnings and its account of loading stay off standard error
_UNKNOWN: Final = ("[unk]", "<unk>", "<UNK>")
_NO_WORD: Final = re.compile(r"\[[A-Za-z_]+\]|<[^<>]+>|![A-Z]+")  # [unk], [noise], <UNK>, !SIL

FloatArray = NDArray[np.float32]


class VoskModel:
    """A loaded model, for any number of legs and threads. Raises `EngineUnavailable`, `ModelDamaged`."""

    def __init__(self, folder: VoskFolder) -> None:
        self.folder = folder
        self.noise = np.random.default_rng(0).standard_normal(_NOISE).astype(np.float32)
        self._vosk = _library()
        with _without_dither(folder) as path:
            try:
                self._model = self._vosk.Model(str(path))
            except Exception as error:  # vosk raises bare Exception
                raise _broken(folder, error) from error

    def knows(self, word: str) -> bool:
        """Whether the model can ever write `word`."""
        return int(self._model.vosk_model_find_word(word)) >= 0

    def recogniser(self, phrases: Sequence[str] = ()) -> Any:
        """A new `KaldiRecognizer`. `phrases`: hear nothing but the words of these.

        Raises `BadPhrase` (a word the model does not know), `EngineUnavailable` (its graph is static).
        """
        arguments = [self._model, self.folder.sample_rate]
        if phrases:
            arguments.append(self._grammar(phrases))
        try:
            recogniser = self._vosk.KaldiRecognizer(*arguments)
        except Exception as error:
            raise _broken(self.folder, error) from error
        recogniser.SetWords(True)
        recogniser.SetPartialWords(True)
        return recogniser

    def _grammar(self, phrases: Sequence[str]) -> str:
        where = self.folder.path.name
        if not self.folder.dynamic:
            raise EngineUnavailable(say("vosk.static.what"), where=where, do=say("vosk.static.do"))
        strange = sorted({word for phrase in phrases for word in phrase.split() if not self.knows(word)})
        if strange:
            what = say("vosk.phrase.what", words=", ".join(strange))
            raise BadPhrase(what, where=where, do=say("vosk.phrase.do"))
        unknown = [symbol for symbol in _UNKNOWN if self.knows(symbol)][:1]
        return json.dumps([*phrases, *unknown], ensure_ascii=False)


class VoskLeg:
    """`models.asr.stream.LegDecoder` of one leg."""

    def __init__(self, model: VoskModel, phrases: Sequence[str] = ()) -> None:
        self._model = model
        self._rate = model.folder.sample_rate
        self._recogniser = model.recogniser(phrases)
        self._before = 0  # samples at the model's rate that went in for earlier utterances
        self._begin()

    def hear(self, audio: FloatArray, *, paused: bool) -> Hypothesis:
        """Text of the open utterance so far: float32 [n] in -1..1 at 16 kHz. Only what is new is decoded."""
        self._follow(audio)
        self._advance(audio, (audio.size - _EDGE) // _STEP * _STEP)
        partial = self._json(self._recogniser.PartialResult()).get("partial_result", [])
        return _hypothesis([*self._words, *self._timed(partial)], audio.size / _RATE)

    def finish(self, audio: FloatArray) -> Hypothesis:
        """Final text of an utterance: all its audio. Decodes afresh when `audio` is not what was heard and more."""
        self._follow(audio)
        self._advance(audio, audio.size, last=True)
        words = [*self._words, *self._end()]
        return _hypothesis(words, audio.size / _RATE)

    def reset(self) -> None:
        self._end()

    def _begin(self) -> None:
        """Nothing is heard of the next utterance yet."""
        self._heard: FloatArray = np.zeros(0, np.float32)
        self._taken = 0  # samples at the model's rate of the open utterance
        self._words: list[Word] = []  # of what Vosk itself has closed within the utterance
        self._resampler = None if self._rate == _RATE else soxr.ResampleStream(_RATE, self._rate, 1, "float32")

    def _end(self) -> list[Word]:
        """Close what is open in the recogniser; its next audio begins afresh, but its clock runs on."""
        words = self._timed(self._json(self._recogniser.FinalResult()).get("result", [])) if self._taken else []
        self._before += self._taken
        self._begin()
        return words

    def _follow(self, audio: FloatArray) -> None:
        """Start again unless `audio` begins with what was heard."""
        heard = self._heard
        if audio.size < heard.size or (heard.size and float(np.abs(audio[: heard.size] - heard).max()) > _SAME):
            self._end()

    def _advance(self, audio: FloatArray, end: int, *, last: bool = False) -> None:
        """Take in `audio` from where it stopped up to `end`, step by step."""
        start = self._heard.size
        if end <= start and not last:
            return
        for k in range(start, end, _STEP):
            step = audio[k : min(k + _STEP, end)]
            if self._resampler:
                step = self._resampler.resample_chunk(step, last=last and k + _STEP >= end)
            self._accept(step)
        self._heard = audio[: max(start, end)].copy()

    def _accept(self, samples: FloatArray) -> None:
        noise = self._model.noise.take(np.arange(self._taken, self._taken + samples.size), mode="wrap")
        pcm = np.clip(np.rint(samples * 32768.0 + noise), -32768, 32767).astype("<i2")
        self._taken += pcm.size
        try:
            closed = self._recogniser.AcceptWaveform(pcm.tobytes())
        except Exception as error:
            raise _broken(self._model.folder, error) from error
        if closed:
            self._words += self._timed(self._json(self._recogniser.Result()).get("result", []))

    def _timed(self, entries: list[dict[str, Any]]) -> list[Word]:
        """Vosk's words on the clock of the utterance."""
        offset = self._before / self._rate
        return [
            Word(e["word"], e["start"] - offset, e["end"] - offset, min(1.0, max(0.0, e["conf"])))
            for e in entries
            if not _NO_WORD.fullmatch(e["word"])
        ]

    @staticmethod
    def _json(text: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(text)
        return result


def open_folder(
    path: Path,
    language: str,
    vad: SileroModel,
    *,
    name: str = "",
    trusted: bool = False,
    phrases: Sequence[str] = (),
) -> VadRecogniser:
    """Load any Vosk model folder; `language` is what its transcripts will say.

    trusted: the files are known to be whole (held against their sums); others are first tried in another process.
    Raises `ModelMissing`, `ModelDamaged`, `EngineUnavailable`, `BadPhrase`.
    """
    folder = inspect(path)
    _library()  # when it is not there, say that and not that the model is damaged
    if not trusted:
        probe(path)
    model = VoskModel(folder)
    leg = VoskLeg(model, phrases)
    leg.finish(np.zeros(_RATE, np.float32))  # the first run allocates; better now than in a caller's first word
    return VadRecogniser(name or path.name, language, lambda: VoskLeg(model, phrases), vad)


def _library() -> Any:
    try:
        import vosk
    except (ImportError, OSError) as error:
        raise EngineUnavailable(say("engine.vosk.what", reason=error), do=say("engine.vosk.do")) from error
    vosk.SetLogLevel(_QUIET)
    return vosk


@contextmanager
def _without_dither(folder: VoskFolder) -> Iterator[Path]:
    """The same model, by symbolic links, with `--dither=0` among its features; good for as long as it loads."""
    options = [
        line for line in folder.features.read_text(errors="replace").splitlines() if not line.startswith("--dither")
    ]
    with tempfile.TemporaryDirectory(prefix="apuntador-vosk-") as scratch:
        copy = Path(scratch)
        for file in folder.path.rglob("*"):
            target = copy / file.relative_to(folder.path)
            if file.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif file == folder.features:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text("\n".join([*options, "--dither=0.0", ""]))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(file.resolve())
        yield copy


def _hypothesis(words: list[Word], seconds: float) -> Hypothesis:
    """Words as a text; times are cut to the audio, confidence is the geometric mean."""
    if not words:
        return Hypothesis((), 0.0)
    inside = tuple(Word(w.text, *_within(w.t0, w.t1, seconds), w.confidence) for w in words)
    confidence = float(np.exp(np.mean(np.log([max(w.confidence, 1e-3) for w in words]))))
    return Hypothesis(inside, confidence)


def _within(t0: float, t1: float, seconds: float) -> tuple[float, float]:
    begin = min(max(0.0, t0), seconds)
    return round(begin, 3), round(min(max(begin, t1), seconds), 3)


def _broken(folder: VoskFolder, error: Exception) -> ModelDamaged:
    what = say("vosk.probe.what", reason=error)
    return ModelDamaged(what, where=str(folder.path), do=say("vosk.folder.do"))
