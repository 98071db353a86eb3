"""The durable queue: procrastinate's entries, put in the transaction of the job they stand for.

An entry names a job and an attempt. Whoever fetches it claims the job by both, so an entry that was
overtaken by a cancellation or another attempt does nothing. We fetch entries ourselves, through
procrastinate's job manager, because a worker takes a job only when slots are free.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Entry
from procrastinate.jobs import Status as EntryStatus
from procrastinate.manager import get_channel_for_queues
from psycopg.errors import RaiseException
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from ninefold.service.jobs.fair_share import queue_priority
from ninefold.service.store.database import connection_string

Lane = Literal["normal", "priority"]
LANES: tuple[Lane, ...] = ("priority", "normal")
"""Queues by the order in which they are served."""

TASK = "draw"


@dataclass(frozen=True)
class Ticket:
    """A fetched entry: the job it stands for, at which attempt."""

    entry: Entry
    job_id: str
    attempt: int


@dataclass(frozen=True)
class NewEntry:
    """An entry to be put."""

    job_id: str
    attempt: int
    lane: str
    start_tag: int
    delay_s: float = 0.0
    """Seconds before which it is not fetched."""


class Queue:
    """Procrastinate's queue over a small pool of connections."""

    def __init__(self, url: URL, *, pool_size: int = 2) -> None:
        """Make the queue ready to be opened.

        Args:
            url: the database.
            pool_size: most connections; a gateway, which defers on its own, needs none.
        """
        connector = procrastinate.PsycopgConnector(
            conninfo=connection_string(url), min_size=0, max_size=pool_size, timeout=20
        )
        self._app = procrastinate.App(connector=connector)
        self.manager = self._app.job_manager

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Queue"]:
        """Hold connections for the time of the block."""
        async with self._app.open_async():
            yield self

    async def defer(self, connection: AsyncConnection, entries: Sequence[NewEntry]) -> list[int]:
        """Put entries, in the transaction of `connection`, and return their numbers in order."""
        raw = await connection.get_raw_connection()
        deferred = await self.manager.batch_defer_jobs_async(
            [_to_entry(entry) for entry in entries], connection=raw.driver_connection
        )
        return [_number_of(entry) for entry in deferred]

    async def fetch(self, worker_id: int, lanes: Sequence[str]) -> Ticket | None:
        """Take the entry that is next in these lanes, or None if there is none."""
        entry = await self.manager.fetch_job(queues=list(lanes), worker_id=worker_id)
        if entry is None:
            return None
        values: dict[str, Any] = entry.task_kwargs
        return Ticket(entry, str(values["job_id"]), int(values["attempt"]))

    async def consume(self, ticket: Ticket) -> None:
        """Remove an entry: its job was claimed, or has nothing left to claim.

        One that is gone already is removed: a commit whose answer was lost did it.
        """
        try:
            await self.manager.finish_job(ticket.entry, EntryStatus.SUCCEEDED, delete_job=True)
        except ConnectorException as error:
            # What the queue's own function raises where it finds no entry to finish.
            if not isinstance(error.__cause__, RaiseException):
                raise

    async def put_back_stalled(self, seconds: float) -> int:
        """Offer the entries again that a worker fetched and died with; return how many."""
        stalled = list(await self.manager.get_stalled_jobs(seconds_since_heartbeat=seconds))
        for entry in stalled:
            await self.manager.retry_job(entry, retry_at=datetime.now(UTC))
        await self.manager.prune_stalled_workers(seconds_since_heartbeat=10 * seconds)
        return len(stalled)


def _to_entry(new: NewEntry) -> Entry:
    delay = timedelta(seconds=new.delay_s)
    return Entry(
        id=None,
        queue=new.lane,
        lock=None,
        queueing_lock=None,
        task_name=TASK,
        priority=queue_priority(new.start_tag, is_priority_lane=new.lane == "priority"),
        task_kwargs={"job_id": new.job_id, "attempt": new.attempt},
        scheduled_at=datetime.now(UTC) + delay if delay else None,
    )


def _number_of(entry: Entry) -> int:
    if entry.id is None:
        raise AssertionError("a deferred entry has a number")
    return entry.id


def wake_channels(lanes: Sequence[str]) -> list[str]:
    """Return the notification channels on which new entries of these lanes are told."""
    return list(get_channel_for_queues(lanes))
