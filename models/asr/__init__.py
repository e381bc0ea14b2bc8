"""Speech recognition. `models.asr.types` is the seam; `models.asr.registry.open_recogniser` opens an engine."""
