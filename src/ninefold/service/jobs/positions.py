"""Sends waiting jobs their positions: a round every second or two, in one process at a time.

Near the front every change is sent; further back only larger changes, and less often. Otherwise a
long queue that moves fast would write rows and wake streams all the time.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service.jobs.estimate import Capacity, expected_seconds
from ninefold.service.jobs.load import drawing_codes, queue_order, read_capacity
from ninefold.service.jobs.reaper import try_lock
from ninefold.service.store.notifications import JOB_EVENTS
from ninefold.service.store.statements import TELL_POSITIONS
from ninefold.service.store.tables import Job, Json

LOCK_POSITIONS = 9011
"""Number of the advisory lock."""

MAX_TOLD = 200
"""Most jobs that are told in one round."""

_NEAR = 10
_STEP = 0.1
_PAUSE_S = 0.1  # for each job ahead
_AGAIN_AFTER = timedelta(seconds=15)


class PositionReporter:
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
            drawing = await drawing_codes(connection)
            due = await self._due(connection)
            news = [_news(row, drawing, capacity) for row in due[:MAX_TOLD]]
            if not news:
                return 0
            given = {"news": news, "channel": JOB_EVENTS}
            return len((await connection.execute(TELL_POSITIONS, given)).all())

    async def _due(self, connection: AsyncConnection) -> list[Any]:
        ranked = queue_order().subquery()
        statement = select(
            ranked.c.id,
            ranked.c.position,
            ranked.c.codes_through,
            ranked.c.total_codes,
            Job.told_position,
            Job.told_at,
            func.now().label("now"),
        ).join(Job, Job.id == ranked.c.id)
        rows = (await connection.execute(statement.order_by(ranked.c.position))).all()
        return [
            row for row in rows if is_due(row.position, row.told_position, row.told_at, row.now)
        ]


def _news(row: Any, drawing: int, capacity: Capacity) -> Json:
    own = int(row.total_codes)
    ahead = int(row.codes_through) - own + drawing
    eta_s = expected_seconds(ahead, own, capacity)
    position = int(row.position)
    data = {"position": position, "eta_s": None if eta_s is None else round(eta_s, 1)}
    return {"id": row.id, "position": position, "data": data}


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
    change, since = abs(position - told), now - told_at
    if change and position <= _NEAR:
        return True
    if change >= max(1, _STEP * told) and since >= timedelta(seconds=_PAUSE_S * position):
        return True
    return since >= _AGAIN_AFTER
