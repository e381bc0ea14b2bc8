"""A gateway process's side of ``apuntador sip status|calls|trace|drain``: questions come on the bus's thread and are
answered on the one that has the calls.
"""

import asyncio
import os
import queue
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from assist.control import Answer, Ask, LiveCall, masked
from assist.events import CallStarted, LegQuality

_PATIENCE_S: Final = 3.0

log = structlog.get_logger(__name__)

_Waiting = tuple[Ask, Callable[[Answer], object]]


class Console:
    """Hands questions over from the bus's thread; ``worker_id`` is this process's name, such as ``gateway.0``."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.host = socket.gethostname()
        self._questions: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()

    async def __call__(self, ask: Ask) -> Answer | None:
        """On the bus's loop: the answer to ``ask``; None when another process is meant, or this one is stuck."""
        if not ask.means(self.worker_id, self.host):
            return None
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        self._questions.put((ask, lambda answer: loop.call_soon_threadsafe(settle, answer)))
        try:
            return await asyncio.wait_for(answered, _PATIENCE_S)
        except TimeoutError:
            return None

    def serve(self, answer: Callable[[Ask], Answer]) -> None:
        """On the thread that has the calls: answer what has been asked meanwhile."""
        while not self._questions.empty():
            ask, reply = self._questions.get_nowait()
            try:
                reply(answer(ask))
            except Exception as err:
                # A question must not end the calls of the one who is asked.
                log.exception("gateway.ask_failed", order=ask.order, error=repr(err))


def memory_kb() -> int:
    """Resident memory of this process in kB; its peak where the system doesn't tell (proc(5), statm)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def live_call(
    started: CallStarted,
    state: str,
    answered_at: float | None,
    *,
    full: bool,
    legs: tuple[LegQuality, ...] = (),
    agent_id: str = "",
) -> LiveCall:
    """A call as an admin sees it; the caller's number is masked unless ``full``.

    ``agent_id`` is who has it now, where that may be somebody else than at the start.
    """
    return LiveCall(
        call_id=started.call_id,
        trunk=started.trunk,
        caller=started.caller if full else masked(started.caller),
        agent_id=agent_id or started.agent_id,
        state=state,
        started_at=started.at,
        answered_at=answered_at,
        legs=legs,
    )
