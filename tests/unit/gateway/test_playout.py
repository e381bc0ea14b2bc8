"""The jitter buffer of a voice that comes over the bus, the mixer, and recordings."""

import random
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fork import FRAME_BYTES, FRAME_SAMPLES
from gateway.playout import FIRST_TARGET, Playout, Tape, frames_of, mix, read_wav, silence, tone


def frame(number: int) -> bytes:
    return np.full(FRAME_SAMPLES, number, "<i2").tobytes()


def number_of(pcm: bytes | None) -> int | None:
    return None if pcm is None else int(np.frombuffer(pcm, "<i2")[0])


def test_it_waits_for_two_frames_and_then_plays_in_order() -> None:
    playout = Playout()
    playout.put(frame(1))
    assert playout.pull() is None
    playout.put(frame(2))
    assert [number_of(playout.pull()) for _ in range(2)] == [1, 2]


def test_a_chunk_of_several_frames_is_cut_and_its_end_filled_up() -> None:
    playout = Playout(target=1)
    playout.put(frame(1) + frame(2) + frame(3)[:100])
    assert [number_of(playout.pull()) for _ in range(2)] == [1, 2]
    last = playout.pull()
    assert last is not None
    assert last == frame(3)[:100].ljust(FRAME_BYTES, b"\0")


def test_when_it_runs_empty_it_is_filled_one_frame_higher() -> None:
    playout = Playout()
    for number in range(FIRST_TARGET):
        playout.put(frame(number))
        playout.pull()
    while playout.pull() is not None:
        pass
    assert playout.empty == 1
    assert playout.target == FIRST_TARGET + 1
    for number in range(FIRST_TARGET):
        playout.put(frame(number))
    assert playout.pull() is None
    playout.put(frame(9))
    assert playout.pull() is not None


def test_half_a_second_is_kept_and_what_is_older_goes() -> None:
    playout = Playout()
    for number in range(40):
        playout.put(frame(number))
    assert (playout.waiting, playout.dropped) == (25, 15)
    assert number_of(playout.pull()) == 15


def test_a_burst_that_made_it_late_is_worked_off() -> None:
    playout = Playout()
    for number in range(10):
        playout.put(frame(number))
    for number in range(10, 1000):
        playout.put(frame(number))
        assert playout.pull() is not None
    assert playout.waiting <= FIRST_TARGET + 1
    assert 6 <= playout.dropped <= 9


def test_a_sender_whose_clock_is_faster_does_not_add_up() -> None:
    playout = Playout()
    for tick in range(20_000):  # 400 s
        playout.put(frame(1))
        if tick % 500 == 0:  # 2,000 parts per million, twenty times what two quartzes differ by
            playout.put(frame(1))
        playout.pull()
    assert playout.waiting <= FIRST_TARGET + 2
    assert playout.empty <= 1


def test_it_becomes_short_again_when_the_network_has_calmed_down() -> None:
    playout = Playout()
    for _ in range(3):
        for _ in range(8):
            playout.put(frame(1))
        while playout.pull() is not None:
            pass
    high = playout.target
    assert high > FIRST_TARGET
    for _ in range(high):
        playout.put(frame(1))
    for _ in range(50 * 60):
        playout.put(frame(1))
        playout.pull()
    assert playout.target == FIRST_TARGET
    assert playout.waiting <= FIRST_TARGET + 1


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_whatever_the_bursts_frames_come_in_order_and_never_twice(seed: int, burst: int) -> None:
    rng = random.Random(seed)
    playout, sent, got = Playout(), 0, []
    for _ in range(300):
        if rng.random() < 1 / burst:
            for _ in range(burst):
                sent += 1
                playout.put(frame(sent))
        pulled = number_of(playout.pull())
        if pulled is not None:
            got.append(pulled)
    assert got == sorted(set(got))
    assert len(got) + playout.dropped + playout.waiting == sent


def test_clearing_lets_the_next_voice_begin_anew() -> None:
    playout = Playout(target=1)
    playout.put(frame(1))
    playout.clear()
    assert playout.pull() is None
    playout.put(frame(2))
    assert number_of(playout.pull()) == 2


def test_voices_are_added_and_clipped() -> None:
    assert mix([]) is None
    assert mix([None, None]) is None
    assert mix([None, frame(5)]) == frame(5)
    assert number_of(mix([frame(5), frame(-2), None])) == 3
    assert number_of(mix([frame(30000), frame(30000)])) == 32767
    assert number_of(mix([frame(-30000), frame(-30000)])) == -32768


def test_a_tape_plays_once_and_can_be_filled_while_it_plays() -> None:
    tape = Tape([frame(1)])
    tape.put([frame(2)])
    assert tape.playing
    assert [number_of(tape.pull()) for _ in range(3)] == [1, 2, None]
    assert not tape.playing
    tape.put([frame(3)])
    tape.clear()
    assert tape.pull() is None


def test_a_tone_has_its_pitch_and_its_length() -> None:
    frames = tone(1400, 0.2)
    assert len(frames) == 10
    pcm = np.frombuffer(b"".join(frames), "<i2").astype(float)
    assert abs(np.abs(np.fft.rfft(pcm)).argmax() * 8000 / len(pcm) - 1400) < 10
    assert 5000 < np.abs(pcm).max() < 7000
    assert len(silence(0.3)) == 15


def wav(path: Path, *, rate: int = 8000, channels: int = 1, width: int = 2, samples: int = 800) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\1" * (samples * channels * width))
    return path


def test_a_recording_is_read_in_frames(tmp_path: Path) -> None:
    assert len(read_wav(wav(tmp_path / "a.wav", samples=801))) == 6
    assert frames_of(b"") == []


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"rate": 16000}, "16000 Hz; needed is mono, 16 bit, 8000 Hz: sox"),
        ({"channels": 2}, "2 channel"),
        ({"width": 1}, "8 bit"),
        ({"samples": 0}, "nothing to hear"),
    ],
    ids=["rate", "stereo", "8bit", "empty"],
)
def test_a_recording_that_can_not_be_played_says_what_to_do(tmp_path: Path, shape: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_wav(wav(tmp_path / "a.wav", **shape))


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no")
    for name in ("a.wav", "missing.wav"):
        with pytest.raises(ValueError, match=name):
            read_wav(tmp_path / name)
