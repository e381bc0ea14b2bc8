"""Rewrite Moonshine's exported decoder so that a CPU does only the work it must.

The published decoder is Optimum's "merged" export: one graph with an `If` on `use_cache_branch`, one branch for
the first step (computes the cross-attention cache) and one for the following steps. onnxruntime cannot pre-pack
weights across the `If`, and the tied embedding, stored as uint8, is turned back into 54 MB of floats for every
token. Here the two branches become two plain graphs, and the output layer multiplies in int8 on the stored weights
(ONNX operators DynamicQuantizeLinear, MatMulInteger). Measured: decoding 2.8 to 3.5 times cheaper, word error rate
within 0.3 points.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.errors import OptimiseError
from models.strings import say

if TYPE_CHECKING:
    import onnx

_EMBEDDING: Final = "embed_tokens.weight_merged_0_"
_HEAD: Final = "embed_tokens.weight_transposed"


def split_decoder(merged: Path, init: Path, step: Path, alignment_heads: Sequence[tuple[int, int]]) -> None:
    """Write `init` and `step` from `merged`.

    `init`: input_ids int64 [B, S], encoder_hidden_states float32 [B, T, D] → logits [B, S, 32768], every
    `present.{layer}.{decoder|encoder}.{key|value}` [B, 8, t, d] and `alignment` [B, S, T]. `step`: input_ids [B, 1] and
    `past_key_values.*` → logits [B, 1, 32768], `present.{layer}.decoder.*` only, because the encoder's part never
    changes, and `alignment` [B, 1, T]: the mean cross-attention of `alignment_heads` (layer, head).
    Raises `OptimiseError` if the graph is not such an export; OSError.
    """
    import onnx  # a second to import, and only fetching needs it

    try:
        model = onnx.load(str(merged))
    except Exception as error:  # protobuf raises whatever it likes for a file that is no model
        raise _unexpected(str(error), merged) from error
    branch_nodes = [n for n in model.graph.node if n.op_type == "If"]
    if len(branch_nodes) != 1:
        raise _unexpected(f"{len(branch_nodes)} If nodes", merged)
    branches = {a.name: a.g for a in branch_nodes[0].attribute}
    for target, branch, keep_encoder in ((init, "else_branch", True), (step, "then_branch", False)):
        if branch not in branches:
            raise _unexpected(f"no {branch}", merged)
        plain = _plain_graph(model, branches[branch], keep_encoder)
        _int8_head(plain, merged)
        _alignment(plain, alignment_heads, merged)
        target.write_bytes(plain.SerializeToString(deterministic=True))


def _plain_graph(model: onnx.ModelProto, branch: onnx.GraphProto, keep_encoder: bool) -> onnx.ModelProto:
    """The branch as a model of its own, with the outer nodes, weights and inputs it refers to."""
    from onnx import helper

    outer = model.graph
    final_name = {o.name: outer.output[k].name for k, o in enumerate(branch.output)}
    used = {name for node in branch.node for name in node.input}
    before = [n for n in outer.node if n.op_type != "If" and any(o in used for o in n.output)]
    used |= {name for node in before for name in node.input}
    nodes = [*before, *branch.node]
    for node in nodes:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                names[k] = final_name.get(name, name)
    produced = {name for node in nodes for name in node.output}
    graph = helper.make_graph(
        nodes,
        branch.name,
        [i for i in outer.input if i.name in used],
        [o for o in outer.output if o.name in produced and (keep_encoder or ".encoder." not in o.name)],
        [*(i for i in outer.initializer if i.name in used), *branch.initializer],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _int8_head(model: onnx.ModelProto, origin: Path) -> None:
    """Replace "dequantise the embedding, transpose, float MatMul" by an integer product on the stored bytes."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    names = [i.name for i in graph.initializer]
    found = {
        part: next((n for n in names if n.endswith(_EMBEDDING + part)), None)
        for part in ("quantized", "scale", "zero_point")
    }
    head = [n for n in graph.node if n.op_type == "MatMul" and _HEAD in n.input[1]]
    weights, scale, zero = found["quantized"], found["scale"], found["zero_point"]
    if weights is None or scale is None or zero is None or len(head) != 1:
        raise _unexpected("no quantised tied embedding", origin)
    obsolete = [
        n
        for n in graph.node
        if (n.op_type == "Transpose" and weights in n.input)
        or (n.op_type == "DequantizeLinear" and "transposed_quantized" in n.input[0])
    ]
    matmul = head[0]
    hidden, logits, at = matmul.input[0], matmul.output[0], list(graph.node).index(matmul)
    stored = numpy_helper.to_array(next(i for i in graph.initializer if i.name == weights))
    graph.initializer.append(numpy_helper.from_array(stored.T.copy(), "head_weights"))
    replacement = [
        helper.make_node("DynamicQuantizeLinear", [hidden], ["head_x", "head_x_scale", "head_x_zero"]),
        helper.make_node("MatMulInteger", ["head_x", "head_weights", "head_x_zero", zero], ["head_sums"]),
        helper.make_node("Cast", ["head_sums"], ["head_floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["head_x_scale", scale], ["head_scale"]),
        helper.make_node("Mul", ["head_floats", "head_scale"], [logits]),
    ]
    for k, node in enumerate(replacement):
        graph.node.insert(at + k, node)
    for node in [*obsolete, matmul]:
        graph.node.remove(node)


def _alignment(model: onnx.ModelProto, heads: Sequence[tuple[int, int]], origin: Path) -> None:
    """Give the mean of some heads' cross-attention as the output `alignment`."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    softmax = {n.name: n.output[0] for n in graph.node if n.op_type == "Softmax"}
    picked = []
    for layer, head in heads:
        attention = next((o for name, o in softmax.items() if f"layers.{layer}/encoder_attn" in name), None)
        if attention is None:
            raise _unexpected(f"no cross-attention in layer {layer}", origin)
        index, name = f"alignment_index_{layer}_{head}", f"alignment_{layer}_{head}"
        graph.initializer.append(numpy_helper.from_array(np.array([head], np.int64), index))
        graph.node.append(helper.make_node("Gather", [attention, index], [name], axis=1))
        picked.append(name)
    graph.node.append(helper.make_node("Concat", picked, ["alignment_heads"], axis=1))
    graph.node.append(helper.make_node("ReduceMean", ["alignment_heads"], ["alignment"], axes=[1], keepdims=0))
    graph.output.append(helper.make_tensor_value_info("alignment", TensorProto.FLOAT, [None, None, None]))


def _unexpected(reason: str, where: Path) -> OptimiseError:
    return OptimiseError(say("optimise.what", reason=reason), where=str(where), do=say("optimise.do"))
