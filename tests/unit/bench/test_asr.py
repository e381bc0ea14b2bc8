"""The command: what it refuses, and that a run ends in a table and a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.asr import main
from bench.asr_systems import SYSTEMS
from bench.corpus import write_wav

WORKER = """
from bench.peers.protocol import Heard, Text, serve

class Engine:
    name, rate = "parrot", 16000
    def hear(self, pcm, rate):
        end = pcm.size / rate
        shown = []
        for k in range(6):
            t0, t1 = k * end / 6, (k + 1) * end / 6
            shown.append(Text(t1 + 0.1, k, "buenas", 0, False, t0, t1))
            shown.append(Text(t1 + 0.4, k, "buenas noches", 13, True, t0, t1))
        return Heard("buenas noches", tuple(shown))
    def hold_streams(self, pcm, rate, count):
        return None

serve(lambda language: Engine())
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "worker.py").write_text(WORKER, "utf-8")
    monkeypatch.setitem(SYSTEMS, "apuntador", [sys.executable, str(tmp_path / "worker.py")])
    monkeypatch.setitem(SYSTEMS, "vosk", [str(tmp_path / "none")])
    pcm = np.rint(np.random.default_rng(1).normal(0, 2000, 16000)).astype(np.int16)
    write_wav(tmp_path / "a.wav", pcm, 16000)
    path = tmp_path / "manifest.tsv"
    path.write_text("path\tlanguage\ttext\na.wav\tes\tBuenos días, noches.\n", "utf-8")
    return path


def test_a_run_prints_the_table_and_writes_the_figures(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out.json"
    options = ["--condition", "ulaw", "--system", "apuntador", "--system", "vosk", "--show", "--json", str(out)]
    assert main([str(manifest), *options]) == 0
    printed = capsys.readouterr().out
    assert "66.7" in printed
    assert "parrot" in printed
    assert "make bench-peers" in printed
    assert "heard buenas noches" in printed
    ours, absent = json.loads(out.read_text("utf-8"))["rows"]
    assert ours["wer"] == pytest.approx(200 / 3)
    assert ours["pairs"][0]["name"] == "a.wav"
    assert ours["revisions"] == {"shown": 12, "revised": 0, "stable": 0, "broken": 0}
    assert absent["wer"] is None


def test_legs_of_calls_have_latencies(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    options = ["--legs", "--condition", "ulaw", "--system", "apuntador", "--seconds", "10", "--json", str(out)]
    assert main([str(manifest), *options]) == 0
    (row,) = json.loads(out.read_text("utf-8"))["legs"]
    assert row["partial"] is None, "nobody knows when the words end"
    assert row["final"]["p95"] >= 150, "no less than the texts come after the ends the level shows"
    assert "n/a" in capsys.readouterr().out


def test_bad_input_is_named(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--demo"])
    assert "--legs or --calls" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
    manifest.write_text("path\tlanguage\ttext\nb.wav\tes\tHola.\n", "utf-8")
    assert main([str(manifest)]) == 2
    assert "line 2" in capsys.readouterr().err
