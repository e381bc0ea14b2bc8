"""onnxruntime sessions, set up for many calls on few cores."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from models.errors import ModelDamaged
from models.strings import say


def open_session(file: Path, *, threads: int) -> ort.InferenceSession:
    """Load a graph for the CPU. Raises `ModelDamaged` if onnxruntime cannot read it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool burns the cores that other legs need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base below Exception
        name = file.parent.name
        what = say("damaged.what", name=name, reason=f"{file.name}: {error}")
        raise ModelDamaged(what, where=str(file), do=say("damaged.do", name=name)) from error
