"""A worker: takes jobs from the queue when slots are free, draws them, and sends heartbeats.

It holds a job only while its heartbeat is recent; later writes are refused by the fencing token.
When it is told to stop, it takes no new job, finishes what it can, and puts the rest back.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import URL

from ninefold.errors import CancelledError, NinefoldError, OverloadedError, UserError
from ninefold.service.ending import end_tasks
from ninefold.service.jobs import transitions
from ninefold.service.jobs.drawing import JobDrawing, NotHeldError, WorkerContext
from ninefold.service.jobs.estimate import RateMeter
from ninefold.service.jobs.heartbeat import Heartbeat, WorkerStatus
from ninefold.service.jobs.queue import LANES, Queue, Ticket, wake_channels
from ninefold.service.jobs.transitions import Claim
from ninefold.service.settings import Settings
from ninefold.service.store.notifications import CANCELLED_JOBS, listen
from ninefold.service.store.objects import StorageError
from ninefold.service.store.retry import in_transaction, is_away, retrying
from ninefold.service.visitors import new_id

POLL_S = 2.0
"""Seconds after which the queue is looked at although nothing was heard."""

LEAVE_S = 60.0
"""Seconds for which a worker that stops waits for a database that is away, to put a job back."""

_PAUSE_S = 5.0  # before a job is begun again that the store or the engine could not take
_DATABASE_PAUSE_S = 1.0

_log = logging.getLogger(__name__)


class Worker:
    """Draws jobs of one queue with one engine."""

    def __init__(
        self, settings: Settings, url: URL, queue: Queue, context: WorkerContext, pace: float
    ) -> None:
        """Prepare a worker.

        Args:
            settings: the service's.
            url: the database, to listen to.
            queue: open.
            context: what drawing needs; the engine is loaded.
            pace: codes per second to begin with, as `warm_up.measure_pace` found them.
        """
        self.id = new_id()
        self.registered = asyncio.Event()
        """Set once others see this worker."""
        self._settings, self._url, self._queue, self._context = settings, url, queue, context
        self._meter = RateMeter(pace)
        self._metered_at = time.monotonic()
        self._is_idle = True
        self._held: dict[asyncio.Task[None], Claim] = {}
        self._drawings: dict[str, JobDrawing] = {}
        self._cancelled: set[str] = set()
        self._stopped = asyncio.Event()
        self._is_engine_gone = False
        self._wake = asyncio.Event()
        self._heartbeat = Heartbeat(
            self.id, context.database, queue, context.engine.info, self._read_status
        )

    async def run(self) -> None:
        """Work until `stop` is called, then drain.

        Raises:
            NinefoldError: the engine is gone; what was drawn is put back.
        """
        if not await self._heartbeat.register_unless(self._stopped):
            return
        self.registered.set()
        side = [
            asyncio.create_task(self._heartbeat.beat(self._settings.heartbeat_s)),
            asyncio.create_task(self._listen()),
        ]
        try:
            await self._take_jobs()
            await self._drain()
        finally:
            await end_tasks(side)
            with suppress(Exception):
                await self._heartbeat.unregister()
        if self._is_engine_gone:
            raise NinefoldError("The engine stopped; what it drew is drawn again.")

    def stop(self) -> None:
        """Take no more jobs; `run` returns once what is being drawn is finished or put back."""
        self._stopped.set()
        self._wake.set()

    async def _take_jobs(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            lanes, ticket = self._open_lanes(), None
            try:
                if lanes:
                    ticket = await self._queue.fetch(self._heartbeat.queue_worker_id, lanes)
            except Exception as error:
                if not is_away(error):
                    raise
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                await asyncio.sleep(_DATABASE_PAUSE_S)
                continue
            if ticket is not None:
                await self._begin_alone(ticket)
                continue
            self._meter_work()
            self._is_idle = not self._held
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)

    def _open_lanes(self) -> Sequence[str]:
        """Return the lanes that a job may be taken from now: those with a free slot."""
        if not self._context.room.is_left:
            return ()  # its pictures could not be stored
        num_slots = self._context.engine.info.num_slots
        pictures = {"normal": 0, "priority": 0}
        for held in self._held.values():
            pictures[held.lane] += held.params.num_drawn
        if sum(pictures.values()) >= num_slots:
            return ()
        is_open = pictures["normal"] < num_slots - self._settings.reserved_slots
        return LANES if is_open else ("priority",)

    async def _begin_alone(self, ticket: Ticket) -> None:
        """Begin a job; one that cannot be read ends as failed, and the others are drawn."""
        try:
            await self._begin(ticket)
        except Exception as error:
            if is_away(error):
                raise
            _log.exception("a job could not be read", extra={"job_id": ticket.job_id})
            await in_transaction(
                self._context.database,
                lambda connection: transitions.fail_unread(
                    connection, ticket.job_id, ticket.attempt
                ),
            )
            await retrying(lambda: self._queue.consume(ticket))

    async def _begin(self, ticket: Ticket) -> None:
        held = await in_transaction(
            self._context.database,
            lambda connection: transitions.claim(
                connection, ticket.job_id, ticket.attempt, self.id
            ),
        )
        await retrying(lambda: self._queue.consume(ticket))
        if held is None:
            return
        self._meter_work()
        self._is_idle = False
        task = asyncio.create_task(self._draw(held))
        self._held[task] = held
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._held.pop(task, None)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a job ended in an unexpected error", exc_info=task.exception())

    async def _draw(self, held: Claim) -> None:
        drawing = JobDrawing(self._context, held)
        self._drawings[held.job_id] = drawing
        try:
            if held.model != self._context.engine.info.model_name:
                raise UserError(
                    f"This job asks for the model {held.model!r}, which does not draw here any "
                    "more; send it again."
                )
            if not await self._refuse(held):
                await drawing.run()
        except NotHeldError:
            _log.info("job left: it is not held any more", extra={"job_id": held.job_id})
        except (StorageError, OverloadedError):
            # Neither is the job's doing, so it fails by neither, however long it takes.
            await self._put_back(held, delay_s=_PAUSE_S, counts=False)
        except CancelledError:
            await self._leave_cancelled(held)
        except NinefoldError as error:
            await self._fail(held, error)
        except Exception as error:
            if not is_away(error):
                _log.exception("drawing failed", extra={"job_id": held.job_id})
            await self._put_back(held)
        finally:
            self._meter_work()
            self._drawings.pop(held.job_id, None)
            self._cancelled.discard(held.job_id)

    async def _leave_cancelled(self, held: Claim) -> None:
        if held.job_id in self._cancelled:
            return  # its row says so already
        self._is_engine_gone = True
        self.stop()
        await self._put_back(held)

    async def _refuse(self, held: Claim) -> bool:
        """Tell whether the policy, as it is now, speaks against a job; it ends so then."""
        if self._context.policy is None:
            return False
        # In a thread: a long prompt would keep the heartbeat waiting.
        verdict = await asyncio.to_thread(
            self._context.policy.check, held.prompt, held.params.negative_prompt
        )
        if not verdict.is_refused:
            return False
        await in_transaction(
            self._context.database,
            lambda connection: transitions.refuse(connection, held, verdict),
            math.inf,
        )
        return True

    async def _fail(self, held: Claim, error: NinefoldError) -> None:
        code = "cannot_draw" if isinstance(error, UserError) else "drawing_failed"
        await in_transaction(
            self._context.database,
            lambda connection: transitions.fail(connection, held, code, str(error)),
            math.inf,
        )

    async def _put_back(
        self,
        held: Claim,
        *,
        delay_s: float = 0.0,
        counts: bool = True,
        patience_s: float = math.inf,
    ) -> None:
        await in_transaction(
            self._context.database,
            lambda connection: transitions.put_back(
                connection,
                self._queue,
                held.job_id,
                held.attempt,
                max_attempts=self._settings.max_attempts,
                delay_s=delay_s,
                counts=counts,
            ),
            patience_s,
        )

    async def _drain(self) -> None:
        tasks = list(self._held)
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_s)
        unfinished = {task: held for task, held in self._held.items() if not task.done()}
        await end_tasks(unfinished)
        for held in unfinished.values():
            try:
                await self._put_back(held, counts=False, patience_s=LEAVE_S)
            except Exception as error:
                if not is_away(error):
                    raise
                # Whoever finds it held by a worker that is gone puts it back (`reaper`).
                _log.warning(
                    "a job is left held: the database is away", extra={"job_id": held.job_id}
                )

    def _read_status(self) -> WorkerStatus:
        self._meter_work()
        return WorkerStatus(
            busy_slots=self._context.engine.load().busy_slots,
            codes_per_second=self._meter.codes_per_second,
            is_draining=self._stopped.is_set(),
        )

    def _meter_work(self) -> None:
        """Count what was drawn since the last time, and the time if there was something to do.

        Fetching, storing and all else between two jobs counts: others wait for it as well.
        """
        now = time.monotonic()
        if not self._is_idle:
            codes = sum(drawing.take_codes() for drawing in self._drawings.values())
            self._meter.add(codes, now - self._metered_at)
        self._metered_at = now

    async def _listen(self) -> None:
        """Hear of new entries and of cancellations; after a reconnection look at everything."""
        async for notification in listen(self._url, [CANCELLED_JOBS, *wake_channels(LANES)]):
            if notification is not None and notification.channel == CANCELLED_JOBS:
                await self._cancel(notification.payload)
            else:
                self._wake.set()

    async def _cancel(self, job_id: str) -> None:
        drawing = self._drawings.get(job_id)
        if drawing is not None:
            self._cancelled.add(job_id)
            await self._context.engine.cancel(drawing.request_id)
