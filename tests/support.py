"""Shared by all tests: a real broker on a free port, and waiting for conditions with a deadline."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from assist.bus import BusAddress
from assist.stack import broker

_PATIENCE: Final = 3.0
"""A busy machine gets so many times as long as the deadlines below say: a test that waits less fails of the machine."""


async def eventually(condition: Callable[[], bool], timeout: float = 10.0, what: str = "the condition") -> None:
    """Wait until ``condition()`` holds.

    Raises:
        AssertionError: it did not within ``timeout`` seconds of an idle machine.
    """
    deadline = time.monotonic() + _PATIENCE * timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {_PATIENCE * timeout:g} s"
        await asyncio.sleep(0.01)


async def eventually_async(condition: Callable[[], Awaitable[bool]], timeout: float = 10.0, what: str = "it") -> None:
    """:func:`eventually` for a condition that has to be awaited."""
    deadline = time.monotonic() + _PATIENCE * timeout
    while not await condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {_PATIENCE * timeout:g} s"
        await asyncio.sleep(0.05)


def work(run: Callable[[], object]) -> int:
    """Function calls, of Python and of what is built in, that ``run`` makes: the same on every machine."""
    count = 0

    def hook(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(hook)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def loud(samples: int) -> bytes:
    """16-bit PCM as loud as speech, so that nothing takes it for an empty room. The same every time."""
    return np.random.default_rng(7).normal(0, 2000, samples).astype("<i2").tobytes()


class RealBroker:
    """A nats-server of the test's own, which it may kill and start again on the same store and port."""

    def __init__(self, data_dir: Path) -> None:
        self._prepared = broker.prepare(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data_dir / "nats.log"

    @property
    def address(self) -> BusAddress:
        return self._prepared.address

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._prepared.argv, stdout=log, stderr=log)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill(signal.SIGTERM)


@contextlib.contextmanager
def running_broker(data_dir: Path) -> Iterator[RealBroker]:
    """A started :class:`RealBroker`, ended by id."""
    real = RealBroker(data_dir)
    real.start()
    try:
        yield real
    finally:
        real.stop()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
