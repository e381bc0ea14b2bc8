"""Benchmarks: each prints a table, writes JSON to ``bench/out`` and can be run by anyone: ``python -m bench.NAME``."""

import os

# As `apuntador up` starts its processes; it must be set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
