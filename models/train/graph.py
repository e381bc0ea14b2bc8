"""The trained net as one int8 graph of onnxruntime's fused operators.

The embedding keeps the four-bit blocks it was published in (it was not trained), so it is exact. Products have signed
7-bit weights with a scale for each output (`models.graphs.writer.quantised`), a fifth faster on processors without VNNI
than unsigned 8-bit ones. What goes into a feed-forward product has one to four channels five to fifty times as large as
the others; quantised with them the others lose their meaning, so those few are multiplied in float (Dettmers et al.,
LLM.int8(), 2022). There is no mask: texts are scored one at a time, so that a text's score does not depend on what it
is scored with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.graphs.writer import Graph, quantised
from models.train.e5 import Shape

BLOCK: Final = 32


def blocks_of_four_bits(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A table [rows, width] as whole numbers -8..7 of its shape and scales [rows, width / 32].

    Exact for a table that was four bits wide: the scale of a block is sought among those that give its largest value.
    """
    parts = table.reshape(len(table), -1, BLOCK)
    largest = np.take_along_axis(parts, np.abs(parts).argmax(2)[..., None], 2)[..., 0]
    best = np.zeros(parts.shape, np.int8)
    scales = np.zeros(parts.shape[:2], np.float32)
    error = np.full(parts.shape[:2], np.inf, np.float32)
    for level in (-8, 7, -7, 6, -6, 5, -5, 4, -4, 3, -3, 2, -2, 1, -1):
        scale = largest / level
        safe = np.where(scale == 0, 1, scale)[..., None]
        whole = np.clip(np.rint(parts / safe), -8, 7)
        off = np.abs(whole * safe - parts).max(2)
        better = off < error - 1e-9
        best[better], scales[better], error[better] = whole[better].astype(np.int8), scale[better], off[better]
    return best.reshape(table.shape), scales


def write(
    state: Mapping[str, NDArray[np.float32]],
    shape: Shape,
    length: int,
    large: Mapping[str, NDArray[np.int64]],
    file: Path,
) -> None:
    """The graph `ids` int64 [batch, tokens] -> `logits` float32 [batch, 10] of a `MoodNet`'s weights.

    ``length`` is how many tokens it will ever be given, ``large`` the channels that each product (``layers.0.fi``)
    takes in float.
    """
    from onnx import TensorProto, helper

    graph = Graph(signed=True)

    def weights(name: str) -> NDArray[np.float32]:
        return state[f"encoder.{name}"]

    def norm(x: str, name: str) -> str:
        return str(
            graph.add(
                "LayerNormalization",
                [x, graph.constant(weights(f"{name}.weight")), graph.constant(weights(f"{name}.bias"))],
                axis=-1,
                epsilon=shape.epsilon,
            )
        )

    def product(x: str, *names: str) -> str:
        matrix = quantised(np.concatenate([weights(f"{name}.weight") for name in names]).T)
        return graph.product(x, matrix, np.concatenate([weights(f"{name}.bias") for name in names]))

    def careful(x: str, name: str) -> str:
        channels = large[name]
        weight = weights(f"{name}.weight")
        rest = np.ones(weight.shape[1], np.float32)
        rest[channels] = 0
        # Without them the scale of an output is that of its other weights.
        most = graph.product(
            graph.add("Mul", [x, graph.constant(rest)]), quantised((weight * rest).T), weights(f"{name}.bias")
        )
        few = graph.add("Gather", [x, graph.constant(channels)], axis=-1)
        exact = graph.add("MatMul", [few, graph.constant(np.ascontiguousarray(weight[:, channels].T))])
        return str(graph.add("Add", [most, exact]))

    whole, scales = blocks_of_four_bits(weights("word.weight"))
    nibbles = (whole.reshape(-1) & 15).astype(np.uint8)
    packed = (nibbles[::2] | (nibbles[1::2] << 4)).tobytes()
    graph.initialisers["words"] = helper.make_tensor("words", TensorProto.INT4, whole.shape, packed, raw=True)
    x: Any = graph.add(
        "GatherBlockQuantized",
        ["words", "ids", graph.constant(scales)],
        gather_axis=0,
        quantize_axis=1,
        block_size=BLOCK,
    )
    tokens = graph.add("Shape", ["ids"], start=1, end=2)
    places = graph.add(
        "Slice", [graph.constant(weights("pos.weight")[:length]), graph.constant(np.array([0], np.int64)), tokens]
    )
    x = norm(graph.add("Add", [x, places]), "eln")
    for n in range(shape.layers):
        layer = f"layers.{n}"
        joined = product(x, f"{layer}.q", f"{layer}.k", f"{layer}.v")
        split = graph.add("Split", [joined, graph.constant(np.full(3, shape.width, np.int64))], outputs=3, axis=-1)
        attended = graph.add("MultiHeadAttention", split, num_heads=shape.heads)
        x = norm(graph.add("Add", [x, product(attended, f"{layer}.ao")]), f"{layer}.aln")
        inner = graph.add("Gelu", [careful(x, f"{layer}.fi")])
        x = norm(graph.add("Add", [x, careful(inner, f"{layer}.fo")]), f"{layer}.oln")
    pooled = graph.add("ReduceMean", [x], axes=[1], keepdims=0)
    head = [pooled, graph.constant(state["head.weight"]), graph.constant(state["head.bias"])]
    graph.add("Gemm", head, outputs=["logits"], transB=1)
    graph.write(
        file,
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(state["head.bias"])])],
    )
