"""Charts: the same figures give the same files, labels have units, and missing figures give no chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.charts import draw, main, merge


def row(system: str, wer: float | None, condition: str = "ulaw") -> dict[str, Any]:
    return {"system": system, "language": "es", "condition": condition, "wer": wer, "rtf": 0.25}


def calls(number: int, partial: int) -> dict[str, Any]:
    final = {"p50": 500, "p95": 700, "p99": 800}
    shown = {"p50": partial, "p95": 2 * partial, "p99": 3 * partial}
    key = {"source": "demo", "language": "es", "condition": "ulaw", "model": "m", "calls": number}
    return key | {"partial": shown, "final": final}


RESULT = {
    "rows": [row("ours", 9.5), row("ours", 8.0, "clean"), row("theirs", 12.25), row("absent", None)],
    "calls": [calls(4, 400), calls(1, 200)],
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawing takes seconds: once for all tests."""
    return draw(merge([RESULT]), tmp_path_factory.mktemp("charts"))


def test_charts_have_text_and_units(drawn: list[Path]) -> None:
    assert [path.name for path in drawn] == ["asr-wer.svg", "asr-cpu.svg", "asr-latency.svg"]
    wer, cpu, latency = (path.read_text("utf-8") for path in drawn)
    for text in ("word error rate, %", "Spanish", "ours", "theirs", "12.2", "clean"):
        assert text in wer
    assert "absent" not in wer
    assert "CPU seconds per hour of speech" in cpu
    assert "900" in cpu
    assert "latency, ms" in latency
    assert "word → partial, p95" in latency


def test_a_later_result_replaces_the_same_measurement() -> None:
    merged = merge([RESULT, {"rows": [row("ours", 7.0)]}])
    assert [found["wer"] for found in merged["rows"]] == [7.0, 8.0, 12.25, None]
    assert [found["calls"] for found in merged["calls"]] == [4, 1]


def test_without_figures_there_is_no_chart(tmp_path: Path) -> None:
    assert draw(merge([{"rows": [row("absent", None)]}]), tmp_path) == []


def test_the_command_draws_the_same_files_from_the_same_figures_and_names_a_bad_one(
    tmp_path: Path, drawn: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(RESULT), "utf-8")
    bad.write_text("{", "utf-8")
    assert main([str(good), "--out", str(tmp_path)]) == 0
    assert [path.read_bytes() for path in drawn] == [(tmp_path / path.name).read_bytes() for path in drawn]
    assert main([str(bad), "--out", str(tmp_path)]) == 2
    assert "give files that bench.asr wrote" in capsys.readouterr().err
