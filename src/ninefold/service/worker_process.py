"""A worker as a process: loads the model, then draws what the queue holds until told to stop."""

import asyncio
import os
import signal

from sqlalchemy import URL

from ninefold.safety.live_policy import LivePolicy
from ninefold.service.ending import end_tasks
from ninefold.service.jobs.drawing import WorkerContext
from ninefold.service.jobs.housekeeping import run_housekeeping
from ninefold.service.jobs.ladder import NUM_PREVIEWS
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.safe_steps import build_steps
from ninefold.service.jobs.warm_up import measure_pace
from ninefold.service.jobs.worker import Worker
from ninefold.service.room import Room
from ninefold.service.settings import Settings
from ninefold.service.store.database import build_async_engine
from ninefold.service.store.objects import Objects

NICENESS = 5
"""Where cores are few, accepting and answering goes before drawing."""


def run_worker(settings: Settings, url: URL) -> None:
    """Draw jobs until the process is told to stop.

    Raises:
        UserError: the model, device, number format or signing key is not there.
        CheckpointError: the model's files are damaged.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    asyncio.run(_run(settings, url))


async def _run(settings: Settings, url: URL) -> None:
    from ninefold.service.engines import build_engine  # PyTorch comes with it

    # Until the model is loaded nothing is held, so that a signal may simply end the process.
    engine = await asyncio.to_thread(build_engine, settings)
    steps = await asyncio.to_thread(build_steps, settings)
    pace = await measure_pace(engine, steps, NUM_PREVIEWS if settings.previews else 0)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    database = build_async_engine(url, pool_size=5)
    objects = Objects.open(settings.pictures_url, settings.data, settings.storage_patience_s)
    async with Queue(url).open() as queue:
        room, policy = Room.of(settings, url), LivePolicy(settings.policy_file)
        context = WorkerContext(database, objects, engine, steps, room, policy)
        worker = Worker(settings, url, queue, context, pace)
        house = asyncio.create_task(run_housekeeping(database, queue, settings))
        stopper = asyncio.create_task(_stop_when(stopped, worker))
        try:
            await worker.run()
        finally:
            await end_tasks((house, stopper))
            await engine.close()
            await database.dispose()


async def _stop_when(stopped: asyncio.Event, worker: Worker) -> None:
    await stopped.wait()
    worker.stop()
