"""Follows jobs for those who stream: one listening connection for the process, a bell for each job.

A bell only says "look again"; the rows are the truth. Since notifications can be lost, followers
look by themselves every few seconds as well.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.service.jobs.events import MAX_EVENTS, Event, read_events
from ninefold.service.store.database import reading
from ninefold.service.store.notifications import JOB_EVENTS, listen
from ninefold.service.store.retry import is_away

LOOK_AGAIN_S = 3.0
"""Seconds after which a follower looks although no bell rang."""

QUIET_S = 15.0
"""Seconds of nothing after which a follower is told so."""

_DATABASE_PAUSE_S = 1.0
_READERS = 4  # at once, so that hundreds of streams leave connections to those who ask for jobs


class Followers:
    """All who follow a job in this process."""

    def __init__(self, database: AsyncEngine, url: URL) -> None:
        """Follow the jobs of a database; `run` must run beside."""
        self._database, self._url = reading(database), url
        self._reading = asyncio.Semaphore(_READERS)
        self._bells: dict[str, set[asyncio.Event]] = {}
        self._stopped_at: float | None = None

    async def run(self) -> None:
        """Ring bells until cancelled."""
        async for notification in listen(self._url, [JOB_EVENTS]):
            if notification is None:
                for bells in self._bells.values():
                    _ring(bells)
            else:
                _ring(self._bells.get(notification.payload, set()))

    def stop(self) -> None:
        """End all that follow; they come back to another process and lose nothing.

        Those who cannot come back may stay a little, see `follow`.
        """
        self._stopped_at = time.monotonic()
        for bells in self._bells.values():
            _ring(bells)

    @property
    def count(self) -> int:
        """Return how many follow."""
        return sum(len(bells) for bells in self._bells.values())

    async def follow(
        self, job_id: str, after: int = 0, stay_s: float = 0.0
    ) -> AsyncIterator[Event | None]:
        """Yield the events of a job that is there, from the one after `after` to its last.

        None now and then says that nothing happened; a stream stays alive by it.

        Args:
            job_id: which job.
            after: number of the last event that is known.
            stay_s: seconds to follow on after `stop` a job that is being drawn.
        """
        bell, quiet_since, is_begun = asyncio.Event(), time.monotonic(), False
        self._bells.setdefault(job_id, set()).add(bell)
        try:
            while not self._must_end(stay_s if is_begun else 0.0):
                bell.clear()
                for event in await self._read(job_id, after):
                    after, quiet_since = event.seq, time.monotonic()
                    is_begun = is_begun or event.type == "started"
                    yield event
                    if event.is_last:
                        return
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), LOOK_AGAIN_S)
                if time.monotonic() - quiet_since >= QUIET_S:
                    quiet_since = time.monotonic()
                    yield None
        finally:
            bells = self._bells[job_id]
            bells.discard(bell)
            if not bells:
                del self._bells[job_id]

    def _must_end(self, stay_s: float) -> bool:
        return self._stopped_at is not None and time.monotonic() >= self._stopped_at + stay_s

    async def _read(self, job_id: str, after: int) -> list[Event]:
        try:
            events: list[Event] = []
            async with self._reading, self._database.connect() as connection:
                while True:
                    batch = await read_events(connection, job_id, after)
                    events += batch
                    if len(batch) < MAX_EVENTS:
                        return events
                    after = batch[-1].seq
        except Exception as error:
            if not is_away(error):
                raise
            await asyncio.sleep(_DATABASE_PAUSE_S)
            return []


def _ring(bells: set[asyncio.Event]) -> None:
    for bell in bells:
        bell.set()
