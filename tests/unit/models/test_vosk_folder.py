"""What is said about a model folder before Vosk may see it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.asr import vosk_probe
from models.asr.vosk_folder import inspect
from models.asr.vosk_probe import probe
from models.errors import ModelDamaged, ModelMissing

DYNAMIC = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/HCLr.fst", "graph/Gr.fst",
           "graph/disambig_tid.int")  # fmt: skip
STATIC = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/HCLG.fst", "graph/words.txt")
FIRST = ("final.mdl", "mfcc.conf", "HCLr.fst", "Gr.fst", "disambig_tid.int")
IVECTOR = tuple(
    f"ivector/{name}"
    for name in ("final.ie", "final.dubm", "final.mat", "global_cmvn.stats", "online_cmvn.conf", "splice.conf")
)


def make(folder: Path, files: tuple[str, ...], features: str = "--low-freq=20\n") -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(features if path.name == "mfcc.conf" else "x")
    return folder


@pytest.mark.parametrize(("files", "dynamic"), [(DYNAMIC, True), (STATIC, False), (FIRST, True)])
def test_the_layouts_are_told_apart(tmp_path: Path, files: tuple[str, ...], dynamic: bool) -> None:
    folder = inspect(make(tmp_path, files + IVECTOR))
    assert (folder.dynamic, folder.sample_rate) == (dynamic, 16000)


@pytest.mark.parametrize(
    ("features", "rate"),
    [("--sample-frequency=8000 # telephone\n", 8000), ("#--sample-frequency=8000\n", 16000),
     ("--use-energy=false\n  --sample-frequency=11025.0", 11025)],
)  # fmt: skip
def test_the_models_own_rate_is_read(tmp_path: Path, features: str, rate: int) -> None:
    assert inspect(make(tmp_path, STATIC, features)).sample_rate == rate


def test_a_rate_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="--sample-frequency=many"):
        inspect(make(tmp_path, STATIC, "--sample-frequency=many"))


@pytest.mark.parametrize("name", DYNAMIC + IVECTOR)
@pytest.mark.parametrize("empty", [True, False])
def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path, name: str, empty: bool) -> None:
    make(tmp_path, DYNAMIC + IVECTOR)
    (tmp_path / name).unlink()
    if empty:
        (tmp_path / name).touch()
    with pytest.raises(ModelDamaged, match=name) as caught:
        inspect(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "vosk_models" in caught.value.do


def test_the_folder_around_the_model_points_inwards(tmp_path: Path) -> None:
    make(tmp_path / "vosk-model-x", STATIC)
    with pytest.raises(ModelDamaged, match="one folder further in") as caught:
        inspect(tmp_path)
    assert str(tmp_path / "vosk-model-x") in str(caught.value)


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_what_is_no_folder_is_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model"
    if kind == "file":
        path.write_text("x")
    with pytest.raises(ModelMissing, match="does not exist"):
        inspect(path)


def test_a_trial_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(vosk_probe.sys, "executable", str(sleeper))
    with pytest.raises(ModelDamaged, match=r"did not end within 0\.2 s"):
        probe(tmp_path, seconds=0.2)
    monkeypatch.setattr(vosk_probe.sys, "executable", sys.executable)
