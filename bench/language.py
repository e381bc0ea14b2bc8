"""How well the language of a leg is found out, and what that costs.

    python -m bench.language MANIFEST | --packaged

Three questions, on recordings of both languages at the telephone band (µ-law):

- alone: each recording is a leg of its own, so nothing is known before;
- changes: legs of three recordings in one language, three in the other, three in the first again: how many utterances
  are heard in the wrong language, by their place after the start or a change;
- cost: CPU seconds per second of audio, against the recogniser of the right language alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from assist.events import Language
from bench.corpus import CONDITIONS, CorpusError, Utterance, read_manifest, transmit
from bench.packaged import packaged_prompts
from bench.peers.protocol import Pcm
from models.asr.languages import any_language
from models.asr.recogniser import VadRecogniser
from models.asr.registry import open_recogniser
from models.asr.types import Transcript, Urgency
from models.errors import ModelsError

OUT: Final = Path(__file__).parent / "out" / "language.json"
_LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
_RUN: Final = 3  # recordings in a row in one language
_PAUSE_S: Final = 1.0
_COSTED: Final = 5  # recordings of each language whose cost is measured


def heard(recogniser: VadRecogniser, pcm: Pcm, rate: int) -> tuple[list[Transcript], float]:
    """Finals of one leg, and CPU seconds. Partials are made as in a call."""
    stream, began = recogniser.stream(rate), time.process_time()
    out: list[Transcript] = []
    for k in range(0, pcm.size + rate // 10, rate // 10):
        if k < pcm.size:
            stream.feed(pcm[k : k + rate // 10])
        else:
            stream.finish()
        while stream.urgency() is not Urgency.NONE:
            out += stream.step()
    return [t for t in out if t.final and t.text], time.process_time() - began


def sequences(utterances: Sequence[Utterance], *, seed: int = 1) -> list[list[Utterance]]:
    """Legs of three recordings in one language, three in the other, three in the first again, each used once."""
    random = np.random.default_rng(seed)
    piles = {language: [u for u in utterances if u.language == language] for language in _LANGUAGES}
    for pile in piles.values():
        random.shuffle(pile)
    legs: list[list[Utterance]] = []
    first: Language = "es"
    while True:
        second: Language = "en" if first == "es" else "es"
        if len(piles[first]) < 2 * _RUN or len(piles[second]) < _RUN:
            return legs
        legs.append([piles[language].pop() for language in (first, second, first) for _ in range(_RUN)])
        first = second


def alone(recogniser: VadRecogniser, utterances: Sequence[Utterance]) -> dict[str, list[int]]:
    """[wrong, all] finals by language; recordings in which nothing was heard count as neither."""
    counts: dict[str, list[int]] = {language: [0, 0] for language in _LANGUAGES}
    for utterance in utterances:
        finals, _ = heard(recogniser, *transmit(utterance, CONDITIONS["ulaw"]))
        for final in finals:
            counts[utterance.language][0] += final.language != utterance.language
            counts[utterance.language][1] += 1
    return counts


def changes(recogniser: VadRecogniser, legs: Sequence[Sequence[Utterance]]) -> dict[str, dict[int, list[int]]]:
    """[wrong, all] finals of the first three recordings and of those after a change, by their place (0: the first)."""
    counts: dict[str, dict[int, list[int]]] = {"first": {}, "changed": {}}
    for leg in legs:
        parts, ends, rate = [], [], 8000
        for utterance in leg:
            pcm, rate = transmit(utterance, CONDITIONS["ulaw"])
            parts += [pcm, np.zeros(round(_PAUSE_S * rate), np.int16)]
            ends.append(sum(part.size for part in parts) / rate)
        finals, _ = heard(recogniser, np.concatenate(parts), rate)
        for final in finals:
            index = int(np.searchsorted(ends, (final.t0 + final.t1) / 2))
            place = counts["first" if index < _RUN else "changed"].setdefault(index % _RUN, [0, 0])
            place[0] += final.language != leg[index].language
            place[1] += 1
    return counts


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    corpus = parser.add_mutually_exclusive_group(required=True)
    corpus.add_argument("manifest", type=Path, nargs="?")
    corpus.add_argument("--packaged", action="store_true", help="the prompts in Debian's packages")
    parser.add_argument("--limit", type=int, help="recordings per language")
    parser.add_argument("--json", type=Path, default=OUT)
    args = parser.parse_args(argv)
    try:
        everything = packaged_prompts() if args.packaged else read_manifest(args.manifest)
        single = {language: open_recogniser(language) for language in _LANGUAGES}
    except (CorpusError, ModelsError) as error:
        print(f"bench.language: {error}", file=sys.stderr)
        return 2
    utterances = [u for language in _LANGUAGES for u in [u for u in everything if u.language == language][: args.limit]]
    both = any_language(list(single.values()))
    singly, changed = alone(both, utterances), changes(both, sequences(utterances))
    print("alone: " + ", ".join(f"{name} {wrong} of {n} wrong" for name, (wrong, n) in singly.items()))
    for when, places in changed.items():
        told = (f"utterances of recording {k + 1}: {places[k][0]} of {places[k][1]} wrong" for k in sorted(places))
        print(f"{when}: {'; '.join(told)}")
    seconds = one = found_out = 0.0
    for utterance in [
        u for language in _LANGUAGES for u in [u for u in utterances if u.language == language][:_COSTED]
    ]:
        pcm, rate = transmit(utterance, CONDITIONS["ulaw"])
        leg = np.tile(np.concatenate([pcm, np.zeros(rate, np.int16)]), 3)
        seconds += leg.size / rate
        found_out += heard(both, leg, rate)[1]
        one += heard(single[utterance.language], leg, rate)[1]
    print(
        f"CPU seconds per second of audio: {one / seconds:.3f} in a known language, {found_out / seconds:.3f} found out"
    )
    cost = {"known": one / seconds, "found_out": found_out / seconds}
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps({"alone": singly, "changes": changed, "cost": cost}, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
