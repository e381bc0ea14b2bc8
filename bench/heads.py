"""Which of a Moonshine decoder's cross-attention heads follow the speech: a ranking for the catalogue.

A decoder graph is written that gives the attention of every head (`models.graphs.moonshine` with all heads, and the
tensor before their mean as a further output). Each sentence is decoded once; then any set of heads is judged by the
word times that the product's own aligner makes of their mean attention. Heads are ranked one by one, then all sets of
`SET` among the best `POOL` are tried. What was chosen is checked on other sentences and voices, and through the
streamed recogniser with graphs written for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from assist.events import Language
from bench.corpus import WIDE, resample
from bench.word_borders import Errors, Said, measure, print_head, print_row, row, time_errors
from models.asr.moonshine import MoonshineDecoder, MoonshineLeg
from models.asr.recogniser import VadRecogniser
from models.asr.registry import TOKENIZER, VAD
from models.asr.vad import SileroModel
from models.asr.words import to_words, trim
from models.catalog import Model
from models.cpu import dot_product
from models.errors import ModelDamaged
from models.graphs.moonshine import graph_names, write_graphs
from models.graphs.published import Published
from models.runtime import open_session
from models.store import Store

SET: Final = 4
POOL: Final = 10
_FILES: Final = ("encoder_model.onnx", "decoder_model_merged.onnx")
_BOS: Final = 1
_MARGIN_S: Final = 0.2
_TAIL_S: Final = 0.2
"""Digital silence behind an utterance, as the product pads finals."""
_WORST_S: Final = 0.4
"""Errors count up to here in a score: a word that is lost is lost, by however much."""

Head = tuple[int, int]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Listened:
    """A decoded sentence. attention: float32 [heads, n + 1, frames], a row for each token and the end; offset: second
    of the sentence at which its audio, float32 [n] at 16 kHz, begins."""

    said: Said
    offset: float
    audio: FloatArray
    tokens: list[int]
    scores: list[float]
    attention: FloatArray


def choose(
    model: Model, published: Path, choosing: Sequence[Said], checking: Sequence[Said], *, models: Path
) -> list[dict[str, Any]]:
    """Rank, choose, check and print; the rows of the check. Raises `ModelsError`."""
    language: Language = "es" if model.language == "es" else "en"
    paths = published / _FILES[0], published / _FILES[1]
    for path in paths:
        if not path.is_file():
            raise ModelDamaged(f"{path.name} is missing", where=str(published), do="give the folder of both graphs")
    shape = Published(paths[1])
    heads = [(layer, head) for layer in range(shape.layers()) for head in range(shape.heads())]
    store = Store(models)
    tokenizer = store.require(TOKENIZER) / "tokenizer.json"
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as name:
        folder = Path(name)
        write_graphs(*paths, folder, heads)
        decoder = MoonshineDecoder(folder, tokenizer)
        every = AllHeads(folder, decoder)
        heard = [[every.listen(sentence) for sentence in half] for half in (choosing, checking)]
        ranking = rank(heard[0], heads, decoder.tokenizer, language)
        print("head      mean error, ms (of begins and ends of words)")
        for score, head in ranking[:POOL]:
            print(f"{list(head)!s:<10}{1000 * score:.0f}")
        best = best_set(heard[0], heads, [head for _, head in ranking[:POOL]], decoder.tokenizer, language)
    sets = {"catalogue": model.alignment_heads, "chosen": best}
    for part, half in zip(("choosing", "checking"), heard, strict=True):
        for kind, chosen in sets.items():
            off = score_of(half, [heads.index(head) for head in chosen], decoder.tokenizer, language)
            print(f"{part}: {kind} {[list(head) for head in chosen]}: mean error {1000 * off:.0f} ms")
    print("checked on other sentences and voices, streamed:")
    print_head()
    rows = []
    for kind, chosen in sets.items():
        errors = streamed(model, paths, chosen, checking, store)
        print_row(language, f"{model.name}, {kind}", errors)
        rows.append(row(language, model.name, errors) | {"heads": [list(head) for head in chosen], "set": kind})
    return rows


class AllHeads:
    """Both graphs of `folder`, which were written for all heads, giving each head's attention apart."""

    def __init__(self, folder: Path, decoder: MoonshineDecoder) -> None:
        encoder, text = graph_names(signed=dot_product())
        self._decoder = decoder
        self._encoder = open_session(folder / encoder, threads=1)
        path = folder / "all-heads.onnx"
        self._tensor = expose_heads(folder / text, path)
        self._text = open_session(path, threads=1)
        self._cross = [output.name for output in self._encoder.get_outputs()]
        self._nothing = {
            i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32)
            for i in self._text.get_inputs()
            if i.name.startswith("past_")
        }

    def listen(self, said: Said) -> Listened:
        """Decode the speech of a sentence as a final is, and look at what it looked at."""
        begin = max(0.0, min(w.t0 for w in said.words if w.t0 is not None) - _MARGIN_S)
        end = max(t for w in said.words for t in (w.t0, w.t1) if t is not None) + _MARGIN_S
        part = said.pcm[round(begin * said.rate) : round(end * said.rate)]
        audio = resample(part, said.rate, WIDE).astype(np.float32) / 32768.0
        padded = np.pad(audio, (0, round(_TAIL_S * WIDE)))
        decoded = self._decoder.decode(padded, beams=3)
        cross = dict(zip(self._cross, self._encoder.run(None, {"audio": padded[None]}), strict=True))
        ids = np.array([[_BOS, *decoded.tokens]])
        (attention,) = self._text.run([self._tensor], {"tokens": ids, **self._nothing, **cross})
        return Listened(said, begin, audio, decoded.tokens, decoded.scores, attention[0])


def expose_heads(graph: Path, path: Path) -> str:
    """Write the decoder graph to `path` with the attention of each of its alignment heads as a further output,
    float32 [B, heads, S, T]; returns its name."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(str(graph))
    made_by = {output: node for node in model.graph.node for output in node.output}
    mean = made_by[made_by["alignment"].input[0]]
    tensor = str(mean.input[0])
    model.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["B", None, "S", "T"]))
    onnx.save(model, str(path))
    return tensor


def score_of(heard: Sequence[Listened], places: Sequence[int], tokenizer: Tokenizer, language: Language) -> float:
    """Mean seconds by which begins and ends are off with the mean attention of these heads, each at most 0.4."""
    return mean_error(errors_of(heard, places, tokenizer, language))


def mean_error(errors: Errors) -> float:
    """Mean of the absolute errors, each at most 0.4 s; infinite without any."""
    sizes = np.minimum(np.abs(errors.starts + errors.ends), _WORST_S)
    return float(sizes.mean()) if sizes.size else float("inf")


def errors_of(heard: Sequence[Listened], places: Sequence[int], tokenizer: Tokenizer, language: Language) -> Errors:
    """Borders of words by the product's own aligner."""
    total = Errors([], [])
    for one in heard:
        attention = one.attention[list(places)].mean(0)
        words = trim(to_words(tokenizer, one.tokens, one.scores, attention), one.audio, WIDE)
        timed = [replace(word, t0=word.t0 + one.offset, t1=word.t1 + one.offset) for word in words]
        total.add(time_errors(one.said.words, timed, language))
    return total


def rank(
    heard: Sequence[Listened], heads: Sequence[Head], tokenizer: Tokenizer, language: Language
) -> list[tuple[float, Head]]:
    """Mean error of every head by itself, the best first."""
    return sorted((score_of(heard, [place], tokenizer, language), head) for place, head in enumerate(heads))


def best_set(
    heard: Sequence[Listened], heads: Sequence[Head], pool: Sequence[Head], tokenizer: Tokenizer, language: Language
) -> tuple[Head, ...]:
    """The `SET` of the pool with the least mean error, its best single head first."""
    found = []
    for chosen in combinations(pool, SET):
        places = [heads.index(head) for head in chosen]
        found.append((score_of(heard, places, tokenizer, language), chosen))
    return min(found)[1]


def streamed(
    model: Model, paths: tuple[Path, Path], heads: Sequence[Head], sentences: Sequence[Said], store: Store
) -> Errors:
    """Through the product's recogniser with graphs written for these heads."""
    with tempfile.TemporaryDirectory(prefix="apuntador-bench-") as name:
        write_graphs(*paths, Path(name), heads)
        decoder = MoonshineDecoder(Path(name), store.require(TOKENIZER) / "tokenizer.json")
        vad = SileroModel(store.require(VAD) / "silero_vad.onnx")
        recogniser = VadRecogniser(model.name, model.language, lambda: MoonshineLeg(decoder), vad)
        return measure(recogniser, sentences, "es" if model.language == "es" else "en")
