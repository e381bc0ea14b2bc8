"""Contact reasons, signs of leaving and repeated contacts: how many lines get the right tag, and how many a false one.

Our own test lines (bench/judge/data/{reasons,signals}/test.*.yaml) were written apart from the taxonomies' examples and
chose nothing; floors were chosen on the dev lines beside them. Banking77 and CLINC150 show the method on others' lines:
ten examples of each intent from their training halves, which is what a company would write itself.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from rapidfuzz import fuzz, process, utils

from assist.decide.phrases import PhraseIndex
from assist.decide.tags import REASON_FLOOR, SIGNAL_FLOOR
from assist.decide.taxonomy import Topic
from assist.decide.topics import Encode, TopicClassifier, Topics
from assist.events import Language
from assist.session.encoder import installed_encoder
from assist.session.taxonomies import LANGUAGES, packaged_taxonomy
from bench.judge.row import OURS, Options, Row, SkippedError
from models.text.linear import Recipe, counted, train

SECTION: Final = "tags"
DATA: Final = Path(__file__).parent / "data"
WORDS: Final = f"{OURS}, words alone"
_SHOTS: Final = 10
_QUICK_LINES: Final = 400

Ranked: TypeAlias = list[tuple[str, float]]
"""Ids and how sure, the surest first."""
Judge: TypeAlias = Callable[[str], Ranked]


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its reason; None where it tells none."""

    text: str
    reason: str | None


def run(options: Options) -> Sequence[Row]:
    """The rows of this section."""
    encoder = installed_encoder()
    encode = encoder.encode if encoder is not None else None
    rows: list[Row] = []
    for language in LANGUAGES:
        rows += _reasons(language, encode)
        rows += _signals(language, encode)
    if encode is not None:
        for name, read in (("banking77", _banking77), ("clinc150", _clinc150)):
            try:
                examples, lines = read(options)
            except SkippedError as skipped:
                print(f"tags: {name} left out: {skipped}")
                continue
            rows += _few_shot(name, examples, lines, encode)
    return rows


def lines_of(kind: str, split: str, language: Language) -> dict[str, Any]:
    """Our own lines: ``kind`` is reasons or signals, ``split`` dev or test."""
    text = (DATA / kind / f"{split}.{language}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _reasons(language: Language, encode: Encode | None) -> Iterator[Row]:
    other: Language = "en" if language == "es" else "es"
    test = lines_of("reasons", "test", language)
    judged: dict[str, list[tuple[Line, Ranked]]] = {}
    for trade in (name for name in test if name != "nothing"):
        taxonomies = [packaged_taxonomy(trade, one) for one in (language, other)]
        lines = [Line(text, reason) for reason, texts in test[trade].items() for text in texts]
        lines += [Line(text, None) for text in test["nothing"]]
        systems: dict[str, Judge] = {
            WORDS: _topics(Topics(taxonomies, None)),
            "rapidfuzz token_set": _fuzzy(_examples(taxonomies[0].reasons)),
            "TF-IDF linear": _linear(_examples(taxonomies[0].reasons)),
        }
        if encode is not None:
            systems[OURS] = _topics(Topics(taxonomies, encode))
        for name, judge in systems.items():
            judged.setdefault(name, []).extend((line, judge(line.text)) for line in lines)
    for name, results in judged.items():
        ours = name == OURS
        told = [(line, ranked) for line, ranked in results if line.reason is not None]
        first = sum(ranked[0][0] == line.reason for line, ranked in told if ranked) / len(told)
        yield Row(
            SECTION, "contact reason", language, name, "accuracy, forced", first, len(told), 0.75 if ours else None
        )
        if name in (OURS, WORDS):
            shown = [(line, ranked[0]) for line, ranked in results if ranked and ranked[0][1] >= REASON_FLOOR]
            silent = [(line, ranked) for line, ranked in results if line.reason is None]
            right = sum(best[0] == line.reason for line, best in shown) / max(1, len(shown))
            share = sum(line.reason is not None for line, _ in shown) / len(told)
            false = sum(line.reason is None for line, _ in shown) / len(silent)
            yield Row(
                SECTION, "contact reason", language, name, "precision, told", right, len(shown), 0.85 if ours else None
            )
            yield Row(SECTION, "contact reason", language, name, "share told", share, len(told))
            yield Row(SECTION, "lines without reason", language, name, "false tags", false, len(silent), 0.03, low=True)


def _signals(language: Language, encode: Encode | None) -> Iterator[Row]:
    other: Language = "en" if language == "es" else "es"
    test = lines_of("signals", "test", language)
    taxonomies = [packaged_taxonomy("telecom", one) for one in (language, other)]
    for name, topics in ((WORDS, Topics(taxonomies, None)), (OURS, Topics(taxonomies, encode))):
        if name == OURS and encode is None:
            continue
        for subject, kind, wanted in (("churn risk", "churn.", "churn"), ("repeat contact", "risk.", "repeat")):
            hits = right = 0
            for group, texts in test.items():
                for text in texts:
                    sure = sum(f.confidence for f in topics.read(text).signals if f.id.startswith(kind))
                    hits += sure >= SIGNAL_FLOOR
                    right += sure >= SIGNAL_FLOOR and group == wanted
            total = sum(map(len, test.values()))
            ours = name == OURS
            yield Row(SECTION, subject, language, name, "precision", right / max(1, hits), total, 0.9 if ours else None)
            yield Row(SECTION, subject, language, name, "recall", right / len(test[wanted]), total)


def _few_shot(name: str, examples: dict[str, list[str]], lines: list[Line], encode: Encode) -> Iterator[Row]:
    topics = [Topic(id=key, label=key[:60], examples=tuple(texts)) for key, texts in examples.items()]
    classifier = TopicClassifier(topics, [topics], packaged_taxonomy("common", "en").background or (), encode)
    index = PhraseIndex(())

    def ours(text: str) -> Ranked:
        return [(found.id, found.confidence) for found in classifier.found_in(text, encode, index)]

    pairs = [(text, key) for key, texts in examples.items() for text in texts]
    for system, judge in ((OURS, ours), ("rapidfuzz token_set", _fuzzy(pairs)), ("TF-IDF linear", _linear(pairs))):
        results = [(line, judge(line.text)) for line in lines]
        told = [(line, ranked) for line, ranked in results if line.reason is not None]
        first = sum(ranked[0][0] == line.reason for line, ranked in told if ranked) / len(told)
        note = f"{_SHOTS} examples an intent"
        yield Row(SECTION, name, "en", system, "accuracy, forced", first, len(told), note=note)
        silent = [ranked for line, ranked in results if line.reason is None]
        if silent and system == OURS:
            false = sum(bool(ranked) and ranked[0][1] >= REASON_FLOOR for ranked in silent) / len(silent)
            yield Row(SECTION, f"{name}, out of scope", "en", system, "false tags", false, len(silent), low=True)


def _topics(topics: Topics) -> Judge:
    return lambda text: [(found.id, found.confidence) for found in topics.read(text).reasons]


def _examples(topics: Sequence[Topic]) -> list[tuple[str, str]]:
    return [(text, topic.id) for topic in topics for text in topic.examples]


def _fuzzy(pairs: Sequence[tuple[str, str]]) -> Judge:
    texts = [utils.default_process(text) for text, _ in pairs]

    def judge(text: str) -> Ranked:
        found = process.extractOne(utils.default_process(text), texts, scorer=fuzz.token_set_ratio)
        return [(pairs[found[2]][1], found[1] / 100)] if found is not None else []

    return judge


def _linear(pairs: Sequence[tuple[str, str]]) -> Judge:
    model = train([[counted(_grams(text))] for text, _ in pairs], [key for _, key in pairs], Recipe(epochs=30, least=1))

    def judge(text: str) -> Ranked:
        shares = model.probabilities([counted(_grams(text))])
        best = int(shares.argmax())
        return [(model.labels[best], float(shares[best]))]

    return judge


def _grams(text: str) -> list[str]:
    words = utils.default_process(text).split()
    return words + [f"{first}_{second}" for first, second in pairwise(words)]


def _banking77(options: Options) -> tuple[dict[str, list[str]], list[Line]]:
    folder = options.folder("banking77")
    train_rows, test_rows = (
        [(row["text"], row["category"]) for row in csv.DictReader((folder / f"{half}.csv").read_text().splitlines())]
        for half in ("train", "test")
    )
    return _shots(train_rows), _some([Line(text, _id(key)) for text, key in test_rows], options)


def _clinc150(options: Options) -> tuple[dict[str, list[str]], list[Line]]:
    data = json.loads((options.folder("clinc150") / "data_full.json").read_text())
    lines = [Line(text, _id(key)) for text, key in data["test"]] + [Line(text, None) for text, _ in data["oos_test"]]
    return _shots([(text, key) for text, key in data["train"]]), _some(lines, options)


def _shots(rows: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    by_key: dict[str, list[str]] = {}
    for text, key in rows:
        if 2 <= len(text) <= 300:
            by_key.setdefault(_id(key), []).append(text)
    chance = random.Random(8000)
    return {key: chance.sample(texts, min(_SHOTS, len(texts))) for key, texts in sorted(by_key.items())}


def _id(key: str) -> str:
    return "".join(ch if ch.isalnum() else "_" for ch in key.lower()).strip("_")


def _some(lines: list[Line], options: Options) -> list[Line]:
    return random.Random(8000).sample(lines, _QUICK_LINES) if options.quick and len(lines) > _QUICK_LINES else lines
