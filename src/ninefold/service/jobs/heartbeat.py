"""A worker's heartbeat: its row in the database says that it is alive, how fast, and if it drains.

Does not know jobs. The `reaper` takes a worker without a recent heartbeat for lost.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.engine.request import EngineInfo
from ninefold.service.jobs.queue import Queue
from ninefold.service.store.retry import is_away, retrying
from ninefold.service.store.tables import WorkerRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerStatus:
    """What a heartbeat reports."""

    busy_slots: int
    codes_per_second: float
    is_draining: bool


class Heartbeat:
    """Keeps a worker's row up to date."""

    def __init__(
        self,
        worker_id: str,
        database: AsyncEngine,
        queue: Queue,
        info: EngineInfo,
        read_status: Callable[[], WorkerStatus],
    ) -> None:
        """Speak for a worker.

        Args:
            worker_id: its id.
            database: where the row is.
            queue: open; it has a register of workers of its own.
            info: what the worker draws with.
            read_status: asked at each heartbeat.
        """
        self._worker_id, self._database, self._queue = worker_id, database, queue
        self._info, self._read_status = info, read_status
        self.queue_worker_id = 0

    async def register_unless(self, stopped: asyncio.Event) -> bool:
        """Register, waiting for the database if need be; False if `stopped` was set before."""
        registering = asyncio.create_task(retrying(self._register))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({registering, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not registering.done():
            registering.cancel()
            return False
        await registering
        return True

    async def _register(self) -> None:
        self.queue_worker_id = await self._queue.manager.register_worker()
        status = self._read_status()
        async with self._database.begin() as connection:
            await connection.execute(
                insert(WorkerRow).values(
                    id=self._worker_id,
                    queue_worker_id=self.queue_worker_id,
                    info=dataclasses.asdict(self._info),
                    num_slots=self._info.num_slots,
                    codes_per_second=status.codes_per_second,
                )
            )

    async def unregister(self) -> None:
        """Take the row away, once nothing is held any more."""
        async with self._database.begin() as connection:
            await connection.execute(delete(WorkerRow).where(WorkerRow.id == self._worker_id))
        await self._queue.manager.unregister_worker(self.queue_worker_id)

    async def beat(self, every_s: float) -> None:
        """Send heartbeats until cancelled; a database that is away is waited for."""
        while True:
            try:
                await self._beat_once()
            except Exception as error:
                if not is_away(error):
                    _log.exception("heartbeat failed")
            await asyncio.sleep(every_s)

    async def _beat_once(self) -> None:
        status = self._read_status()
        statement = (
            update(WorkerRow)
            .where(WorkerRow.id == self._worker_id)
            .values(
                heartbeat_at=func.now(),
                busy_slots=status.busy_slots,
                codes_per_second=status.codes_per_second,
                draining=status.is_draining,
            )
            .returning(WorkerRow.id)
        )
        async with self._database.begin() as connection:
            is_known = (await connection.execute(statement)).scalar_one_or_none() is not None
        if is_known:
            await self._queue.manager.update_heartbeat(self.queue_worker_id)
        else:
            # It was taken for lost and forgotten; what it held is with others by now.
            await self._register()
