"""Linphone's console phone without a sound card: it says one WAV file and writes what it hears into another."""

import os
import subprocess
import wave
from pathlib import Path

import numpy as np

from tests.interop.audio import Pcm
from tests.interop.baresip import write_wav
from tests.interop.rig import HOST, wait_for
from tests.ports import is_bound, peer_rtp


class Linphone:
    """Listens on ``port`` and answers by itself; ``said`` begins when :meth:`talk` is called."""

    def __init__(self, tmp: Path, port: int, said: Pcm) -> None:
        home = tmp / f"linphone-{port}"
        for folder in (".config/linphone", ".local/share/linphone"):
            (home / folder).mkdir(parents=True)
        self._said = write_wav(home / "said.wav", said, 8000)
        self._heard = home / "heard.wav"
        first, last = peer_rtp()
        (home / "rc").write_text(
            f"[sip]\nsip_port={port}\nsip_tcp_port=-2\nsip_tls_port=-2\nguess_hostname=0\ncontact=sip:ana@{HOST}\n"
            f"[rtp]\naudio_rtp_port={first}-{last}\naudio_adaptive_jitt_comp_enabled=0\n"
        )
        with (home / "out").open("wb") as out:
            self._popen = subprocess.Popen(
                ["linphonec", "-c", str(home / "rc"), "-a"],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=home,
                env={**os.environ, "HOME": str(home)},
            )
        self._out = home / "out"
        self._tell("ipv6 disable", "soundcard use files", "autoanswer enable")
        wait_for(lambda: is_bound(port) or self._popen.poll() is not None, 20, "Linphone listens")
        assert self._popen.poll() is None, self.text()

    def talk(self) -> None:
        """Begin to say and to write."""
        self._tell(f"record {self._heard}", f"play {self._said}")

    def hang_up(self) -> None:
        self._tell("terminate all")

    def end(self) -> None:
        """Quit, so that the recording is whole; killed when it does not."""
        if self._popen.poll() is None:
            self._tell("quit")
            try:
                self._popen.wait(10)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        if self._popen.stdin is not None:
            self._popen.stdin.close()

    def text(self) -> str:
        """What it has printed."""
        return self._out.read_text(errors="replace")

    def heard(self) -> Pcm:
        """What the other party said, at 8 kHz."""
        with wave.open(str(self._heard)) as file:
            rate = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm[:: rate // 8000]

    def _tell(self, *lines: str) -> None:
        assert self._popen.stdin is not None
        for line in lines:
            self._popen.stdin.write(f"{line}\n".encode())
        self._popen.stdin.flush()
