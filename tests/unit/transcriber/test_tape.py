"""A leg's audio: in order, handed out once or again, bounded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assist.transcriber.tape import Piece, Tape

LIMIT = 100


def samples(start: int, count: int) -> NDArray[np.int16]:
    return np.arange(start, start + count, dtype=np.int16)


def heard(pieces: list[Piece]) -> list[int]:
    return [int(value) for piece in pieces for value in piece.pcm]


actions = st.one_of(
    st.tuples(st.just("add"), st.integers(-20, 20), st.integers(0, 15)),
    st.tuples(st.just("take"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("rewind"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("forget"), st.integers(0, 30), st.just(0)),
)


@given(st.lists(actions, max_size=80))
def test_every_sample_is_handed_out_in_order_at_its_own_place(steps: list[tuple[str, int, int]]) -> None:
    tape = Tape(0, LIMIT)
    came: set[int] = set()
    for what, number, count in steps:
        before = tape.read
        match what:
            case "add":
                start = max(0, tape.end + number)
                came |= set(range(max(start, tape.end), start + count))
                tape.add(start, samples(start, count))
            case "take":
                pieces = tape.take(number)
                for piece in pieces:
                    assert list(piece.pcm) == list(range(piece.start, piece.stop))
                values = heard(pieces)
                assert values == sorted(values)
                assert all(value >= before for value in values)
                # Nothing that came and still had room is passed over.
                assert set(range(before, tape.read)) & came == set(values)
            case "rewind":
                assert tape.rewind(max(0, tape.read - number)) <= before
            case "forget":
                tape.forget(max(0, tape.read - number))
        came -= set(range(tape.end - LIMIT - 40)) - set(range(tape.read, tape.end))
        assert 0 <= tape.backlog <= LIMIT + 40
        assert tape.read <= tape.end


def test_beyond_the_limit_what_was_heard_goes_first_and_what_waits_is_counted() -> None:
    tape = Tape(0, LIMIT)
    for start in range(0, 100, 10):
        tape.add(start, samples(start, 10))
    tape.take(60)
    for start in range(100, 160, 10):
        tape.add(start, samples(start, 10))
    assert tape.skipped == 0
    assert tape.rewind(0) == 60
    tape.add(160, samples(160, 10))
    assert tape.skipped == 10
    assert heard(tape.take(1000)) == list(range(70, 170))


def test_what_never_came_is_a_gap_and_counted() -> None:
    tape = Tape(5, LIMIT)
    tape.add(10, samples(10, 5))
    tape.add(20, samples(20, 0))  # an end mark far behind the last sample
    assert [(piece.start, piece.stop) for piece in tape.take(100)] == [(10, 15), (20, 20)]
    assert tape.lost == 10
    assert tape.backlog == 0
