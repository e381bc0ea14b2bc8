"""The parts of the demo's workshop that need no voice: filtering, levelling, silences and laying out the legs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assist.demo.conversation import SAMPLE_RATE, Turn
from bench.demo_audio.__main__ import (
    FRAME,
    PAD,
    SPEECH_DBFS,
    Clip,
    compose,
    frame_dbfs,
    gap_before,
    level,
    prepare,
    telephone_band,
    write_reference,
)
from bench.demo_audio.voice import SAMPLE_RATE as VOICE_RATE
from bench.demo_audio.voice import Floats, Spoken, SpokenWord


def tone(hertz: float, seconds: float, rate: int = SAMPLE_RATE) -> Floats:
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("hertz", "kept"), [(100, False), (400, True), (1000, True), (3300, True), (3800, False)])
def test_only_the_telephone_band_passes(hertz: float, kept: bool) -> None:
    middle = slice(SAMPLE_RATE // 4, -SAMPLE_RATE // 4)
    before = tone(hertz, 1)
    after = telephone_band(before)
    ratio = float(np.std(after[middle]) / np.std(before[middle]))
    assert ratio == pytest.approx(1, abs=0.02) if kept else ratio < 0.02


def test_level_counts_the_speech_and_not_the_pauses() -> None:
    speech = np.concatenate([tone(800, 1), np.zeros(SAMPLE_RATE * 3, np.float32)])
    frames = frame_dbfs(level(speech))
    assert frames[:100].mean() == pytest.approx(SPEECH_DBFS, abs=0.1)


def test_level_rounds_peaks_off_instead_of_clipping() -> None:
    click = tone(800, 1) * 0.3
    click[4000:4008] = 1
    assert np.abs(level(click)).max() < 1


def test_the_pause_is_the_silence_that_ends_at_the_next_word() -> None:
    quiet = np.zeros(200, bool)
    quiet[20:40] = True  # a stop's closure, longer than the pause but far from the onset
    quiet[60:72] = True
    assert gap_before(quiet, 0.1, 0.75) == (0.6, 0.72)
    assert gap_before(quiet, 0.65, 0.75) == (0.65, 0.72)
    assert gap_before(quiet, 0.1, 1.5) is None


def test_a_clip_is_trimmed_to_its_energy_and_words_meet_the_pause() -> None:
    silence = np.zeros(VOICE_RATE // 2, np.float32)
    sound = tone(800, 0.5, VOICE_RATE)
    spoken = Spoken(
        np.concatenate([silence, sound, silence, sound, silence]),
        (SpokenWord("uno", 0.47, 1.03, True), SpokenWord("dos", 1.46, 2.1, True)),
    )
    clip = prepare(spoken)
    assert len(clip.samples) / SAMPLE_RATE == pytest.approx(1.5 + 2 * PAD / SAMPLE_RATE, abs=0.025)
    start = PAD / SAMPLE_RATE
    times = [time - start for word in clip.words for time in (word.t0, word.t1)]
    assert times == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.025)
    assert clip.misses_s == pytest.approx((-0.03, -0.04), abs=0.025)


def test_turns_follow_each_other_on_their_own_legs() -> None:
    body = tone(800, 1)
    clip = Clip(np.pad(body, PAD), (SpokenWord("hola", 0.08, 1.08, True),), ())
    turns = (Turn("agent", "hola", 500, 1.0), Turn("customer", "hola", 300, 1.0), Turn("agent", "hola", -200, 1.0))
    legs, reference = compose(turns, [clip, clip, clip])
    assert [(item["party"], item["t0"], item["t1"]) for item in reference] == [
        ("agent", 0.5, 1.5),
        ("customer", 1.8, 2.8),
        ("agent", 2.6, 3.6),
    ]
    assert len(legs["agent"]) == len(legs["customer"])
    loud = {party: np.flatnonzero(frame_dbfs(leg) > -40) * FRAME / SAMPLE_RATE for party, leg in legs.items()}
    assert loud["customer"].min() == pytest.approx(1.8, abs=0.011)
    assert loud["customer"].max() == pytest.approx(2.79, abs=0.011)
    assert not ((loud["agent"] > 1.51) & (loud["agent"] < 2.59)).any()


def test_the_noise_is_the_same_every_time() -> None:
    clip = Clip(np.pad(tone(800, 0.2), PAD), (SpokenWord("hola", 0.08, 0.28, True),), ())
    turns = (Turn("agent", "hola", 500, 1.0),)
    first, second = compose(turns, [clip])[0], compose(turns, [clip])[0]
    assert all(np.array_equal(first[party], second[party]) for party in first)


def test_the_reference_file_has_one_word_to_a_line(tmp_path: Path) -> None:
    words = [{"w": "¿Qué", "t0": 0.1, "t1": 0.2}, {"w": "{tal}", "t0": 0.2, "t1": 0.3}]
    write_reference(tmp_path / "reference.json", {"language": "es"}, [{"party": "agent", "words": words}])
    text = (tmp_path / "reference.json").read_text("utf-8")
    assert '{"w": "¿Qué", "t0": 0.1, "t1": 0.2},\n' in text
    assert json.loads(text)["utterances"][0]["words"] == words
