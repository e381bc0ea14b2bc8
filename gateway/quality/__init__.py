"""How well each leg is heard: counted on the stream, scored by the E-model, told as events."""
