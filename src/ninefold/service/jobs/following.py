"""Follows jobs for those who stream: one listening connection for the process, a bell for each job.

A bell only says "look again"; the rows are the truth, and one statement reads them for all whose
bell rang. Since notifications can be lost, followers look by themselves every few seconds as well.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.service.jobs.events import Event, read_events_of_many
from ninefold.service.rounds import Rounds
from ninefold.service.store.database import reading
from ninefold.service.store.notifications import JOB_EVENTS, listen
from ninefold.service.store.retry import is_away

LOOK_AGAIN_S = 3.0
"""Seconds after which a follower looks although no bell rang."""

QUIET_S = 15.0
"""Seconds of nothing after which a follower is told so."""

_DATABASE_PAUSE_S = 1.0
_GATHER_S = 0.03
"""Seconds from a bell to a look, so that one look serves all that happens at once."""

_MAX_LOOKS = 256


@dataclass(frozen=True)
class _Look:
    job_id: str
    after: int


class Followers:
    """All who follow a job in this process."""

    def __init__(self, database: AsyncEngine, url: URL) -> None:
        """Follow the jobs of a database; `run` must run beside."""
        self._database, self._url = reading(database), url
        self._looks = Rounds(
            self._look, max_size=_MAX_LOOKS, gather_s=_GATHER_S, is_for_all=is_away
        )
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
    ) -> AsyncIterator[Sequence[Event]]:
        """Yield the events of a job that is there, from the one after `after` to its last.

        Those that are there at once come together. None at all, now and then, says that nothing
        happened; a stream stays alive by it.

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
                events = await self._read(_Look(job_id, after))
                if events:
                    after, quiet_since = events[-1].seq, time.monotonic()
                    is_begun = is_begun or any(event.type == "started" for event in events)
                    yield events
                    if events[-1].is_last:
                        return
                with suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), LOOK_AGAIN_S)
                if time.monotonic() - quiet_since >= QUIET_S:
                    quiet_since = time.monotonic()
                    yield ()
        finally:
            bells = self._bells[job_id]
            bells.discard(bell)
            if not bells:
                del self._bells[job_id]

    def _must_end(self, stay_s: float) -> bool:
        return self._stopped_at is not None and time.monotonic() >= self._stopped_at + stay_s

    async def _read(self, look: _Look) -> Sequence[Event]:
        try:
            return await self._looks.ask(look)
        except Exception as error:
            if not is_away(error):
                raise
            await asyncio.sleep(_DATABASE_PAUSE_S)
            return ()

    async def _look(self, looks: Sequence[_Look]) -> list[list[Event]]:
        """Return what there is for each of some followers."""
        known: dict[str, int] = {}
        for look in looks:
            known[look.job_id] = min(look.after, known.get(look.job_id, look.after))
        async with self._database.connect() as connection:
            found = await read_events_of_many(connection, known)
        return [
            [event for event in found.get(look.job_id, ()) if event.seq > look.after]
            for look in looks
        ]


def _ring(bells: set[asyncio.Event]) -> None:
    for bell in bells:
        bell.set()
