"""One leg: whatever arrives, times stay true, nothing is said twice and nothing is forgotten."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assist.events import TextChange
from assist.text.polish import polisher
from assist.transcriber.leg import Leg
from assist.wire import AudioChunk
from models.asr.types import Stream, Transcript, Urgency

RATE = 8000


class ScriptedStream:
    """Takes audio and hands out the transcripts it was given; remembers where its clock stands."""

    sample_rate = RATE

    def __init__(self, start: int, script: list[Transcript]) -> None:
        self.clock = start
        self.heard: list[tuple[int, int]] = []
        self.script = script
        self.done = start

    def feed(self, pcm: NDArray[np.int16]) -> None:
        self.heard.append((self.clock, int(pcm[0])))
        self.clock += len(pcm)

    def skip(self, samples: int) -> None:
        self.clock += samples

    def finish(self) -> None:
        pass

    def urgency(self) -> Urgency:
        return Urgency.FINAL if self.script else Urgency.NONE

    def step(self) -> list[Transcript]:
        return [self.script.pop(0)]


class ScriptedRecogniser:
    name = "scripted"
    language = "es"

    def __init__(self, script: list[Transcript] | None = None) -> None:
        self.script = script or []
        self.opened: ScriptedStream | None = None

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> Stream:
        self.opened = ScriptedStream(start_sample, self.script)
        return self.opened

    def close(self) -> None:
        pass


def final(t0: float, t1: float, text: str = "hola") -> Transcript:
    return Transcript(
        utterance=round(t0 * RATE),
        text=text,
        stable_chars=len(text),
        final=True,
        t0=t0,
        t1=t1,
        words=(),
        confidence=0.9,
        language="es",
    )


@pytest.fixture
def make_leg() -> Callable[..., tuple[Leg, ScriptedStream]]:
    def make(script: list[Transcript] | None = None, *, start: int = 0, settled_until: int = 0):  # type: ignore[no-untyped-def]
        recogniser = ScriptedRecogniser(script)
        leg = Leg(
            "c1", "agent", recogniser, language="es", rate=RATE, start=start, epoch=1000.0, settled_until=settled_until
        )
        return leg, recogniser.opened

    return make


def chunk(start: int, samples: int = 480, *, end: bool = False) -> AudioChunk:
    # Every sample holds its own index, so that what reached the stream can be checked against its clock.
    values = (np.arange(start, start + samples) % 30000).astype("<i2")
    return AudioChunk(RATE, start, 1000.0, values.tobytes(), end=end)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_each_sample_lands_at_its_own_time(order: list[int]) -> None:
    recogniser = ScriptedRecogniser()
    leg = Leg("c1", "agent", recogniser, language="es", rate=RATE, start=0, epoch=0.0)
    for number in order:
        leg.feed(chunk(number * 240))
    assert recogniser.opened is not None
    assert all(clock % 30000 == value for clock, value in recogniser.opened.heard)
    clocks = [clock for clock, _ in recogniser.opened.heard]
    assert clocks == sorted(set(clocks))
    assert leg.fed == recogniser.opened.clock


def test_lost_audio_moves_the_clock_and_is_counted(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, _ = make_leg()
    leg.feed(chunk(0))
    leg.feed(chunk(960))
    assert leg.lost == 480
    assert leg.fed == 1440


def test_times_are_utc_on_the_media_clock(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, _ = make_leg([final(2.0, 3.5)])
    (heard,) = leg.step()
    assert (heard.t0, heard.t1, heard.at) == (1002.0, 1003.5, 1003.5)
    assert heard.utterance_id == "a16000"


def test_finals_are_written_for_people_and_partials_are_not() -> None:
    raw = "son veinte quetzales"
    partial = replace(final(1.0, 1.5, raw), final=False, stable_chars=4)
    script = [partial, final(1.0, 2.0, raw), final(3.0, 4.0, "Gracias.")]
    recogniser = ScriptedRecogniser(script)
    leg = Leg(
        "c1",
        "agent",
        recogniser,
        language="es",
        rate=RATE,
        start=0,
        epoch=0.0,
        polishers={"es": polisher("es"), "en": polisher("en")},
    )
    (first,), (second,), (third,) = leg.step(), leg.step(), leg.step()
    assert (first.text, first.stable_chars, first.spoken, first.changes) == (raw, 4, "", ())
    assert (second.text, second.stable_chars, second.spoken) == ("Son Q20.", 8, raw)
    assert second.changes[1] == TextChange(kind="money", start=4, end=7, spoken="veinte quetzales", value="20.00 GTQ")
    assert (third.text, third.spoken, third.changes) == ("Gracias.", "", ())


def test_a_replay_does_not_repeat_what_is_in_the_case(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, _ = make_leg([final(1.02, 1.9), final(2.5, 4.0)], start=8000, settled_until=2 * RATE)
    assert leg.step() == []
    assert [heard.t0 for heard in leg.step()] == [1002.5]


def test_a_final_is_not_done_before_it_is_stored(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, stream = make_leg([final(1.0, 2.0)])
    stream.done = 20000
    (heard,) = leg.step()
    assert leg.done == 8000
    leg.stored(heard)
    assert leg.done == 20000


def test_the_end_settles_all_audio(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, _ = make_leg()
    leg.feed(chunk(0))
    assert leg.urgency() is Urgency.NONE
    assert not leg.settled
    leg.feed(chunk(480, 100, end=True))
    assert leg.urgency() is Urgency.NONE
    assert leg.settled
    assert leg.done == leg.fed == 580
    leg.feed(chunk(580))
    assert leg.fed == 580
