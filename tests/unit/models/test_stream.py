"""The stream's own logic, with a scripted decoder and a VAD that measures loudness."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr.stream import Hypothesis, StreamConfig, VadStream
from models.asr.types import Transcript, Urgency, Word

RATE, FRAME = 8000, 256


class LoudnessVad:
    frame_samples = FRAME

    def probability(self, frame: NDArray[np.float32]) -> float:
        return 1.0 if float(np.abs(frame).mean()) > 0.01 else 0.0

    def reset(self) -> None:
        pass


class Counting:
    """Says one word per 100 ms of loud audio; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []

    def hear(self, audio: NDArray[np.float32], *, paused: bool) -> Hypothesis:
        self.asked.append((audio.size, "paused" if paused else "partial"))
        return self.text(audio)

    def finish(self, audio: NDArray[np.float32]) -> Hypothesis:
        self.asked.append((audio.size, "final"))
        return self.text(audio)

    def text(self, audio: NDArray[np.float32]) -> Hypothesis:
        loud = np.abs(audio) > 0.01
        begin = float(loud.argmax()) / 16000
        times = [(begin + k / 10, begin + (k + 1) / 10) for k in range(int(loud.sum() / 1600))]
        return Hypothesis(tuple(Word(f"w{k}", t0, t1, 0.95) for k, (t0, t1) in enumerate(times)), 0.9)


class OnlyPartials(Counting):
    """A decoder that, once the utterance is whole, finds that it was no speech."""

    def text(self, audio: NDArray[np.float32]) -> Hypothesis:
        if audio.size and float(np.abs(audio[-1600:]).mean()) < 0.01:
            return Hypothesis((), 0.0)
        # Sure enough to be shown, not to be stable.
        return Hypothesis(tuple(replace(w, confidence=0.8) for w in super().text(audio).words), 0.8)


def loud(seconds: float) -> NDArray[np.int16]:
    return np.full(round(seconds * RATE), 8000, np.int16)


def quiet(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


def make(decoder: Counting, start: int = 0) -> VadStream:
    return VadStream(decoder, LoudnessVad(), "es", RATE, StreamConfig(), start_sample=start)


def test_open_speech_is_known_with_its_start() -> None:
    stream = make(Deaf(), start=FRAME * 10)
    assert stream.unheard_since is None
    live(stream, quiet(1.0), loud(2.0), finish=False)
    began = FRAME * 10 / RATE + 1.0
    assert stream.unheard_since == pytest.approx(began, abs=FRAME / RATE)
    live(stream, quiet(1.0), finish=False)
    assert stream.unheard_since is None


def drain(stream: VadStream) -> list[Transcript]:
    out: list[Transcript] = []
    while stream.urgency() is not Urgency.NONE:
        out += stream.step()
    return out


def live(stream: VadStream, *audio: NDArray[np.int16], finish: bool = True) -> list[Transcript]:
    pcm, out = np.concatenate(audio), []
    for k in range(0, pcm.size, 160):
        stream.feed(pcm[k : k + 160])
        out += drain(stream)
    if finish:
        stream.finish()
        out += drain(stream)
    return out


def test_partials_grow_and_one_final_ends_them() -> None:
    out = live(make(Counting()), quiet(1), loud(2), quiet(1))
    assert [t.final for t in out] == [False] * (len(out) - 1) + [True]
    assert len(out) > 4
    assert {t.utterance for t in out} == {t.utterance for t in out[:1]}
    assert out[-1].stable_chars == len(out[-1].text) > 0
    assert out[-1].t0 == pytest.approx(1.0, abs=0.04)
    assert out[-1].t1 == pytest.approx(3.0, abs=0.04)


def test_the_final_is_the_text_decoded_at_the_first_short_silence() -> None:
    decoder = Counting()
    stream = make(decoder)
    live(stream, quiet(0.5), loud(1), quiet(0.2), finish=False)
    ahead = decoder.asked[-1]
    assert ahead[1] == "paused"
    assert [t.final for t in live(stream, quiet(0.5))] == [True]
    assert decoder.asked[-1] == (ahead[0], "final"), "the same audio: the decoder has the answer"


def test_speech_that_resumes_throws_the_early_text_away() -> None:
    out = live(make(Counting()), quiet(0.5), loud(1), quiet(0.25), loud(1), quiet(1))
    finals = [t for t in out if t.final]
    assert len(finals) == 1
    assert len(finals[0].text.split()) >= 19


def test_a_backlog_gives_the_same_finals_as_live_audio_with_fewer_decodes() -> None:
    audio = [quiet(0.5), loud(1), quiet(0.7), loud(2), quiet(0.7)]
    slow, fast = Counting(), Counting()
    first = live(make(slow), *audio)
    stream = make(fast)
    stream.feed(np.concatenate(audio))
    stream.finish()
    second = drain(stream)
    assert [t for t in first if t.final] == [t for t in second if t.final]
    assert len(fast.asked) == 2 < len(slow.asked)


def test_partials_that_turn_out_to_be_nothing_are_withdrawn() -> None:
    out = live(make(OnlyPartials()), quiet(0.5), loud(1), quiet(1))
    assert out[0].text
    assert (out[-1].final, out[-1].text, out[-1].stable_chars) == (True, "", 0)


def test_nothing_shown_nothing_withdrawn() -> None:
    stream = make(OnlyPartials())
    stream.feed(np.concatenate([quiet(0.5), loud(1), quiet(1)]))
    stream.finish()
    assert drain(stream) == []


def test_done_moves_only_forward_and_stays_before_an_open_utterance() -> None:
    stream, marks = make(Counting()), []
    pcm = np.concatenate([quiet(1), loud(1), quiet(1)])
    for k in range(0, pcm.size, 160):
        stream.feed(pcm[k : k + 160])
        drain(stream)
        marks.append((k + 160, stream.done))
    assert [d for _, d in marks] == sorted(d for _, d in marks)
    assert all(d <= RATE for fed, d in marks if RATE + 0.1 * RATE < fed < 2 * RATE)
    assert marks[-1][1] > 2 * RATE


def test_replay_from_done_gives_the_same_final() -> None:
    pcm = np.concatenate([quiet(1), loud(1), quiet(1), loud(1.5), quiet(1)])
    whole = [t for t in live(make(Counting()), pcm) if t.final]
    dying = make(Counting())
    live(dying, pcm[: round(3.5 * RATE)], finish=False)
    again = [t for t in live(make(Counting(), start=dying.done), pcm[dying.done :]) if t.final]
    assert again == whole[1:]


def test_a_gap_closes_the_utterance_and_moves_the_clock() -> None:
    stream = make(Counting())
    out = live(stream, quiet(0.5), loud(1), finish=False)
    stream.skip(5 * RATE)
    out += drain(stream)
    assert out[-1].final
    out = live(stream, loud(1), quiet(1))
    assert out[-1].final
    assert out[-1].t0 == pytest.approx(6.5, abs=0.04)


def test_a_long_monologue_is_split_and_no_word_is_lost() -> None:
    finals = [t for t in live(make(Counting()), quiet(0.5), loud(40), quiet(1)) if t.final]
    assert len(finals) >= 3
    assert sum(len(t.text.split()) for t in finals) == pytest.approx(400, abs=5)
    assert all(a.t1 <= b.t0 for a, b in pairwise(finals))


def test_urgency_says_what_step_does() -> None:
    stream = make(Counting())
    assert stream.urgency() is Urgency.NONE
    assert stream.step() == []
    stream.feed(np.concatenate([quiet(0.5), loud(1)]))
    assert stream.urgency() is Urgency.FINAL
    assert stream.step() == []
    assert stream.urgency() is Urgency.PARTIAL
    assert [t.final for t in stream.step()] == [False]


def test_a_decoder_that_fails_loses_nothing() -> None:
    decoder = Counting()
    stream = make(decoder)
    stream.feed(np.concatenate([quiet(0.5), loud(1), quiet(1)]))
    stream.step()
    works, decoder.finish = decoder.finish, None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        stream.step()
    assert stream.done <= 0.5 * RATE
    decoder.finish = works  # type: ignore[method-assign]
    assert [t.final for t in drain(stream)] == [True]


def test_transcripts_are_plain_values() -> None:
    t = live(make(Counting()), loud(1), quiet(1))[-1]
    assert replace(t, text="x") != t
    assert hash(t)


class Hesitant(Counting):
    """Hears words, but is too unsure of them for any to be shown."""

    def text(self, audio: NDArray[np.float32]) -> Hypothesis:
        words = tuple(replace(w, confidence=0.1) for w in super().text(audio).words)
        return Hypothesis(words, 0.1)


class Deaf(Counting):
    def text(self, audio: NDArray[np.float32]) -> Hypothesis:
        return Hypothesis((), 0.0)


@pytest.mark.parametrize(("decoder", "longest"), [(Hesitant(), 0.4), (Deaf(), 0.9)])
def test_words_that_are_held_back_are_a_sign_of_life_too(decoder: Counting, longest: float) -> None:
    stream = make(decoder)
    shown = live(stream, quiet(0.5), loud(1.0), finish=False)
    assert shown == []
    since = stream.unheard_since
    assert since is not None
    assert (1.5 - since < longest) == (longest < 0.5)
