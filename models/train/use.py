"""Multilingual USE to start from: the published weights as a PyTorch module.

The net is that of `models.graphs.use`, in float. The rows of the pieces stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.graphs.pieces import ROWS, TOKENIZER
from models.graphs.use import BEGIN, BRANCH, BRANCHES, END, SCALES, UNKNOWN, WEIGHTS, WIDTH, write_use

LONGEST: Final = 32
"""Pieces read of a text while training: what is listened for is a clause."""
_GAP: Final = 2
"""Nothing looks further to one side, so that sentences may stand behind one another."""


class UseNet(nn.Module):
    """Sentences to points, each number within -1..1. ``weights`` by the names of the wheel."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.epsilon = float(weights["eps"])
        self.weights = nn.ParameterDict(
            {
                name: nn.Parameter(torch.from_numpy(np.array(value, np.float32)))
                for name, value in weights.items()
                if name not in ("eps", "bits", "lo", "scale")
            }
        )

    def forward(self, states: Tensor, sentence: Tensor, count: int, dropout: float = 0.0) -> Tensor:
        """float [n, 512] of all pieces, the int64 [n] sentence of each (``count`` in a gap) -> float [count, 512].

        ``dropout`` is the share of the pieces' features that count for nothing, and of whole pieces.
        """
        w = self.weights
        real = (sentence < count).to(states.dtype)[:, None]

        def together(name: str) -> Tensor:
            return torch.cat([w[f"{name}{order}"] for order, _ in BRANCHES], dim=-1)

        x = states @ together("proj") + together("proj_b")
        x = F.layer_norm(x, x.shape[-1:], together("ln_g"), together("ln_b"), self.epsilon)
        features = [states]
        for part, (order, before) in zip(x.split(BRANCH, -1), BRANCHES, strict=True):
            for step in ("1", "2"):
                part = part * real
                seen = _beside(part, order, before) @ w[f"w{step}_{order}"] + w[f"b{step}_{order}"]
                part = F.relu(seen) + part
            features.append(part)
        x = torch.cat(features, dim=-1)
        x = F.layer_norm(x, x.shape[-1:], w["ln_g"], w["ln_b"], self.epsilon)
        if dropout:
            x = F.dropout(x, dropout) * F.dropout(torch.ones(len(x), 1, device=x.device), dropout)
        total = torch.zeros(count + 1, x.shape[-1], device=x.device).index_add(0, sentence, x.float())[:count]
        root = torch.bincount(sentence, minlength=count + 1)[:count].float().sqrt()[:, None]
        x = (total / root) @ w["cnn_W"] + root * w["cnn_b"]
        y = F.relu(x @ w["p1"] + F.relu(x @ w["d0"]) @ w["d1"])
        return torch.tanh(y @ w["p3"] + F.relu(y @ w["d2"]) @ w["d3"])

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by the names of the wheel."""
        found = {name: value.detach().float().numpy() for name, value in self.weights.items()}
        return found | {"eps": np.asarray(self.epsilon)}


def _beside(x: Tensor, order: int, before: int) -> Tensor:
    """[n, width] -> [n, order * width]: each piece with its neighbours."""
    padded = F.pad(x, (0, 0, before, order - 1 - before))
    return torch.cat([padded[k : len(padded) - (order - 1 - k)] for k in range(order)], dim=-1)


@dataclass(frozen=True)
class Reader:
    """Texts to what `UseNet` reads: the tokenizer and the rows of its pieces."""

    tokenizer: Tokenizer
    rows: NDArray[np.uint8]
    scales: NDArray[np.float32]

    @classmethod
    def open(cls, folder: Path) -> Reader:
        """Out of a folder that `models.graphs.use.write_use` wrote."""
        return cls(
            Tokenizer.from_file(str(folder / TOKENIZER)),
            np.load(folder / ROWS, mmap_mode="r"),
            np.load(folder / SCALES),
        )

    def pieces(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids[: LONGEST - 2]
        return [BEGIN, *(found or [UNKNOWN]), END]

    def batch(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, int]:
        """The pieces of several texts as `UseNet.forward` takes them."""
        spans = np.cumsum([0, *(len(text) + _GAP for text in texts)])
        states = np.zeros((spans[-1], WIDTH), np.float32)
        sentence = np.full(spans[-1], len(texts))
        for number, (text, (start, _)) in enumerate(zip(texts, pairwise(spans), strict=True)):
            scales = self.scales[text]
            states[start : start + len(text)] = self.rows[text] * scales[:, :1] + scales[:, 1:]
            sentence[start : start + len(text)] = number
        return torch.from_numpy(states), torch.from_numpy(sentence), len(texts)


def start(folder: Path) -> tuple[UseNet, Reader]:
    """The published net out of a folder with the wheel's weights and vocabulary."""
    write_use(folder)
    with np.load(folder / WEIGHTS, allow_pickle=False) as stored:
        weights = {name: stored[name] for name in stored.files if not name.startswith("q")}
    return UseNet(weights), Reader.open(folder)
