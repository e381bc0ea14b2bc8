"""Word times of espeak-ng's events, errors of borders, and the choice among attention heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.decoders import Metaspace
from tokenizers.models import WordLevel

from bench import espeak, word_times
from bench.espeak import Espeak, EspeakError, SoundEvent, Spoken, SpokenWord, timed_words
from bench.espeak_sentences import CHECKING, CHOOSING, SENTENCES, VOICES
from bench.heads import Listened, best_set, expose_heads, mean_error, rank
from bench.word_borders import Errors, Said, figures, measure, over_the_line, time_errors
from models.asr.types import Transcript, Urgency, Word

FRAME = 0.024


def test_words_begin_at_their_events_and_end_at_the_next_or_a_pause() -> None:
    events = [
        SoundEvent(0.0, 1, 3),
        SoundEvent(0.01, 1, 0, "j"),
        SoundEvent(0.3, 5, 4),
        SoundEvent(0.34, 5, 0, "k"),
        SoundEvent(0.6, 9, 0, "_:"),
        SoundEvent(0.7, 9, 0, "_"),
        SoundEvent(0.8, 11, 2),
        SoundEvent(0.84, 11, 0, "n"),
        SoundEvent(1.0, 13, 0, "_:"),
        SoundEvent(1.1, 14, 0),  # the end of the text
    ]
    words = timed_words("Yes cómo, no.", events)
    # After a pause a word begins with its sound, else with its event: a closed mouth belongs to it.
    assert words == (SpokenWord("Yes", 0.01, 0.3), SpokenWord("cómo", 0.3, 0.6), SpokenWord("no", 0.84, 1.0))


def test_words_said_as_one_have_no_border() -> None:
    events = [SoundEvent(0.0, 1, 2), SoundEvent(0.0, 1, 0, "V"), SoundEvent(0.3, 8, 3), SoundEvent(0.5, 11, 0, "_:")]
    assert timed_words("of the day", events) == (
        SpokenWord("of", 0.0, None),
        SpokenWord("the", None, None),
        SpokenWord("day", 0.3, 0.5),
    )


def test_borders_of_rightly_heard_words_count() -> None:
    spoken = [SpokenWord("pay", 1.0, 1.4), SpokenWord("my", 1.4, None), SpokenWord("bill", 1.7, 2.0)]
    heard = [Word("Pay", 1.1, 1.35, 1.0), Word("my", 1.35, 1.6, 1.0), Word("pill.", 1.7, 2.0, 1.0)]
    errors = time_errors(spoken, heard, "en")
    assert errors.starts == pytest.approx([0.1, -0.05])
    assert errors.ends == pytest.approx([-0.05])
    assert (errors.words, errors.matched) == (3, 2)


def test_a_number_in_figures_matches_but_has_no_times() -> None:
    spoken = [SpokenWord("twenty", 1.0, 1.4), SpokenWord("one", 1.4, 1.8), SpokenWord("days", 1.8, 2.0)]
    errors = time_errors(spoken, [Word("21", 1.0, 1.8, 1.0), Word("days", 1.8, 2.1, 1.0)], "en")
    assert (errors.matched, errors.starts) == (3, [0.0])


def test_figures_of_errors() -> None:
    got = figures([-0.2, -0.1, -0.1, 0.05, 0.1])
    assert got is not None
    assert (got.count, got.median_ms, got.p90_ms, got.bias_ms, got.good) == (5, 100, 160, -100, 0.8)
    assert figures([]) is None


def test_a_sentence_on_the_line_keeps_its_times() -> None:
    tone = (8000 * np.sin(np.arange(22050) / 5)).astype(np.int16)
    said = over_the_line(Spoken(tone, 22050, (SpokenWord("a", 0.1, None),)), "a")
    assert (said.rate, round(said.pcm.size / said.rate, 1)) == (8000, 3.1)
    assert said.words == (SpokenWord("a", 0.7, None),)
    loud = np.abs(said.pcm.astype(int)) > 1000
    assert np.flatnonzero(loud)[0] / 8000 == pytest.approx(0.6, abs=0.01)


class Echo:
    """A recogniser and its stream: at the leg's end one final with a word as long as the leg."""

    name, language, done, unheard_since = "echo", "en", 0, None

    def __init__(self) -> None:
        self.sample_rate = 8000
        self.fed = 0
        self.sizes: list[int] = []
        self.ended = self.told = False

    def stream(self, sample_rate: int, *, start_sample: int = 0) -> Echo:
        return self

    def close(self) -> None:
        pass

    def feed(self, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        self.sizes.append(pcm.size)
        self.fed += pcm.size

    def skip(self, samples: int) -> None:
        raise AssertionError

    def finish(self) -> None:
        self.ended = True

    def urgency(self) -> Urgency:
        return Urgency.FINAL if self.ended and not self.told else Urgency.NONE

    def step(self) -> list[Transcript]:
        self.told = True
        end = self.fed / self.sample_rate
        return [Transcript(0, "hello", 5, True, 0.0, end, (Word("hello", 0.1, end, 1.0),), 1.0, "en")]


def test_a_sentence_is_streamed_to_its_end_in_chunks() -> None:
    echo = Echo()
    said = Said(np.zeros(1000, np.int16), 8000, (SpokenWord("hello", 0.05, 0.125),))
    errors = measure(echo, [said], "en")
    assert echo.sizes == [480, 480, 40]
    assert (errors.starts, errors.ends, errors.matched) == ([pytest.approx(0.05)], [pytest.approx(0.0)], 1)


def test_sentences_and_voices_for_choosing_and_checking_are_different() -> None:
    for language, sentences in SENTENCES.items():
        assert len(sentences) >= 30
        assert len(set(sentences)) == len(sentences)
        assert not set(sentences[CHOOSING]) & set(sentences[CHECKING])
        assert not set(VOICES[language]["choose"]) & set(VOICES[language]["check"])


def tokenizer() -> Tokenizer:
    made = Tokenizer(WordLevel({"▁a": 0, "▁b": 1, "▁c": 2}, unk_token="▁a"))
    made.decoder = Metaspace()
    return made


def listened() -> Listened:
    """Three words of 20 frames each. Heads 0 to 4 follow them, each with its own delay; 5 looks at the end only."""
    frames = 60
    attention = np.full((6, 4, frames), 1e-3, np.float32)
    for head, delay in enumerate((6, 0, 2, 4, 8)):
        for token in range(3):
            attention[head, token, min(frames - 1, 20 * token + delay) : 20 * (token + 1) + delay] = 1.0
        attention[head, 3, -1] = 2.0
    attention[5, :, -1] = 1.0
    words = tuple(SpokenWord(name, 20 * k * FRAME, 20 * (k + 1) * FRAME) for k, name in enumerate("abc"))
    noise = np.random.default_rng(1).normal(0, 0.1, round(frames * FRAME * 16000)).astype(np.float32)
    said = Said(np.zeros(8000, np.int16), 8000, words)
    return Listened(said, 0.0, noise, [0, 1, 2], [0.0, 0.0, 0.0], attention)


HEADS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_heads_are_ranked_by_how_well_they_follow() -> None:
    ranking = rank([listened()], HEADS, tokenizer(), "en")
    assert [head for _, head in ranking] == [(0, 1), (1, 0), (1, 1), (0, 0), (2, 0), (2, 1)]
    assert ranking[0][0] == pytest.approx(0.0, abs=0.03)


def test_the_best_four_are_chosen() -> None:
    best = best_set([listened()], HEADS, HEADS, tokenizer(), "en")
    assert set(best) == {(0, 1), (1, 0), (1, 1), (0, 0)}


def test_no_words_are_the_worst_score() -> None:
    assert mean_error(Errors([], [])) == float("inf")
    assert mean_error(Errors([5.0, -0.2], [])) == pytest.approx(0.3)


def test_each_heads_attention_comes_out_of_the_graph(tmp_path: Path) -> None:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Concat", ["a", "b"], ["looked"], axis=1),
        helper.make_node("ReduceMean", ["looked"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Identity", ["mean"], ["alignment"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3, 4]) for name in "ab"]
    outputs = [helper.make_tensor_value_info("alignment", TensorProto.FLOAT, [1, 3, 4])]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    tensor = expose_heads(tmp_path / "a.onnx", tmp_path / "b.onnx")
    parts = np.random.default_rng(1).random((2, 1, 2, 3, 4), np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "b.onnx"))
    every, mean = session.run([tensor, "alignment"], dict(zip("ab", parts, strict=True)))
    assert np.array_equal(every, np.concatenate(list(parts), 1))
    assert np.allclose(every.mean(1), mean)


def test_without_espeak_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(espeak, "_LIBRARY", "libnone.so.7")
    assert word_times.main(["--json", str(tmp_path / "x.json")]) == 2
    assert "apt install espeak-ng" in capsys.readouterr().err


def test_the_real_library_tells_times() -> None:
    try:
        real = Espeak()
    except EspeakError as error:
        pytest.skip(str(error))
    spoken = real.speak("Buenos días, señora.", "es-419", 150)
    assert [word.text for word in spoken.words] == ["Buenos", "días", "señora"]
    first, second, third = spoken.words
    assert first.t1 == second.t0
    assert second.t1 is not None
    assert third.t0 is not None
    # In the pause between the two there is no sound at all; around it there is.
    pause = spoken.pcm[round((second.t1 + 0.03) * spoken.rate) : round((third.t0 - 0.01) * spoken.rate)]
    assert pause.size > 0.05 * spoken.rate
    assert np.abs(pause.astype(int)).max() < 100
    assert np.abs(spoken.pcm[round(third.t0 * spoken.rate) :].astype(int)).max() > 5000
    with pytest.raises(EspeakError, match="no voice"):
        real.speak("a", "tlh-none", 150)


def test_heads_need_one_model_and_its_graphs() -> None:
    with pytest.raises(SystemExit):
        word_times.main(["--choose-heads"])
