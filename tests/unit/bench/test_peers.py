"""The workers' protocol with a recogniser that is made of arithmetic, and the policy of whisper_streaming."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.asr_systems import SYSTEMS, Row, measure
from bench.corpus import CONDITIONS, Utterance, write_wav
from bench.peers.local_agreement import LONGEST, Spoken, agreed, fresh, stream
from bench.peers.prepare import token_table
from bench.peers.process import PeerProcess, heard_from
from bench.peers.protocol import MediaClock, Text, UnavailableError

WORKER = """
import ctypes, os, sys
from bench.peers.protocol import Heard, Text, UnavailableError, serve

class Engine:
    name, rate = "counter", 8000
    def hear(self, pcm, rate):
        print("a library that talks")
        os.write(1, b"and one that talks below Python\\n")
        if not pcm.any():
            raise ValueError("nothing but zeros")
        if pcm[0] == 13:
            os._exit(3)
        text = f"{pcm.size} samples at {rate}"
        return Heard(text, (Text(0.5, 7, text, 2, True, 0.0, 0.4, (("año", 0.1, 0.4),)),))
    def hold_streams(self, pcm, rate, count):
        return [bytearray(b"x" * 4_000_000) for _ in range(count)]

def open_engine(language):
    if language == "fr":
        raise UnavailableError("no French here")
    return Engine()

serve(open_engine)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    path = tmp_path / "worker.py"
    path.write_text(WORKER, "utf-8")
    return path


@pytest.fixture
def peer(worker: Path, tmp_path: Path) -> Iterator[PeerProcess]:
    process = PeerProcess([sys.executable, str(worker)], log=tmp_path / "log")
    yield process
    process.close()


def wav(folder: Path, first: int = 5) -> str:
    pcm = np.full(800, 9, np.int16)
    pcm[0] = first
    write_wav(folder / "x.wav", pcm if first else np.zeros(800, np.int16), 8000)
    return str(folder / "x.wav")


def test_a_worker_opens_hears_and_says_what_it_cost(peer: PeerProcess, tmp_path: Path) -> None:
    assert peer.ask(op="open", language="es")["name"] == "counter"
    answer = peer.ask(op="hear", path=wav(tmp_path))
    assert answer["cpu_s"] >= 0
    assert answer["peak_mb"] > 5
    heard = heard_from(answer)
    assert heard.text == "800 samples at 8000"
    assert heard.shown == (Text(0.5, 7, heard.text, 2, True, 0.0, 0.4, (("año", 0.1, 0.4),)),)
    assert peer.ask(op="streams", path=wav(tmp_path), count=10)["mb_per_stream"] == pytest.approx(4, abs=1)


def test_an_error_is_an_answer_and_the_worker_lives_on(peer: PeerProcess, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nothing is open"):
        peer.ask(op="hear", path=wav(tmp_path))
    with pytest.raises(UnavailableError, match=r"^no French here$"):
        peer.ask(op="open", language="fr")
    peer.ask(op="open", language="en")
    with pytest.raises(UnavailableError, match="ValueError: nothing but zeros"):
        peer.ask(op="hear", path=wav(tmp_path, 0))
    assert heard_from(peer.ask(op="hear", path=wav(tmp_path))).text


def test_a_worker_that_dies_is_reported(peer: PeerProcess, tmp_path: Path) -> None:
    peer.ask(op="open", language="en")
    with pytest.raises(UnavailableError, match="ended with 3: and one that talks below Python"):
        peer.ask(op="hear", path=wav(tmp_path, 13))


def utterances() -> list[Utterance]:
    return [Utterance("a", "en", "800 samples at 8000", np.full(1600, 99, np.int16), 16000)]


def test_a_system_becomes_a_row(worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS, "counter", [sys.executable, str(worker)])
    row = measure("counter", utterances(), CONDITIONS["clean"], tmp_path)
    assert (row.why, row.wer, row.wer_no_digits, row.model) == ("", 0.0, None, "counter")
    assert row.audio_s == pytest.approx(0.1)
    assert row.revisions is not None
    assert (row.revisions.shown, row.revisions.revised) == (6, 0)  # numbers are spelled out
    assert row.mb_per_stream == pytest.approx(4, abs=1)


def test_a_system_that_is_not_installed_becomes_a_row_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SYSTEMS, "absent", [str(tmp_path / "no" / "python")])
    row = measure("absent", utterances(), CONDITIONS["clean"], tmp_path)
    assert "make bench-peers" in row.why
    assert row.wer is None
    assert Row("x", "en", "clean", audio_s=10, cpu_s=2.5).calls_by_cpu == pytest.approx(5)


WORDS = [Spoken(f" w{k}", k * 0.5, k * 0.5 + 0.4) for k in range(60)]


class Perfect:
    """Hears every word that has begun, the last one wrongly unless it has ended."""

    def __init__(self) -> None:
        self.passes: list[tuple[float, float, str]] = []

    def __call__(self, begin: float, end: float, prompt: str) -> tuple[list[Spoken], list[float]]:
        self.passes.append((begin, end, prompt))
        heard = [word for word in WORDS if begin <= word.t0 < end - 0.05]
        heard = [word if word.t1 <= end else Spoken(" hm", word.t0, end) for word in heard]
        return heard, [word.t1 for word in heard if word.text.endswith("9")]


def test_words_are_committed_when_two_passes_agree_and_all_come_out() -> None:
    shown = stream(3.2, Perfect(), MediaClock())
    assert [text.stable_chars for text in shown] == [0, 5, 11, 20]
    assert shown[-1].text == "w0 w1 w2 w3 w4 w5 hm"
    assert [text.final for text in shown] == [False, False, False, True]
    assert all(b.text.startswith(a.text[: a.stable_chars]) for a, b in pairwise(shown))


def test_a_long_buffer_is_cut_and_nothing_is_lost_or_doubled() -> None:
    perfect = Perfect()
    shown = stream(29.9, perfect, MediaClock())
    assert shown[-1].text == " ".join(f"w{k}" for k in range(60))
    assert max(end - begin for begin, end, _ in perfect.passes) < LONGEST + 2
    assert perfect.passes[-1][2].endswith("w29") or perfect.passes[-1][2].endswith("w19")


def test_agreement_and_seams() -> None:
    a, b, c = WORDS[:3]
    assert agreed([a, b, c], [a, b]) == 2
    assert agreed([a, c], [a, b]) == 1
    assert agreed([], [a]) == 0
    again = [Spoken(a.text, 0.35, 0.5), Spoken(b.text, 0.5, 0.9)]
    assert [word.text for word in fresh([a], again)] == [" w1"]
    assert fresh([], [a]) == [a]


def test_a_token_table_holds_bytes(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"vocab": {"▁a": 2, "<0x0A>": 1, "<s>": 0}}}), "utf-8")
    assert list(token_table(path)) == ["PHM+ 0\n", "Cg== 1\n", "4paBYQ== 2\n"]
