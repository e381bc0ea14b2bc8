"""From chunks of any size to aligned frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.framer import End, Frame, Framer, Gap
from models.errors import BadAudio

SIZE = 16


def drain(framer: Framer) -> list[Frame | Gap | End]:
    items: list[Frame | Gap | End] = []
    while framer.ready():
        item = framer.next()
        assert item is not None, "ready() promised something"
        items.append(item)
    assert framer.next() is None
    return items


def samples_by_clock(items: list[Frame | Gap | End]) -> dict[int, int]:
    return {
        frame.index * SIZE + k: int(v)
        for frame in items
        if isinstance(frame, Frame)
        for k, v in enumerate(frame.samples)
    }


@given(st.integers(0, 100), st.lists(st.integers(0, 50), max_size=20))
def test_frames_hold_the_fed_samples_at_their_clock_positions(start: int, chunks: list[int]) -> None:
    framer, clock, items = Framer(SIZE, start), start, []
    for n in chunks:
        framer.feed(np.arange(clock + 1, clock + 1 + n, dtype=np.int16))
        clock += n
        items += drain(framer)
    framer.finish()
    items += drain(framer)
    held = samples_by_clock(items)
    assert all(held[k] == k + 1 for k in range(start, clock))
    assert all(v == 0 for k, v in held.items() if not start <= k < clock)
    assert isinstance(items[-1], End)


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=20),
)
def test_gaps_move_the_clock_and_nothing_comes_twice(start: int, script: list[tuple[bool, int]]) -> None:
    framer, clock, fed = Framer(SIZE, start), start, set()
    for lost, n in script:
        if lost:
            framer.skip(n)
        else:
            framer.feed(np.arange(clock + 1, clock + 1 + n, dtype=np.int16))
            fed |= set(range(clock, clock + n))
        clock += n
    framer.finish()
    items = drain(framer)
    indices = [f.index for f in items if isinstance(f, Frame)]
    assert indices == sorted(set(indices))
    held = samples_by_clock(items)
    assert all(v in (0, k + 1) for k, v in held.items())
    # A gap that ends inside a frame already given away costs the rest of that frame, never more.
    gaps = sum(lost for lost, _ in script)
    assert len([k for k in fed if held.get(k) != k + 1]) <= gaps * (SIZE - 1)


def test_the_callers_buffer_may_be_reused() -> None:
    framer, buffer = Framer(SIZE), np.ones(SIZE, np.int16)
    framer.feed(buffer)
    buffer[:] = 9
    frame = framer.next()
    assert isinstance(frame, Frame)
    assert frame.samples.tolist() == [1] * SIZE


@pytest.mark.parametrize("pcm", [np.zeros(4, np.float32), np.zeros((2, 2), np.int16), b"\0\0"])
def test_other_than_int16_mono_is_refused(pcm: object) -> None:
    with pytest.raises(BadAudio, match="int16"):
        Framer(SIZE).feed(pcm)  # type: ignore[arg-type]


def test_nothing_may_follow_the_end() -> None:
    framer = Framer(SIZE)
    framer.finish()
    framer.finish()
    with pytest.raises(BadAudio):
        framer.feed(np.zeros(1, np.int16))
    with pytest.raises(BadAudio):
        framer.skip(1)
