"""Write Moonshine's two graphs anew from the published weights, with as little work per audio and token as a CPU needs.

The published export spends most of a decoding step on shapes, slices and on turning a quantised embedding back into
floats, and keeps two copies of the decoder behind an `If`. Here the same architecture (Jeffries et al. 2024,
arXiv 2410.15608) is written in fused operators of onnxruntime, with the published integer weights as they are:

- Encoder: audio → the keys and values of every decoder layer's cross-attention. Convolutions are integer products too.
- Decoder: any number of tokens after any number of past ones, for any number of beams that share the audio; gives the
  best next tokens instead of all 32768 logits.

Weights are written signed or unsigned. The values are the same; signed ones are 2.4 times faster on processors with
VNNI (or Arm's dot product) and overflow on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.graphs.published import EMBEDDING, Published, beside
from models.graphs.writer import EPSILON, Graph

if TYPE_CHECKING:
    import onnx

CANDIDATES: Final = 8
"""Next tokens that the decoder gives for each place."""
_END: Final = 2
_POSITIONS: Final = 2048  # rows of the rotary tables: 49 s of audio, ten times the longest text


def graph_names(*, signed: bool) -> tuple[str, str]:
    """File names of the encoder and the decoder."""
    kind = "s8" if signed else "u8"
    return f"encoder.{kind}.onnx", f"decoder.{kind}.onnx"


def write_graphs(encoder: Path, decoder: Path, folder: Path, alignment_heads: Sequence[tuple[int, int]]) -> None:
    """Write both graphs into `folder`, signed and unsigned, from the published `encoder` and merged `decoder`.

    alignment_heads: (layer, head) of the cross-attention that follows the speech. Raises `OptimiseError` if the graphs
    are not the export that is known; OSError.
    """
    heard, text = Published(encoder), Published(decoder)
    for signed in (True, False):
        names = graph_names(signed=signed)
        _encoder(heard, text, signed, folder / names[0])
        _decoder(text, alignment_heads, signed, folder / names[1])


def _rotary_tables(graph: Graph, frequencies: NDArray[np.float32]) -> tuple[str, str, int]:
    angles = np.arange(_POSITIONS, dtype=np.float32)[:, None] * frequencies
    return graph.constant(np.cos(angles), "cos"), graph.constant(np.sin(angles), "sin"), 2 * frequencies.size


def _encoder(published: Published, text: Published, signed: bool, path: Path) -> None:
    """`audio` float32 [1, n] at 16 kHz → for each decoder layer l `cross_key.l` [1, heads, d, T] and `cross_value.l`
    [1, heads, T, d], T frames of 1/41.7 s."""
    from onnx import TensorProto, helper

    graph, heads = Graph(signed), text.heads()
    x = _convolutions(graph, published)
    cos, sin, rotary_dim = _rotary_tables(graph, published.rotary())
    layers, width = published.layers(), published.tensor("layer_norm.weight").size
    scale = (width // heads) ** -0.5
    length = graph.add("Gather", [graph.add("Shape", [x]), graph.constant(1)], axis=0)
    positions = graph.add("Range", [graph.constant(0), length, graph.constant(1)])
    positions = graph.add("Unsqueeze", [positions, graph.constant([0])])
    three = graph.constant([width] * 3)
    normed = graph.norm(x, published.tensor("layers.0.input_layernorm.weight"))
    for k in range(layers):
        parts = [published.matrix(f"/layers.{k}/self_attn/{name}_proj") for name in "qkv"]
        q, key, value = graph.add("Split", [graph.product(normed, beside(parts)), three], 3, axis=-1)
        rotary = {"interleaved": 1, "num_heads": heads, "rotary_embedding_dim": rotary_dim}
        q = graph.add("RotaryEmbedding", [q, positions, cos, sin], **rotary)
        key = graph.add("RotaryEmbedding", [key, positions, cos, sin], **rotary)
        heard = graph.add("MultiHeadAttention", [q, key, value], num_heads=heads, scale=scale)
        heard = graph.product(heard, published.matrix(f"/layers.{k}/self_attn/o_proj"))
        normed, x = graph.add_and_norm(x, heard, published.tensor(f"layers.{k}.post_attention_layernorm.weight"))
        hidden = graph.product(
            normed, published.matrix(f"/layers.{k}/mlp/fc1"), published.tensor(f"layers.{k}.mlp.fc1.bias")
        )
        hidden = graph.add("Gelu", [hidden])
        hidden = graph.product(
            hidden, published.matrix(f"/layers.{k}/mlp/fc2"), published.tensor(f"layers.{k}.mlp.fc2.bias")
        )
        after = f"layers.{k + 1}.input_layernorm.weight" if k + 1 < layers else "layer_norm.weight"
        normed, x = graph.add_and_norm(x, hidden, published.tensor(after))
    # The decoder's keys and values, all layers in one product.
    depth = text.layers()
    sides = [text.matrix(f"/layers.{k}/encoder_attn/{name}_proj") for k in range(depth) for name in "kv"]
    both = graph.product(normed, beside(sides))
    pieces = graph.add("Split", [both, graph.constant([width] * len(sides))], len(sides), axis=-1)
    apart = graph.constant([1, -1, heads, width // heads])
    outputs = []
    for k, piece in enumerate(pieces):
        name, order = (f"cross_key.{k // 2}", [0, 2, 3, 1]) if k % 2 == 0 else (f"cross_value.{k // 2}", [0, 2, 1, 3])
        graph.add("Transpose", [graph.add("Reshape", [piece, apart])], [name], perm=order)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, heads, None, None]))
    graph.write(path, [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, None])], outputs)


def _convolutions(graph: Graph, published: Published) -> str:
    """[1, T, width] of the audio: three convolutions as products of unfolded frames."""
    samples = graph.add("Squeeze", ["audio", graph.constant([0])])
    first = published.convolution("conv1")
    floats = (first.weights.astype(np.float32) - first.zero.astype(np.float32)) * first.scale
    frames = _unfold(graph, samples, 127, 64)  # [T, 127]
    x = graph.add("Tanh", [graph.add("MatMul", [frames, graph.constant(floats)])])
    shape = graph.add("Shape", [x])
    x = graph.add("Reshape", [x, graph.constant([1, 1, -1])])
    one, zero = graph.constant(np.ones(1, np.float32)), graph.constant(np.zeros(1, np.float32))
    x = graph.add("InstanceNormalization", [x, one, zero], epsilon=EPSILON)
    x = graph.add("Reshape", [x, shape])
    gain, shift = published.affine("group norm")
    x = graph.add("Add", [graph.add("Mul", [x, graph.constant(gain)]), graph.constant(shift)])
    for name, kernel, stride in (("conv2", 7, 3), ("conv3", 3, 2)):
        weights = published.convolution(name)
        frames = _unfold(graph, x, kernel, stride)  # [T, kernel, channels]
        frames = graph.add("Reshape", [frames, graph.constant([-1, weights.weights.shape[0]])])
        x = graph.add("Gelu", [graph.product(frames, weights, published.tensor(f"{name}.bias"))])
    return str(graph.add("Unsqueeze", [x, graph.constant([0])]))


def _unfold(graph: Graph, x: str, kernel: int, stride: int) -> str:
    """x [n, ...] → [1 + (n - kernel) // stride, kernel, ...]: what each step of a convolution sees."""
    n = graph.add("Gather", [graph.add("Shape", [x]), graph.constant(0)], axis=0)
    stop = graph.add("Sub", [n, graph.constant(kernel - 1)])
    starts = graph.add("Range", [graph.constant(0), stop, graph.constant(stride)])
    starts = graph.add("Unsqueeze", [starts, graph.constant([1])])
    index = graph.add("Add", [starts, graph.constant(np.arange(kernel))])
    return str(graph.add("Gather", [x, index], axis=0))


def _decoder(text: Published, alignment_heads: Sequence[tuple[int, int]], signed: bool, path: Path) -> None:
    """`tokens` int64 [B, S] after P past ones → `candidates` int64 [B, S, CANDIDATES], the best next tokens after each,
    their log-probabilities `scores`, that of the end of the text `end` [B, S], `alignment` [B, S, T] (mean
    cross-attention of the alignment heads) and the cache: `key.l`, `value.l` [B, heads, P + S, d]. Other inputs:
    `past_key.l`, `past_value.l` [B, heads, P, d] and what the encoder gives."""
    from onnx import TensorProto, helper

    graph, heads = Graph(signed), text.heads()
    embedding = text.embedding()
    width, depth = embedding.weights.shape[0], text.layers()
    size = width // heads
    cos, sin, rotary_dim = _rotary_tables(graph, text.rotary())
    x = _embed(graph, text)
    past = graph.add("Gather", [graph.add("Shape", ["past_key.0"]), graph.constant(2)], axis=0)
    count = graph.add("Gather", [graph.add("Shape", ["tokens"]), graph.constant(1)], axis=0)
    batch = graph.add("Shape", ["tokens"])
    positions = graph.add("Range", [past, graph.add("Add", [past, count]), graph.constant(1)])
    positions = graph.add("Unsqueeze", [positions, graph.constant([0])])
    positions = graph.add("Expand", [positions, batch])
    three = graph.constant([width] * 3)
    whole = graph.add("Concat", [batch, graph.constant([width])], axis=0)
    apart = graph.constant([1, -1, heads, size])
    looked: list[str] = []
    normed = graph.norm(x, text.tensor("model.decoder.layers.0.input_layernorm.weight"))
    for k in range(depth):
        module, name = f"/layers.{k}", f"model.decoder.layers.{k}"
        parts = [text.matrix(f"{module}/self_attn/{part}_proj") for part in "qkv"]
        q, key, value = graph.add("Split", [graph.product(normed, beside(parts)), three], 3, axis=-1)
        rotary = {"interleaved": 1, "num_heads": heads, "rotary_embedding_dim": rotary_dim}
        q = graph.add("RotaryEmbedding", [q, positions, cos, sin], **rotary)
        key = graph.add("RotaryEmbedding", [key, positions, cos, sin], **rotary)
        heard = f"self.{k}"
        graph.add(
            "MultiHeadAttention",
            [q, key, value, "", "", "", f"past_key.{k}", f"past_value.{k}"],
            [heard, f"key.{k}", f"value.{k}"],
            num_heads=heads,
            scale=size**-0.5,
            unidirectional=1,
        )
        heard = graph.product(heard, text.matrix(f"{module}/self_attn/o_proj"))
        normed, x = graph.add_and_norm(x, heard, text.tensor(f"{name}.post_attention_layernorm.weight"))
        q = graph.product(normed, text.matrix(f"{module}/encoder_attn/q_proj").times(size**-0.5))
        # The beams share the audio: their queries are so many more places in one row.
        q = graph.add("Transpose", [graph.add("Reshape", [q, apart])], perm=[0, 2, 1, 3])
        weights = graph.add("Softmax", [graph.add("MatMul", [q, f"cross_key.{k}"])], axis=-1)
        picked = [head for layer, head in alignment_heads if layer == k]
        if picked:
            looked.append(graph.add("Gather", [weights, graph.constant(picked)], axis=1))
        heard = graph.add("Transpose", [graph.add("MatMul", [weights, f"cross_value.{k}"])], perm=[0, 2, 1, 3])
        heard = graph.product(graph.add("Reshape", [heard, whole]), text.matrix(f"{module}/encoder_attn/o_proj"))
        normed, x = graph.add_and_norm(x, heard, text.tensor(f"{name}.final_layernorm.weight"))
        hidden = graph.product(normed, text.matrix(f"{module}/mlp/fc1"), text.tensor(f"{name}.mlp.fc1.bias"))
        hidden, gate = graph.add("Split", [hidden], 2, axis=-1)
        hidden = graph.add("Mul", [hidden, graph.add("QuickGelu", [gate], alpha=1.0)])  # with 1 it is SiLU
        hidden = graph.product(hidden, text.matrix(f"{module}/mlp/fc2"), text.tensor(f"{name}.mlp.fc2.bias"))
        after = f"model.decoder.layers.{k + 1}.input_layernorm.weight" if k + 1 < depth else "model.decoder.norm.weight"
        normed, x = graph.add_and_norm(x, hidden, text.tensor(after))
    scores = graph.add("LogSoftmax", [graph.product(normed, embedding)], axis=-1)
    graph.add("TopK", [scores, graph.constant([CANDIDATES])], ["scores", "candidates"], axis=-1)
    graph.add("Gather", [scores, graph.constant(_END)], ["end"], axis=2)
    mean = graph.add("ReduceMean", [graph.add("Concat", looked, axis=1)], axes=[1], keepdims=0)
    graph.add("Reshape", [mean, graph.add("Concat", [batch, graph.constant([-1])], axis=0)], ["alignment"])

    def info(name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    inputs = [info("tokens", ["B", "S"], TensorProto.INT64)]
    outputs = [
        info("candidates", ["B", "S", CANDIDATES], TensorProto.INT64),
        info("scores", ["B", "S", CANDIDATES]),
        info("end", ["B", "S"]),
        info("alignment", ["B", "S", "T"]),
    ]
    for k in range(depth):
        inputs += [info(f"past_{side}.{k}", ["B", heads, "P", size]) for side in ("key", "value")]
        inputs += [info(f"cross_key.{k}", [1, heads, size, "T"]), info(f"cross_value.{k}", [1, heads, "T", size])]
        outputs += [info(f"{side}.{k}", ["B", heads, "P+S", size]) for side in ("key", "value")]
    graph.write(path, inputs, outputs)


def _embed(graph: Graph, text: Published) -> str:
    """`tokens` → float32 [B, S, width]."""
    from onnx import TensorProto

    table, scale, zero = (text.tensor(f"{EMBEDDING}_{part}") for part in ("quantized", "scale", "zero_point"))
    rows = graph.add("Gather", [graph.constant(table), "tokens"], axis=0)
    shifted = graph.add("Sub", [graph.add("Cast", [rows], to=TensorProto.FLOAT), graph.constant(float(zero))])
    return str(graph.add("Mul", [shifted, graph.constant(float(scale))]))
