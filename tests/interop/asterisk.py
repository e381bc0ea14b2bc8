"""A real Asterisk for the interop tests: Debian unstable's, in a folder of its own, on free loopback ports.

``APUNTADOR_TEST_ASTERISK`` names the folder; where there is none yet, debootstrap makes one (root, network, about
five minutes and 600 MB). Without the variable the tests are skipped: no other machine of the project has Asterisk.
"""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.interop.rig import Process, wait_for

VARIABLE = "APUNTADOR_TEST_ASTERISK"
MIRROR = "http://deb.debian.org/debian"
_BINARY = "usr/sbin/asterisk"
_DIRECTORIES = """[directories]
astetcdir => {home}
astmoddir => /usr/lib/x86_64-linux-gnu/asterisk/modules
astvarlibdir => /var/lib/asterisk
astdbdir => {home}
astkeydir => {home}
astdatadir => /usr/share/asterisk
astagidir => {home}
astspooldir => {home}
astrundir => {home}
astlogdir => {home}
[options]
nocolor = yes
"""


def asterisk_root() -> Path:
    """The folder with Asterisk in it; skips the test where there is none and none can be made."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} names no folder for a Debian unstable with Asterisk")
    root = Path(named)
    if not (root / _BINARY).exists():
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            pytest.skip(f"{root} has no Asterisk, and making one needs root and the Debian package debootstrap")
        call = ["debootstrap", "--variant=minbase", "--include=asterisk", "unstable", str(root), MIRROR]
        subprocess.run(call, check=True, timeout=1200, stdout=subprocess.DEVNULL)
    return root


class Asterisk(Process):
    """Asterisk in the foreground, with the configuration files given and nothing else.

    Args:
        tmp: where its output goes.
        files: name and text of each configuration file.
    """

    def __init__(self, tmp: Path, files: dict[str, str]) -> None:
        self.root = asterisk_root()
        self.home = self.root / "tests" / uuid.uuid4().hex
        self.home.mkdir(parents=True)
        self.inside = Path("/") / self.home.relative_to(self.root)
        text = _DIRECTORIES.format(home=self.inside)
        for name, content in {"asterisk.conf": text, "modules.conf": "[modules]\nautoload=yes\n", **files}.items():
            (self.home / name).write_text(content)
        super().__init__(["chroot", str(self.root), *self._argv("-f")], tmp / "asterisk")
        wait_for(lambda: self._is_up() or not self.running, 60, "Asterisk answers")
        assert self.running, self.text()[-3000:]

    def _argv(self, *arguments: str) -> list[str]:
        return ["/usr/sbin/asterisk", "-C", f"{self.inside}/asterisk.conf", *arguments]

    def _is_up(self) -> bool:
        return "fully booted" in self.command("core waitfullybooted")

    def command(self, line: str) -> str:
        """What a command of Asterisk's command line prints."""
        call = ["chroot", str(self.root), *self._argv("-rx", line)]
        return subprocess.run(call, capture_output=True, text=True, timeout=60, check=False).stdout

    def end(self, timeout: float = 15.0) -> int:
        code = super().end(timeout)
        shutil.rmtree(self.home, ignore_errors=True)
        return code
