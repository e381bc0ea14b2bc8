"""G.711, channels and frames of media streams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fork import FRAME_BYTES
from gateway.taps.audio import Framer, alaw, channels_of, ulaw


def as_ints(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, "<i2")]


def test_ulaw_has_the_values_of_g711() -> None:
    # ITU-T G.711, table 2a/2b: the greatest magnitudes are 8031 of 13 bits, here in 16; both zeros are 0.
    assert as_ints(ulaw(bytes([0x00, 0x80, 0x7F, 0xFF, 0x0F, 0x8F]))) == [-32124, 32124, 0, 0, -16764, 16764]
    assert as_ints(ulaw(bytes(range(0x80, 0x100)))) == [-value for value in as_ints(ulaw(bytes(range(0x80))))]


def test_alaw_has_the_values_of_g711() -> None:
    # ITU-T G.711, table 1a/1b, in 16 bits: the least magnitude is 8, the greatest 32256.
    assert as_ints(alaw(bytes([0xD5, 0x55, 0xAA, 0x2A]))) == [8, -8, 32256, -32256]
    values = sorted(as_ints(alaw(bytes(range(256)))))
    assert len(set(values)) == 256
    assert values == [-value for value in reversed(values)]


def test_channels_come_apart_and_an_incomplete_group_is_let_go() -> None:
    pcm = np.array([1, -1, 2, -2, 3], "<i2").tobytes()
    left, right = channels_of(pcm, 2)
    assert as_ints(left) == [1, 2]
    assert as_ints(right) == [-1, -2]


@given(st.lists(st.integers(0, 900), max_size=12), st.sampled_from([8000, 16000]))
def test_frames_do_not_depend_on_how_the_bytes_arrive(cuts: list[int], rate: int) -> None:
    pcm = (np.sin(np.arange(rate // 4) / 9) * 9000).astype("<i2").tobytes()
    whole = Framer(rate)
    expected = [*whole.feed(pcm), *whole.flush()]
    pieces, framer, at = [], Framer(rate), 0
    for cut in cuts:
        pieces += framer.feed(pcm[at : at + cut])
        at += cut
    pieces += [*framer.feed(pcm[at:]), *framer.flush()]
    assert pieces == expected
    assert {len(frame) for frame in pieces} == {FRAME_BYTES}


@pytest.mark.parametrize(("hertz", "least", "most"), [(300, 0.95, 1.05), (3000, 0.8, 1.05), (5500, 0.0, 0.02)])
def test_halving_keeps_speech_and_lets_nothing_fold_back(hertz: float, least: float, most: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(16000) / 16000) * 10000
    heard = np.frombuffer(b"".join(Framer(16000).feed(tone.astype("<i2").tobytes())), "<i2")[500:-500]
    share = float(np.sqrt(np.mean(heard.astype(float) ** 2)) / (10000 / np.sqrt(2)))
    assert least <= share <= most


def test_a_rate_nobody_uses_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 or 16000"):
        Framer(44100)
