"""What one lead hears: the parties' voices and other leads', each through its jitter buffer, and the booth's tones."""

from typing import Final

from gateway.playout import Playout, Tape, mix, silence, tone

_DONE: Final = tone(880, 0.09)
_GAP: Final = silence(0.06)
_REFUSED: Final = tone(300, 0.35)


class Ear:
    """:meth:`put` belongs to the bus's thread, :meth:`pull` to the media clock's, the others to any."""

    def __init__(self) -> None:
        # Replaced, never changed: the media thread may be going through it.
        self._voices: dict[str, Playout] = {}
        self._tape = Tape()

    def put(self, voice: str, pcm: bytes) -> None:
        """s16le mono at 8 kHz of ``voice``: a party, or another lead."""
        playout = self._voices.get(voice)
        if playout is None:
            playout = Playout()
            self._voices = {**self._voices, voice: playout}
        playout.put(pcm)

    def forget(self) -> None:
        """Another call, or none: what is still to be heard of this one isn't."""
        self._voices = {}

    def confirm(self, beeps: int) -> None:
        """So many short tones: one for listening, two for whispering, three for barging, four for taking over."""
        for _ in range(beeps):
            self._tape.put([*_DONE, *_GAP])

    def refuse(self) -> None:
        """A long low tone: what the lead keyed could not be done."""
        self._tape.put(_REFUSED)

    def pull(self) -> bytes | None:
        """20 ms of everything."""
        return mix([self._tape.pull(), *(playout.pull() for playout in self._voices.values())])
