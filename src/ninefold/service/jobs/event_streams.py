"""Streams of a job's events: one listening connection for the process, one wake-up for each stream.

A wake-up only says that there may be something new. The rows are the truth, and one statement
reads them for all streams that were woken. Notifications can be lost, so every stream also reads
by itself every few seconds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.service.batching import CallBatcher
from ninefold.service.jobs.events import Event, read_events_of_many
from ninefold.service.store.database import reading
from ninefold.service.store.notifications import JOB_EVENTS, listen
from ninefold.service.store.retry import is_away

LOOK_AGAIN_S = 3.0
"""Seconds after which a stream reads although nothing woke it."""

QUIET_S = 15.0
"""Seconds without an event after which a stream yields nothing, to stay alive."""

_DATABASE_PAUSE_S = 1.0
_GATHER_S = 0.03
"""Seconds from a wake-up to the read, so that one read serves all that happens at once."""

_MAX_READS = 256


@dataclass(frozen=True)
class _Read:
    job_id: str
    after: int


class EventStreams:
    """All streams of this process."""

    def __init__(self, database: AsyncEngine, url: URL) -> None:
        """Stream from a database; `run` must run beside."""
        self._database, self._url = reading(database), url
        self._reads = CallBatcher(
            self._read_many, max_size=_MAX_READS, gather_s=_GATHER_S, is_for_all=is_away
        )
        self._wakeups: dict[str, set[asyncio.Event]] = {}
        self._num_open = 0
        self._stopped_at: float | None = None

    async def run(self) -> None:
        """Wake streams until cancelled."""
        async for notification in listen(self._url, [JOB_EVENTS]):
            if notification is None:
                for wakeups in self._wakeups.values():
                    _wake(wakeups)
            else:
                _wake(self._wakeups.get(notification.payload, set()))

    def stop(self) -> None:
        """End all streams; their clients reconnect to another process and lose nothing.

        A stream whose client cannot reconnect may stay a little, see `follow`.
        """
        self._stopped_at = time.monotonic()
        for wakeups in self._wakeups.values():
            _wake(wakeups)

    @property
    def count(self) -> int:
        """Return how many streams are open."""
        return self._num_open

    @contextmanager
    def wakeup(self, name: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set when a name is notified, or a notification may be lost.

        Args:
            name: a job's id, or another name that is notified on the same channel.
        """
        wakeup = asyncio.Event()
        self._wakeups.setdefault(name, set()).add(wakeup)
        try:
            yield wakeup
        finally:
            wakeups = self._wakeups[name]
            wakeups.discard(wakeup)
            if not wakeups:
                del self._wakeups[name]

    async def follow(
        self, job_id: str, after: int = 0, stay_s: float = 0.0
    ) -> AsyncIterator[Sequence[Event]]:
        """Yield the events of a job that is there, from the one after `after` to its last.

        Events that are there at once come together. An empty batch, now and then, says that
        nothing happened and keeps the connection alive.

        Args:
            job_id: which job.
            after: number of the last event that is known.
            stay_s: seconds to go on after `stop` while the job is being drawn.
        """
        quiet_since, is_begun = time.monotonic(), False
        with self._counted(), self.wakeup(job_id) as wakeup:
            while not self._must_end(stay_s if is_begun else 0.0):
                wakeup.clear()
                events = await self._read(_Read(job_id, after))
                if events:
                    after, quiet_since = events[-1].seq, time.monotonic()
                    is_begun = is_begun or any(event.type == "started" for event in events)
                    yield events
                    if events[-1].is_last:
                        return
                with suppress(TimeoutError):
                    await asyncio.wait_for(wakeup.wait(), LOOK_AGAIN_S)
                if time.monotonic() - quiet_since >= QUIET_S:
                    quiet_since = time.monotonic()
                    yield ()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._num_open += 1
        try:
            yield
        finally:
            self._num_open -= 1

    def _must_end(self, stay_s: float) -> bool:
        return self._stopped_at is not None and time.monotonic() >= self._stopped_at + stay_s

    async def _read(self, read: _Read) -> Sequence[Event]:
        try:
            return await self._reads.ask(read)
        except Exception as error:
            if not is_away(error):
                raise
            await asyncio.sleep(_DATABASE_PAUSE_S)
            return ()

    async def _read_many(self, reads: Sequence[_Read]) -> list[list[Event]]:
        """Return the new events of each, by one statement."""
        known: dict[str, int] = {}
        for read in reads:
            known[read.job_id] = min(read.after, known.get(read.job_id, read.after))
        async with self._database.connect() as connection:
            found = await read_events_of_many(connection, known)
        return [
            [event for event in found.get(read.job_id, ()) if event.seq > read.after]
            for read in reads
        ]


def _wake(wakeups: set[asyncio.Event]) -> None:
    for wakeup in wakeups:
        wakeup.set()
