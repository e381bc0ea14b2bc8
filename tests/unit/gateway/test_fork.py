"""Ring, chunker and kept audio: whatever the framing, the same samples at the same places."""

import itertools
import threading
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fork import FRAME_BYTES, FRAME_S, FRAME_SAMPLES, SILENCE, Chunker, Kept, Piece, Ring


def frame(number: int) -> bytes:
    return number.to_bytes(4, "little") * (FRAME_BYTES // 4)


def test_the_ring_hands_over_in_order_and_counts() -> None:
    ring = Ring(10)
    before = time.time()
    for number in range(5):
        ring.put(frame(number))
    assert ring.take() == [(number, frame(number)) for number in range(5)]
    assert ring.take() == []
    assert ring.dropped == 0
    assert ring.epoch is not None
    assert before - 0.021 <= ring.epoch <= time.time() - 0.019


def test_a_full_ring_drops_the_oldest_and_keeps_the_numbers() -> None:
    ring = Ring(3)
    for number in range(8):
        ring.put(frame(number))
    assert [number for number, _ in ring.take()] == [5, 6, 7]
    assert ring.dropped == 5


def test_one_writer_and_one_reader_lose_nothing_uncounted() -> None:
    ring = Ring(64)
    count = 20_000
    thread = threading.Thread(target=lambda: [ring.put(SILENCE) for _ in range(count)])
    thread.start()
    numbers: list[int] = []
    while thread.is_alive():
        numbers += [number for number, _ in ring.take()]
    thread.join()
    numbers += [number for number, _ in ring.take()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + ring.dropped == count


class MediaClock:
    """Ticks a ring as pjsua2's clock thread does: makes up for delays of up to half a second, forgets longer ones."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.ring = Ring(10**6, clock=lambda: self.now)
        self.due = self.now
        self.true_times: list[float] = []

    def tick(self, stalled: float = 0.0, uneven: float = 0.0) -> None:
        self.now = max(self.now, self.due) + stalled
        if self.now - self.due > 0.5:
            self.due = self.now
        at, self.now = self.now, max(self.now, self.due + uneven)
        self.true_times.append(self.due)
        self.ring.put(SILENCE)
        self.now = max(at, self.now)
        self.due += FRAME_S

    def errors(self) -> list[float]:
        """How far each frame's number is from when it was due, in seconds."""
        begin = self.true_times[0]
        taken = self.ring.take()
        return [number * FRAME_S - (true - begin) for (number, _), true in zip(taken, self.true_times, strict=True)]


@given(stalls=st.dictionaries(st.integers(1, 119_000), st.floats(0.02, 8.0), max_size=12), seed=st.integers(0, 99))
@settings(max_examples=3, deadline=None)
def test_frames_keep_their_time_for_forty_minutes_whatever_the_clock_leaves_out(
    stalls: dict[int, float], seed: int
) -> None:
    clock, random = MediaClock(), Random(seed)
    for number in range(120_000):  # forty minutes
        clock.tick(stalls.get(number, 0.0), random.uniform(0, 0.012))
    errors = clock.errors()
    settling = {n + k for n in stalls for k in range(60)}
    assert max(abs(e) for n, e in enumerate(errors) if n not in settling) < 0.08


def test_without_stalls_no_frame_is_moved() -> None:
    clock, random = MediaClock(), Random(4)
    for number in range(50_000):
        clock.tick(0.45 if number % 70 == 50 else 0.0, random.uniform(0, 0.019))
    assert [number for number, _ in clock.ring.take()] == list(range(50_000))
    assert clock.ring.dropped == 0


@given(
    present=st.lists(st.booleans(), max_size=60),
    frames_per_chunk=st.integers(1, 5),
)
def test_chunks_hold_every_frame_at_its_place(present: list[bool], frames_per_chunk: int) -> None:
    chunker = Chunker(frames_per_chunk * FRAME_SAMPLES)
    pieces: list[Piece] = []
    given_frames = [number for number, here in enumerate(present) if here]
    for number in given_frames:
        pieces += chunker.feed(number, frame(number))
    pieces += chunker.flush()

    found: dict[int, bytes] = {}
    for piece in pieces:
        assert piece.start % FRAME_SAMPLES == 0
        assert 0 < len(piece.pcm) <= frames_per_chunk * FRAME_BYTES
        for offset in range(0, len(piece.pcm), FRAME_BYTES):
            found[piece.start // FRAME_SAMPLES + offset // FRAME_BYTES] = piece.pcm[offset : offset + FRAME_BYTES]
    assert found == {number: frame(number) for number in given_frames}
    assert [piece.start for piece in pieces] == sorted(piece.start for piece in pieces)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(pieces))
    assert chunker.end == (given_frames[-1] + 1 if given_frames else 0) * FRAME_SAMPLES


@given(st.lists(st.binary(max_size=2 * FRAME_BYTES), max_size=20))
def test_frames_of_a_wrong_size_do_not_shift_what_follows(frames: list[bytes]) -> None:
    chunker = Chunker(3 * FRAME_SAMPLES)
    pieces: list[Piece] = []
    for number, data in enumerate(frames):
        pieces += chunker.feed(number, data)
    pieces += chunker.flush()
    assert sum(len(piece.pcm) for piece in pieces) == len(frames) * FRAME_BYTES
    assert b"".join(p.pcm for p in pieces) == b"".join(f[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for f in frames)


@pytest.mark.parametrize("samples", [0, -160, 100])
def test_a_chunk_is_whole_frames(samples: int) -> None:
    with pytest.raises(ValueError, match="multiple of 160"):
        Chunker(samples)


def piece(start: int, samples: int) -> Piece:
    return Piece(start, b"".join(n.to_bytes(2, "little") for n in range(start, start + samples)))


def joined(pieces: list[Piece]) -> dict[int, int]:
    out: dict[int, int] = {}
    for one in pieces:
        for offset in range(0, len(one.pcm), 2):
            out[one.start + offset // 2] = int.from_bytes(one.pcm[offset : offset + 2], "little")
    return out


@given(
    steps=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), min_size=1, max_size=30),
    limit=st.integers(1, 200),
    resume=st.integers(0, 1500),
    discard=st.integers(0, 1500),
)
def test_kept_audio_is_the_newest_window_exactly(
    steps: list[tuple[int, int]], limit: int, resume: int, discard: int
) -> None:
    kept = Kept(limit)
    everything: dict[int, int] = {}
    at = 0
    for gap, samples in steps:
        one = piece(at + gap, samples)
        at = one.stop
        everything |= joined([one])
        kept.add(one)
    # All of the window is there, and at most one piece's length more.
    held = joined(kept.since(0))
    assert held.items() <= everything.items()
    assert {n for n in everything if n >= at - limit} <= held.keys()
    assert kept.samples <= limit + 40
    assert kept.oldest is not None
    replay = joined(kept.since(resume))
    assert replay == {n: v for n, v in held.items() if n >= resume}
    kept.discard(discard)
    assert {n for n in held if n >= discard} <= joined(kept.since(0)).keys()
    assert all(n < discard for n in held.keys() - joined(kept.since(0)).keys())


def test_nothing_kept_has_no_oldest() -> None:
    kept = Kept(100)
    assert kept.oldest is None
    assert kept.since(0) == []
    kept.discard(5)
