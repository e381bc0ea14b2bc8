"""baresip as an agent's phone: answers by itself, plays one WAV, records what it hears."""

import json
import socket
import wave
from pathlib import Path

import numpy as np

from tests.interop.audio import RATE, Pcm
from tests.interop.rig import HOST, Process, wait_for
from tests.ports import is_bound, peer_rtp, sip_port

MODULES = Path("/usr/lib/baresip/modules")


def write_wav(path: Path, pcm: Pcm, rate: int = RATE) -> Path:
    """A 16-bit mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


def resampled(pcm: Pcm, samples: int) -> Pcm:
    """The same signal in another number of samples, band-limited."""
    spectrum = np.fft.rfft(pcm.astype(np.float64))
    return np.asarray(np.fft.irfft(spectrum[: samples // 2 + 1], samples) * samples / len(pcm)).astype(np.int16)


class Baresip(Process):
    """Listens on ``port`` (and TLS on the next); ``account`` and ``config`` are appended to its files."""

    def __init__(
        self,
        tmp: Path,
        port: int,
        said: Pcm,
        *,
        codec: str = "PCMU",
        extra: tuple[str, ...] = (),
        transport: str = "udp",
        certificate: Path | None = None,
        account: str = "",
        config: str = "",
    ) -> None:
        self.home = tmp / f"baresip-{port}"
        self._control = sip_port()
        first, last = peer_rtp()
        self.home.mkdir()
        # baresip wants its file at the codec's rate.
        rate = 16000 if codec == "G722" else RATE
        if rate != RATE:
            said = resampled(said, 2 * len(said))
        source = write_wav(self.home / "said.wav", said, rate)
        codecs = f"{codec}/16000" if rate == 16000 else codec
        (self.home / "accounts").write_text(
            f"<sip:ana@{HOST};transport={transport}>;regint=0;answermode=auto;audio_codecs={codecs}{account}\n"
        )
        (self.home / "config").write_text(
            f"sip_listen {HOST}:{port}\nmodule_path {MODULES}\nmodule g711.so\nmodule g722.so\nmodule aufile.so\n"
            "module sndfile.so\nmodule_app account.so\nmodule_app menu.so\n"
            f"module_app ctrl_tcp.so\nctrl_tcp_listen {HOST}:{self._control}\n"
            f"audio_source aufile,{source}\n"
            f"audio_alert aufile,{self.home / 'alert.wav'}\n"
            f"{f'sip_certificate {certificate}' if certificate else ''}\n"
            f"snd_path {self.home}\nring_aufile none\nrtp_ports {first}-{last}\nrtcp_mux no\n{config}"
        )
        super().__init__(["baresip", "-4", "-f", str(self.home), *extra], tmp / f"baresip-{port}", cwd=self.home)
        wait_for(lambda: is_bound(port) or not self.running, 10, "baresip listens")
        assert self.running, self.text()

    def command(self, name: str, text: str) -> None:
        """A command of its menu, as a netstring of JSON (its module ctrl_tcp)."""
        order = json.dumps({"command": name, "params": text})
        with socket.create_connection((HOST, self._control), 5) as connection:
            connection.sendall(f"{len(order)}:{order},".encode())
            connection.recv(4096)

    def heard(self) -> Pcm:
        """What the other party said, as baresip's sndfile filter wrote it, at 8 kHz."""
        found = sorted(self.home.glob("dump-*-dec.wav"))
        if not found:
            return np.zeros(0, np.int16)
        with wave.open(str(found[0])) as file:
            rate = file.getframerate()
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm if rate == RATE else resampled(pcm, len(pcm) * RATE // rate)
