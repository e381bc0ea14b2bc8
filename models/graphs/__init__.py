"""Graphs written at install time, so that a CPU does only the work it must. Writing needs onnx, running does not."""
