"""The edge: Kamailio, filled in from the settings, in front of the gateway's workers.

Its files lie in the run-time folder, readable by the owner only: passwords' digests and the workers' token are in them.
"""

import contextlib
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assist.config import Settings
from assist.errors import StackError
from gateway.edge.link import EdgeLink
from gateway.edge.presence import find_binary
from gateway.edge.values import Secrets, link_of, listening_address, values
from gateway.errors import EdgeError
from sip_config.render import render

APT: Final = "apt install kamailio kamailio-tls-modules"
_CHECK_S: Final = 30.0
_LONGEST_SOCKET: Final = 107
"""Bytes that fit into an address of a unix socket (unix(7))."""


@dataclass(frozen=True, slots=True)
class PreparedEdge:
    """Command line of the edge, where it is, and where it is asked whether it listens."""

    argv: list[str]
    link: EdgeLink
    listening: tuple[str, int]


def prepare(settings: Settings) -> PreparedEdge | None:
    """Write the edge's files and have kamailio check them; None in direct mode.

    Raises:
        StackError: it is wanted and not installed, or kamailio refuses the configuration.
        ConfigError: a trunk's secret can't be read.
    """
    binary = find_binary() if settings.edge.mode != "off" else None
    if binary is None:
        if settings.edge.mode == "on":
            raise StackError(f"edge.mode is on, but kamailio isn't installed; run: {APT}")
        settings.edge_file.unlink(missing_ok=True)
        return None
    link = link_of(settings, secrets.token_hex(16))
    if len(os.fsencode(link.socket)) > _LONGEST_SOCKET:
        raise StackError(f"{link.socket} is too long for a unix socket; set data_dir to a shorter path")
    with contextlib.suppress(OSError):
        (settings.run_dir / "edge.sock").unlink(missing_ok=True)
    write(settings, link.token)
    _check(binary, settings.run_dir / "kamailio.cfg")
    link.save(settings.edge_file)
    argv = [binary, "-f", str(settings.run_dir / "kamailio.cfg"), "-DD", "-E", "-m", "64", "-M", "16"]
    argv += ["-w", str(settings.run_dir), "-Y", str(settings.run_dir)]
    return PreparedEdge(argv, link, (listening_address(settings), settings.gateway.port))


def renew(settings: Settings) -> bool:
    """Write the files anew for other trunks; whether anything has changed, so that the edge has to start again.

    Raises:
        StackError: kamailio refuses the configuration; the files are as before.
        ConfigError: a trunk's secret can't be read.
    """
    try:
        binary, link = find_binary(), EdgeLink.load(settings.edge_file)
    except EdgeError as err:
        raise StackError(str(err)) from None
    if binary is None or link is None:
        return False
    files = [settings.run_dir / name for name in ("kamailio.cfg", "peers.list", "tls.cfg")]
    before = [path.read_text(encoding="utf-8") for path in files]
    write(settings, link.token)
    if [path.read_text(encoding="utf-8") for path in files] == before:
        return False
    try:
        _check(binary, files[0])
    except StackError:
        for path, text in zip(files, before, strict=True):
            path.write_text(text, encoding="utf-8")
        raise
    return True


def write(settings: Settings, token: str) -> None:
    """The edge's files, owner only.

    Raises:
        StackError: the run-time folder can't be written.
        ConfigError: a trunk's secret can't be read.
    """
    run_dir = settings.run_dir
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        run_dir.chmod(0o700)
        # Kept from start to start: addresses of dialogs that are up were masked with it, and nonces are still answered.
        made = Secrets(token, _kept(run_dir / "edge.nonce"), _kept(run_dir / "edge.mask"), shown=True)
        filled, blocks = values(settings, made, run_dir)
        for file in render("kamailio", filled, [], blocks=blocks):
            path = run_dir / file.name
            path.touch(mode=0o600)
            path.chmod(0o600)
            path.write_text(file.text, encoding="utf-8")
    except OSError as err:
        raise StackError(f"{run_dir} can't be written ({err}); set data_dir to a folder of yours") from None


def _kept(path: Path) -> str:
    with contextlib.suppress(OSError):
        text = path.read_text(encoding="ascii").strip()
        if text:
            return text
    text = secrets.token_hex(16)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="ascii")
    return text


def _check(binary: str, path: Path) -> None:
    try:
        done = subprocess.run(
            [binary, "-c", "-f", str(path), "-Y", str(path.parent)],
            capture_output=True, text=True, timeout=_CHECK_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as err:
        raise StackError(f"{binary} can't be run ({err}); reinstall it: {APT}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line or "CRITICAL" in line]
        reason = lines[0].partition(": ")[2] if lines else f"exit {done.returncode}"
        raise StackError(f"kamailio refuses the edge's configuration: {reason}; look at [edge], or reinstall it: {APT}")
