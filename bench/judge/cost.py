"""What judgement costs: the models' memory and load time, and a decide step for a final with all of them in it.

`bench.decide` measures the step: all deciders, one thread's CPU time, no line twice.
"""

import gc
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from assist.events import Language
from assist.session.mood import open_mood
from assist.session.playbooks import packaged_playbook
from bench.decide import end_after_long_turns, measure
from bench.judge.row import OURS, Options, Row
from models.errors import ModelMissing
from models.text.registry import open_e5, open_paraphrase

_LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
_PAGE: Final = resource.getpagesize()


def run(options: Options) -> Sequence[Row]:
    """Models first, in a process that has loaded none yet; then p50, p95 and p99 of a step in milliseconds."""
    rows = list(_models())
    lines = 300 if options.quick else 2000
    for language in _LANGUAGES:
        told = measure(packaged_playbook(language), lines)
        final, summary = told["final"], told["summary"]
        assert isinstance(final, list)
        assert isinstance(summary, list)
        for name, value, target in zip(("p50", "p95", "p99"), final[:3], (None, 15.0, None), strict=True):
            rows.append(
                Row("cost", "decide step, a final", language, OURS, f"{name} ms", value, lines, target, low=True)
            )
        rows.append(Row("cost", "summary and score", language, OURS, "ms", summary[-1], lines, None, low=True))
        long = end_after_long_turns(packaged_playbook(language))
        rows.append(Row("cost", "the same, 10 turns of 1,000 words", language, OURS, "ms", long, 10, None, low=True))
    return rows


def _models() -> Sequence[Row]:
    before, began = _resident(), time.perf_counter()
    models: list[object] = [open_mood()]
    note = "mood model"
    for name, opened in (("paraphrase encoder", open_paraphrase), ("E5", open_e5)):
        try:
            models.append(opened())
            note += f", {name}"
        except ModelMissing:
            note += f", no {name} installed"
    seconds = time.perf_counter() - began
    gc.collect()
    grown = (_resident() - before) / 1e6
    return (
        Row("cost", "all models", "", OURS, "load s", seconds, len(models), 3.0, low=True, note=note),
        Row("cost", "all models", "", OURS, "memory MB", grown, len(models), 300.0, low=True, note=note),
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
