"""Finding the paragraph that answers a question: XQuAD (Artetxe et al. 2020, arXiv 1910.11856), first hit right.

A passage is one of XQuAD's 240 paragraphs, as it stands; a query is one of its 1190 questions. es→en: Spanish
questions, English paragraphs. BM25 alone and E5 alone are read out of the same index.

Whether it keeps silent is measured twice. On XQuAD: of its last 24 articles four, eight or twelve are there, and
the questions about all 24 are asked (the first 24 taught how sure a passage is); *precision* is of the passages that
would be put before an agent, *shown* the share of questions with an answer that get the right one. On the packaged
example articles: the even lines of `data/knowledge.tsv`; the odd ones chose the weight of words.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

import assist.knowledge
from assist.config import Settings
from assist.events import Language
from assist.knowledge.library import refresh
from assist.knowledge.passage import Passage
from assist.knowledge.search import LANGUAGES, Knowledge, everyday_lines
from assist.knowledge.words import Words
from bench.judge.row import OURS, Options, Row, SkippedError
from models.errors import ModelMissing
from models.text.encoder import E5Encoder
from models.text.registry import open_e5

PAIRS: Final[Sequence[tuple[str, Language, Language, float]]] = (
    ("en", "en", "en", 0.96),
    ("es", "es", "es", 0.94),
    ("es→en", "es", "en", 0.88),
)
QUICK: Final = 120
_TAUGHT: Final = 24
_SEED: Final = 4
EXAMPLES: Final = Path(next(iter(assist.knowledge.__path__))) / "examples"


def run(options: Options) -> Sequence[Row]:
    """R@1 of ours, of E5 alone and of BM25 alone."""
    folder = options.folder("xquad")
    try:
        encoder = open_e5()
    except ModelMissing as missing:
        raise SkippedError(str(missing)) from missing
    sets = {language: _load(folder / f"xquad.{language}.json") for language in LANGUAGES}
    made = {language: _passages(paragraphs, language, encoder) for language, (paragraphs, _) in sets.items()}
    points = {
        language: encoder.encode_queries([q for q, _ in _sample(questions, options)])
        for language, (_, questions) in sets.items()
    }
    everyday = {language: encoder.encode_queries(lines) for language, lines in everyday_lines().items()}
    rows: list[Row] = []
    for name, asked, answered, target in PAIRS:
        passages, vectors, pieces = made[answered]
        knowledge = Knowledge(passages, vectors, encoder, everyday, pieces)
        words = Words([p.searched for p in passages])
        questions = _sample(sets[asked][1], options)
        hits = {OURS: 0, "E5 alone": 0, "BM25 alone": 0}
        for (question, right), point in zip(questions, points[asked], strict=True):
            ours = knowledge.order(question, point, asked, answered)
            hits[OURS] += int(ours[0] == right)
            hits["E5 alone"] += int(np.argmax(vectors @ point) == right)
            hits["BM25 alone"] += int(np.argmax(words.scores(question)) == right)
        for system, count in hits.items():
            ask = target if system == OURS else None
            rows.append(Row("knowledge", "XQuAD paragraphs", name, system, "R@1", count / len(questions),
                            len(questions), ask))  # fmt: skip
    rows += _other_articles(folder, made, {name: (points[name], _sample(sets[name][1], options)) for name in LANGUAGES},
                            encoder, everyday)  # fmt: skip
    return [*rows, *_silence(encoder)]


def _other_articles(
    folder: Path,
    made: dict[Language, tuple[list[Passage], Any, list[Any]]],
    asked_of: dict[Language, tuple[Any, list[tuple[str, int]]]],
    encoder: E5Encoder,
    everyday: dict[Language, Any],
) -> list[Row]:
    """How right what would be shown unasked is, where most questions are about articles that are not there."""
    of_article = _articles(folder / "xquad.en.json")  # the same paragraphs in every language
    rows: list[Row] = []
    floor = Settings().knowledge.confidence
    for name, asked, answered, _ in PAIRS:
        passages, vectors, pieces = made[answered]
        named = [replace(passage, file=f"{of_article[n]}.md") for n, passage in enumerate(passages)]
        draw = np.random.default_rng(_SEED)
        right = shown = answerable = none = 0
        for size in (4, 8, 12):
            company = draw.choice(np.arange(_TAUGHT, max(of_article) + 1), size, replace=False)
            where = np.flatnonzero(np.isin(of_article, company))
            knowledge = Knowledge(
                [named[n] for n in where], vectors[where], encoder, everyday, [pieces[n] for n in where]
            )
            for point, (question, paragraph) in zip(*asked_of[asked], strict=True):
                if of_article[paragraph] < _TAUGHT:
                    continue
                found = next(knowledge.ranked(question, point, asked, answered, 1))
                unasked = found.confidence >= floor
                answerable += of_article[paragraph] in company
                none += of_article[paragraph] not in company
                shown += unasked
                right += unasked and found.passage.text == passages[paragraph].text
        rows += [
            Row("knowledge", "XQuAD, articles not there", name, OURS, "precision", right / max(shown, 1), shown),
            Row("knowledge", "XQuAD, articles not there", name, OURS, "shown", right / answerable, answerable),
            Row("knowledge", "XQuAD, articles not there", name, OURS, "wrongly shown",
                (shown - right) / (answerable + none), answerable + none, low=True),
        ]  # fmt: skip
    return rows


def _articles(path: Path) -> list[int]:
    """The article of each paragraph."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [number for number, article in enumerate(document["data"]) for _ in article["paragraphs"]]


def _silence(encoder: E5Encoder) -> list[Row]:
    """How often an answerable line's first passage is the right one, a wrong one, and how often one is shown that
    nothing answers."""
    lines = Path(__file__).with_name("data").joinpath("knowledge.tsv").read_text(encoding="utf-8").splitlines()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as cache:
        knowledge = refresh(EXAMPLES, Path(cache), encoder).knowledge
    for language in LANGUAGES:
        held = [line.split("\t") for line in lines[::2] if line.startswith(language)]
        shown = {"right first": 0, "wrong first": 0, "shown though none": 0}
        answerable = sum(bool(right) for _, _, right in held)
        for _, said, right in held:
            found = knowledge.search(said, language)
            first = found[0].passage if found else None
            name = (first.heading or first.title) if first else ""
            if right:
                shown["right first"] += name == right
                shown["wrong first"] += bool(name) and name != right
            else:
                shown["shown though none"] += bool(name)
        for metric, count in shown.items():
            n = len(held) - answerable if metric == "shown though none" else answerable
            rows.append(Row("knowledge", "example articles", language, OURS, metric, count / n, n,
                            low=metric != "right first"))  # fmt: skip
    return rows


def _sample(questions: list[tuple[str, int]], options: Options) -> list[tuple[str, int]]:
    return questions[:: max(1, len(questions) // QUICK)] if options.quick else questions


def _load(path: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Paragraphs, and each question with the number of its paragraph."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    paragraphs: list[str] = []
    questions: list[tuple[str, int]] = []
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(qa["question"], len(paragraphs)) for qa in paragraph["qas"]]
            paragraphs.append(paragraph["context"])
    return paragraphs, questions


def _passages(paragraphs: list[str], language: Language, encoder: E5Encoder) -> tuple[list[Passage], Any, list[Any]]:
    passages = [Passage(text, "", f"{number}", "", 1, language) for number, text in enumerate(paragraphs)]
    pieces = [encoder.encode_passages(passage.pieces) for passage in passages]
    return passages, encoder.encode_passages([passage.searched for passage in passages]), pieces
