"""A worker: takes jobs from the queue when slots are free, draws them, and says that it is alive.

It holds a job only as long as its heartbeat is heard; what it writes later is refused by the
fencing token. Told to stop, it takes nothing new, finishes what it can, and puts the rest back.
"""

import asyncio
import dataclasses
import logging
import math
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import URL, delete, func, insert, update

from ninefold.errors import CancelledError, NinefoldError, UserError
from ninefold.service.jobs import transitions
from ninefold.service.jobs.drawing import JobDrawing, NotHeldError, Studio
from ninefold.service.jobs.queue import LANES, Queue, Ticket, wake_channels
from ninefold.service.jobs.transitions import Claim
from ninefold.service.settings import Settings
from ninefold.service.store.notifications import CANCELLED_JOBS, listen
from ninefold.service.store.objects import StorageError
from ninefold.service.store.retry import is_away, retrying
from ninefold.service.store.tables import WorkerRow
from ninefold.service.visitors import new_id

POLL_S = 2.0
"""Seconds after which the queue is looked at although nothing was heard."""

_STORAGE_PAUSE_S = 5.0
_DATABASE_PAUSE_S = 1.0
_PICTURES_OF_A_JOB = 9

_log = logging.getLogger(__name__)


class Worker:
    """Draws jobs of one queue with one engine."""

    def __init__(self, settings: Settings, url: URL, queue: Queue, studio: Studio) -> None:
        """Prepare a worker.

        Args:
            settings: the service's.
            url: the database, to listen to.
            queue: open.
            studio: what drawing needs; the engine is loaded.
        """
        self.id = new_id()
        self._settings, self._url, self._queue, self._studio = settings, url, queue, studio
        slots = studio.engine.info.num_slots
        self._num_places = max(1, math.ceil(slots / _PICTURES_OF_A_JOB))
        self._held: dict[asyncio.Task[None], Claim | None] = {}
        self._drawings: dict[str, JobDrawing] = {}
        self._cancelled: set[str] = set()
        self._is_stopping = False
        self._wake = asyncio.Event()
        self._queue_worker_id = 0

    async def run(self) -> None:
        """Work until `stop` is called, then drain."""
        await retrying(self._register)
        side = [
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._listen()),
        ]
        try:
            await self._take_jobs()
            await self._drain()
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)
            with suppress(Exception):
                await self._unregister()

    def stop(self) -> None:
        """Take no more jobs; `run` returns once what is being drawn is finished or put back."""
        self._is_stopping = True
        self._wake.set()

    # --- taking jobs

    async def _take_jobs(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            lanes = self._open_lanes()
            try:
                ticket = await self._queue.fetch(self._queue_worker_id, lanes) if lanes else None
            except Exception as error:
                if not is_away(error):
                    raise
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                await asyncio.sleep(_DATABASE_PAUSE_S)
                continue
            if ticket is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_S)
                continue
            task = asyncio.create_task(self._work(ticket))
            self._held[task] = None
            task.add_done_callback(self._forget)

    def _open_lanes(self) -> Sequence[str]:
        """Return the lanes that a job may be taken from now."""
        if len(self._held) < self._num_places:
            return LANES
        is_reserved_free = len(self._held) < self._num_places + self._settings.reserved_jobs
        return ("priority",) if is_reserved_free else ()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a job ended in an unexpected error", exc_info=task.exception())

    async def _work(self, ticket: Ticket) -> None:
        async def begin() -> Claim | None:
            async with self._studio.database.begin() as connection:
                return await transitions.claim(connection, ticket.job_id, ticket.attempt, self.id)

        held = await retrying(begin)
        await retrying(lambda: self._queue.consume(ticket))
        if held is None:
            return
        task = asyncio.current_task()
        if task is not None:
            self._held[task] = held
        await self._draw(held)

    async def _draw(self, held: Claim) -> None:
        drawing = JobDrawing(self._studio, held)
        self._drawings[held.job_id] = drawing
        try:
            if held.model != self._studio.engine.info.model_name:
                raise UserError(
                    f"This job asks for the model {held.model!r}, which does not draw here any "
                    "more; send it again."
                )
            await drawing.run()
        except NotHeldError:
            _log.info("job left: it is not held any more", extra={"job_id": held.job_id})
        except StorageError:
            await self._put_back(held, delay_s=_STORAGE_PAUSE_S)
        except (UserError, NinefoldError) as error:
            await self._end_in_error(held, error)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not is_away(error):
                _log.exception("drawing failed", extra={"job_id": held.job_id})
            await self._put_back(held, delay_s=0.0)
        finally:
            self._drawings.pop(held.job_id, None)
            self._cancelled.discard(held.job_id)

    async def _end_in_error(self, held: Claim, error: NinefoldError) -> None:
        if isinstance(error, CancelledError) and held.job_id in self._cancelled:
            return
        code = "cannot_draw" if isinstance(error, UserError) else "drawing_failed"

        async def write() -> bool:
            async with self._studio.database.begin() as connection:
                return await transitions.fail(connection, held, code, str(error))

        await retrying(write)

    async def _put_back(self, held: Claim, *, delay_s: float, counts: bool = True) -> None:
        async def write() -> bool:
            async with self._studio.database.begin() as connection:
                return await transitions.put_back(
                    connection,
                    self._queue,
                    held.job_id,
                    held.attempt,
                    max_attempts=self._settings.max_attempts,
                    delay_s=delay_s,
                    counts=counts,
                )

        await retrying(write)

    # --- stopping

    async def _drain(self) -> None:
        tasks = list(self._held)
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_s)
        unfinished = {task: held for task, held in self._held.items() if not task.done()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        for held in unfinished.values():
            if held is not None:
                await self._put_back(held, delay_s=0.0, counts=False)

    # --- being alive

    async def _register(self) -> None:
        self._queue_worker_id = await self._queue.manager.register_worker()
        engine = self._studio.engine
        async with self._studio.database.begin() as connection:
            await connection.execute(
                insert(WorkerRow).values(
                    id=self.id,
                    queue_worker_id=self._queue_worker_id,
                    info=dataclasses.asdict(engine.info),
                    num_slots=engine.info.num_slots,
                    steps_per_second=engine.load().image_steps_per_second,
                )
            )

    async def _unregister(self) -> None:
        async with self._studio.database.begin() as connection:
            await connection.execute(delete(WorkerRow).where(WorkerRow.id == self.id))
        await self._queue.manager.unregister_worker(self._queue_worker_id)

    async def _beat(self) -> None:
        while True:
            try:
                await self._beat_once()
            except Exception as error:
                if not is_away(error):
                    _log.exception("heartbeat failed")
            await asyncio.sleep(self._settings.heartbeat_s)

    async def _beat_once(self) -> None:
        load = self._studio.engine.load()
        values = {
            "heartbeat_at": func.now(),
            "busy_slots": load.busy_slots,
            "steps_per_second": load.image_steps_per_second,
            "draining": self._is_stopping,
        }
        statement = update(WorkerRow).where(WorkerRow.id == self.id).values(**values)
        async with self._studio.database.begin() as connection:
            result = await connection.execute(statement.returning(WorkerRow.id))
            is_known = result.scalar_one_or_none() is not None
        if not is_known:
            # It was taken for dead and forgotten; what it held is with others by now.
            await self._register()
        await self._queue.manager.update_heartbeat(self._queue_worker_id)

    async def _listen(self) -> None:
        """Hear of new entries and of cancellations; after a reconnection look at everything."""
        async for notification in listen(self._url, [CANCELLED_JOBS, *wake_channels(LANES)]):
            if notification is None:
                self._wake.set()
            elif notification.channel == CANCELLED_JOBS:
                await self._cancel(notification.payload)
            else:
                self._wake.set()

    async def _cancel(self, job_id: str) -> None:
        drawing = self._drawings.get(job_id)
        if drawing is not None:
            self._cancelled.add(job_id)
            await self._studio.engine.cancel(drawing.request_id)
