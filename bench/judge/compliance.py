"""Compliance by words and by meaning: recall on other people's wordings, false positives, recogniser's errors, peers.

    python -m bench.judge compliance [--quick] [--asr]

44 rules (10 of them forbidden) a language, each with its own examples; ``near`` are ten wordings close to them, ``far``
ten that say the same in other words. All lines are ours (bench/judge/data/compliance/). They are conditioned as text
without errors, with synthetic recogniser's errors at 10 % and 30 % WER, and with --asr as the recogniser writes them
down from synthetic speech at the telephone band (needs espeak-ng and the speech models).

False positives are counted per rule and turn: on neutral lines, and on the lines of all other rules (which now and then
rightly mean two rules: an upper bound). Peers use the same words: phrases as written, rapidfuzz, the nearest example's
cosine; those without a threshold of their own get the one that lets 0.4 % of the packaged neutral lines pass.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import yaml
from jiwer import wer
from rapidfuzz import fuzz, process

from assist.config import Settings
from assist.decide.kit import Kit, SentenceEncoder
from assist.decide.lexicon import LexiconBaseline
from assist.decide.meaning import background, plain
from assist.decide.phrases import compile_phrase
from assist.decide.playbook import Playbook, Rule, parse
from assist.decide.text import normalise
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.kits import make_kits
from bench.judge.row import OURS, Options, Row, SkippedError

DATA: Final = Path(__file__).parent / "data" / "compliance"
NAME: Final = "compliance"
_LANGUAGES: Final[tuple[Language, ...]] = ("en", "es")
_FALSE_SHARE: Final = 0.004
_SPOKEN: Final = 3
"""Lines of each rule and kind that are spoken by espeak-ng; one with --quick."""

Found: TypeAlias = Callable[[str], frozenset[str]]
"""The rules found in a line."""


def playbook(language: Language) -> Playbook:
    """The rules that are measured."""
    path = DATA / f"rules.{language}.yaml"
    return parse(path.read_text(encoding="utf-8"), path.name)


def lines(language: Language) -> Iterator[tuple[str, str, str]]:
    """Rule id, ``near`` or ``far``, and the line."""
    raw = yaml.safe_load((DATA / f"lines.{language}.yaml").read_text(encoding="utf-8"))
    for rule_id, kinds in raw.items():
        for kind, text in kinds.items():
            yield from ((rule_id, kind, line) for line in text.split("\n") if line.strip())


def neutral(language: Language) -> list[str]:
    """Lines that no rule is about; not those the product learns from."""
    text = (DATA / f"background.{language}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip()]


def run(options: Options) -> Sequence[Row]:
    """The table."""
    encoder = _encoder()
    rows: list[Row] = []
    for language in _LANGUAGES:
        rows += _language(language, encoder, options)
    for kind in ("near", "far"):
        pair = {row.language: row.value for row in rows if row.subject == f"{kind}, clean" and row.system == OURS}
        if len(pair) == 2:
            gap = abs(pair["en"] - pair["es"])
            rows.append(Row(NAME, f"{kind}, clean", "en-es", OURS, "difference", gap, 2, 0.05, low=True))
    return rows


def _encoder() -> SentenceEncoder:
    """The installed sentence encoder.

    Raises:
        SkippedError: it is not installed.
    """
    encoder = installed_encoder()
    if encoder is None:
        raise SkippedError("the sentence encoder is not installed; run: apuntador models fetch e5-small-es-en")
    return encoder


def _kit(book: Playbook, encoder: SentenceEncoder) -> Kit:
    """The product's own kit but for the mood model: no rule about words asks for a mood."""
    kits = make_kits(Settings(), {book.language: book}, sentiment=LexiconBaseline(), meaning=encoder)
    return kits[book.language]


def _language(language: Language, encoder: SentenceEncoder, options: Options) -> list[Row]:
    book = playbook(language)
    tested = list(lines(language))
    if options.quick:
        tested = tested[::4]
    calm = neutral(language)
    words = _vocabulary(language)
    systems = _systems(book, encoder, language)
    began = time.process_time()
    kit = _kit(book, encoder)
    warm = time.process_time() - began
    systems = {OURS: _ours(kit), **systems}
    heard: dict[str, list[str]] = {"clean": [line for _, _, line in tested]}
    for rate in (0.1, 0.3):
        chance = random.Random(f"{language}{rate}")
        heard[f"WER {rate:.0%}"] = [misheard(line, rate, words, chance) for _, _, line in tested]
    rows: list[Row] = []
    for condition, texts in heard.items():
        for system, found in systems.items():
            rows += _recall(language, system, condition, tested, [found(text) for text in texts])
    if options.asr:
        rows += _spoken(language, systems, tested, quick=options.quick)
    for system, found in systems.items():
        hits = sum(len(found(line)) for line in calm)
        n = len(calm) * len(book.rules)
        target = 0.005 if system == OURS else None
        rows.append(Row(NAME, "neutral lines", language, system, "false positives", hits / n, n, target, low=True))
        wrong = sum(len(found(line) - {rule}) for rule, _, line in tested)
        n = len(tested) * (len(book.rules) - 1)
        rows.append(Row(NAME, "lines of other rules", language, system, "false positives", wrong / n, n, low=True))
    rows += _cost(language, kit, tested, warm)
    return rows


def _recall(
    language: Language,
    system: str,
    condition: str,
    tested: Sequence[tuple[str, str, str]],
    found: Sequence[frozenset[str]],
) -> Iterator[Row]:
    targets = {"near": 0.90, "far": 0.80} if system == OURS and condition == "clean" else {}
    for kind in ("near", "far"):
        right = [rule in hits for (rule, of, _), hits in zip(tested, found, strict=True) if of == kind]
        if right:
            value = float(np.mean(right))
            yield Row(NAME, f"{kind}, {condition}", language, system, "recall", value, len(right), targets.get(kind))


# --- systems -------------------------------------------------------------------------------------------------


def _ours(kit: Kit) -> Found:
    rules = kit.playbook.rules

    def found(line: str) -> frozenset[str]:
        return frozenset(rule.id for rule in rules if kit.spotted(rule.spot, line, whole=True) >= 0.86)

    return found


def _systems(book: Playbook, encoder: SentenceEncoder, language: Language) -> dict[str, Found]:
    calm = background(language)
    wanted = {rule.id: [*(p for p in rule.phrases), *rule.examples] for rule in book.rules}
    vectors = {rule: encoder.encode([plain(text) for text in texts]) for rule, texts in wanted.items()}
    plain_words = {rule: [normalise(text) for text in texts] for rule, texts in wanted.items()}

    def cosine(rule: str, line: str) -> float:
        return float((vectors[rule] @ _row(encoder, plain(line))).max())

    def likeness(rule: str, line: str) -> float:
        text = normalise(line)
        return max(fuzz.token_set_ratio(words, text) for words in plain_words[rule])

    return {
        "phrases as written": _exact(book.rules),
        "rapidfuzz token_set_ratio": _threshold(likeness, list(wanted), calm),
        "nearest example (cosine)": _threshold(cosine, list(wanted), calm),
    }


def _exact(rules: Sequence[Rule]) -> Found:
    patterns = {rule.id: [compile_phrase(p).pattern for p in rule.phrases] for rule in rules}

    def found(line: str) -> frozenset[str]:
        text = normalise(line)
        return frozenset(rule for rule, known in patterns.items() if any(p.search(text) for p in known))

    return found


def _threshold(score: Callable[[str, str], float], rules: list[str], calm: Sequence[str]) -> Found:
    limits = {rule: float(np.quantile([score(rule, line) for line in calm], 1 - _FALSE_SHARE)) for rule in rules}

    def found(line: str) -> frozenset[str]:
        return frozenset(rule for rule, limit in limits.items() if score(rule, line) > limit)

    return found


_ROWS: dict[str, np.ndarray] = {}


def _row(encoder: SentenceEncoder, text: str) -> np.ndarray:
    if text not in _ROWS:
        _ROWS[text] = encoder.encode([text])[0]
    return _ROWS[text]


# --- recogniser's errors ---------------------------------------------------------------------------------------


@cache
def _vocabulary(language: Language) -> tuple[str, ...]:
    """Words that a recogniser may take others for."""
    texts = [*neutral(language), *(line for _, _, line in lines(language))]
    return tuple(sorted({word for text in texts for word in text.lower().split()}))


@cache
def _alike(word: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(other for other, _, _ in process.extract(word, words, scorer=fuzz.ratio, limit=6) if other != word)


def misheard(line: str, rate: float, words: tuple[str, ...], chance: random.Random) -> str:
    """``line`` with about ``rate`` of its words taken for a word that looks alike, lost, joined with the next, or a
    filler put in: six tenths, two, one and one."""
    heard: list[str] = []
    join = False
    for word in line.lower().split():
        dice = chance.random() / rate
        if join:
            heard[-1] += word
            join = False
        elif dice < 0.2:
            continue
        elif dice < 0.8:
            heard.append(chance.choice(_alike(word, words) or (word,)))
        elif dice < 0.9:
            heard.append(word)
            join = True
        elif dice < 1.0:
            heard += [word, chance.choice(("eh", "uh", "um"))]
        else:
            heard.append(word)
    return " ".join(heard)


# --- the real recogniser, and what it costs --------------------------------------------------------------------


def _spoken(
    language: Language, systems: Mapping[str, Found], tested: Sequence[tuple[str, str, str]], *, quick: bool
) -> list[Row]:
    from bench.judge._spoken import recognised

    chosen: list[tuple[str, str, str]] = []
    count: dict[tuple[str, str], int] = {}
    for rule, kind, line in tested:
        place = count.setdefault((rule, kind), 0)
        if place < (1 if quick else _SPOKEN):
            chosen.append((rule, kind, line))
            count[rule, kind] += 1
    texts = recognised(language, [line for _, _, line in chosen])
    if texts is None:
        return []
    errors = wer([normalise(line) for _, _, line in chosen], [normalise(text) for text in texts])
    rows = [Row(NAME, "spoken lines", language, OURS, "WER", float(errors), len(chosen), low=True)]
    for system, found in systems.items():
        rows += _recall(language, system, "recognised", chosen, [found(text) for text in texts])
    return rows


def _cost(language: Language, kit: Kit, tested: Sequence[tuple[str, str, str]], warm: float) -> Iterator[Row]:
    # One thread's CPU time: what else runs on the machine does not count.
    took: list[float] = []
    fresh = Kit(kit.playbook, kit.sentiment, meaning=kit.meaning, bank=kit.bank).warm()
    for _, _, line in tested[::3]:
        began = time.process_time()
        for rule in fresh.playbook.rules:
            fresh.spotted(rule.spot, line, whole=True)
        took.append((time.process_time() - began) * 1000)
    yield Row(
        NAME,
        "44 rules, one line",
        language,
        OURS,
        "CPU ms p95",
        float(np.percentile(took, 95)),
        len(took),
        15,
        low=True,
    )
    yield Row(NAME, "learning a playbook", language, OURS, "CPU s", warm, 1, low=True)
