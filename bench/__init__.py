"""Benchmarks: each prints a table, writes JSON to ``bench/out`` and can be run by anyone: ``python -m bench.NAME``."""
