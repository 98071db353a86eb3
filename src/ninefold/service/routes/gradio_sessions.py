"""What the streams of Gradio's sessions look up, together for all that are open in this process.

A stream is told when its session joins something, so it asks seldom; many that ask at once are
answered by one statement. Knows nothing of messages.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.service.batching import CallBatcher
from ninefold.service.gateway import Gateway
from ninefold.service.jobs.events import notify
from ninefold.service.jobs.load import queue_depths
from ninefold.service.store.database import reading
from ninefold.service.store.notifications import JOB_EVENTS
from ninefold.service.store.retry import is_away
from ninefold.service.store.tables import Job

_RECENT = timedelta(seconds=60)  # what ended longer ago was told on an earlier stream
_GATHER_S = 0.03
_MAX_TOGETHER = 256
_NAME = "gradio sessions"


class Sessions:
    """The sessions that have streams in this process."""

    def __init__(self, database: AsyncEngine) -> None:
        """Look things up in a database."""
        self._database = reading(database)
        self._streams: Counter[str] = Counter()
        self._looks: CallBatcher[str, list[str]] = CallBatcher(
            self._look, max_size=_MAX_TOGETHER, gather_s=_GATHER_S, is_for_all=is_away
        )
        self._depths: CallBatcher[None, int] = CallBatcher(
            self._count_waiting, max_size=_MAX_TOGETHER, gather_s=_GATHER_S, is_for_all=is_away
        )

    @contextmanager
    def open_stream(self, name: str) -> Iterator[None]:
        """Count a stream of a session or an event among those that are open."""
        self._streams[name] += 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    def has_stream(self, name: str) -> bool:
        """Tell whether a session or an event has an open stream."""
        return name in self._streams

    async def jobs_of(self, owner: str) -> list[str]:
        """Return a session's jobs that its stream has yet to tell of, the oldest first."""
        return await self._looks.ask(owner)

    async def num_waiting(self) -> int:
        """Return how many jobs wait, of all."""
        return await self._depths.ask(None)

    async def tell_joined(self, owner: str) -> None:
        """Let the session's streams, wherever they are, look for what it joined."""
        async with self._database.connect() as connection:
            await notify(connection, JOB_EVENTS, owner)

    async def _look(self, owners: Sequence[str]) -> list[list[str]]:
        is_open = Job.ended_at.is_(None) | (Job.ended_at > func.now() - _RECENT)
        statement = (
            select(Job.owner, Job.id)
            .where(Job.owner.in_(set(owners)), is_open)
            .order_by(Job.number)
        )
        found: dict[str, list[str]] = {}
        async with self._database.connect() as connection:
            for owner, job_id in await connection.execute(statement):
                found.setdefault(owner, []).append(job_id)
        return [found.get(owner, []) for owner in owners]

    async def _count_waiting(self, asks: Sequence[None]) -> list[int]:
        async with self._database.connect() as connection:
            waiting = sum((await queue_depths(connection)).values())
        return [waiting] * len(asks)


def sessions_of(gateway: Gateway) -> Sessions:
    """Return where this process keeps them, made when first asked for."""
    sessions = gateway.extras.setdefault(_NAME, Sessions(gateway.database))
    if not isinstance(sessions, Sessions):
        raise AssertionError("another surface keeps something under this name")
    return sessions
