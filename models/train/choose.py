"""How the trained model's numbers become probabilities, chosen on the development sets, and whether int8 is right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch import nn

from models.text.sentiment import MAX_TOKENS, Mixture, MoodModel
from models.train.corpora import FLAGS, Row
from models.train.e5 import PREFIX

NAME: Final = "e5-mood-2"
_SHARES: Final = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_TEMPERATURES: Final = tuple(round(0.3 + 0.05 * n, 2) for n in range(55))
_EDGES: Final = tuple(round(-2.0 + 0.1 * n, 1) for n in range(31))
"""Logits of a chance of 0.12 to 0.73."""
_JUDGED: Final = ("es", "en", "calls_es", "calls_en")
"""Development sets that count for sentiment: Spanish airline labels are too noisy to choose by."""
_SAME: Final = 0.95
"""Share of lines on which int8 and float must agree on the sentiment."""

Floats: TypeAlias = NDArray[np.float32]
Held: TypeAlias = Mapping[str, Sequence[Row]]


def ship(net: nn.Module, tokenizer: Tokenizer, held: Held, out: Path) -> dict[str, Any]:
    """Write ``model.json`` beside the other files and say how good the whole is on the development sets.

    Raises `RuntimeError` when the integer graph does not do what the net does.
    """
    neutral = Mixture(0.6, 1.0, 1.0)
    (out / "model.json").write_text(json.dumps({"name": NAME, "mixture": asdict(neutral)}))
    model = MoodModel.open(out)
    read = {name: [model.logits(row.text) for row in rows] for name, rows in held.items()}
    encoder = {name: np.array([a for a, _ in some], np.float32) for name, some in read.items()}
    grams = {name: np.array([b for _, b in some], np.float32) for name, some in read.items()}

    share = max(_SHARES, key=lambda s: _mean_f1(held, encoder, grams, s))
    mixture = Mixture(
        share,
        _coolest(lambda t: _sentiment_loss(held, encoder, grams, Mixture(share, t, 1.0))),
        _coolest(lambda t: _emotion_loss(held, encoder, Mixture(share, 1.0, t))),
        *_marks(held, encoder),
    )
    (out / "model.json").write_text(json.dumps({"name": NAME, "mixture": asdict(mixture)}, indent=1) + "\n")

    found: dict[str, Any] = {"mixture": asdict(mixture), "size_mb": sum(f.stat().st_size for f in out.iterdir()) / 1e6}
    for name, rows in held.items():
        found[name] = _figures(rows, mixture.sentiment(encoder[name][:, :3], grams[name]), encoder[name])
        found[name]["encoder alone"] = _f1([r.sentiment for r in rows], encoder[name][:, :3].argmax(1), 3)
        found[name]["n-grams alone"] = _f1([r.sentiment for r in rows], grams[name].argmax(1), 3)
    for name, rows in held.items():
        if all(row.flags is not None for row in rows):
            wanted, logits = _flags({name: rows}, {name: encoder[name]})
            marked = mixture.flags(logits) >= 0.5
            found[name]["flags"] = {flag: _hit_rate(wanted[:, k] == 1, marked[:, k]) for k, flag in enumerate(FLAGS)}
    found["int8"] = _compare(net, tokenizer, held, encoder)
    if found["int8"]["agree"] < _SAME:
        raise RuntimeError(f"the integer graph is not the net: {found['int8']}")
    return found


def _mean_f1(held: Held, encoder: Mapping[str, Floats], grams: Mapping[str, Floats], share: float) -> float:
    mixture = Mixture(share, 1.0, 1.0)
    scores = [
        _f1([r.sentiment for r in held[n]], mixture.sentiment(encoder[n][:, :3], grams[n]).argmax(1), 3)
        for n in _JUDGED
    ]
    return sum(score for score in scores if score is not None)


def _coolest(loss: Any) -> float:
    return float(min(_TEMPERATURES, key=loss))


def _sentiment_loss(held: Held, encoder: Mapping[str, Floats], grams: Mapping[str, Floats], mixture: Mixture) -> float:
    losses = []
    for name in _JUDGED:
        found = mixture.sentiment(encoder[name][:, :3], grams[name])
        labels = np.array([row.sentiment for row in held[name]])
        losses.append(-float(np.mean(np.log(found[np.arange(len(labels)), labels] + 1e-9))))
    return sum(losses)


def _emotion_loss(held: Held, encoder: Mapping[str, Floats], mixture: Mixture) -> float:
    total = 0.0
    for name, rows in held.items():
        labels = np.array([-1 if row.emotion is None else row.emotion for row in rows])
        known = np.flatnonzero(labels >= 0)
        if len(known):
            found = mixture.emotion(encoder[name][known, 3:7])
            total -= float(np.mean(np.log(found[np.arange(len(known)), labels[known]] + 1e-9)))
    return total


def _marks(held: Held, encoder: Mapping[str, Floats]) -> tuple[list[float], list[float]]:
    """Slopes and offsets of the flags: Platt's (Probabilistic Outputs for Support Vector Machines, 1999), then moved so
    that 0.5 is where F1 is best. Flags are rare: at an even chance most of them would go unseen."""
    wanted, found = _flags(held, encoder)
    slopes, offsets = [], []
    for k in range(len(FLAGS)):
        if len(set(wanted[:, k].tolist())) < 2:  # a run on few rows
            slopes.append(1.0)
            offsets.append(0.0)
            continue
        line = LogisticRegression(C=10.0).fit(found[:, k : k + 1], wanted[:, k])
        slope, offset = float(line.coef_[0, 0]), float(line.intercept_[0])
        known = found[:, k] * slope + offset
        best = max(_EDGES, key=lambda edge: _hit_rate(wanted[:, k] == 1, known >= edge)["F1"])
        slopes.append(round(slope, 4))
        offsets.append(round(offset - best, 4))
    return slopes, offsets


def _flags(held: Held, encoder: Mapping[str, Floats]) -> tuple[NDArray[np.int64], Floats]:
    """What is wanted and the encoder's logits, both [lines, 3], of all lines whose flags are known."""
    pairs = [
        (row.flags, logits[7:])
        for name, rows in held.items()
        for row, logits in zip(rows, encoder[name], strict=True)
        if row.flags is not None
    ]
    return np.array([flags for flags, _ in pairs]), np.array([logits for _, logits in pairs], np.float32)


def _figures(rows: Sequence[Row], sentiment: Floats, encoder: Floats) -> dict[str, Any]:
    return {
        "n": len(rows),
        "sentiment": _f1([row.sentiment for row in rows], sentiment.argmax(1), 3),
        "emotion": _f1([row.emotion for row in rows], encoder[:, 3:7].argmax(1), 4),
    }


def _f1(labels: Sequence[int | None], found: NDArray[np.int64], classes: int) -> float | None:
    pairs = [(label, int(guess)) for label, guess in zip(labels, found, strict=True) if label is not None]
    if not pairs:
        return None
    scores = []
    for k in range(classes):
        hits = sum(label == k == guess for label, guess in pairs)
        total = sum(label == k for label, _ in pairs) + sum(guess == k for _, guess in pairs)
        scores.append(2 * hits / total if total else 0.0)
    return round(sum(scores) / classes, 4)


def _hit_rate(wanted: NDArray[np.bool_], marked: NDArray[np.bool_]) -> dict[str, float]:
    """F1 of what is marked, and what it would be if everything were."""
    total = int(wanted.sum())
    f1 = 2 * int((wanted & marked).sum()) / max(1, total + int(marked.sum()))
    return {"n": total, "F1": round(f1, 4), "F1 of all": round(2 * total / (total + len(wanted)), 4)}


def _compare(net: nn.Module, tokenizer: Tokenizer, held: Held, encoder: Mapping[str, Floats]) -> dict[str, float]:
    """The float net beside the integer graph on the first lines of each set."""
    net.eval()
    off: list[float] = []
    same: list[bool] = []
    for name, rows in held.items():
        for row, theirs in list(zip(rows, encoder[name], strict=True))[:40]:
            ids = tokenizer.encode(PREFIX + row.text).ids
            with torch.no_grad():
                ours = net(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[0].numpy()
            if len(ids) < MAX_TOKENS:  # beyond, training keeps the beginning and the product the end
                off.append(float(np.abs(_softmax(ours[:3]) - _softmax(theirs[:3])).max()))
                same.append(bool(ours[:3].argmax() == theirs[:3].argmax()))
    return {"agree": sum(same) / len(same), "mean difference": sum(off) / len(off), "worst": max(off), "n": len(same)}


def _softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max())
    out: Floats = e / e.sum()
    return out
