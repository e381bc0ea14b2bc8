"""Weights out of a published, quantised Moonshine graph, by the names of what they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import OptimiseError
from models.strings import say

EMBEDDING: Final = "model.decoder.embed_tokens.weight_merged_0"

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Quantised:
    """An integer matrix [inputs, outputs] with a scale and a zero point for each output: (weights - zero) * scale."""

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    zero: NDArray[np.int8]

    def times(self, factor: float) -> Quantised:
        return Quantised(self.weights, (self.scale * np.float32(factor)).astype(np.float32), self.zero)


def beside(parts: Sequence[Quantised]) -> Quantised:
    """Several matrices of the same input as one product."""
    return Quantised(
        np.concatenate([p.weights for p in parts], 1),
        np.concatenate([p.scale for p in parts]),
        np.concatenate([p.zero for p in parts]),
    )


def _spellings(name: str) -> tuple[str, str]:
    """As the newer exports say it, and as the older ones do."""
    older = name
    for new, old in (("o_proj", "dense"), ("fc1", "up_proj"), ("fc2", "down_proj")):
        if ".decoder." in name or new == "o_proj" or "/fc" in name:
            older = older.replace(new, old)
    return name, older


class Published:
    """Weights of a published graph by the names of what they belong to. Raises `OptimiseError`."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        self._path = path
        try:
            model = onnx.load(str(path))
        except Exception as error:  # protobuf raises whatever it likes for a file that is no model
            raise self._unexpected(str(error)) from error
        self._tensors: dict[str, Array] = {}
        self._products: dict[str, str] = {}
        self._shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
        graphs = [model.graph]
        while graphs:
            graph = graphs.pop()
            self._tensors |= {i.name: numpy_helper.to_array(i) for i in graph.initializer}
            for node in graph.node:
                if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                    self._tensors[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
                if node.op_type == "MatMulInteger":
                    self._products.setdefault(node.name, node.input[1])
                graphs += [a.g for a in node.attribute if a.HasField("g")]

    def tensor(self, name: str) -> Array:
        for spelling in _spellings(name):
            for known in (spelling, f"{spelling}_merged_0"):
                if known in self._tensors:
                    return self._tensors[known]
        raise self._unexpected(f"no {name}")

    def rotary(self) -> NDArray[np.float32]:
        """The rotary embedding's frequencies, [pairs]."""
        found = [t for t in self._tensors.values() if t.ndim == 3 and t.shape[::2] == (1, 1) and t.shape[1] > 1]
        if not found:
            raise self._unexpected("no rotary frequencies")
        return np.asarray(found[0], np.float32).ravel()

    def affine(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The two [channels] tensors that the group norm multiplies by and adds, whose names are numbers."""
        columns = [
            (n, t) for n, t in self._tensors.items() if n.startswith("onnx::") and t.ndim == 2 and t.shape[1] == 1
        ]
        by = {n.split("::")[1].split("_")[0]: t.ravel().astype(np.float32) for n, t in columns}
        if set(by) != {"Mul", "Add"}:
            raise self._unexpected(f"no {name}")
        return by["Mul"], by["Add"]

    def heads(self) -> int:
        """Of a decoder's attention."""
        shape = self._shapes.get("past_key_values.0.decoder.key", [])
        if len(shape) != 4:
            raise self._unexpected("no cache")
        return int(shape[1])

    def layers(self) -> int:
        return len({n.split("layers.")[1].split("/")[0] for n in self._products if "layers." in n})

    def matrix(self, module: str) -> Quantised:
        """The weights of a linear layer."""
        ends = tuple(f"{spelling}/MatMul_quant" for spelling in _spellings(module))
        found = [weights for name, weights in self._products.items() if name.endswith(ends)]
        if len(set(found)) != 1:
            raise self._unexpected(f"no {module}")
        stem = found[0].removesuffix("_quantized")
        return self._quantised(found[0], f"{stem}_scale", f"{stem}_zero_point")

    def embedding(self) -> Quantised:
        """[width, tokens]: the output layer; its columns are the tokens' embeddings."""
        found = self._quantised(f"{EMBEDDING}_quantized", f"{EMBEDDING}_scale", f"{EMBEDDING}_zero_point")
        tokens = found.weights.shape[0]
        return Quantised(
            np.ascontiguousarray(found.weights.T), np.repeat(found.scale[:1], tokens), np.repeat(found.zero[:1], tokens)
        )

    def convolution(self, name: str) -> Quantised:
        """[kernel * in, out]: a convolution as a product of the unfolded input [kernel, in]."""
        weights = self.tensor(f"{name}.weight_quantized")
        scale = float(self.tensor(f"{name}.weight_scale")[0])
        zero = -float(self.tensor(f"{name}.weight_zero_point")[0]) / scale  # published as what is added
        if weights.dtype != np.int8 or abs(zero - round(zero)) > 0.01:
            raise self._unexpected(f"{name} is not quantised as expected")
        out = weights.shape[0]
        flat = np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(-1, out))
        return Quantised(flat, np.full(out, scale, np.float32), np.full(out, round(zero), np.int8))

    def _quantised(self, weights: str, scale: str, zero: str) -> Quantised:
        stored, zeros = self.tensor(weights), self.tensor(zero)
        if stored.dtype == np.uint8:
            stored = (stored.astype(np.int16) - 128).astype(np.int8)
            zeros = (zeros.astype(np.int16) - 128).astype(np.int8)
        columns = stored.shape[1]
        return Quantised(
            stored,
            np.broadcast_to(np.asarray(self.tensor(scale), np.float32), (columns,)),
            np.broadcast_to(np.asarray(zeros, np.int8), (columns,)),
        )

    def _unexpected(self, reason: str) -> OptimiseError:
        return OptimiseError(say("optimise.what", reason=reason), where=str(self._path), do=say("optimise.do"))
