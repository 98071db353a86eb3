"""Ends tasks that run beside something, and waits until they have ended."""

import asyncio
from collections.abc import Collection
from typing import Any

_AGAIN_S = 1.0
"""Seconds after which a task that has not ended is cancelled once more."""


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended; what they raise is dropped.

    A task is cancelled more than once if need be: before Python 3.12 `asyncio.wait_for`, by which
    the database's driver waits, loses a cancellation that comes at the same moment as what it
    waits for, and a task that goes round for ever would go on (CPython's issue 86296).
    """
    unfinished = {task for task in tasks if not task.done()}
    while unfinished:
        for task in unfinished:
            task.cancel()
        _, unfinished = await asyncio.wait(unfinished, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
