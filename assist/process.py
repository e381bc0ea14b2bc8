"""What every process of the stack agrees on: how it is told to stop, and what its exit code says."""

import asyncio
import signal
import sys
from typing import Final, Protocol

EXIT_RETRY: Final = 1
"""Starting again may help."""
EXIT_HOPELESS: Final = 3
"""Starting again will not help: a setting, a model, a playbook or a port is wrong."""


class Failure(Protocol):
    """An error of any of our trees: its text says what to do, ``retryable`` whether the same may work later."""

    @property
    def retryable(self) -> bool: ...


def failed(name: str, error: Failure) -> int:
    """Say on standard error, in one line, why process ``name`` ends; returns its exit code."""
    sys.stderr.write(f"{name}: {error}\n")
    return EXIT_RETRY if error.retryable else EXIT_HOPELESS


def stop_requested() -> asyncio.Event:
    """Set by SIGTERM and SIGINT from now on, on the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
