"""Finds jobs whose worker was lost, and lets them be drawn again.

Every process tries, and whoever gets the database's advisory lock does the round. All times are
the database's.
"""

import logging

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.service.jobs import transitions
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.states import Status
from ninefold.service.store.clock import ago
from ninefold.service.store.retry import is_away
from ninefold.service.store.tables import Job, WorkerRow

LOCK_REAP = 9010
"""Number of the advisory lock."""

_FORGET_AFTER = 20
"""A worker's row goes after this many times the silence that makes it count as lost."""

_log = logging.getLogger(__name__)


class Reaper:
    """Puts back what lost workers held."""

    def __init__(
        self, database: AsyncEngine, queue: Queue, *, stalled_s: float, max_attempts: int
    ) -> None:
        """Reap for a database.

        Args:
            database: where jobs and workers are.
            queue: open; gets the new entries.
            stalled_s: silence after which a worker counts as lost.
            max_attempts: attempts after which a job fails instead.
        """
        self._database, self._queue = database, queue
        self._stalled_s, self._max_attempts = stalled_s, max_attempts

    async def run_once(self) -> int:
        """Do a round unless another process does; return how many jobs were put back."""
        async with self._database.begin() as connection:
            if not await try_lock(connection, LOCK_REAP):
                return 0
            lost = await self._lost_jobs(connection)
            for job_id, attempt in lost:
                await self._put_back(connection, job_id, attempt)
            await connection.execute(
                delete(WorkerRow).where(
                    WorkerRow.heartbeat_at < ago(_FORGET_AFTER * self._stalled_s)
                )
            )
        if lost:
            _log.warning("%d jobs of lost workers are drawn again", len(lost))
        # Entries that were fetched and not claimed; claiming is what counts, so twice does no harm.
        return len(lost) + await self._queue.put_back_stalled(self._stalled_s)

    async def _put_back(self, connection: AsyncConnection, job_id: str, attempt: int) -> None:
        """Put a job back; what goes wrong with it holds up none of the others."""
        try:
            async with connection.begin_nested():
                await transitions.put_back(
                    connection, self._queue, job_id, attempt, max_attempts=self._max_attempts
                )
        except Exception as error:
            if is_away(error):
                raise
            _log.exception("a job could not be put back", extra={"job_id": job_id})

    async def _lost_jobs(self, connection: AsyncConnection) -> list[tuple[str, int]]:
        alive = select(WorkerRow.id).where(WorkerRow.heartbeat_at > ago(self._stalled_s))
        statement = (
            select(Job.id, Job.attempt)
            .where(
                Job.status == Status.DRAWING,
                Job.worker_id.is_(None) | Job.worker_id.not_in(alive),
            )
            .order_by(Job.number)
        )
        return [(job_id, int(attempt)) for job_id, attempt in await connection.execute(statement)]


async def try_lock(connection: AsyncConnection, number: int) -> bool:
    """Take an advisory lock until the transaction ends; False if another process has it."""
    return bool((await connection.execute(select(func.pg_try_advisory_xact_lock(number)))).scalar())
