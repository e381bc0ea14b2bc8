"""What every Recogniser and Stream must do, whatever the engine."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.asr.types import Recogniser, Stream, Transcript, Urgency
from models.errors import BadAudio

Audio = NDArray[np.int16]


def drain(stream: Stream) -> list[Transcript]:
    out: list[Transcript] = []
    while stream.urgency() is not Urgency.NONE:
        out += stream.step()
    return out


def say(stream: Stream, pcm: Audio, *, chunk: int = 160, finish: bool = True) -> list[Transcript]:
    out: list[Transcript] = []
    for k in range(0, pcm.size, chunk):
        stream.feed(pcm[k : k + chunk])
        out += drain(stream)
    if finish:
        stream.finish()
        out += drain(stream)
    return out


def finals(transcripts: list[Transcript]) -> list[Transcript]:
    return [t for t in transcripts if t.final and t.text]


_AT_ONCE: dict[tuple[str, int], list[Transcript]] = {}


@pytest.fixture
def at_once(recogniser: Recogniser, rate: int, speech: Audio) -> list[Transcript]:
    """The finals of speech that came in one piece, recognised once for all tests that compare with them."""
    key = (recogniser.name, rate)
    if key not in _AT_ONCE:
        stream = recogniser.stream(rate)
        stream.feed(speech)
        stream.finish()
        _AT_ONCE[key] = finals(drain(stream))
    return _AT_ONCE[key]


def test_a_stream_tells_its_story_in_order(recogniser: Recogniser, rate: int, speech: Audio) -> None:
    out = say(recogniser.stream(rate), speech)
    assert len(finals(out)) >= 2
    assert any(not t.final for t in out), "partials come before the final"
    ended: set[int] = set()
    stable: dict[int, str] = {}
    for t in out:
        assert t.utterance not in ended, "nothing comes after the final"
        assert t.language == recogniser.language
        assert 0 <= t.stable_chars <= len(t.text)
        assert 0 <= t.t0 < t.t1 <= speech.size / rate
        assert t.utterance / rate == pytest.approx(t.t0, abs=0.001)
        assert 0 <= t.confidence <= 1
        if t.final:
            ended.add(t.utterance)
            assert t.stable_chars == len(t.text)
            assert t.text.startswith(stable.get(t.utterance, "")), "stable words do not change in the final either"
            assert t.text == " ".join(w.text for w in t.words)
            assert all(t.t0 <= w.t0 <= w.t1 <= t.t1 and 0 <= w.confidence <= 1 for w in t.words)
            assert all(a.t0 <= b.t0 for a, b in pairwise(t.words))
        else:
            assert t.text.startswith(stable.get(t.utterance, "")), "stable words do not change"
            stable[t.utterance] = t.text[: t.stable_chars]
    assert {t.utterance for t in out} == ended, "every utterance that was shown is ended"
    times = [(t.t0, t.t1) for t in finals(out)]
    assert all(a[1] <= b[0] for a, b in pairwise(times))


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(chunks=st.lists(st.integers(37, 40_000), min_size=1, max_size=6))
def test_chunk_sizes_do_not_change_the_finals(
    recogniser: Recogniser, rate: int, speech: Audio, at_once: list[Transcript], chunks: list[int]
) -> None:
    stream, position, got = recogniser.stream(rate), 0, []
    while position < speech.size:
        n = chunks[position % len(chunks)]
        stream.feed(speech[position : position + n])
        position += n
        while stream.urgency() is Urgency.FINAL:  # a busy scheduler: no partials at all
            got += stream.step()
    stream.finish()
    got += drain(stream)
    assert finals(got) == at_once
    assert at_once


def test_the_clock_starts_where_it_is_told(
    recogniser: Recogniser, rate: int, speech: Audio, at_once: list[Transcript]
) -> None:
    size = rate * 32 // 1000
    later = finals(say(recogniser.stream(rate, start_sample=1000 * size), speech, chunk=rate))
    assert [t.text for t in later] == [t.text for t in at_once]
    assert [t.utterance for t in later] == [t.utterance + 1000 * size for t in at_once]
    assert later[0].t0 == pytest.approx(at_once[0].t0 + 32.0)


def test_done_allows_a_replay_that_loses_nothing(
    recogniser: Recogniser, rate: int, speech: Audio, at_once: list[Transcript]
) -> None:
    stream = recogniser.stream(rate)
    marks = [stream.done]
    before: list[Transcript] = []
    half = round(speech.size * 0.75)
    for k in range(0, half, rate // 10):
        stream.feed(speech[k : min(half, k + rate // 10)])
        before += drain(stream)
        marks.append(stream.done)
    assert marks == sorted(marks)
    assert marks[-1] <= half
    assert all(t.t1 * rate <= marks[-1] for t in finals(before))
    again = finals(say(recogniser.stream(rate, start_sample=marks[-1]), speech[marks[-1] :], chunk=rate))
    assert len(again) >= 1
    assert len(finals(before)) + len(again) == len(at_once)


def test_lost_audio_closes_the_utterance_and_moves_the_clock(recogniser: Recogniser, rate: int, speech: Audio) -> None:
    stream = recogniser.stream(rate)
    cut = round(1.9 * rate)  # in the middle of the first utterance
    out = say(stream, speech[:cut], finish=False)
    stream.skip(10 * rate)
    out += drain(stream)
    assert out
    assert out[-1].final
    after = finals(say(stream, speech))
    assert after[0].t0 == pytest.approx(1.9 + 10 + 1.0, abs=0.25)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "nothing"])
def test_what_is_no_speech_gives_no_words(recogniser: Recogniser, rate: int, kind: str) -> None:
    n = np.arange(4 * rate)
    random = np.random.default_rng(1)
    if recogniser.name == "scripted":  # it knows loud from quiet only
        kind = {"noise": "silence", "tone": "nothing"}.get(kind, kind)
    signals = {
        "silence": np.zeros(n.size),
        "noise": random.normal(0, 600, n.size),
        "tone": 6000 * np.sin(2 * np.pi * 425 * n / rate) * (n // (rate // 2) % 2),  # busy tone
        "nothing": np.zeros(0),
    }
    assert finals(say(recogniser.stream(rate), signals[kind].astype(np.int16))) == []


def test_an_idle_stream_wants_nothing(recogniser: Recogniser, rate: int) -> None:
    stream = recogniser.stream(rate, start_sample=77)
    assert stream.sample_rate == rate
    assert stream.urgency() is Urgency.NONE
    assert stream.step() == []
    assert stream.done == 77


def test_wrong_audio_is_refused(recogniser: Recogniser, rate: int) -> None:
    with pytest.raises(BadAudio):
        recogniser.stream(rate).feed(np.zeros(10, np.float32))  # type: ignore[arg-type]


def test_other_rates_are_refused(recogniser: Recogniser) -> None:
    with pytest.raises(BadAudio, match="44100"):
        recogniser.stream(44100)
