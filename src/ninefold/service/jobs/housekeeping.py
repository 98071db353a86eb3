"""The rounds that every process does beside its work: reaping lost workers, telling positions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.service.jobs.positions import PositionReporter
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.reaper import Reaper
from ninefold.service.settings import Settings
from ninefold.service.store.retry import is_away

ROUND_S = 1.0
"""Seconds between two rounds."""

_log = logging.getLogger(__name__)


async def run_housekeeping(database: AsyncEngine, queue: Queue, settings: Settings) -> None:
    """Do the rounds until cancelled; a database that is away is waited for."""
    reaper = Reaper(
        database, queue, stalled_s=settings.stalled_s, max_attempts=settings.max_attempts
    )
    positions = PositionReporter(database, settings.stalled_s)
    while True:
        for work in (reaper.run_once, positions.run_once):
            await _try(work)
        await asyncio.sleep(ROUND_S)


async def _try(work: Callable[[], Awaitable[int]]) -> None:
    try:
        await work()
    except Exception as error:
        if is_away(error):
            _log.warning("housekeeping waits for the database: %s", type(error).__name__)
        else:
            _log.exception("housekeeping failed")
