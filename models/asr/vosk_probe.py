"""Try a model folder in a process of its own.

Kaldi aborts or reads past the end on some damaged files instead of reporting them, which would take a worker with
all its calls along. Models from the catalogue are held against their sums; a folder that somebody else filled is
loaded once here, and one second of noise is decoded.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from models.errors import ModelDamaged, ModelsError
from models.strings import say

_SECONDS: Final = 300.0  # the biggest models take half a minute from a slow disk
_FAILED: Final = 3


def probe(folder: Path, *, seconds: float = _SECONDS) -> None:
    """Load `folder` in a child process. Raises `ModelDamaged` if that fails, dies or takes longer than `seconds`."""
    command = [sys.executable, "-m", "models.asr.vosk_probe", str(folder)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        reason = say("vosk.probe.slow", seconds=f"{seconds:g}")
    else:
        if result.returncode == 0:
            return
        lines = result.stderr.strip().splitlines()
        reason = lines[-1] if result.returncode == _FAILED and lines else say("vosk.probe.died", code=result.returncode)
    raise ModelDamaged(say("vosk.probe.what", reason=reason), where=str(folder), do=say("vosk.folder.do"))


def main(folder: Path) -> int:
    """The child: exit code 0 when the model decodes."""
    from models.asr.vosk import VoskLeg, VoskModel
    from models.asr.vosk_folder import inspect

    noise = np.random.default_rng(0).normal(0.0, 0.01, 16000).astype(np.float32)
    try:
        VoskLeg(VoskModel(inspect(folder))).finish(noise)
    except ModelsError as error:
        sys.stderr.write(f"{error.what}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
