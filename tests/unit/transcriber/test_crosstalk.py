"""Leaks are told from people: a copy of the other party is, someone who talks over the other is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assist.transcriber.crosstalk import HOP_S, Trace, compare, is_leak
from assist.transcriber.leg import Leg, introduce
from assist.wire import AudioChunk
from bench.g711 import from_ulaw, to_ulaw
from models.asr.types import Transcript
from tests.unit.transcriber.test_leg import ScriptedRecogniser, final

RATE = 8000
Signal = NDArray[np.float64]


def voice(seed: int, seconds: float, dbfs: float = -20.0) -> Signal:
    """Syllables: noise in bands that come and go four times a second, as loud as said."""
    random = np.random.default_rng(seed)
    n = round(seconds * RATE)
    f = np.fft.rfftfreq(n, 1 / RATE)
    signal = np.zeros(n)
    for low, high in ((200, 500), (500, 900), (900, 1500), (1500, 2300), (2300, 3400)):
        spectrum = np.fft.rfft(random.normal(size=n))
        spectrum[(f < low) | (f >= high)] = 0
        steps = random.random(int(seconds * 8) + 2) ** 3
        signal += np.fft.irfft(spectrum, n) * np.interp(np.arange(n) / RATE * 8, np.arange(steps.size), steps)
    return np.asarray(signal * 10 ** (dbfs / 20) / np.sqrt(np.mean(signal**2)))


def leak(signal: Signal, loss: float, delay: float, *, dull: bool = False) -> Signal:
    heard = np.convolve(signal, np.hanning(7) / np.hanning(7).sum(), "same") if dull else signal
    late = np.concatenate([np.zeros(round(delay * RATE)), heard])[: signal.size]
    return np.asarray(late * 10 ** (-loss / 20))


def pcm(signal: Signal, *, noise: float = -66.0) -> NDArray[np.int16]:
    noisy = signal + np.random.default_rng(9).normal(0, 10 ** (noise / 20), signal.size)
    return from_ulaw(to_ulaw((np.clip(noisy, -1, 1) * 32767).astype(np.int16)))


def trace(signal: Signal, *, start: int = 0, epoch: float = 0.0, chunk: int = 480) -> Trace:
    made = Trace(RATE, start=start, epoch=epoch)
    samples = pcm(signal)
    for k in range(0, samples.size, chunk):
        made.feed(samples[k : k + chunk])
    return made


@given(loss=st.sampled_from([25, 30, 35]), delay=st.floats(0, 0.5), dull=st.booleans(), seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_the_other_partys_voice_leaking_back_is_a_leak(loss: int, delay: float, dull: bool, seed: int) -> None:
    said = voice(seed, 5)
    own, other = trace(leak(said, loss, delay, dull=dull)), trace(said)
    assert is_leak(own, other, 1.0, 4.0)
    likeness = compare(own, other, 1.0, 4.0)
    assert likeness is not None
    assert likeness.delay == pytest.approx(delay, abs=2 * HOP_S)
    assert not is_leak(other, own, 1.0, 4.0), "the speaker is not a leak of the leak"


@given(quieter=st.sampled_from([0, 10, 20, 30]), seconds=st.floats(0.9, 4.0), seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_who_talks_over_the_other_is_kept(quieter: int, seconds: float, seed: int) -> None:
    other = voice(seed, 6)
    said = np.zeros(other.size)
    first = voice(seed + 1000, seconds, -20.0 - quieter)
    said[RATE : RATE + first.size] = first
    assert not is_leak(trace(said), trace(other), 1.0, 1.0 + seconds)
    assert not is_leak(trace(said + leak(other, 35, 0.1)), trace(other), 1.0, 1.0 + seconds) or quieter == 30


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.7])
def test_a_short_word_is_seldom_taken_for_a_leak_and_a_leak_seldom_for_a_word(seconds: float) -> None:
    lost = leaked = 0
    for seed in range(60):
        other = voice(seed, 3)
        said = np.zeros(other.size)
        word = voice(seed + 1000, seconds, -45.0)
        said[RATE : RATE + word.size] = word
        lost += is_leak(trace(said), trace(other), 1.0, 1.0 + seconds)
        leaked += not is_leak(trace(leak(other, 30, 0.1)), trace(other), 1.0, 1.0 + seconds)
    assert lost <= 2
    assert leaked <= 12


def test_a_quiet_caller_alone_is_kept() -> None:
    assert not is_leak(trace(voice(1, 4, -45)), trace(np.zeros(4 * RATE)), 0.5, 3.5)


def test_a_voice_at_the_edge_of_hearing_is_another_line() -> None:
    assert is_leak(trace(voice(1, 4, -68)), trace(np.zeros(4 * RATE)), 0.5, 3.5)


def test_legs_that_began_at_different_times_are_compared_at_the_same_time() -> None:
    said = voice(3, 8)
    late = leak(said, 28, 0.1)[2 * RATE :]
    assert is_leak(trace(late, epoch=102.0), trace(said, epoch=100.0), 103.0, 106.0)


def test_without_the_other_legs_audio_nothing_is_taken_for_a_leak() -> None:
    own = trace(leak(voice(4, 4), 28, 0.1))
    assert not is_leak(own, Trace(RATE, start=0, epoch=0.0), 1.0, 3.0)
    assert not is_leak(Trace(RATE, start=0, epoch=0.0), own, 1.0, 3.0)
    assert compare(own, own, 1.0, 1.05) is None


@given(st.lists(st.one_of(st.integers(1, 2000), st.integers(-2000, -1)), min_size=1, max_size=30))
def test_levels_stay_in_their_place_whatever_the_chunks_and_gaps(steps: list[int]) -> None:
    made, clock = Trace(RATE, start=0, epoch=0.0), 0
    for step in steps:
        made.feed(np.zeros(step, np.int16)) if step > 0 else made.skip(-step)
        clock += abs(step)
    burst = np.full(1600, 8000, np.int16) * np.tile([1, 1, -1, -1], 400).astype(np.int16)
    made.feed(burst)
    made.feed(np.zeros(400, np.int16))
    found = np.nan_to_num(made.between(0.0, (clock + 2000) / RATE), nan=-70.0).max(axis=1)
    loud = np.flatnonzero(found > -20) * HOP_S
    assert loud[0] == pytest.approx(clock / RATE, abs=2 * HOP_S)


def test_two_hours_take_no_more_memory_than_a_minute() -> None:
    made = Trace(RATE, start=0, epoch=0.0)
    for _ in range(100):
        made.feed(np.zeros(RATE, np.int16))
    minute = made.between(60.0, 100.0).nbytes
    made.skip(7200 * RATE)
    made.feed(np.full(RATE, 5, np.int16))
    assert made.between(0.0, 8000.0)[~np.isnan(made.between(0.0, 8000.0))].nbytes <= minute
    assert not np.isnan(made.between(7299.0, 7300.0)).any()


def legs(script: list[Transcript], mine: Signal, theirs: Signal) -> Leg:
    own = Leg("c1", "agent", ScriptedRecogniser(script), rate=RATE, start=0, epoch=0.0)
    other = Leg("c1", "customer", ScriptedRecogniser(), rate=RATE, start=0, epoch=0.0)
    introduce([own, other])
    for leg, signal in ((own, mine), (other, theirs)):
        leg.feed(AudioChunk(RATE, 0, 0.0, pcm(signal).tobytes()))
    return own


def test_a_leg_says_nothing_that_the_other_party_said() -> None:
    said = voice(5, 5)
    leg = legs([final(1.0, 3.0)], leak(said, 30, 0.1), said)
    assert leg.step() == []
    leg = legs([final(1.0, 3.0)], voice(6, 5, -30), said)
    assert [heard.text for heard in leg.step()] == ["hola"]


def test_what_was_shown_before_the_leak_was_plain_is_withdrawn() -> None:
    said = voice(7, 5)
    mine = leak(said, 30, 0.1)
    mine[: 2 * RATE] = voice(8, 2, -45)
    shown = Transcript(8000, "hola", 4, False, 1.0, 1.9, (), 0.9, "es")
    whole = Transcript(8000, "hola que tal", 12, True, 2.2, 4.9, (), 0.9, "es")
    leg = legs([shown, whole], mine, said)
    assert [(heard.text, heard.final) for heard in leg.step()] == [("hola", False)]
    assert [(heard.text, heard.stable_chars, heard.final) for heard in leg.step()] == [("", 0, True)]
