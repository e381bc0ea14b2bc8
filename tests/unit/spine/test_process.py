"""Ending tasks, those that lose a cancellation too."""

import asyncio

from assist import process
from assist.process import end_tasks


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(monkeypatch) -> None:
    monkeypatch.setattr(process, "_CANCEL_AGAIN_S", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    async def broken() -> None:
        raise ValueError("its own affair")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(broken())]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks(tasks), 5)
    assert swallowed == 3
    assert all(task.done() for task in tasks)


async def test_no_tasks_are_ended_at_once() -> None:
    await asyncio.wait_for(end_tasks([]), 1)
