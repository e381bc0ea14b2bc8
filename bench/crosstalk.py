"""Words heard on a silent leg into which the other party's voice leaks, by loss and language.

    python -m bench.crosstalk [--language es] [--loss 20 --loss 35] [--delay 0.3] [--seconds 40]

The demo conversation's agent speaks; the customer says nothing, and the agent's voice comes back on the customer's leg,
`loss` dB quieter and `delay` s late, on line noise of -72 dBFS, both through µ-law. The two legs are those of a call
(`assist.transcriber.leg`). A second row has the customer speak as well: what of it is lost is the price. Writes
`bench/out/crosstalk.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from assist.demo.conversation import load
from assist.events import PARTIES, Language, Party
from assist.transcriber.leg import Leg, introduce
from assist.wire import AudioChunk
from bench.corpus import read_wav, resample
from bench.g711 import RATE, Pcm, from_ulaw, to_ulaw
from models.asr.registry import open_recogniser
from models.asr.types import Recogniser, Urgency

OUT = Path(__file__).parent / "out" / "crosstalk.json"
LOSSES: Final = (20.0, 28.0, 35.0, 45.0)
DELAYS: Final = (0.15,)
_NOISE: Final = 8  # standard deviation of the line noise: -72 dBFS
_CHUNK: Final = RATE * 60 // 1000


@dataclass(frozen=True, slots=True)
class Row:
    """Words in finals, and texts shown at any time, of the customer's leg. `talking`: the customer speaks too."""

    language: Language
    loss_db: float
    delay_s: float
    talking: bool
    seconds: float
    words: int
    shown: int
    words_without_leak: int


def voices(language: Language, seconds: float) -> dict[Party, Pcm]:
    """Both sides of the demo conversation, int16 [n] at 8 kHz."""
    conversation = load(language)
    sides: dict[Party, Pcm] = {}
    for party in PARTIES:
        pcm, rate = read_wav(conversation.wav(party))
        sides[party] = resample(pcm, rate, RATE)[: round(seconds * RATE)]
    return sides


def line(voice: Pcm, *, seed: int) -> Pcm:
    """What arrives of it: line noise, µ-law."""
    noise = np.random.default_rng(seed).normal(0, _NOISE, voice.size)
    return from_ulaw(to_ulaw(np.clip(np.rint(voice + noise), -32768, 32767).astype(np.int16)))


def with_leak(own: Pcm, other: Pcm, loss_db: float, delay_s: float) -> Pcm:
    """`own`, and `other` as it comes back."""
    late = np.concatenate((np.zeros(round(delay_s * RATE), np.int16), other))
    mixed = np.zeros(max(own.size, late.size))
    mixed[: own.size] += own
    mixed[: late.size] += late * 10 ** (-loss_db / 20)
    return np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)


def listen(recogniser: Recogniser, customer: Pcm, agent: Pcm) -> tuple[int, int]:
    """Words in the finals of the customer's leg, and how many texts of it were shown at any time."""
    legs = {party: Leg("bench", party, recogniser, rate=RATE, start=0, epoch=1000.0) for party in ("customer", "agent")}
    introduce(legs.values())
    audio = {"customer": customer, "agent": agent}
    words = shown = 0

    def work() -> None:
        nonlocal words, shown
        for party, leg in legs.items():
            while leg.urgency() is not Urgency.NONE:
                for heard in leg.step():
                    if heard.final:
                        leg.stored(heard)
                    if party == "customer":
                        shown += bool(heard.text)
                        words += len(heard.text.split()) if heard.final else 0

    for start in range(0, max(customer.size, agent.size), _CHUNK):
        for party, leg in legs.items():
            piece = audio[party][start : start + _CHUNK]
            if piece.size:
                leg.feed(AudioChunk(RATE, start, 1000.0, piece.tobytes()))
        work()
    for leg in legs.values():
        leg.finish()
    work()
    return words, shown


def measure(
    recogniser: Recogniser, language: Language, losses: Sequence[float], delays: Sequence[float], seconds: float
) -> list[Row]:
    """A row for each loss and delay, with a silent and with a talking customer."""
    sides = voices(language, seconds)
    rows = []
    for talking in (False, True):
        own = sides["customer"] if talking else np.zeros_like(sides["customer"])
        alone, _ = listen(recogniser, line(own, seed=1), line(sides["agent"], seed=2))
        for loss in losses:
            for delay in delays:
                customer = line(with_leak(own, sides["agent"], loss, delay), seed=1)
                words, shown = listen(recogniser, customer, line(sides["agent"], seed=2))
                rows.append(Row(language, loss, delay, talking, seconds, words, shown, alone))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--language", action="append", choices=["es", "en"])
    parser.add_argument("--loss", action="append", type=float)
    parser.add_argument("--delay", action="append", type=float)
    parser.add_argument("--seconds", type=float, default=40.0)
    args = parser.parse_args()
    rows = []
    print(f"{'lang':<6}{'loss dB':>8}{'delay s':>9}{'customer':>10}{'words':>7}{'without leak':>14}{'texts shown':>13}")
    for language in args.language or ("es", "en"):
        recogniser = open_recogniser(language)
        for row in measure(recogniser, language, args.loss or LOSSES, args.delay or DELAYS, args.seconds):
            rows.append(row)
            says = "talks" if row.talking else "silent"
            print(
                f"{language:<6}{row.loss_db:>8.0f}{row.delay_s:>9.2f}{says:>10}{row.words:>7}"
                f"{row.words_without_leak:>14}{row.shown:>13}",
                flush=True,
            )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
