"""Tells waiting jobs where they are: a round every second or two, in one process at a time.

A job hears of each change near the front, and of larger ones further back, so that a long queue
does not write a row for every job whenever one is finished.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service.jobs.estimate import Capacity, expected_seconds
from ninefold.service.jobs.events import NewEvent, append
from ninefold.service.jobs.load import drawing_steps, queue_order, read_capacity
from ninefold.service.jobs.reaper import try_lock
from ninefold.service.jobs.states import Status
from ninefold.service.store.tables import Job

LOCK_POSITIONS = 9011
"""Number of the advisory lock."""

MAX_TOLD = 200
"""Most jobs that are told in one round."""

_NEAR = 10
_STEP = 0.1
_AGAIN_AFTER = timedelta(seconds=15)


class Announcer:
    """Writes position events."""

    def __init__(self, database: AsyncEngine, stalled_s: float) -> None:
        """Tell the jobs of a database."""
        self._database, self._stalled_s = database, stalled_s

    async def run_once(self) -> int:
        """Do a round unless another process does; return how many jobs were told."""
        async with self._database.begin() as connection:
            if not await try_lock(connection, LOCK_POSITIONS):
                return 0
            capacity = await read_capacity(connection, self._stalled_s)
            drawing = await drawing_steps(connection)
            due = await self._due(connection)
            for row in due[:MAX_TOLD]:
                await self._tell(connection, row, drawing, capacity)
        return min(len(due), MAX_TOLD)

    async def _due(self, connection: AsyncConnection) -> list[Any]:
        ranked = queue_order().subquery()
        statement = select(
            ranked.c.id,
            ranked.c.position,
            ranked.c.steps_through,
            ranked.c.total_steps,
            Job.told_position,
            Job.told_at,
            func.now().label("now"),
        ).join(Job, Job.id == ranked.c.id)
        rows = (await connection.execute(statement.order_by(ranked.c.position))).all()
        return [
            row for row in rows if is_due(row.position, row.told_position, row.told_at, row.now)
        ]

    async def _tell(
        self, connection: AsyncConnection, row: Any, drawing: int, capacity: Capacity
    ) -> None:
        own = int(row.total_steps)
        ahead = int(row.steps_through) - own + drawing
        eta_s = expected_seconds(ahead, own, capacity)
        data = {
            "position": int(row.position),
            "eta_s": None if eta_s is None else round(eta_s, 1),
        }
        await append(
            connection,
            row.id,
            [NewEvent("position", data)],
            only_if=[Job.status == Status.QUEUED],
            told_position=int(row.position),
            told_at=func.now(),
        )


def is_due(position: int, told: int | None, told_at: datetime | None, now: datetime) -> bool:
    """Tell whether a waiting job should hear of its position now.

    Args:
        position: where it is.
        told: what it heard last; None if it was put back since.
        told_at: when that was.
        now: by the same clock.
    """
    if told is None or told_at is None:
        return True
    change = abs(position - told)
    if change and position <= _NEAR:
        return True
    if change >= max(1, _STEP * told):
        return True
    return now - told_at >= _AGAIN_AFTER
