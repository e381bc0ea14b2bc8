"""Manifests, good and bad; conditions; calls made of utterances; packaged prompts."""

from __future__ import annotations

import gzip
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import CONDITIONS, CorpusError, Utterance, read_manifest, read_wav, transmit, write_wav
from bench.legs import TICK, demo_calls, loud, make_calls
from bench.packaged import packaged_prompts


def noise(seconds: float, rate: int = 16000, level: float = 2000) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.rint(np.random.default_rng(3).normal(0, level, round(seconds * rate))).astype(np.int16)


def manifest(folder: Path, *lines: str, header: str = "path\tlanguage\ttext") -> Path:
    write_wav(folder / "a.wav", noise(0.5), 16000)
    path = folder / "manifest.tsv"
    path.write_text("\n".join([header, *lines]), "utf-8")
    return path


def test_a_manifest_is_read_with_its_audio(tmp_path: Path) -> None:
    found = read_manifest(manifest(tmp_path, "a.wav\tes\tBuenos días.", "", "a.wav\ten\tGood morning."))
    assert [(u.name, u.language, u.text) for u in found] == [
        ("a.wav", "es", "Buenos días."),
        ("a.wav", "en", "Good morning."),
    ]
    assert found[0].rate == 16000
    assert found[0].seconds == 0.5
    assert np.array_equal(found[0].pcm, noise(0.5))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.wav\tes", "line 3: 2 columns"),
        ("a.wav\tfr\tBonjour.", "line 3: language 'fr'"),
        ("a.wav\tes\t ", "line 3: no text"),
        ("b.wav\tes\tHola.", r"line 3: .*b\.wav is missing"),
        ("manifest.tsv\tes\tHola.", "line 3: .*no WAV file"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(CorpusError, match=says):
        read_manifest(manifest(tmp_path, "a.wav\tes\tHola.", line))


def test_what_is_no_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="line 1: the header must be path, language, text"):
        read_manifest(manifest(tmp_path, "a.wav\tes\tHola.", header="file,language,text"))
    with pytest.raises(CorpusError, match="no utterances"):
        read_manifest(manifest(tmp_path))
    with pytest.raises(CorpusError, match="cannot be read"):
        read_manifest(tmp_path / "none.tsv")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def header_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def stereo(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(400))


def empty(path: Path) -> None:
    write_wav(path, noise(0), 16000)


@pytest.mark.parametrize(
    ("damage", "says"),
    [(cut_short, "cut short"), (header_only, "no WAV"), (stereo, "2 channel"), (empty, "0 samples")],
)
def test_a_broken_recording_says_what_is_wrong(tmp_path: Path, damage: Callable[[Path], None], says: str) -> None:
    path = tmp_path / "x.wav"
    write_wav(path, noise(0.1), 16000)
    damage(path)
    with pytest.raises(CorpusError, match=says):
        read_wav(path)


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_each_condition_keeps_the_speech_and_repeats_itself(name: str) -> None:
    utterance = Utterance("a", "es", "x", noise(2.0), 16000)
    pcm, rate = transmit(utterance, CONDITIONS[name])
    assert rate == (16000 if name == "clean" else 8000)
    assert pcm.size == 2 * rate
    assert np.array_equal(pcm, transmit(utterance, CONDITIONS[name])[0])
    if name == "clean":
        assert np.array_equal(pcm, utterance.pcm)
    if "loss" in name or "burst" in name:
        whole = transmit(utterance, CONDITIONS["ulaw"])[0]
        share = np.mean(
            [not np.array_equal(a, b) for a, b in zip(np.split(pcm, 100), np.split(whole, 100), strict=True)]
        )
        assert 0 < share < 0.3


def test_calls_take_turns_and_speak_two_fifths_of_the_time() -> None:
    silence = np.zeros(3200, np.int16)
    pcm = np.concatenate([silence, noise(1.6), silence])
    utterances = [Utterance(f"{k}", "en", "x", pcm, 16000) for k in range(3)]
    legs = make_calls(utterances, CONDITIONS["ulaw"], 3, 60.0)
    assert len(legs) == 6
    assert all(leg.pcm.size == 60 * 8000 for leg in legs)
    # 1.6 s of each 2 s clip is speech.
    assert np.mean([leg.speech.mean() for leg in legs]) == pytest.approx(0.4 * 0.8, abs=0.03)
    for a, b in zip(legs[::2], legs[1::2], strict=True):
        assert not (a.speech & b.speech).any()
    again = make_calls(utterances, CONDITIONS["ulaw"], 3, 60.0)
    assert all(np.array_equal(a.pcm, b.pcm) for a, b in zip(legs, again, strict=True))


def test_the_end_of_speech_is_found_by_its_level() -> None:
    pcm = np.concatenate([noise(0.5, level=10), noise(1.0), noise(0.5, level=10)])
    flags = loud(pcm, 16000)
    where = np.flatnonzero(flags) * TICK
    assert (where[0], where[-1] + TICK) == pytest.approx((0.5, 1.5), abs=0.02)
    leg = make_calls([Utterance("a", "en", "x", pcm, 16000)], CONDITIONS["clean"], 1, 8.0)[0]
    starts = np.flatnonzero(np.diff(leg.speech.astype(int)) == 1) * TICK
    end = leg.speech_end(starts[0], starts[0] + 1.2)
    assert end == pytest.approx(starts[0] + 1.0, abs=0.03)
    assert leg.speech_end(starts[0] + 1.1, starts[0] + 1.3) is None
    assert loud(noise(0.001), 16000).size == 0


def test_demo_calls_know_when_their_words_end() -> None:
    first, _, second, _ = demo_calls("es", CONDITIONS["ulaw"], 2)
    assert first.words[0][0] == second.words[0][0]
    assert second.words[0][1] - first.words[0][1] == pytest.approx(1.7)
    spoken = [first.speech_end(end - 0.2, end + 0.05) is not None for _, end in first.words]
    assert np.mean(spoken) > 0.98, "there is sound where words end"


def install_prompts(root: Path, *, text: str) -> None:
    docs = root / "usr/share/doc/asterisk-core-sounds-es"
    sounds = root / "usr/share/asterisk/sounds/es_MX_f_Allison/digits"
    docs.mkdir(parents=True)
    sounds.mkdir(parents=True)
    (docs / "core-sounds-es.txt.gz").write_bytes(gzip.compress(text.encode()))
    write_wav(sounds.parent / "one.wav", noise(0.3, 8000), 8000)
    write_wav(sounds / "two.wav", noise(0.3, 8000), 8000)
    write_wav(sounds.parent / "beep.wav", noise(0.3, 8000), 8000)


def test_packaged_prompts_are_those_with_a_text_and_a_recording(tmp_path: Path) -> None:
    list_of_texts = "; a comment: not a prompt\n\none: Por favor, espere.\ndigits/two: dos y tres: cuatro\n"
    install_prompts(tmp_path, text=list_of_texts + "beep: [ tono de error ]\nbye: hasta la vista\nshort: dos\n")
    found = packaged_prompts(tmp_path)
    assert [(u.name, u.text) for u in found] == [
        ("es/one", "Por favor, espere."),
        ("es/digits/two", "dos y tres: cuatro"),
    ]
    assert {u.rate for u in found} == {8000}


def test_without_the_packages_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="apt install asterisk-core-sounds-es "):
        packaged_prompts(tmp_path)
    install_prompts(tmp_path, text="")
    (tmp_path / "usr/share/doc/asterisk-core-sounds-es/core-sounds-es.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(CorpusError, match="cannot be read"):
        packaged_prompts(tmp_path)
