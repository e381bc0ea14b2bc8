"""The paraphrase encoder: the lower half of multilingual E5-small taught that other words for the same act lie close.

    python -m models.train.paraphrase --data DIR [--work build/paraphrase] [--out models/data/paraphrase]
        [--device cuda]

Two steps. A *teacher*, the whole of E5, learns from the bank of wordings (both languages at once, so that an act has
one place for both) and from public intents: wordings of one act attract, those of others of the same set repel (Khosla
et al., Supervised Contrastive Learning, 2020). Its weights are mixed with the published ones (Wortsman et al., Robust
fine-tuning of zero-shot models, 2022), which keeps what was not trained for. It is too slow to be asked for every
clause of a call. So its *student*, the lower six layers, learns what the teacher finds alike (its cosines with all
other texts of a step, as chances), also of lines of which nothing is known, and the same contrast. A third of the texts
are given misheard.

One act in five is held out: ``python -m bench.wordings`` judges by those. Everything is seeded; a run that was broken
off goes on from its last checkpoint. The steps are meant for a GPU (five minutes of one H100); a processor needs
``--teacher-steps 100 --steps 200`` or so to be done within an hour or two, and gives something weaker.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.graphs.e5 import read_e5, write_graph
from models.graphs.pieces import GRAPH
from models.text.check import SENTENCES
from models.text.encoder import HELD_OUT, PARAPHRASE, REFERENCE
from models.train.e5 import PREFIX, Encoder, load, state_arrays, tokenizer_json
from models.train.layers import Trained
from models.train.sayings import Part, Sampler, sayings
from models.train.sentiment import fetched

SEED: Final = 4
TEMPERATURE: Final = 0.07
INTENT_SHARE: Final = 0.5
"""Weight of the contrast of the public sets' intents beside that of the bank's acts."""
TEACHER_STEPS: Final = 1544
TEACHER_RATE: Final = 1e-4
TEACHER_SHARE: Final = 0.6
"""Weight of the teacher's trained weights; the published ones have the rest. Chosen on the acts that are held out."""
LAYERS: Final = 6
"""Of the student. Four are a third quicker and know five in a hundred acts less."""
STEPS: Final = 2087
RATE: Final = 2e-4
TAUGHT: Final = 1.0
"""Weight of what the teacher finds alike."""
CONTRAST: Final = 0.3
"""Weight of the contrast for the student."""
DROPOUT: Final = 0.1
LENGTH: Final = 32
_BLOCK: Final = 52
"""Texts that a processor reads at once, of about one length: what is padded is computed in vain."""
_WARM: Final = 60
_SAVE_EVERY: Final = 200
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


def learn(net: nn.Module, file: Path, steps: int, rate: float, loss_of: Callable[[int], Tensor]) -> None:
    """``steps`` steps of ``loss_of``. Now and then the net's state goes to ``file``, to go on from there."""
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
            group["lr"] = rate * min(1.0, number / _WARM) * max(0.02, 1 - number / (steps + 1))
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


class Reader:
    """E5 or its lower layers with its tokenizer, being trained or asked."""

    def __init__(self, net: Encoder, tokenizer: Tokenizer, device: torch.device) -> None:
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

    def exactly(self, text: str) -> NDArray[np.float32]:
        """One row in full precision, of a net that lies on the processor."""
        ids = torch.tensor([self._tokenizer.encode(PREFIX + text).ids])
        row = nn.functional.normalize(self.net(ids, torch.ones_like(ids)), dim=1)[0]
        found: NDArray[np.float32] = row.float().numpy()
        return found

    def told(self, texts: Sequence[str], file: Path) -> NDArray[np.float32]:
        """The rows of ``texts``, kept in ``file``."""
        if not file.exists():
            self.net.eval()
            with torch.no_grad():
                made = [self.rows(texts[at : at + 1040]).cpu().numpy() for at in range(0, len(texts), 1040)]
            np.save(file, np.concatenate(made))
        found: NDArray[np.float32] = np.load(file)
        return found


def learn_teacher(teacher: Reader, sampler: Sampler, file: Path, steps: int) -> None:
    """The contrast alone; then the mixture with the published weights."""

    def loss(number: int) -> Tensor:
        acts, public, _ = sampler.step(number)
        return _contrasts(teacher.rows([*acts.heard, *public.heard], DROPOUT), acts, public)

    published = {name: value.clone() for name, value in teacher.net.state_dict().items()}
    learn(teacher.net, file, steps, TEACHER_RATE, loss)
    teacher.net.load_state_dict(mixed(published, teacher.net.state_dict(), TEACHER_SHARE))


def _contrasts(rows: Tensor, acts: Part, public: Part) -> Tensor:
    own, others, *_ = rows.split([len(acts.groups), len(public.groups), len(rows) - len(acts.groups + public.groups)])
    return contrast(own, acts.groups) + INTENT_SHARE * contrast(others, public.groups)


def learn_student(
    student: Reader, sampler: Sampler, taught_by: dict[str, NDArray[np.float32]], file: Path, steps: int
) -> None:
    """The lower layers, from the teacher's rows by text and the contrast."""

    def loss(number: int) -> Tensor:
        parts = acts, public, _ = sampler.step(number)
        rows = student.rows([text for part in parts for text in part.heard], DROPOUT)
        theirs = torch.from_numpy(np.stack([taught_by[text] for part in parts for text in part.written]))
        return TAUGHT * taught(rows, theirs.to(rows.device)) + CONTRAST * _contrasts(rows, acts, public)

    learn(student.net, file, steps, RATE, loss)


def mixed(published: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights with ``share`` of the trained ones and the rest of the published ones."""
    return {name: share * trained[name] + (1 - share) * value for name, value in published.items()}


def ship(student: Reader, out: Path) -> None:
    """The graph, and what the float net says of the sentences that installed encoders are checked with."""
    out.mkdir(parents=True, exist_ok=True)
    student.net.cpu().eval()
    write_graph(Trained(student.net.shape, state_arrays(student.net)), out / GRAPH)
    with torch.no_grad():
        rows = [student.exactly(text) for text in SENTENCES]
    np.savez(out / REFERENCE, rows=np.stack(rows).astype(np.float16))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the public sets")
    parser.add_argument("--bank", type=Path, default=BANK, help="the bank of wordings")
    parser.add_argument("--work", type=Path, default=Path("build/paraphrase"))
    parser.add_argument("--out", type=Path, default=PARAPHRASE)
    parser.add_argument("--teacher-steps", type=int, default=TEACHER_STEPS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    args.work.mkdir(parents=True, exist_ok=True)
    known = sayings(args.data, args.bank, SEED)
    sets = ", ".join(f"{len(groups)} intents of {name}" for name, groups in known.sets.items())
    print(f"{len(known.acts)} acts, {sets}, {len(known.loose)} other lines", flush=True)
    sampler = Sampler(known, SEED)
    weights = read_e5(fetched(args.work))
    keep = np.load(args.data / "models" / "e5_keep_pieces_enes.npy").tolist()
    tokenizer = Tokenizer.from_str(tokenizer_json(weights, keep, LENGTH))
    tokenizer.enable_padding(pad_id=weights.pad, pad_token="<pad>")

    def reader(layers: int) -> Reader:
        torch.manual_seed(SEED)
        return Reader(load(weights, keep, layers), tokenizer, torch.device(args.device))

    teacher = reader(weights.layers)
    learn_teacher(teacher, sampler, args.work / "teacher.pt", args.teacher_steps)
    texts = known.texts()
    rows = dict(zip(texts, teacher.told(texts, args.work / "teacher.npy"), strict=True))
    student = reader(LAYERS)
    learn_student(student, sampler, rows, args.work / "student.pt", args.steps)
    ship(student, args.out)
    (args.out / HELD_OUT).write_text(json.dumps(known.held_out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
