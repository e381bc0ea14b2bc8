"""``apuntador`` as a user runs it: what is wrong is one clear line, and nothing is left running."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assist.config import Settings
from assist.demo.run import choose_ports
from gateway.edge.presence import find_binary
from tests.support import alive, eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    ports = choose_ports()
    path = tmp_path / "apuntador.toml"
    path.write_text(
        f'language = "en"\ndata_dir = "{tmp_path / "data"}"\nmodels_dir = "{Settings().models_path}"\n'
        f"[gateway]\nport = {ports.sip}\nworkers = 1\nrtp_start = {ports.rtp}\n"
        f"[edge]\ninner_port = {choose_ports().sip}\n"
        f"[booth]\nport = {ports.agent_phone}\nrtp_start = {ports.rtp + 100}\n"
        f'[[lead]]\nid = "luz"\nsip = "sip:luz@127.0.0.1:{ports.customer_phone}"\nqueues = ["*"]\n'
        f'[[tap]]\nname = "fs"\nprotocol = "freeswitch"\nsecret = "file:{tmp_path / "secret"}"\nagent = "agent"\n'
        f'[taps]\nport = 0\n[asr]\nworkers = 1\nlanguages = ["es"]\n[hub]\nport = {ports.hub}\n'
    )
    (tmp_path / "secret").write_text("of this test")
    return path


def apuntador(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assist", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, **environment},
        check=False,
    )


def port_of(config: Path, section: str) -> int:
    import tomllib

    return int(tomllib.loads(config.read_text())[section]["port"])


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error, which must be ours and no traceback."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("apuntador: ")
    return last


async def heard(stream: asyncio.StreamReader, words: str) -> str:
    """The first line with these words in it."""
    while True:
        line = (await asyncio.wait_for(stream.readline(), 20)).decode()
        if words in line or not line:
            return line


def add(config: Path, text: str) -> None:
    config.write_text(config.read_text() + text)


def restarted(status: Path) -> list[str]:
    """Parts that have been started again and are ready."""
    parts = json.loads(status.read_text())["services"]
    return [name for name, part in parts.items() if part["restarts"] and part["state"] == "ready"]


@pytest.mark.models
async def test_up_reports_serves_and_leaves_nothing_running(config: Path, tmp_path: Path) -> None:
    up = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "assist", "--config", str(config), "up",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert up.stdout is not None
    lines: list[str] = []
    while not any("Apuntador is ready" in line for line in lines):
        lines.append((await asyncio.wait_for(up.stdout.readline(), 60)).decode())
        assert lines[-1], f"up ended early: {lines}"
    status = json.loads((await asyncio.to_thread(apuntador, "--config", str(config), "status", "--json")).stdout)
    pids = [part["pid"] for part in status["services"].values()]
    parts = {"broker", "assist", "transcriber.0", "gateway.0", "gateway.taps", "gateway.booth.0"}
    assert set(status["services"]) == parts | ({"edge"} if find_binary() else set())
    assert all(part["state"] == "ready" for part in status["services"].values())
    assert all(alive(pid) for pid in pids)

    add(config, '[[trunk]]\nname = "local"\nagent = "agent"\nallow = ["127.0.0.0/8", "10.9.0.0/16"]\n')
    up.send_signal(signal.SIGHUP)
    assert "Settings read again" in await heard(up.stdout, "Settings read again")
    if find_binary():
        # The edge starts again with the other trunk, and nothing else does.
        assert "10.9.0.0/16" in (tmp_path / "data" / "run" / "kamailio.cfg").read_text()
        path = tmp_path / "data" / "run" / "status.json"
        await eventually(lambda: restarted(path) == ["edge"], 10, "the edge's second start")

    second = await asyncio.to_thread(apuntador, "--config", str(config), "up")
    assert "a stack already runs" in complaint(second)

    up.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(up.wait(), 30) == 0
    await eventually(lambda: not any(alive(pid) for pid in pids), 5, "the end of every part")
    after = await asyncio.to_thread(apuntador, "--config", str(config), "status")
    assert after.returncode == 1
    assert "No stack runs" in after.stderr


@pytest.mark.parametrize(
    ("section", "kind"), [("hub", socket.SOCK_STREAM), ("gateway", socket.SOCK_DGRAM), ("booth", socket.SOCK_DGRAM)]
)
def test_a_busy_port_is_named(config: Path, section: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port_of(config, section)))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        said = complaint(apuntador("--config", str(config), "up"))
    assert str(port_of(config, section)) in said
    assert f"set {section}.port" in said


def test_a_missing_model_says_what_to_fetch(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text().replace(str(Settings().models_path), str(tmp_path / "no-models")))
    result = apuntador("--config", str(config), "up")
    assert "transcriber.0 did not start" in complaint(result)
    assert "apuntador models fetch --language es" in result.stderr


def test_an_unknown_key_is_named(config: Path) -> None:
    config.write_text(config.read_text() + "colour = 1\n")
    for command in ("check", "up", "status"):
        assert "unknown key hub.colour" in complaint(apuntador("--config", str(config), command))


def test_a_data_directory_that_cannot_be_written(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    assert "set data_dir" in complaint(apuntador("--config", str(config), "up"))


def test_a_survey_recording_that_can_not_be_played_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "own.wav").write_text("no sound")
    question = f'[[survey.question]]\nid = "own"\nprompt = {{ es = "{tmp_path / "own.wav"}" }}\n'
    config.write_text(config.read_text() + question)
    assert "own.wav: no WAV file" in complaint(apuntador("--config", str(config), "check"))


def test_check_accepts_what_is_right(config: Path) -> None:
    result = apuntador("--config", str(config), "check")
    assert result.returncode == 0
    assert str(config) in result.stdout


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"not a wav at all" * 20])
def test_a_broken_wav_is_refused_before_anybody_is_called(tmp_path: Path, content: bytes) -> None:
    wav = tmp_path / "broken.wav"
    wav.write_bytes(content)
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "gateway.endpoint.phone",
            "--port",
            "1",
            "--call",
            "sip:a@127.0.0.1",
            "--play",
            str(wav),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 3
    assert "broken.wav can't be played" in result.stderr
    assert "16-bit mono WAV is needed" in result.stderr


def test_help_has_examples_and_needs_no_settings() -> None:
    for command in (["--help"], ["demo", "--help"], ["case", "--help"], ["models", "--help"], ["token", "--help"]):
        result = apuntador(*command)
        assert result.returncode == 0, result.stderr
        assert "Usage" in result.stdout
