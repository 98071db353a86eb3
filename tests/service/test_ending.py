"""Tasks end, also one that loses a cancellation."""

import asyncio
from contextlib import suppress

from ninefold.service.ending import end_tasks
from tests.patience import PATIENCE_S


async def lose(cancellations: int) -> None:
    """Run until cancelled once more than that."""
    for _ in range(cancellations):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    await asyncio.sleep(60)


async def fail() -> None:
    raise ValueError("what a task raises is dropped")


def test_a_lost_cancellation_is_made_up_for() -> None:
    async def run() -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(work) for work in (lose(0), lose(1), fail())]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE_S):
            await end_tasks(tasks)
        return tasks

    first, second, third = asyncio.run(run())
    assert first.cancelled()
    assert second.cancelled()
    assert isinstance(third.exception(), ValueError)


def test_nothing_to_end_is_nothing_to_wait_for() -> None:
    asyncio.run(end_tasks([]))
