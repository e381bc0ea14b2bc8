"""How well moods are read: public sets, our own call lines, emotion, calibration, time. Peers on the same lines.

The public evaluation sets and the call lines in ``data/`` were used for nothing else. VADER, TextBlob and
sentiment-analysis-spanish are asked in `.venv-peers`, the TF-IDF model is trained there: `sentiment_peers.py` says what
to install.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assist.decide.kit import Feeling, SentimentModel
from assist.decide.lexicon import LexiconBaseline
from assist.decide.sentiment import SURE
from assist.events import Language
from assist.session.mood import TrainedMood
from bench.judge import _marks
from bench.judge.row import OURS, Options, Row, SkippedError
from models.text.sentiment import EMOTIONS, MoodModel

SENTIMENTS: Final = ("negative", "neutral", "positive")
FLAGS: Final = ("intensity", "urgency", "effort")
LINES: Final = Path(__file__).parent / "data"
PEERS_PYTHON: Final = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"
_PEERS: Final = {"en": ("vader", "textblob", "tfidf"), "es": ("sentiment-spanish", "tfidf")}
_PUBLIC: Final = {"en": ("en_eval_air", "en_eval_umsab"), "es": ("es_eval_tass", "es_eval_umsab", "es_eval_air")}
_COUNTED: Final = ("en_eval_air", "en_eval_umsab", "es_eval_tass", "es_eval_umsab")
_TARGETS: Final = {"en": 0.76, "es": 0.64}
_CALL_TARGET: Final = 0.90
_SHORT: Final = {"neg": "negative", "neu": "neutral", "pos": "positive"}
_SHORT_EMOTIONS: Final = {"fru": EMOTIONS[0], "wor": EMOTIONS[1], "joy": EMOTIONS[2], "neu": EMOTIONS[3]}
_EMOTION_SETS: Final = {"emoevent_es_dev": "es", "emoevent_en_dev": "en", "goemotions_ekman_en_dev": "en"}
_COARSE: Final = {
    "anger": EMOTIONS[0],
    "disgust": EMOTIONS[0],
    "sadness": EMOTIONS[1],
    "fear": EMOTIONS[1],
    "joy": EMOTIONS[2],
    "neutral": EMOTIONS[3],
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line with what a person says of it. ``emotion`` and ``flags`` are empty where nobody said; ``dialect`` is the
    country or the set it is from."""

    text: str
    sentiment: str
    emotion: str = ""
    flags: frozenset[str] = frozenset()
    dialect: str = ""


def call_lines(language: Language) -> list[Line]:
    """Our own test set: lines as customers say them on the phone."""
    with (LINES / f"sentiment_{language}.tsv").open(encoding="utf-8", newline="") as file:
        return [
            Line(
                text,
                _SHORT[sentiment],
                _SHORT_EMOTIONS[emotion],
                frozenset(name for name in FLAGS if name[0] in flags),
                dialect,
            )
            for sentiment, emotion, flags, dialect, text in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def macro_f1(wanted: Sequence[str], found: Sequence[str], classes: Sequence[str]) -> float:
    """Mean of the classes' F1."""
    scores = []
    for name in classes:
        hits = sum(w == name == f for w, f in zip(wanted, found, strict=True))
        total = sum(w == name for w in wanted) + sum(f == name for f in found)
        scores.append(2 * hits / total if total else 0.0)
    return sum(scores) / len(scores)


def calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: how far probabilities are from how often they are right, weighted by bin."""
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(sure[place == n].mean() - right[place == n].mean()) * (place == n).mean() for n in set(place.tolist())]
    return float(sum(gaps))


def best(feeling: Feeling) -> str:
    """The likeliest sentiment."""
    values = {"negative": feeling.negative, "neutral": feeling.neutral, "positive": feeling.positive}
    return max(values, key=lambda name: values[name])


def run(options: Options) -> Sequence[Row]:
    model = MoodModel.open()
    systems: list[tuple[str, SentimentModel]] = [(OURS, TrainedMood(model)), (LexiconBaseline.name, LexiconBaseline())]
    rows: list[Row] = []
    for language in ("en", "es"):
        sets = {"calls": call_lines(language)} | _public(options, language)
        answers = {name: _read(systems, lines, language) for name, lines in sets.items()}
        for name, lines in sets.items():
            for system, feelings in answers[name].items():
                target = _CALL_TARGET if name == "calls" and system == OURS else None
                rows.append(_sentiment_row(name, language, system, lines, [best(f) for f in feelings], target))
        rows += _means(rows, language)
        ours = {name: answers[name][OURS] for name in sets}
        rows += _calibration(language, sets, ours)
        for name in [name for name in ("calls", "es_eval_tass") if name in sets]:
            rows += _dialects(name, language, sets[name], ours[name])
        rows += _on_calls(language, sets["calls"], ours["calls"])
        rows += _peers(options, language, sets)
    rows += _emotions(options, model)
    rows += _cost(model)
    return rows


def _public(options: Options, language: Language) -> dict[str, list[Line]]:
    try:
        folder = options.folder("sentiment")
    except SkippedError as skipped:
        print(f"sentiment: public sets skipped: {skipped}")
        return {}
    sets = {}
    for name in _PUBLIC[language]:
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            told = [json.loads(line) for line in file]
        lines = [Line(one["text"], one["label"], dialect=one["src"]) for one in told]
        sets[name] = lines[:: max(1, len(lines) // 150)] if options.quick else lines
    return sets


def _read(
    systems: Sequence[tuple[str, SentimentModel]], lines: Sequence[Line], language: Language
) -> dict[str, list[Feeling]]:
    return {name: [system.read(line.text, language) for line in lines] for name, system in systems}


def _sentiment_row(
    name: str, language: str, system: str, lines: Sequence[Line], found: Sequence[str], target: float | None
) -> Row:
    value = macro_f1([line.sentiment for line in lines], found, SENTIMENTS)
    return Row("sentiment", name, language, system, "macro-F1", value, len(lines), target)


def _means(rows: Sequence[Row], language: Language) -> Iterator[Row]:
    """The public sets that count, as one figure."""
    for system in dict.fromkeys(row.system for row in rows):
        counted = [r for r in rows if r.system == system and r.language == language and r.subject in _COUNTED]
        if counted:
            value = sum(row.value for row in counted) / len(counted)
            target = _TARGETS[language] if system == OURS else None
            n = sum(row.n for row in counted)
            yield Row("sentiment", "public mean", language, system, "macro-F1", value, n, target)


def _calibration(language: Language, sets: dict[str, list[Line]], answers: dict[str, list[Feeling]]) -> Iterator[Row]:
    for name, lines in sets.items():
        sure = np.array([max(f.negative, f.neutral, f.positive) for f in answers[name]])
        right = np.array([best(f) == line.sentiment for f, line in zip(answers[name], lines, strict=True)])
        error = calibration_error(sure, right)
        yield Row("sentiment", name, language, OURS, "ECE", error, len(lines), low=True)
        said = (sure >= SURE) & np.array([best(f) != "neutral" for f in answers[name]])
        if said.any():
            note = f"moods shown, at {SURE:g} or surer"
            yield Row(
                "sentiment", name, language, OURS, "precision", float(right[said].mean()), int(said.sum()), note=note
            )


def _dialects(name: str, language: Language, lines: Sequence[Line], feelings: Sequence[Feeling]) -> Iterator[Row]:
    for dialect in dict.fromkeys(line.dialect for line in lines):
        some = [(line, best(f)) for line, f in zip(lines, feelings, strict=True) if line.dialect == dialect]
        value = macro_f1([line.sentiment for line, _ in some], [found for _, found in some], SENTIMENTS)
        yield Row("sentiment", f"{name}: {dialect}", language, OURS, "macro-F1", value, len(some))


def _on_calls(language: Language, lines: Sequence[Line], feelings: Sequence[Feeling]) -> Iterator[Row]:
    found = [max(f.emotions, key=lambda name: f.emotions[name]) for f in feelings]
    value = macro_f1([line.emotion for line in lines], found, EMOTIONS)
    yield Row("sentiment", "calls", language, OURS, "emotion macro-F1", value, len(lines))
    for flag in FLAGS:
        wanted = [str(flag in line.flags) for line in lines]
        guessed = [str(getattr(f, flag) >= 0.5) for f in feelings]
        named = [str(_marks.marked(flag, line.text)) for line in lines]
        for system, told in ((OURS, guessed), (_marks.NAME, named), ("all marked", ["True"] * len(lines))):
            value = macro_f1(wanted, told, ["True"])
            yield Row("sentiment", "calls", language, system, f"{flag} F1", value, wanted.count("True"))


def _peers(options: Options, language: Language, sets: dict[str, list[Line]]) -> Iterator[Row]:
    if not PEERS_PYTHON.exists():
        print(f"sentiment: peers skipped: no {PEERS_PYTHON}; bench/judge/sentiment_peers.py says what to install")
        return
    script = Path(__file__).parent / "sentiment_peers.py"
    asked = {"language": language, "sets": {name: [line.text for line in lines] for name, lines in sets.items()}}
    for peer in _PEERS[language]:
        call = [str(PEERS_PYTHON), str(script), peer, str(options.data or "")]
        done = subprocess.run(call, input=json.dumps(asked), capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"sentiment: {peer} skipped: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
            continue
        rows = [
            _sentiment_row(name, language, peer, sets[name], found, None)
            for name, found in json.loads(done.stdout).items()
        ]
        yield from rows
        yield from _means(rows, language)


def _emotions(options: Options, model: MoodModel) -> Iterator[Row]:
    try:
        folder = options.folder("emotion")
    except SkippedError:
        return
    for name, language in _EMOTION_SETS.items():
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            told = [(one["text"], _COARSE[one["label"]]) for one in map(json.loads, file) if one["label"] in _COARSE]
        told = told[:: max(1, len(told) // (150 if options.quick else 1000))]
        read = [model.read(text).emotions for text, _ in told]
        found = [max(emotions, key=lambda name, e=emotions: e[name]) for emotions in read]  # type: ignore[misc]
        value = macro_f1([label for _, label in told], found, EMOTIONS)
        yield Row("sentiment", name, language, OURS, "emotion macro-F1", value, len(told), note="development set")


def _cost(model: MoodModel) -> Iterator[Row]:
    lines = [line.text for language in ("es", "en") for line in call_lines(language)]
    took = []
    for text in lines:
        began = time.process_time()
        model.read(text)
        took.append((time.process_time() - began) * 1000)
    for percent, target in ((50, 8.0), (95, 12.0)):
        value = float(np.percentile(took, percent))
        yield Row("sentiment", "one line", "", OURS, f"CPU ms p{percent}", value, len(took), target, low=True)
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    MoodModel.open()
    yield Row("sentiment", "load", "", OURS, "s", time.perf_counter() - began, 1, 1.0, low=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    yield Row("sentiment", "memory of one more", "", OURS, "MB", grown, 1, low=True)
