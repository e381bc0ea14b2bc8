"""Sentence encoders: text in, points out, of which those of like meaning lie close, across Spanish and English.

Sentences are encoded one at a time. A batch would be no faster on one thread, and because activations are quantised
by their range, a sentence's numbers would depend on what else is in its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from models.errors import ModelDamaged
from models.graphs import e5
from models.graphs.pieces import GRAPH, ROWS, TOKENIZER
from models.runtime import open_session
from models.strings import say

PARAPHRASE: Final = Path(__file__).parents[1] / "data" / "paraphrase"
"""What `models.train.paraphrase` wrote: the graph, how it was before its weights were made small, and what it has not
learnt from."""
REFERENCE: Final = "reference.npz"
"""`rows` float16 [sentences, 384] that the float net has for `models.text.check.SENTENCES`."""
HELD_OUT: Final = "held_out.json"
"""Ids of the acts of the bank of wordings that were held out."""
QUERY: Final = "query: "
PASSAGE: Final = "passage: "

_LONGEST_PIECE: Final = 16  # characters; none of the vocabulary is longer

Rows = NDArray[np.float32]


class E5Encoder:
    """multilingual-e5-small, Spanish and English: best for finding the passage that answers a question.

    It was trained with a word in front of each text that says what it is; compare `encode_queries` with
    `encode_passages`, or `encode` with itself. Cosines of unrelated texts lie at 0.79 to 0.93: use their order, not
    their size.

    `threads` of onnxruntime; `longest`, at most 512: pieces read of a text, the rest is not looked at; `graph` in place
    of the folder's. Raises `ModelDamaged`.
    """

    name = "e5-small-es-en"
    size = 384

    def __init__(self, folder: Path, *, threads: int = 1, longest: int = 512, graph: Path | None = None) -> None:
        self._longest = longest
        self._session = _opened(graph, threads) if graph else open_session(folder / GRAPH, threads=threads)
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            # Mapped: only the rows that are used take memory.
            self._rows = np.asarray(np.load(folder / ROWS, mmap_mode="r"))
            self._positions = np.load(folder / e5.POSITIONS)
        except Exception as error:  # tokenizers raises a bare Exception
            raise _damaged(folder, error) from error

    def encode(self, texts: Sequence[str]) -> Rows:
        """float32 [len(texts), 384], rows of length 1: texts to compare with each other, as `encode_queries`. A text
        without a word has a row too, which means nothing."""
        return self.encode_queries(texts)

    def encode_queries(self, texts: Sequence[str]) -> Rows:
        """What people ask or say."""
        return self._encode(texts, QUERY)

    def encode_passages(self, texts: Sequence[str]) -> Rows:
        """What may answer it."""
        return self._encode(texts, PASSAGE)

    def pieces(self, text: str) -> list[int]:
        """Ids of the pieces of `text` between those of begin and end, cut to the longest that is read."""
        room = self._longest - 2
        # Blanks at the ends or in runs count for nothing; without them no text longer than this fits anyway.
        said = " ".join(text[: 4 * _LONGEST_PIECE * self._longest].split())[: _LONGEST_PIECE * room]
        said = said.encode("utf-8", "ignore").decode()  # half of a surrogate pair is no letter
        return [e5.BEGIN, *self._tokenizer.encode(said, add_special_tokens=False).ids[:room], e5.END]

    def _encode(self, texts: Sequence[str], prefix: str) -> Rows:
        made = np.empty((len(texts), self.size), np.float32)
        for row, text in zip(made, texts, strict=True):
            pieces = self.pieces(prefix + text)
            states = np.asarray(e5.floats(self._rows[pieces]) + self._positions[: len(pieces)], np.float32)[None]
            (sentence,) = self._session.run(None, {"states": states})
            row[:] = sentence[0] / max(float(np.linalg.norm(sentence)), 1e-9)
        return made


class ParaphraseEncoder(E5Encoder):
    """The lower half of E5, taught what people say in calls: best for telling whether two short lines mean the same.

    The pieces are those of the fetched `E5Encoder`, the net is part of the package (docs/models/paraphrase-card.md).
    Arguments as :class:`E5Encoder`; `packaged` is the folder with the net.
    """

    name = "e5-paraphrase-2"

    def __init__(self, folder: Path, *, threads: int = 1, longest: int = 64, packaged: Path = PARAPHRASE) -> None:
        graph = packaged / GRAPH
        if not graph.is_file():
            what = say("packaged.missing.what", file=f"{packaged.name}/{GRAPH}")
            raise ModelDamaged(what, where=str(packaged), do=say("packaged.do"))
        super().__init__(folder, threads=threads, longest=longest, graph=graph)


def _opened(graph: Path, threads: int) -> InferenceSession:
    """A graph of the package: what mends it is not a fetch."""
    try:
        return open_session(graph, threads=threads)
    except ModelDamaged as error:
        what = say("packaged.damaged.what", reason=error.what)
        raise ModelDamaged(what, where=str(graph), do=say("packaged.do")) from error


def _damaged(folder: Path, error: Exception) -> ModelDamaged:
    what = say("damaged.what", name=folder.name, reason=error)
    return ModelDamaged(what, where=str(folder), do=say("damaged.do", name=folder.name))
