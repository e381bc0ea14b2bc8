"""What every process of the stack agrees on: how it is told to stop, and what its exit code says."""

import asyncio
import signal
import sys
from collections.abc import Iterable
from typing import Any, Final, Protocol

EXIT_RETRY: Final = 1
"""Starting again may help."""
EXIT_HOPELESS: Final = 3
"""Starting again will not help: a setting, a model, a playbook or a port is wrong."""
EXIT_RENEW: Final = 4
"""It ended on purpose, with nothing left to do, so that a fresh process takes its place."""
_CANCEL_AGAIN_S: Final = 0.5


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


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are over; what they raise is theirs."""
    pending = set(tasks)
    while pending:
        # Once is not enough: asyncio.wait_for of Python 3.11 loses a cancellation that comes together with its result.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
