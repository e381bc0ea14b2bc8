"""One leg: whatever arrives, times stay true, nothing is said twice and nothing is forgotten."""

import math
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
    unheard_since: float | None = None

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
        utterance=round(t0 * RATE) if math.isfinite(t0) else 0,
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
        leg = Leg("c1", "agent", recogniser, rate=RATE, start=start, epoch=1000.0, settled_until=settled_until)
        return leg, recogniser.opened

    return make


def chunk(start: int, samples: int = 480, *, end: bool = False) -> AudioChunk:
    # Every sample holds its own index, so that what reached the stream can be checked against its clock.
    values = (np.arange(start, start + samples) % 30000).astype("<i2")
    return AudioChunk(RATE, start, 1000.0, values.tobytes(), end=end)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_each_sample_lands_at_its_own_time(order: list[int]) -> None:
    recogniser = ScriptedRecogniser()
    leg = Leg("c1", "agent", recogniser, rate=RATE, start=0, epoch=0.0)
    for number in order:
        leg.feed(chunk(number * 240))
        leg.urgency()
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


class TalkingStream:
    """Hears speech from its first sample on and asks for a partial after every half second; what it says is set."""

    sample_rate = RATE

    def __init__(self, start: int, *, text: str, asks: bool = True) -> None:
        self.start = self.clock = self.done = start
        self.text = text
        self.asks = asks
        self.fed: list[tuple[int, int]] = []
        self.tried_at = start
        self.finished = False
        self.unsure = False  # hears words in every partial and shows none

    def feed(self, pcm: NDArray[np.int16]) -> None:
        self.fed.append((self.clock, len(pcm)))
        self.clock += len(pcm)

    def skip(self, samples: int) -> None:
        self.clock += samples

    def finish(self) -> None:
        self.finished = True

    @property
    def unheard_since(self) -> float | None:
        since = self.tried_at if self.unsure else self.start
        return since / RATE if self.clock > self.start and not self.finished else None

    def urgency(self) -> Urgency:
        return Urgency.PARTIAL if self.asks and self.clock - self.tried_at >= RATE // 2 else Urgency.NONE

    def step(self) -> list[Transcript]:
        self.tried_at = self.clock
        if not self.text:
            return []
        t0, t1 = self.start / RATE, self.clock / RATE
        return [
            Transcript(
                utterance=self.start, text=self.text, stable_chars=0, final=False, t0=t0, t1=t1, words=(),
                confidence=0.9, language="es",
            )
        ]  # fmt: skip


class TalkingRecogniser:
    """Its n-th stream says the n-th text; "-" is a stream that never even asks to decode."""

    name = "talking"
    language = "es"

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.opened: list[TalkingStream] = []

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> TalkingStream:
        text = self.texts[min(len(self.opened), len(self.texts) - 1)]
        self.opened.append(TalkingStream(start_sample, text="" if text == "-" else text, asks=text != "-"))
        return self.opened[-1]

    def close(self) -> None:
        pass


def talk(leg: Leg, first_s: float, seconds: float, *, partials: bool = True) -> list[str]:
    """Feed speech as it comes, serve the leg at once; returns the texts."""
    texts: list[str] = []
    for number in range(round(first_s * 10), round((first_s + seconds) * 10)):
        leg.feed(chunk(number * 800, 800))
        while leg.urgency() is Urgency.FINAL or (leg.next_is_partial and (partials or leg.mute)):
            texts += [heard.text for heard in leg.step()]
    return texts


def make_talking(*texts: str) -> tuple[Leg, TalkingRecogniser]:
    recogniser = TalkingRecogniser(*texts)
    return Leg("c1", "agent", recogniser, rate=RATE, start=0, epoch=0.0), recogniser


@pytest.mark.parametrize("broken", ["", "-"])
@pytest.mark.parametrize("partials", [True, False])
def test_speech_without_text_gets_a_fresh_engine_that_hears_all_of_it(broken: str, partials: bool) -> None:
    leg, recogniser = make_talking(broken, "ahora sí")
    assert talk(leg, 0, 4.9, partials=partials) == []
    assert len(recogniser.opened) == 1
    texts = talk(leg, 4.9, 6, partials=partials)
    assert set(texts) == {"ahora sí"}
    assert leg.restarts == 1
    assert not leg.stalled
    assert leg.lost == 0
    again = recogniser.opened[1]
    assert again.start == 0
    assert sum(length for _, length in again.fed) == leg.fed


def test_an_engine_that_gives_texts_is_left_alone() -> None:
    leg, recogniser = make_talking("hola")
    talk(leg, 0, 40)
    assert len(recogniser.opened) == 1


@pytest.mark.parametrize("partials", [True, False])
def test_an_engine_that_holds_its_words_back_is_left_alone(partials: bool) -> None:
    leg, recogniser = make_talking("")
    recogniser.opened[0].unsure = True
    talk(leg, 0, 40, partials=partials)
    assert len(recogniser.opened) == 1


def test_a_busy_machine_is_no_stall() -> None:
    leg, recogniser = make_talking("")
    for number in range(200):  # 20 s of speech, and nobody has time for a partial
        leg.feed(chunk(number * 800, 800))
        leg.urgency()
    assert len(recogniser.opened) == 1


@pytest.mark.parametrize("asks", [True, False])
def test_a_backlog_that_has_just_been_worked_off_is_no_stall(asks: bool) -> None:
    # Eight seconds of one utterance come at once: no partial was due on the way.
    leg, recogniser = make_talking("hola" if asks else "-")
    leg.feed(chunk(0, 8 * RATE))
    for _ in range(10):
        leg.urgency()
    assert leg.lag == 0.0
    assert len(recogniser.opened) == 1
    talk(leg, 8, 0.5)
    assert len(recogniser.opened) == 1


def test_what_never_gives_a_text_is_said_and_left_alone() -> None:
    # Hold music, for instance, that the VAD takes for speech.
    leg, recogniser = make_talking("")
    talk(leg, 0, 9)
    assert not leg.stalled
    talk(leg, 9, 3)
    assert leg.stalled
    talk(leg, 12, 60)
    assert len(recogniser.opened) <= 6  # ever rarer
    assert leg.lost == 0


def test_a_stream_that_fails_is_replaced_and_what_still_fails_is_given_up_piece_by_piece() -> None:
    class Failing(TalkingStream):
        def urgency(self) -> Urgency:
            return Urgency.FINAL if self.clock > self.start else Urgency.NONE

        def step(self) -> list[Transcript]:
            if self.start < 3 * RATE:
                raise RuntimeError("can't")
            self.done = self.start = self.clock
            return []

    class FailingRecogniser(TalkingRecogniser):
        def stream(self, sample_rate: int, *, start_sample: int = 0) -> TalkingStream:
            self.opened.append(Failing(start_sample, text=""))
            return self.opened[-1]

    leg = Leg("c1", "agent", FailingRecogniser(""), rate=RATE, start=0, epoch=0.0)
    leg.feed(chunk(0, 10 * RATE, end=True))
    remedies: list[str] = []
    while not leg.settled and len(remedies) < 50:
        if leg.urgency() is not Urgency.NONE:
            try:
                leg.step()
            except RuntimeError:
                remedies.append(leg.failed())
    assert leg.settled
    assert [r for r in remedies if r != "again"] == ["replayed", "given_up", "given_up"]
    assert leg.lost == 4 * RATE


def test_a_stream_that_breaks_off_in_the_middle_of_its_audio_hears_it_again() -> None:
    class Picky(TalkingStream):
        def feed(self, pcm: NDArray[np.int16]) -> None:
            if self.start == 0 and not recogniser.opened[1:] and self.clock >= RATE:
                raise ValueError("no")
            super().feed(pcm)

    class PickyRecogniser(TalkingRecogniser):
        def stream(self, sample_rate: int, *, start_sample: int = 0) -> TalkingStream:
            self.opened.append(Picky(start_sample, text="sí"))
            return self.opened[-1]

    recogniser = PickyRecogniser("")
    leg = Leg("c1", "agent", recogniser, rate=RATE, start=0, epoch=0.0)
    for number in range(20):
        leg.feed(chunk(number * 800, 800))
        try:
            leg.urgency()
        except ValueError:
            assert leg.failed() == "replayed"
    assert recogniser.opened[-1].clock == leg.fed == 2 * RATE


def test_no_chunk_can_hurt_a_leg(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, stream = make_leg()
    assert leg.feed(chunk(0))
    assert not leg.feed(AudioChunk(16000, 480, 1000.0, bytes(960)))
    assert not leg.feed(AudioChunk(RATE, 2**60, 1000.0, bytes(960)))
    assert leg.feed(AudioChunk(RATE, 480, 1000.0, b""))
    assert leg.feed(AudioChunk(RATE, 480, 1000.0, bytes(961)))  # half a sample at the end
    assert leg.feed(chunk(960))
    leg.urgency()
    assert (leg.refused, leg.fed, stream.clock, leg.lost) == (2, 1440, 1440, 0)


def test_a_recogniser_that_answers_nonsense_is_a_failure_and_no_event(
    make_leg: Callable[..., tuple[Leg, ScriptedStream]],
) -> None:
    leg, _ = make_leg([final(float("nan"), 2.0), final(2.0, 3.0)])
    with pytest.raises(ValueError, match="utterance"):
        leg.step()
    assert leg.failed() == "again"
    assert [heard.t0 for heard in leg.step()] == [1002.0]


def test_a_leg_that_is_abandoned_settles(make_leg: Callable[..., tuple[Leg, ScriptedStream]]) -> None:
    leg, _ = make_leg([final(0.0, 1.0)])
    leg.feed(chunk(0))
    leg.abandon()
    assert leg.urgency() is Urgency.NONE
    assert leg.settled
    assert leg.done == leg.fed
    assert leg.lost == 480


def test_lag_is_what_was_not_listened_to() -> None:
    leg, _ = make_talking("hola")
    leg.feed(chunk(0, 30 * RATE))
    assert leg.lag == 30.0
    while leg.urgency() is not Urgency.NONE:
        leg.step()
    for _ in range(10):
        leg.urgency()
    assert leg.lag == 0.0


def test_an_engine_that_is_no_good_at_all_is_not_tried_for_ever() -> None:
    class Hopeless(TalkingStream):
        def urgency(self) -> Urgency:
            raise RuntimeError("no good")

    class HopelessRecogniser(TalkingRecogniser):
        def stream(self, sample_rate: int, *, start_sample: int = 0) -> TalkingStream:
            self.opened.append(Hopeless(start_sample, text=""))
            return self.opened[-1]

    recogniser = HopelessRecogniser("")
    leg = Leg("c1", "agent", recogniser, rate=RATE, start=0, epoch=0.0)
    for number in range(1000):
        leg.feed(chunk(number * 480))
        try:
            leg.urgency()
        except RuntimeError:
            leg.failed()
    assert leg.abandoned
    assert leg.settled
    assert len(recogniser.opened) < 20


def test_finals_are_written_for_people_and_partials_are_not() -> None:
    raw = "son veinte quetzales"
    partial = replace(final(1.0, 1.5, raw), final=False, stable_chars=4)
    script = [partial, final(1.0, 2.0, raw), final(3.0, 4.0, "Gracias.")]
    recogniser = ScriptedRecogniser(script)
    leg = Leg(
        "c1",
        "agent",
        recogniser,
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
