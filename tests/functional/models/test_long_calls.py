"""Legs that never speak, legs that never stop, hours of loss and jitter: nothing grows, nothing is lost, times hold."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr.stream import Hypothesis, VadStream
from models.asr.types import Transcript, Urgency, Word
from models.errors import BadAudio

RATE, FRAME = 16000, 512  # the model's own rate: the scripted decoder sees the samples that were fed
WORD = 4  # frames: three loud ones, one faint one
FAINT = 500
MINUTES = 10  # what is kept is bounded by seconds: it would have grown by then


class LoudnessVad:
    frame_samples = FRAME

    def probability(self, frame: NDArray[np.float32]) -> float:
        return 1.0 if float(np.abs(frame).mean()) > 0.01 else 0.0

    def reset(self) -> None:
        pass


class Levels:
    """Reads numbers from the loudness of frames: a word is there when most of it is."""

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        return self.finish(audio)

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        whole = audio[: audio.size // FRAME * FRAME].reshape(-1, FRAME)
        levels = np.round(np.median(whole, axis=1) * 32768).astype(int)
        numbers, counts = np.unique(levels[levels > FAINT], return_counts=True)
        found = sorted(int(n) for n, count in zip(numbers, counts, strict=True) if count >= 2)
        return Hypothesis(tuple(Word(str(n), 0.0, 0.0, 0.9) for n in found), 0.9)


def said(number: int) -> NDArray[np.int16]:
    return np.repeat(np.array([number] * (WORD - 1) + [FAINT], np.int16), FRAME)


def finals_of(stream: VadStream) -> list[Transcript]:
    out: list[Transcript] = []
    while stream.urgency() is Urgency.FINAL:
        out += [t for t in stream.step() if t.final]
    return out


def kept_seconds(stream: VadStream) -> float:
    return len(stream._audio) * FRAME / RATE


def test_a_leg_that_never_speaks_costs_nothing() -> None:
    stream = VadStream(Levels(), LoudnessVad(), "es", RATE)
    minute = np.zeros(60 * RATE, np.int16)
    for k in range(30):
        stream.feed(minute)
        assert finals_of(stream) == []
        assert stream.done >= (k + 1) * 60 * RATE - RATE // 2, "a replay need not start before the silence"
        assert kept_seconds(stream) < 0.5


def test_a_leg_that_never_stops_is_split_and_loses_no_word() -> None:
    stream = VadStream(Levels(), LoudnessVad(), "es", RATE)
    count = round(MINUTES * 60 / (WORD * FRAME / RATE))
    numbers = range(1000, 1000 + count)
    heard: list[Transcript] = []
    for k, number in enumerate(numbers):
        stream.feed(said(number))
        heard += finals_of(stream)
        assert k * WORD * FRAME - stream.done < 16 * RATE
        assert kept_seconds(stream) < 16
    stream.finish()
    heard += finals_of(stream)
    assert " ".join(t.text for t in heard).split() == [str(n) for n in numbers]
    assert max(t.t1 - t.t0 for t in heard) <= 15.1
    assert len(heard) > MINUTES * 60 / 15 - 1


def test_after_half_an_hour_of_loss_and_jitter_words_are_where_they_were_said() -> None:
    loss, sizes = 0.05, [800, 1599, 3001, 8999, 1111]
    random = np.random.default_rng(1)
    stream = VadStream(Levels(), LoudnessVad(), "es", RATE)
    spoken: list[float] = []
    heard: list[Transcript] = []
    for minute in range(30):
        audio = np.zeros(60 * RATE, np.int16)
        for second in (10, 40):
            start = second * RATE + int(random.integers(0, RATE))
            spoken.append(minute * 60 + start / RATE)
            audio[start : start + RATE] = 3000
        place = 0
        while place < audio.size:
            size = min(sizes[place % len(sizes)], audio.size - place)
            speaking = bool(audio[place : place + size].any())
            if not speaking and random.random() < loss:
                stream.skip(size)  # never came
            elif random.random() < loss:
                lost = audio[place : place + size].copy()
                lost[:320] = 0  # a packet that the jitter buffer replaced by silence
                stream.feed(lost)
            else:
                stream.feed(audio[place : place + size])
            place += size
        heard += finals_of(stream)
    starts = np.array([t.t0 for t in heard])
    assert len(heard) >= len(spoken)
    assert all(np.abs(starts - at).min() < 0.1 for at in spoken)
    assert all(min(abs(start - at) for at in spoken) < 1.1 for start in starts)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(160, np.float32),
        np.full(160, np.nan, np.float32),
        np.full(160, 128, np.uint8),
        np.zeros((160, 2), np.int16),
        np.zeros((2, 160), np.int16),
        np.int16(3),
        np.zeros(160, np.int32),
    ],
    ids=["float", "nan", "8-bit", "stereo", "stereo by rows", "one number", "32-bit"],
)
def test_audio_of_another_kind_is_refused_and_harms_nothing(wrong: NDArray[np.int16]) -> None:
    stream = VadStream(Levels(), LoudnessVad(), "es", RATE)
    stream.feed(said(1234))
    with pytest.raises(BadAudio, match="int16"):
        stream.feed(wrong)
    stream.feed(np.zeros(0, np.int16))
    stream.finish()
    assert [t.text for t in finals_of(stream)] == ["1234"]
    with pytest.raises(BadAudio, match="finished"):
        stream.feed(said(1))
