"""A row of bench.capacity from calls that are written down, the feeding of frames, and what is refused."""

from __future__ import annotations

import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assist import config
from assist.events import PARTIES, Degraded, Heard, HeardWord, Party
from assist.wire import Beat
from bench import capacity
from bench.capacity import cut
from bench.capacity_rig import MediaClock, environment, lone_model, model_told
from bench.capacity_row import CapacityRow, common_window, measure, used_between, within
from bench.capacity_run import RigError, Run, Shown, Usage, as_shown, read_usage, without_stragglers
from bench.legs import Leg
from gateway.fork import FRAME_BYTES, Ring
from models.catalog import load_catalog
from models.errors import ModelMissing
from models.store import MANIFEST

RATE = 8000
EPOCH = 1_000_000.0
WORDS = (("one", 1.0), ("two", 1.5), ("three", 9.0))


def leg(seconds: float = 10.0) -> Leg:
    flags = np.zeros(round(seconds * 100), np.bool_)
    flags[50:150] = True
    return Leg(np.arange(round(seconds * RATE), dtype=np.int16), RATE, flags, WORDS)


def heard(text: str, *, final: bool = False, stable: int = 0, spoken: str = "", t0: float = 0.5) -> Heard:
    return Heard(
        call_id="c",
        at=EPOCH + 1.5,
        party="customer",
        utterance_id="c4000",
        text=text,
        stable_chars=stable,
        final=final,
        t0=EPOCH + t0,
        t1=EPOCH + 1.5,
        language="en",
        confidence=0.9,
        words=(HeardWord(text="one", t0=EPOCH + 0.5, t1=EPOCH + 1.0, confidence=0.9),) if final else (),
        spoken=spoken,
    )


def shown(at: float, text: str, *, final: bool = False, utterance: int = 0) -> Shown:
    return Shown(at, utterance, text, len(text) if final else 0, final, 0.5, 1.5)


def beat(*, lost: float = 0.0, **calls: int) -> Beat:
    return Beat(worker_id="t", done={}, lag=0.0, calls=calls, lost_s=lost)  # type: ignore[arg-type]


def run(*, legs: int = 2, full: int = 1, late: int = 0, lost: float = 0.0, rss: float = 300.0) -> Run:
    texts = [shown(1.3, "one"), shown(1.9, "one two"), shown(2.1, "one two", final=True)]
    return Run(
        legs=[leg() for _ in range(legs)],
        calls=[f"c{k}" for k in range(legs // 2)],
        epochs=[EPOCH + 0.1 * k for k in range(legs)],
        shown=[list(texts) for _ in range(legs)],
        beats=[
            (EPOCH - 1, beat(lost=5.0)),
            (EPOCH + 4, beat(full=full, late=late)),
            (EPOCH + 12, beat(lost=5.0 + lost)),
        ],
        told=[Degraded(call_id="c0", at=0, component="recogniser", level="late", detail="")] * late,
        usage=[Usage(EPOCH + k, 100 + 0.3 * k, rss) for k in range(12)],
    )


def row(happened: Run, first: CapacityRow | None = None) -> CapacityRow:
    return measure(happened, "en", "ulaw", "demo", "a-model", 200.0, first)


def test_a_row_has_latencies_load_and_memory() -> None:
    got = row(run())
    assert (got.calls, got.window_s, got.finals) == (1, 9.9, 2)
    assert got.partial == {"p50": 350, "p95": 400, "p99": 400}
    assert got.final is not None
    assert got.final["p50"] == pytest.approx(600, abs=20)
    assert got.matched == pytest.approx(2 / 3)
    assert got.load == pytest.approx(0.3)
    assert got.cpu_s_per_hour == pytest.approx(0.3 * 3600 / 2)
    assert (got.idle_mb, got.rss_mb, got.mb_per_call) == (200.0, 300.0, None)
    assert got.levels == {"full": 1, "finals": 0, "late": 0}
    assert not got.reduced
    assert got.broken_budgets() == []


def test_each_further_call_is_counted_against_the_first_row() -> None:
    first = row(run())
    assert row(run(legs=4, rss=330), first).mb_per_call is None
    more = row(run(legs=8, rss=390), first)
    assert more.mb_per_call == pytest.approx(30)
    assert more.broken_budgets() == ["memory 30.0 > 15 MB per call"]


def test_less_than_full_service_and_loss_are_said() -> None:
    got = row(run(full=0, late=1, lost=2.0))
    assert got.reduced
    assert got.told == {"late": 1}
    assert (got.spared, got.spared_final) == (0, None)
    assert got.broken_budgets() == ["service 0/0/1", "lost 2.0 s, 0 transcripts not complete"]


def test_calls_that_keep_full_service_are_measured_apart() -> None:
    happened = run(legs=4, full=1, late=1)
    happened.shown[0] = [replace(text, at=text.at + 5) for text in happened.shown[0]]
    got = row(happened)
    assert got.final is not None
    assert got.spared_final is not None
    assert got.final["p99"] > 5000
    assert (got.spared, got.spared_final["p99"]) == (1, pytest.approx(600, abs=20))


def test_a_call_that_was_never_completed_is_no_full_service() -> None:
    happened = run()
    happened.unsettled = 1
    assert row(happened).reduced


def test_only_what_lies_in_the_common_time_counts() -> None:
    happened = run(legs=4)
    happened.epochs[3] = EPOCH + 1
    assert common_window(happened) == (EPOCH + 1, EPOCH + 10)
    # The first leg's utterance began before the last leg did.
    assert within(happened.shown[0], 1.0, 10.0) == []
    assert row(happened).finals == 1


def test_usage_is_read_between_two_moments() -> None:
    usage = [Usage(float(k), 2.0 * k, 100.0 + k) for k in range(10)]
    assert used_between(usage, 2.5, 4.5) == (4.0, 105.0)


def test_events_become_media_time_and_recognised_words() -> None:
    partial = as_shown(EPOCH + 2, heard("one tw", stable=3), EPOCH)
    assert partial == Shown(2.0, 4000, "one tw", 3, False, 0.5, 1.5)
    final = as_shown(EPOCH + 2, heard("1", final=True, spoken="one"), EPOCH)
    assert (final.text, final.stable_chars, final.words) == ("one", 3, (("one", 1.0),))


def test_partials_after_their_final_are_dropped() -> None:
    texts = [shown(1, "a"), shown(2, "a", final=True), shown(3, "a b"), shown(4, "c", utterance=7)]
    assert without_stragglers(texts) == [texts[0], texts[1], texts[3]]


def test_a_leg_is_cut_with_its_words_and_speech() -> None:
    short = cut(leg(), 1.2)
    assert (short.seconds, short.words, short.speech.size) == (1.2, (("one", 1.0),), 120)
    assert cut(leg(), 20.0).seconds == 10.0


def test_the_process_accounts_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "42"
    folder.mkdir()
    (folder / "stat").write_text("42 (a ) b) S " + " ".join(str(k) for k in range(1, 30)))
    (folder / "statm").write_text("900 500 3 4 5 6 7")
    usage = read_usage(42, proc=tmp_path)
    assert usage.cpu_s == pytest.approx((11 + 12) / os.sysconf("SC_CLK_TCK"))
    assert usage.rss_mb == pytest.approx(500 * resource.getpagesize() / 1e6)
    with pytest.raises(RigError, match="process 7"):
        read_usage(7, proc=tmp_path)


def test_frames_come_in_order_and_the_end_is_told() -> None:
    rings: list[dict[Party, Ring]] = []
    ended: list[int] = []

    def begin() -> dict[Party, Ring]:
        rings.append({party: Ring() for party in PARTIES})
        return rings[-1]

    legs = dict(zip(PARTIES, (leg(0.1), leg(0.05)), strict=True))
    clock = MediaClock([(0.0, legs, begin), (0.04, legs, begin)], ended.append)
    clock.start()
    clock.join(10)
    assert ended == [0, 1]
    for call in rings:
        first, second = (call[party] for party in PARTIES)
        assert first.closed
        assert second.closed
        frames = first.take()
        assert [number for number, _ in frames] == list(range(5))
        assert b"".join(frame for _, frame in frames) == legs[PARTIES[0]].pcm.tobytes()
        # The last frame of the shorter leg is filled up.
        assert [len(frame) for _, frame in second.take()] == [FRAME_BYTES] * 3


def test_a_leg_at_another_rate_is_refused() -> None:
    wide = Leg(np.zeros(1600, np.int16), 16000, np.zeros(10, np.bool_))
    clock = MediaClock([(0.0, {"customer": wide}, dict)], lambda place: None)
    with pytest.raises(RigError, match="16000"):
        clock.run()


def test_a_folder_with_one_model(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for name in ("moonshine-tiny-en", "silero-vad", "tokenizer-llama-32k", "moonshine-base-en"):
        (store / name).mkdir(parents=True)
        recipe = load_catalog().get(name).recipe
        (store / name / MANIFEST).write_text(json.dumps({"recipe": recipe, "files": []}))
    alone = lone_model("moonshine-tiny-en", store, tmp_path)
    assert sorted(path.name for path in alone.iterdir()) == ["moonshine-tiny-en", "silero-vad", "tokenizer-llama-32k"]


def test_a_model_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="moonshine-tiny-en"):
        lone_model("moonshine-tiny-en", tmp_path / "nothing", tmp_path)


def test_the_users_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APUNTADOR_MODELS_DIR", "elsewhere")
    settings = tmp_path / "apuntador.toml"
    settings.write_text('models_dir = "here"')
    assert config.load(settings).models_dir == Path("elsewhere")
    with environment(NOTIFY_SOCKET="s"):
        assert os.environ["NOTIFY_SOCKET"] == "s"
        assert config.load(settings).models_dir == Path("here")
    assert os.environ["APUNTADOR_MODELS_DIR"] == "elsewhere"


def test_the_model_is_the_one_that_the_transcriber_tells() -> None:
    assert model_told("READY=1\nSTATUS=en: moonshine-tiny-en · 0 calls\n") == "moonshine-tiny-en"
    assert model_told("STATUS=en: moonshine-tiny-en · 1 call\n") == ""


def test_a_manifest_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert capacity.main(["--manifest", str(tmp_path / "none.tsv"), "--json", str(tmp_path / "x.json")]) == 2
    assert "none.tsv" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--calls", "0"], ["--seconds", "5"]])
def test_numbers_that_measure_nothing(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        capacity.main(wrong)
