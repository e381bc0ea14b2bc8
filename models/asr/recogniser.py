"""A recogniser put together from a decoder for each leg and the voice detector."""

from __future__ import annotations

from collections.abc import Callable

from models.asr.stream import LegDecoder, StreamConfig, VadStream
from models.asr.vad import SileroModel
from models.errors import ModelDamaged


class VadRecogniser:
    """`models.asr.types.Recogniser`: a loaded model with its VAD, open for any number of legs.

    leg: a new leg's decoder. language: "auto" when the decoder says of each text which it is in; `usual` is then what
    is said when nobody knows.
    """

    def __init__(
        self,
        name: str,
        language: str,
        leg: Callable[[], LegDecoder],
        vad: SileroModel,
        config: StreamConfig | None = None,
        *,
        usual: str = "",
    ) -> None:
        self.name = name
        self.language = language
        self.vad = vad
        self.config = config or StreamConfig()
        self._usual = usual or language
        self._leg: Callable[[], LegDecoder] | None = leg

    def leg(self) -> LegDecoder:
        """A new leg's decoder. Raises `ModelDamaged` after `close`."""
        if self._leg is None:
            raise ModelDamaged(f"{self.name} is closed", do="open the recogniser again")
        return self._leg()

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> VadStream:
        """A new leg at 8000 or 16000 Hz. Raises `BadAudio` for another rate, `ModelDamaged` after `close`."""
        leg, vad = self.leg(), self.vad.leg(sample_rate)
        return VadStream(leg, vad, self._usual, sample_rate, self.config, start_sample=start_sample)

    def close(self) -> None:
        """Let go of the model; its memory goes when the last stream does."""
        self._leg = None
