"""Makes the demo recordings: ``python -m bench.demo_audio``. See assist/demo/README.md."""
