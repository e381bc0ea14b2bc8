"""A graph that grows node by node, in fused operators of onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.graphs.published import Array, Quantised

if TYPE_CHECKING:
    import onnx

EPSILON: Final = 1e-5
_SEVEN_BITS: Final = 63
_OPSET: Final = 17
_IR: Final = 8
_MICROSOFT: Final = "com.microsoft"
_FUSED: Final = frozenset(
    {"DynamicQuantizeMatMul", "GatherBlockQuantized", "RotaryEmbedding", "MultiHeadAttention", "QuickGelu", "Gelu"}
)


def quantised(matrix: NDArray[np.float32]) -> Quantised:
    """A float matrix [inputs, outputs] in 7-bit integers, with one scale for each output and no zero point.

    With seven bits a pair of signed products fits the 16 bits in which processors without VNNI add them up, so that
    one graph is fast and right everywhere, and says the same everywhere.
    """
    scale = np.maximum(np.abs(matrix).max(0) / _SEVEN_BITS, 1e-12).astype(np.float32)
    return Quantised(np.rint(matrix / scale).astype(np.int8), scale, np.zeros(matrix.shape[1], np.int8))


@dataclass(slots=True)
class Graph:
    """A graph that grows node by node."""

    signed: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initialisers: dict[str, onnx.TensorProto] = field(default_factory=dict)
    _count: int = 0

    def constant(self, value: Array | float | int | Sequence[int], name: str = "") -> str:
        from onnx import numpy_helper

        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = name or f"c{len(self.initialisers)}"
        self.initialisers[name] = numpy_helper.from_array(array, name)
        return name

    def add(self, operator: str, inputs: Iterable[str], outputs: int | Sequence[str] = 1, **attributes: Any) -> Any:
        """A node; its output's name, or their names when there are several."""
        from onnx import helper

        domain = _MICROSOFT if operator in _FUSED else ""
        if isinstance(outputs, int):
            names = [f"t{self._count + k}" for k in range(outputs)]
            self._count += outputs
        else:
            names = list(outputs)
        self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
        return names[0] if len(names) == 1 else names

    def product(self, x: str, by: Quantised, bias: Array | None = None) -> str:
        """x [..., inputs], quantised as a whole, times an integer matrix."""
        weights, zero = by.weights, by.zero
        if not self.signed:
            weights, zero = ((w.astype(np.int16) + 128).astype(np.uint8) for w in (weights, zero))  # type: ignore[assignment]
        # One number where it will do: the kernel takes a shorter way.
        plain = bool((by.scale == by.scale[0]).all() and (by.zero == by.zero[0]).all())
        scale: Array = by.scale[0] if plain else by.scale
        inputs = [x, self.constant(weights), self.constant(scale), self.constant(zero[0] if plain else zero)]
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32)))
        return str(self.add("DynamicQuantizeMatMul", inputs))

    def norm(self, x: str, weight: Array, bias: Array | None = None, epsilon: float = EPSILON) -> str:
        inputs = [x, self.constant(weight)]
        if bias is not None:
            inputs.append(self.constant(bias))
        return str(self.add("LayerNormalization", inputs, axis=-1, epsilon=epsilon))

    def add_and_norm(self, x: str, y: str, weight: Array) -> tuple[str, str]:
        """(normalised sum, sum)."""
        # onnxruntime's fused SkipLayerNormalization is three times slower than the two.
        total = str(self.add("Add", [x, y]))
        return self.norm(total, weight), total

    def write(self, path: Path, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> None:
        from onnx import helper

        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, list(self.initialisers.values()))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
        path.write_bytes(model.SerializeToString(deterministic=True))
