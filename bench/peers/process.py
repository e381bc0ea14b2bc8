"""A worker's process as the bench sees it: see `bench.peers.protocol`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.peers.protocol import Heard, Text, UnavailableError

_ROOT = Path(__file__).parents[2]


class PeerProcess:
    """`command` runs a worker. One thread per process, so that systems compare and CPU seconds are of a core.

    Raises:
        UnavailableError: from the constructor and `open`: it cannot run here, and why.
    """

    def __init__(self, command: Sequence[str], *, log: Path) -> None:
        self._log = log
        if not Path(command[0]).exists():
            raise UnavailableError("the peers are not installed (make bench-peers)")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT), "HF_HUB_OFFLINE": "1"}
        try:
            with log.open("wb") as errors:
                self._process = subprocess.Popen(
                    command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
                )
        except OSError as error:
            raise UnavailableError(f"{command[0]} does not start: {error}") from error

    def ask(self, **request: object) -> dict[str, Any]:
        """One request, one answer. Raises `UnavailableError` when the worker has an error or has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            code = self._process.wait()
            said = self._log.read_text("utf-8", "replace").strip().splitlines()
            raise UnavailableError(f"its process ended with {code}: {said[-1] if said else 'without a word'}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise UnavailableError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def heard_from(answer: dict[str, Any]) -> Heard:
    """The answer to "hear" as it was before JSON."""
    shown = []
    for item in answer["shown"]:
        words = tuple((str(word), float(t0), float(t1)) for word, t0, t1 in item.pop("words"))
        shown.append(Text(**item, words=words))
    return Heard(str(answer["text"]), tuple(shown))
