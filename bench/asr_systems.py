"""One system on one corpus in one condition: its process, and the figures of a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assist.events import Language
from bench.asr_measure import Latencies, Revisions, WordEnds, percentiles, word_ends
from bench.corpus import Condition, Utterance, resample, transmit, write_wav
from bench.g711 import Pcm
from bench.legs import Leg
from bench.peers.process import PeerProcess, heard_from
from bench.peers.protocol import Heard, UnavailableError
from bench.text import says_digits, word_errors

PEERS = Path(__file__).parents[1] / ".venv-peers"
OURS = "apuntador"
OFFLINE = "apuntador-offline"
_STREAMS = 8  # opened at once to see what each takes
_FEWEST_FINALS = 5  # a system that ends no utterances has one final for each leg: that is no latency
_SPEECH = 0.4  # share of a leg that is speech


def _peer(module: str, *options: str) -> list[str]:
    return [str(PEERS / "bin" / "python"), "-m", f"bench.peers.{module}", str(PEERS / "models"), *options]


SYSTEMS = {
    OURS: [sys.executable, "-m", "bench.peers.apuntador"],
    OFFLINE: [sys.executable, "-m", "bench.peers.apuntador", "--offline"],
    "faster-whisper": _peer("whisper"),
    "whisper-streaming": _peer("whisper", "--stream"),
    "moonshine-voice": _peer("moonshine_voice", "--stream"),
    "moonshine-voice-offline": _peer("moonshine_voice"),
    "sherpa-onnx": _peer("sherpa"),
    "vosk": _peer("vosk"),
}
"""The command of each system's worker."""
STREAMED = (OURS, "whisper-streaming", "moonshine-voice", "vosk")


@dataclass(frozen=True, slots=True)
class Pair:
    """What was said in a recording and what was heard; counts of words. digits: it reads digits out."""

    name: str
    reference: str
    hypothesis: str
    errors: int
    words: int
    digits: bool


@dataclass(slots=True)
class Row:
    """One system in one language and condition. `why` says why there are no figures.

    wer: percent, of all utterances; wer_no_digits: of those without digit strings, None when there are none with.
    CPU in seconds, memory in MB. `partial`, `stable`, `final`: of one leg on a core of its own, milliseconds.
    """

    system: str
    language: str
    condition: str
    model: str = ""
    why: str = ""
    wer: float | None = None
    wer_no_digits: float | None = None
    audio_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    mb_per_stream: float | None = None
    revisions: Revisions | None = None
    partial: dict[str, int] | None = None
    stable: dict[str, int] | None = None
    final: dict[str, int] | None = None
    pairs: list[Pair] = field(default_factory=list)

    @property
    def rtf(self) -> float:
        return self.cpu_s / self.audio_s if self.audio_s else 0.0

    @property
    def calls_by_cpu(self) -> float:
        """Two-leg calls whose speech one core has the CPU for: a bound, since nobody waits for anything in it."""
        return 1 / (2 * _SPEECH * self.rtf) if self.rtf else 0.0


class Listener:
    """A system's process, open for a language. A context manager. Raises `UnavailableError`."""

    def __init__(self, system: str, language: Language, folder: Path) -> None:
        self._path = folder / "heard.wav"
        self._peer = PeerProcess(SYSTEMS[system], log=folder / f"{system}.log")
        try:
            opened = self._peer.ask(op="open", language=language)
        except UnavailableError:
            self._peer.close()
            raise
        self.model, self._rate = str(opened["name"]), int(opened["rate"])

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.close()

    def hear(self, pcm: Pcm, rate: int) -> tuple[Heard, float, float]:
        """What is heard in int16 [n], the CPU seconds it took, and the process's peak memory in MB."""
        self._write(pcm, rate)
        answer = self._peer.ask(op="hear", path=str(self._path))
        return heard_from(answer), float(answer["cpu_s"]), float(answer["peak_mb"])

    def stream_mb(self, pcm: Pcm, rate: int) -> float | None:
        """MB that each further stream takes after it has heard int16 [n]; None when the system has no streams."""
        self._write(pcm, rate)
        answer = self._peer.ask(op="streams", path=str(self._path), count=_STREAMS)
        return None if answer["mb_per_stream"] is None else float(answer["mb_per_stream"])

    def _write(self, pcm: Pcm, rate: int) -> None:
        wanted = self._rate or rate
        write_wav(self._path, resample(pcm, rate, wanted), wanted)


def measure(system: str, utterances: Sequence[Utterance], condition: Condition, folder: Path) -> Row:
    """All utterances, of one language, through one system, one after the other."""
    language = utterances[0].language
    row = Row(system, language, condition.name)
    revisions = Revisions()
    try:
        with Listener(system, language, folder) as listener:
            row.model = listener.model
            for utterance in utterances:
                pcm, rate = transmit(utterance, condition)
                heard, cpu, row.peak_mb = listener.hear(pcm, rate)
                row.pairs.append(_pair(utterance, heard.text))
                row.audio_s += utterance.seconds
                row.cpu_s += cpu
                revisions.add(heard.shown, language)
            row.mb_per_stream = listener.stream_mb(pcm, rate)
    except UnavailableError as error:
        row.why = str(error)
        return row
    row.revisions = revisions if revisions.shown else None
    row.wer = _wer(row.pairs)
    if any(pair.digits for pair in row.pairs):
        row.wer_no_digits = _wer([pair for pair in row.pairs if not pair.digits])
    return row


def measure_legs(
    system: str, legs: Sequence[Leg], language: Language, condition: Condition, folder: Path, spoken: Sequence[WordEnds]
) -> Row:
    """Legs of calls through one streaming system, each leg on a core of its own: latencies."""
    row = Row(system, language, condition.name)
    latencies, revisions = Latencies(), Revisions()
    try:
        with Listener(system, language, folder) as listener:
            row.model = listener.model
            for leg, words in zip(legs, spoken, strict=True):
                heard, cpu, row.peak_mb = listener.hear(leg.pcm, leg.rate)
                row.audio_s += leg.seconds
                row.cpu_s += cpu
                revisions.add(heard.shown, language)
                latencies.add([(text.at, text) for text in heard.shown], leg, language, words)
    except UnavailableError as error:
        row.why = str(error)
        return row
    row.revisions = revisions
    row.partial, row.stable = percentiles(latencies.partial), percentiles(latencies.stable)
    if len(latencies.final) >= _FEWEST_FINALS:
        row.final = percentiles(latencies.final)
    return row


def spoken_words(heard: Heard, language: Language) -> WordEnds:
    """The words of an engine's finals and their ends, where it has word times."""
    finals = [text for text in heard.shown if text.final]
    return word_ends(((word, end) for text in finals for word, _, end in text.words), language)


def _pair(utterance: Utterance, heard: str) -> Pair:
    errors, words = word_errors([utterance.text], [heard], utterance.language)
    digits = says_digits(utterance.text, utterance.language)
    return Pair(utterance.name, utterance.text, heard, errors, words, digits)


def _wer(pairs: Sequence[Pair]) -> float | None:
    words = sum(pair.words for pair in pairs)
    return 100 * sum(pair.errors for pair in pairs) / words if words else None
