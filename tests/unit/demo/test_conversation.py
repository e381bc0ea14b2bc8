"""The demo recordings are what their references say: format, words, and speech where and only where it is claimed."""

from __future__ import annotations

import itertools
import json
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from assist.demo import conversation
from assist.demo.conversation import LANGUAGES, Conversation, load
from assist.errors import DemoError
from assist.events import PARTIES, Language, Party

MARGIN_S = 0.09  # what is left of a breath fades out within 80 ms
FRAME = conversation.SAMPLE_RATE // 100


@pytest.fixture(scope="module", params=LANGUAGES)
def demo(request: pytest.FixtureRequest) -> Conversation:
    language: Language = request.param
    return load(language)


def samples(demo: Conversation, party: Party) -> npt.NDArray[np.float64]:
    with wave.open(str(demo.wav(party))) as recording:
        return np.frombuffer(recording.readframes(recording.getnframes()), "<i2") / 32768


def dbfs(audio: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(audio**2) + 1e-12))


def cut(audio: npt.NDArray[np.float64], t0: float, t1: float) -> npt.NDArray[np.float64]:
    return audio[round(t0 * conversation.SAMPLE_RATE) : round(t1 * conversation.SAMPLE_RATE)]


def test_both_legs_are_telephone_audio_of_the_same_length(demo: Conversation) -> None:
    for party in PARTIES:
        with wave.open(str(demo.wav(party))) as recording:
            assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (8000, 1, 2)
            assert recording.getnframes() / 8000 == pytest.approx(demo.duration)
    assert 80 <= demo.duration <= 100


def test_the_reference_says_what_the_script_says(demo: Conversation) -> None:
    assert 14 <= len(demo.turns) <= 20
    assert [(u.party, u.text) for u in demo.utterances] == [(t.party, t.text) for t in demo.turns]
    for utterance in demo.utterances:
        written = [word.strip(",.:;!?¡¿") for word in utterance.text.split()]
        assert [word.text for word in utterance.words] == written


def test_times_are_in_order_and_inside_the_recording(demo: Conversation) -> None:
    for utterance in demo.utterances:
        assert 0 <= utterance.t0 < utterance.t1 <= demo.duration
        assert utterance.words[0].t0 == utterance.t0
        assert utterance.words[-1].t1 == utterance.t1
        assert all(0.02 <= word.t1 - word.t0 <= 1.5 for word in utterance.words)
        assert all(a.t1 <= b.t0 + 1e-9 for a, b in itertools.pairwise(utterance.words))
    for party in PARTIES:
        assert all(a.t1 < b.t0 for a, b in itertools.pairwise(demo.spoken_by(party)))


def test_pauses_are_those_of_the_script(demo: Conversation) -> None:
    pauses = [round(1000 * (b.t0 - a.t1)) for a, b in itertools.pairwise(demo.utterances)]
    assert pauses == pytest.approx([turn.pause_ms for turn in demo.turns[1:]], abs=2)
    assert sum(pause < 0 for pause in pauses) <= 1


@pytest.mark.parametrize("party", PARTIES)
def test_speech_is_where_the_reference_puts_it_and_nowhere_else(demo: Conversation, party: Party) -> None:
    audio = samples(demo, party)
    outside = np.ones(len(audio) // FRAME, bool)
    for utterance in demo.spoken_by(party):
        assert -26 < dbfs(cut(audio, utterance.t0, utterance.t1)) < -17
        assert dbfs(cut(audio, utterance.t0, utterance.t0 + 0.01)) > -43
        assert dbfs(cut(audio, utterance.t1 - 0.01, utterance.t1)) > -43
        outside[int((utterance.t0 - MARGIN_S) * 100) : int((utterance.t1 + MARGIN_S) * 100) + 1] = False
    frames = audio[: len(outside) * FRAME].reshape(-1, FRAME)[outside]
    levels = 10 * np.log10((frames**2).mean(1) + 1e-12)
    assert levels.max() < -60
    assert levels.min() > -80, "the line must carry comfort noise, not digital silence"
    assert np.abs(audio).max() < 0.999, "clipped"


def test_every_word_carries_energy(demo: Conversation) -> None:
    legs = {party: samples(demo, party) for party in PARTIES}
    for utterance in demo.utterances:
        for word in utterance.words:
            assert dbfs(cut(legs[utterance.party], word.t0, word.t1)) > -45, word


def test_the_two_parties_are_told_apart_by_pitch(demo: Conversation) -> None:
    """Autocorrelation finds the voice's pitch although the band starts at 300 Hz: its harmonics repeat at it."""
    pitch = {}
    for party in PARTIES:
        audio = samples(demo, party)
        speech = np.concatenate([cut(audio, u.t0, u.t1) for u in demo.spoken_by(party)])
        frames = speech[: len(speech) // 320 * 320].reshape(-1, 320)
        frames = frames[10 * np.log10((frames**2).mean(1) + 1e-12) > -22]
        lags = np.arange(20, 110)
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(320), 1024))  # not squared: less octave confusion
        correlation = np.fft.irfft(spectrum)[:, lags] / (1 - lags / 320)
        pitch[party] = float(np.median(8000 / lags[correlation.argmax(1)]))
    assert pitch["agent"] > 1.15 * pitch["customer"], pitch


def test_the_facts_are_spoken(demo: Conversation) -> None:
    digits = {
        "es": ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
        "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    }[demo.language]
    claim = ", ".join(digits[int(digit)] for digit in str(demo.facts["claim_number"]))
    by_agent = " ".join(utterance.text for utterance in demo.spoken_by("agent")).lower()
    assert claim in by_agent
    assert str(demo.facts["callback"]) in by_agent
    assert demo.company in demo.turns[0].text
    assert demo.agent_name in demo.turns[0].text
    assert any(demo.customer_name in utterance.text for utterance in demo.spoken_by("customer"))


def test_a_damaged_reference_says_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "es"
    folder.mkdir()
    (folder / "script.yaml").write_text((load("es").folder / "script.yaml").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(conversation, "_HERE", tmp_path)
    with pytest.raises(DemoError, match=r"reference\.json.*make_audio"):
        load("es")
    (folder / "reference.json").write_text(json.dumps({"duration": 1, "utterances": [{"party": "x"}]}))
    with pytest.raises(DemoError, match="party is 'x'"):
        load("es")
    (folder / "script.yaml").write_text("language: es\n")
    with pytest.raises(DemoError, match=r"script\.yaml"):
        load("es")
