"""What a Vosk model folder holds, told from its files without loading it.

Source: vosk-api 0.3.45, src/model.cc. Two layouts:

    current             first generation (2020)
    am/final.mdl        final.mdl              acoustic model
    conf/mfcc.conf      mfcc.conf              features; names the sample rate
    conf/model.conf     (built in)             decoder options
    graph/HCLG.fst      HCLG.fst               static graph, with words.txt; or
    graph/HCLr.fst      HCLr.fst               dynamic graph, with Gr.fst: the words may be limited at run time
    ivector/            ivector/               speaker adaptation; may be absent
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import ModelDamaged, ModelMissing
from models.strings import say

DEFAULT_RATE: Final = 16000  # Kaldi's default of --sample-frequency
_RATE_OPTION: Final = "--sample-frequency="
_IVECTOR: Final = ("final.ie", "final.dubm", "final.mat", "global_cmvn.stats", "online_cmvn.conf", "splice.conf")


@dataclass(frozen=True, slots=True)
class VoskFolder:
    """A folder that looks like a model. features: the MFCC options. sample_rate in Hz.

    dynamic: the graph is put together at run time, so a closed vocabulary is possible.
    """

    path: Path
    features: Path
    sample_rate: int
    dynamic: bool


def inspect(path: Path) -> VoskFolder:
    """Raises `ModelMissing` (no such folder), `ModelDamaged` (not a model, or a file missing or empty)."""
    if not path.is_dir():
        raise ModelMissing(say("vosk.none.what", folder=path), where=str(path), do=say("vosk.folder.do"))
    current, first = path / "am" / "final.mdl", path / "final.mdl"
    if not current.exists() and not first.exists():
        inner = next((p for p in sorted(path.iterdir()) if (p / "am" / "final.mdl").exists()), None)
        do = say("vosk.inner.do", folder=inner) if inner else say("vosk.folder.do")
        raise _damaged(path, "am/final.mdl", do)
    flat = not current.exists()
    graph = path if flat else path / "graph"
    conf = path if flat else path / "conf"
    static = (graph / "HCLG.fst").exists()
    needed = [first if flat else current, conf / "mfcc.conf"]
    needed += [] if flat else [conf / "model.conf"]
    needed += [graph / "HCLG.fst", graph / "words.txt"] if static else [graph / "HCLr.fst", graph / "Gr.fst"]
    if not static:
        needed.append(path / "disambig_tid.int" if flat else graph / "disambig_tid.int")
    if (path / "ivector").is_dir():
        needed += [path / "ivector" / name for name in _IVECTOR]
    for file in needed:
        if not file.is_file() or file.stat().st_size == 0:
            raise _damaged(path, str(file.relative_to(path)), say("vosk.folder.do"))
    return VoskFolder(path, conf / "mfcc.conf", _sample_rate(path, conf / "mfcc.conf"), not static)


def _sample_rate(path: Path, features: Path) -> int:
    for line in features.read_text(errors="replace").splitlines():
        option = line.split("#")[0].strip()
        if option.startswith(_RATE_OPTION):
            try:
                return int(float(option.removeprefix(_RATE_OPTION)))
            except ValueError:
                raise _damaged(path, f"{features.name}: {option}", say("vosk.folder.do")) from None
    return DEFAULT_RATE


def _damaged(path: Path, reason: str, do: str) -> ModelDamaged:
    return ModelDamaged(say("vosk.folder.what", file=reason), where=str(path), do=do)
